"""Ways round policy that somebody tried: lies of an upstream that change what it says of a version, routes that meet
a listing while it changes, approvals stretched beyond what was approved. None of them gives a byte that is held."""

import json
import threading

import pytest

import packages
from patience import until
from policies import ago, let_through, set_policy
from pulling import attach
from upstream_answer import Answer, BytesBody

pytestmark = pytest.mark.settings(PACKHOUSE_UPSTREAM_ALLOW_ADDRESSES="127.0.0.0/8", PACKHOUSE_UPSTREAM_RETRIES="0",
                                  PACKHOUSE_UPSTREAM_CONNECT_TIMEOUT="1m", PACKHOUSE_UPSTREAM_FRESH="0ms",
                                  PACKHOUSE_UPSTREAM_STALE="0ms")
COOLDOWN = """
mode: enforce
default: allow
rules:
  cooldown:
    hold: {younger_than: 7d}
    say: New releases wait seven days
repositories:
  sandbox: {mode: audit}
"""
HELD, LIES = b"left-pad 1.3.1 as it was read", b"left-pad 1.3.1 of somebody else"


@pytest.fixture
def house(server, upstream):
    """Nothing that an upstream said is believed for a moment longer: each request asks it again."""
    attach(server, "npm", upstream.npm_url)
    attach(server, "pypi", upstream.pypi_url)
    return server


def tarball(name, version, words=b"x", **manifest):
    return packages.npm_tarball(name, version, {"index.js": words.decode()}, **manifest)


def get(server, name, version, **more):
    return server.get(f"{server.npm}/{name}/-/{name.rsplit('/')[-1]}-{version}.tgz", **more)


def test_a_new_version_is_looked_at_before_anybody_gets_it(house, upstream):
    """The request that brings the listing with it must not find it unjudged."""
    upstream.npm.add("left-pad", "1.3.0", published=ago(days=400))
    upstream.pypi.add(packages.sdist("leftpad", "1.0"), upload_time=ago(days=400))
    set_policy(house, COOLDOWN)
    assert get(house, "left-pad", "1.3.0").status == 200
    assert house.get(f"{house.pypi}/simple/leftpad/").status == 200
    for number in range(1, 6):
        upstream.npm.add("left-pad", f"1.3.{number}", published=ago(days=300))
        new = upstream.pypi.add(packages.sdist("leftpad", f"1.{number}"), upload_time=ago(days=300))
        for _ in range(3):
            assert get(house, "left-pad", f"1.3.{number}").status == 403, number
            answer = house.get(f"{house.pypi}/files/leftpad/{new.dist.sha256}/{new.filename}")
            assert answer.status == 403, (number, answer)



def approved(house, upstream, kind):
    """Version 1.3.1 is young, asked for and approved by what the listing says of its bytes. Nobody has had it."""
    if kind == "npm":
        upstream.npm.add("left-pad", "1.3.1", tarball=tarball("left-pad", "1.3.1", HELD), published=ago(hours=1))
    else:
        made = packages.wheel if kind == "wheel" else packages.sdist
        upstream.pypi.add(made("left-pad", "1.3.1", files={"words.py": HELD}), upload_time=ago(hours=1))
    set_policy(house, COOLDOWN)
    let_through(house, f"{'npm' if kind == 'npm' else 'pypi'}:left-pad@1.3.1")
    listing = f"{house.npm}/left-pad" if kind == "npm" else f"{house.pypi}/simple/left-pad/"
    assert b"1.3.1" in house.get(listing).body


def file_path(house, file):
    """Where a Python file is, by the digest that the upstream tells."""
    return f"{house.pypi}/files/left-pad/{file.dist.sha256}/{file.filename}"


@pytest.mark.parametrize("kind", ["npm", "wheel", "sdist"])
@pytest.mark.parametrize("is_seen", [False, True], ids=["at once", "after a look"])
def test_an_approval_is_for_the_bytes_that_were_read(house, upstream, kind, is_seen):
    """The upstream exchanges them before anybody has fetched the version: the approval is for others."""
    approved(house, upstream, kind)
    if kind == "npm":
        upstream.npm.add("left-pad", "1.3.1", tarball=tarball("left-pad", "1.3.1", LIES), published=ago(hours=1))
        path = f"{house.npm}/left-pad/-/left-pad-1.3.1.tgz"
    else:
        made = packages.wheel if kind == "wheel" else packages.sdist
        path = file_path(house, upstream.pypi.add(made("left-pad", "1.3.1", files={"words.py": LIES}),
                                                  upload_time=ago(hours=1)))
    if is_seen:
        house.get(f"{house.npm}/left-pad" if kind == "npm" else f"{house.pypi}/simple/left-pad/")
    for _ in range(3):
        for headers in ({}, {"Range": "bytes=0-99"}):
            answer = house.get(path, headers=headers)
            assert answer.status == 403, (headers, answer)


@pytest.fixture
def sandbox(house, upstream):
    """A second repository with the same upstreams, in which policy only looks on."""
    made = house.post("/api/v1/orgs/acme/repositories", json.dumps({"name": "sandbox"}).encode())
    assert made.status == 201, made
    for source in ("npm", "pypi"):
        added = house.post("/api/v1/orgs/acme/repositories/sandbox/sources", json.dumps({"name": source}).encode())
        assert added.status in (200, 201), added
    return house


def test_a_listing_with_two_digests_is_not_what_was_approved(sandbox, upstream):
    """One that was approved beside one that is fetched: SRI allows several, and takes either."""
    approved(sandbox, upstream, "npm")
    read = upstream.npm.packages["left-pad"]["1.3.1"].integrity
    lies = upstream.npm.add("left-pad", "1.3.1", tarball=tarball("left-pad", "1.3.1", LIES), published=ago(hours=1))
    for words in (f"{lies.integrity} {read}", f"{read} {lies.integrity}", f"{lies.integrity}?x {read}"):
        lies.integrity = words
        for repository in ("sandbox", "main", "main"):
            answer = sandbox.get(f"/npm/acme/{repository}/left-pad/-/left-pad-1.3.1.tgz")
            assert repository == "sandbox" or answer.status != 200, (words, answer)
        assert get(sandbox, "left-pad", "1.3.1").status != 200, words


def events(house, kind):
    items = house.get("/api/v1/orgs/acme/audit").json()["items"]
    return [item for item in items if item["action"] == kind]


RULES = """
mode: enforce
default: allow
rules:
  licence:
    deny: {license_in: [GPL-3.0-only]}
  scripts:
    hold: {install_scripts: true}
repositories:
  sandbox: {mode: audit}
"""


@pytest.mark.parametrize("change", ["the licence is another", "no licence is told", "no scripts are told",
                                    "the version is listed no more"])
def test_what_a_kept_archive_says_outlives_its_listing(sandbox, upstream, change):
    """It was fetched where policy looks on, and is held where policy holds. Then the upstream tells less of it."""
    manifest = {"scripts": {"postinstall": "node x.js"}} if "scripts" in change else {"license": "GPL-3.0-only"}
    old = upstream.npm.add("odd", "1.0.0", published=ago(days=500))
    file = upstream.npm.add("odd", "2.0.0", published=ago(days=400), **manifest)
    set_policy(sandbox, RULES)
    path = "/npm/acme/%s/odd/-/odd-2.0.0.tgz"
    assert sandbox.get(path % "main").status == 403
    assert sandbox.get(path % "sandbox").status == 200
    until(lambda: events(sandbox, "package.ingested"), "that it is kept")
    assert sandbox.get(path % "main").status == 403
    if change == "the version is listed no more":
        upstream.npm.remove("odd", "2.0.0")
    else:
        file.manifest = {"license": "MIT"} if change == "the licence is another" else {}
    assert list(sandbox.get(f"{sandbox.npm}/odd").json()["versions"]) == ["1.0.0"]
    for _ in range(3):
        assert sandbox.get(path % "main").status == 403, change
        assert sandbox.get(f"{sandbox.npm}/odd/2.0.0").status in (403, 404)
    assert sandbox.get(path % "sandbox").status == 200


def test_a_time_that_moves_back_after_the_first_look_ends_no_cooldown(house, upstream):
    """What was said first counts, is told of once, and holds over a restart."""
    upstream.npm.add("left-pad", "1.3.0", published=ago(days=500))
    npm = upstream.npm.add("left-pad", "1.3.1", published=ago(hours=1))
    pypi = upstream.pypi.add(packages.wheel("left-pad", "1.3.1"), upload_time=ago(hours=1))
    set_policy(house, COOLDOWN)
    assert get(house, "left-pad", "1.3.1").status == 403
    assert house.get(file_path(house, pypi)).status == 403
    for days in (300, 100):
        npm.published, pypi.upload_time = ago(days=days), ago(days=days)
        for _ in range(2):
            assert get(house, "left-pad", "1.3.1").status == 403
            assert list(house.get(f"{house.npm}/left-pad").json()["versions"]) == ["1.3.0"]
            assert house.get(file_path(house, pypi)).status == 403
    house.restart()
    assert get(house, "left-pad", "1.3.1").status == 403 and house.get(file_path(house, pypi)).status == 403
    told = events(house, "upstream.time-moved")
    assert sorted({item["target"] for item in told}) == ["npm:left-pad@1.3.1", "pypi:left-pad@1.3.1"], told
    assert len(told) == 2, told


def test_an_approval_names_no_other_package(house, upstream):
    """A range is a range: it cannot go on with the name."""
    upstream.pypi.add(packages.wheel("left", "1.0"), upload_time=ago(hours=1))
    upstream.pypi.add(packages.wheel("left-pad", "1.0"), upload_time=ago(hours=1))
    set_policy(house, COOLDOWN)
    for odd in ("*>=0", "*", "**>=0", "-pad>=0", "*==1.0", "@>=0"):
        wish = json.dumps({"purl": "pypi:left@1.0", "repository": "main", "reason": "r"}).encode()
        number = house.post("/api/v1/orgs/acme/requests", wish).json()["items"][0]["id"]
        approval = {"comment": "c", "scope": "range", "range": odd, "expires_in": 60, "alone": True}
        answer = house.post(f"/api/v1/orgs/acme/requests/{number}/approve", json.dumps(approval).encode())
        assert answer.status == 400, (odd, answer)
    [file] = upstream.pypi.projects["left-pad"].values()
    assert house.get(file_path(house, file)).status == 403


def test_a_version_with_an_epoch_is_approved_like_any_other(house, upstream):
    file = upstream.pypi.add(packages.wheel("left-pad", "1!2.0"), upload_time=ago(hours=1))
    other = upstream.pypi.add(packages.wheel("left-pad", "2.0"), upload_time=ago(hours=1))
    set_policy(house, COOLDOWN)
    let_through(house, "pypi:left-pad@1!2.0")
    assert house.get(file_path(house, file).replace("!", "%21")).status == 200
    assert house.get(file_path(house, other)).status == 403


GRAVE = """
mode: enforce
default: allow
rules:
  odd:
    hold: {any: [deprecated, manifest_mismatch]}
"""


def test_what_turns_out_grave_later_is_not_covered_by_an_approval(house, upstream):
    """An approver let a deprecated version through. Its archive then disagrees with its listing, which only the role
    security may clear."""
    sly = tarball("sly", "1.0.0", scripts={"postinstall": "node evil.js"})
    upstream.npm.add("sly", "1.0.0", tarball=sly, published=ago(days=400), deprecated="old")
    set_policy(house, GRAVE)
    let_through(house, "npm:sly@1.0.0")
    for _ in range(3):
        answer = get(house, "sly", "1.0.0")
        assert answer.status == 403, answer
    why = "/api/v1/orgs/acme/policy/explain?repository=main&purl=npm:sly@1.0.0"
    until(lambda: house.get(why).json()["items"][0]["verdict"] == "hold", "what the archive says")
    let_through(house, "npm:sly@1.0.0")  # the owner has the role
    assert get(house, "sly", "1.0.0").status == 200


@pytest.mark.parametrize("name", ["left_pad-2.0\t.tar.gz", "left_pad-2.0\n.tar.gz", "left_pad-2.0 .tar.gz",
                                  "left_pad-2.0.tar.gz\t", "left_pad-2.0\x0c.zip", "left_pad-v2.0.tar.gz",
                                  "LEFT-PAD-2.0.tar.gz", "left_pad-2.0a" + "0" * 180 + "1.tar.gz",
                                  "left_pad-2.0A+1" + "g" * 183 + ".tar.gz"])
def test_no_spelling_of_a_files_name_gets_it_past_a_rule(house, upstream, name):
    file = upstream.pypi.add(packages.sdist("left-pad", "2.0", files={"words.py": HELD}))
    upstream.pypi.remove(file.filename)
    file.filename = name
    upstream.pypi.projects["left-pad"][name] = file
    set_policy(house, 'mode: enforce\nrules:\n  two:\n    hold: {name: "pypi:left-pad", version: ">=2.0a0"}\n')
    for form in ({"Accept": "application/vnd.pypi.simple.v1+json"}, {}):
        answer = house.get(f"{house.pypi}/simple/left-pad/", headers=form)
        assert answer.status == 200 and file.dist.sha256.encode() not in answer.body, answer
    quoted = "".join(f"%{byte:02X}" for byte in name.encode())
    for digest in (file.dist.sha256, "-", "0" * 64):
        for prefix in ("files", "simple/files", "legacy/files"):
            answer = house.get(f"{house.pypi}/{prefix}/left-pad/{digest}/{quoted}")
            assert answer.status in (400, 403, 404) and HELD not in answer.body, answer


def test_what_leaves_the_listing_while_it_comes_in_is_judged_all_the_same(sandbox, upstream):
    """Somebody fetches it where policy looks on; meanwhile its listing forgets it."""
    upstream.npm.add("left-pad", "1.3.0", published=ago(days=400))
    file = upstream.npm.add("left-pad", "1.3.1", tarball=tarball("left-pad", "1.3.1", HELD), published=ago(hours=1))
    set_policy(sandbox, COOLDOWN)
    went_on, content = threading.Event(), b"".join(file.body.pieces())

    def slowly(request):
        went_on.wait(120)
        return Answer(200, BytesBody(content), "application/octet-stream")

    upstream.serve(file.path, slowly)
    path, came = "/npm/acme/%s/left-pad/-/left-pad-1.3.1.tgz", []
    thread = threading.Thread(target=lambda: came.append(sandbox.get(path % "sandbox").status))
    thread.start()
    upstream.wait_until_asked("*/left-pad-1.3.1.tgz")
    upstream.npm.remove("left-pad", "1.3.1")
    assert list(sandbox.get(f"{sandbox.npm}/left-pad").json()["versions"]) == ["1.3.0"]
    assert sandbox.get(path % "main").status in (403, 404)
    went_on.set()
    thread.join()
    assert came == [200]

    def is_held():
        status = sandbox.get(path % "main").status
        assert status != 200
        return status == 403

    until(is_held, "the verdict of what is kept")
