"""Ways to ask for what policy holds that are not the plain one: conditions and ranges, other spellings, connections
and downloads that were begun before, people and policies that change meanwhile. Each gets what the plain one gets."""

import json
import random
import threading
import urllib.parse

import pytest

import packages
from patience import until
from policies import ago, let_through, set_policy
from pulling import attach

pytestmark = pytest.mark.settings(PACKHOUSE_UPSTREAM_ALLOW_ADDRESSES="127.0.0.0/8", PACKHOUSE_UPSTREAM_RETRIES="0",
                                  PACKHOUSE_UPSTREAM_CONNECT_TIMEOUT="1m")
HOLD = """
mode: enforce
default: allow
rules:
  two:
    hold: {name: ["npm:left-pad", "npm:@shop/ui", "pypi:left-pad"], version: ">=2"}
    say: Wait for it
"""


@pytest.fixture
def shelf(server, upstream):
    attach(server, "npm", upstream.npm_url)
    attach(server, "pypi", upstream.pypi_url)
    for version in ("1.0.0", "2.0.0"):
        for name in ("left-pad", "@shop/ui"):
            upstream.npm.add(name, version, published=ago(days=400))
        upstream.pypi.add(packages.wheel("left-pad", version), upload_time=ago(days=400))
    server.wheel = upstream.pypi.projects["left-pad"]["left_pad-2.0.0-py3-none-any.whl"]
    return server


def paths(server):
    file = f"{server.pypi}/files/left-pad/{server.wheel.dist.sha256}/{server.wheel.filename}"
    return [f"{server.npm}/left-pad/-/left-pad-2.0.0.tgz", f"{server.npm}/@shop/ui/-/ui-2.0.0.tgz",
            f"{server.npm}/left-pad/2.0.0", file, f"{file}.metadata"]


def test_what_a_client_has_already_is_not_confirmed(shelf):
    """Each way to ask again for what came before the hold, on the connection on which it came."""
    with shelf.connect() as connection:
        def ask(method, path, **headers):
            pairs = [("Authorization", f"Bearer {shelf.token}"), *((k.replace("_", "-"), v) for k, v in headers.items())]
            return connection.request(method, path, pairs, None)

        known = {}
        for path in paths(shelf):
            answer = ask("GET", path)
            assert answer.status == 200, answer
            known[path] = answer.headers
            assert ask("GET", path, If_None_Match=answer.headers["etag"]).status == 304
        set_policy(shelf, HOLD)
        for path, headers in known.items():
            etag, modified = headers["etag"], headers.get("last-modified", "Wed, 25 Nov 2099 00:00:00 GMT")
            for method in ("GET", "HEAD"):
                for more in ({}, {"If_None_Match": etag}, {"If_None_Match": f'W/{etag}, "x"'}, {"If_None_Match": "*"},
                             {"If_Modified_Since": modified}, {"If_Match": etag}, {"If_Unmodified_Since": modified},
                             {"Range": "bytes=0-9"}, {"Range": "bytes=-9"}, {"Range": "bytes=0-1,4-5"},
                             {"Range": "bytes=9-", "If_Range": etag}, {"Range": "bytes=9-", "If_Range": modified},
                             {"Accept_Encoding": "gzip"}, {"Cache_Control": "only-if-cached"}):
                    answer = ask(method, path, **more)
                    assert answer.status == 403, (method, path, more, answer)
                    assert "etag" not in answer.headers, answer


NPM_SPELLINGS = [
    "left-pad/-/left-pad-2.0.0.tgz?v=1", "left-pad/-/left-pad-2.0.0.tgz?", "left-pad/-/left-pad-2.0.0.tgz#x",
    "left-pad/-/left-pad-v2.0.0.tgz", "left-pad/-/left-pad-=2.0.0.tgz", "left-pad/-/left-pad-2.0.0+x.tgz",
    "left-pad/-/left-pad-02.0.0.tgz", "left-pad/-/left-pad-2.0.0.tgz.", "left-pad/-/left-pad-2.0.0.tgz/",
    "left-pad/-/left-pad-2.0.0.TGZ", "left-pad/-/LEFT-PAD-2.0.0.tgz", "left-pad/-/left-pad-2.0.0.tgz%00",
    "left-pad/-/left-pad-2.0.0.tgz%20", "left-pad/-/%6ceft-pad-2.0.0.tgz", "left-pad/-/left-pad-2%2e0.0.tgz",
    "left-pad/%2d/left-pad-2.0.0.tgz", "left-pad%2f-%2fleft-pad-2.0.0.tgz", "left-pad%252f-%252fleft-pad-2.0.0.tgz",
    "left-pad/-/%256ceft-pad-2.0.0.tgz", "left-pad//-//left-pad-2.0.0.tgz", "./left-pad/-/left-pad-2.0.0.tgz",
    "x/../left-pad/-/left-pad-2.0.0.tgz", "left-pad/-/../-/left-pad-2.0.0.tgz", "left-pad/-/left-pad-2.0.0.tgz;x",
    "left-pad/-/left-pad/left-pad-2.0.0.tgz", "LEFT-PAD/-/left-pad-2.0.0.tgz", "Left-Pad/-/Left-Pad-2.0.0.tgz",
    "left-pad%20/-/left-pad-2.0.0.tgz", "left-pad/-/left-pad-1.0.0.tgz/../left-pad-2.0.0.tgz",
    "@shop/ui/-/@shop/ui-2.0.0.tgz", "@shop%2fui/-/ui-2.0.0.tgz", "@shop%2Fui/-/@shop%2fui-2.0.0.tgz",
    "@SHOP/ui/-/ui-2.0.0.tgz", "%40shop/ui/-/ui-2.0.0.tgz", "@shop%252fui/-/ui-2.0.0.tgz",
    "left-pad/2.0.0", "left-pad/v2.0.0", "left-pad/=2.0.0", "left-pad/2.0.0+x", "left-pad/%32.0.0", "left-pad/2.0.0/",
    "left-pad/%3E=2", "left-pad/%5E2", "left-pad/2", "left-pad/2.x", "left-pad/*", "left-pad/newest", "left-pad@2.0.0",
    "npm:left-pad@2.0.0", "-/package/left-pad/2.0.0", "-/left-pad/2.0.0", "download/left-pad/2.0.0",
]
PYTHON_SPELLINGS = ["left-pad", "left_pad", "Left.Pad", "LEFT--PAD", "left-_.pad", "left%2dpad", "left%5Fpad"]


@pytest.mark.parametrize("was_kept", [False, True], ids=["cold", "kept"])
def test_no_spelling_of_an_address_gives_it(shelf, upstream, was_kept):
    upstream.npm.tags["left-pad"]["newest"] = "2.0.0"
    bytes_of = {upstream.npm.packages[name]["2.0.0"].body.content for name in ("left-pad", "@shop/ui")}
    if was_kept:
        for path in paths(shelf):
            assert shelf.get(path).status == 200
    set_policy(shelf, HOLD)
    for spelling in NPM_SPELLINGS:
        answer = shelf.get(f"{shelf.npm}/{spelling}")
        assert answer.body not in bytes_of and b"left-pad-2.0.0.tgz" not in answer.body.split(b'"instance"')[0] or \
            answer.status >= 400, (spelling, answer)
        if answer.status == 200:
            assert json.loads(answer.body).get("version") == "1.0.0", (spelling, answer)
    digest, name = shelf.wheel.dist.sha256, shelf.wheel.filename
    quoted = "".join(f"%{byte:02x}" for byte in name.encode())
    files = (name, quoted, name + "?x", name.replace("left_pad", "Left.Pad"), name + ".metadata")
    asked = [("left-pad", "files", told, file) for told in (digest, digest.upper(), "-", "x", "0" * 64) for file in files]
    asked += [(project, folder, digest, file) for project in PYTHON_SPELLINGS for file in (name, name + ".metadata")
              for folder in ("files", "legacy/files", "simple/files", "+simple/files", "simple/../files")]
    for project, folder, told, file in asked:
        answer = shelf.get(f"{shelf.pypi}/{folder}/{project}/{told}/{file}")
        assert answer.status in (400, 403, 404), (project, folder, file, told, answer)
    for told in (f"@sha256:{digest}", digest, "2.0.0"):
        assert shelf.get(f"{shelf.artifacts}/left-pad/{told}/{name}").status == 404


def person(server, name, role):
    for path, body in (("accounts", {"name": name}),
                       ("grants", {"subject": name, "role": role, "repository": "acme/**"})):
        answer = server.post(f"/api/v1/{path}", json.dumps(body).encode())
        assert answer.status == 201, answer
    grant = answer.json()["id"]
    return server.post("/api/v1/tokens", json.dumps({"for": name}).encode()).json()["token"], grant


def ask_for(server, purl):
    wish = json.dumps({"purl": purl, "repository": "main", "reason": "r"}).encode()
    return server.post("/api/v1/orgs/acme/requests", wish).json()["items"][0]["id"]


def approve(server, number, token):
    body = json.dumps({"comment": "c", "scope": "version", "expires_in": 3600}).encode()
    return server.post(f"/api/v1/orgs/acme/requests/{number}/approve", body, token=token)


def test_who_is_an_approver_no_more_approves_nothing(shelf):
    set_policy(shelf, HOLD)
    token, grant = person(shelf, "bob", "approver")
    number = ask_for(shelf, "npm:left-pad@2.0.0")
    assert shelf.get(f"/api/v1/orgs/acme/requests/{number}", token=token).status == 200
    assert shelf.http("DELETE", f"/api/v1/grants/{grant}").status in (200, 204)
    assert approve(shelf, number, token).status in (403, 404)
    assert shelf.get(paths(shelf)[0]).status == 403


def test_of_two_reviewers_at_once_one_makes_an_exception(shelf):
    set_policy(shelf, HOLD)
    tokens = [person(shelf, name, "approver")[0] for name in ("bob", "cleo", "dan", "eve")]
    number = ask_for(shelf, "npm:left-pad@2.0.0")
    answers = []
    threads = [threading.Thread(target=lambda token=token: answers.append(approve(shelf, number, token).status))
               for token in tokens]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [200, 409, 409, 409]
    assert len(shelf.get("/api/v1/orgs/acme/exceptions").json()["items"]) == 1


def test_of_many_policies_at_once_on_one_revision_one_is_set(shelf):
    set_policy(shelf, HOLD)
    answers = []

    def put(number):
        body = json.dumps({"text": HOLD + f"# {number}\n"}).encode()
        answers.append(shelf.http("PUT", "/api/v1/orgs/acme/policy", body, headers={"If-Match": '"1"'}).status)

    threads = [threading.Thread(target=put, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [201] + [412] * 7
    assert shelf.get("/api/v1/orgs/acme/policy").json()["revision"] == 2


def test_an_exception_clears_no_rule_of_another_name(shelf):
    """A rule that is renamed or added finds the version again; one that is gone takes its exception's use with it."""
    set_policy(shelf, HOLD)
    let_through(shelf, "npm:left-pad@2.0.0")
    path = paths(shelf)[0]
    assert shelf.get(path).status == 200
    set_policy(shelf, HOLD.replace("  two:", "  zwei:"))
    assert shelf.get(path).status == 403
    set_policy(shelf, HOLD + "  more:\n    deny: {name: \"npm:left-*\"}\n")
    answer = shelf.get(path)
    assert answer.status == 403 and b"denied by" in answer.body
    set_policy(shelf, "mode: enforce\ndefault: hold\n")
    assert shelf.get(path).status == 403
    set_policy(shelf, HOLD)
    assert shelf.get(path).status == 200


def test_an_orgs_exceptions_and_bytes_are_its_own(shelf, upstream):
    """Another org has let the same version through, has the same bytes, and its people read both."""
    made = shelf.post("/api/v1/orgs", json.dumps({"name": "globex"}).encode())
    assert made.status == 201, made
    shelf.post("/api/v1/orgs/globex/repositories", json.dumps({"name": "main"}).encode())
    for form, url in (("npm", upstream.npm_url), ("pypi", upstream.pypi_url)):
        body = {"repository": "main", "format": form, "url": url}
        assert shelf.post("/api/v1/orgs/globex/upstreams", json.dumps(body).encode()).status == 201
    set_policy(shelf, HOLD)
    for path in paths(shelf):
        assert shelf.get(path.replace("/acme/", "/globex/")).status == 200, path
        assert shelf.get(path).status == 403, path
    set_policy(shelf, HOLD, org="globex")
    for org in ("acme", "globex"):
        assert shelf.get(paths(shelf)[0].replace("/acme/", f"/{org}/")).status == 403
    let_through(shelf, "npm:left-pad@2.0.0")
    assert shelf.get(paths(shelf)[0]).status == 200
    assert shelf.get(paths(shelf)[0].replace("/acme/", "/globex/")).status == 403


def test_a_download_that_was_begun_before_the_hold_gets_no_last_piece(shelf, upstream):
    """It is on its way in while the policy is set: what a client has then is no archive."""
    noise = random.Random(1).randbytes(12 << 20)
    upstream.npm.add("large", "1.0.0", files={"noise": noise.hex()[:100]}, published=ago(days=9))
    tarball = packages.npm_tarball("large", "2.0.0", {"noise": noise})
    upstream.npm.add("large", "2.0.0", tarball=tarball, published=ago(days=9))
    assert shelf.get(f"{shelf.npm}/large").status == 200
    upstream.rate = 6 << 20
    came = []

    def fetch():
        try:
            came.append(shelf.get(f"{shelf.npm}/large/-/large-2.0.0.tgz").body)
        except Exception as broken:  # however it was cut
            came.append(broken)

    thread = threading.Thread(target=fetch)
    thread.start()
    upstream.wait_until_asked("*/large-2.0.0.tgz")
    set_policy(shelf, HOLD.replace('"npm:left-pad"', '"npm:large"'))
    thread.join()
    assert came[0] != tarball
    until(lambda: shelf.get(f"{shelf.npm}/large/-/large-2.0.0.tgz").status == 403, "the verdict")


def test_a_python_page_that_tells_other_bytes_is_found(shelf, upstream):
    """What came first is held to, is told, and a rule may refuse it."""
    assert shelf.get(paths(shelf)[3]).status == 200
    until(lambda: [item for item in shelf.get("/api/v1/orgs/acme/audit").json()["items"]
                   if item["action"] == "package.ingested"], "that it is kept")
    upstream.pypi.add(packages.wheel("left-pad", "2.0.0", files={"evil.py": "1"}), upload_time=ago(days=400))
    assert shelf.post("/api/v1/orgs/acme/upstreams/pypi/refresh").status == 200
    page = {"Accept": "application/vnd.pypi.simple.v1+json"}

    def told():
        assert shelf.get(f"{shelf.pypi}/simple/left-pad/", headers=page).status == 200
        return [item for item in shelf.get("/api/v1/orgs/acme/audit").json()["items"]
                if item["action"] == "upstream.bytes-changed"]

    until(told, "the event")
    assert shelf.get(paths(shelf)[3]).status == 200
    set_policy(shelf, "mode: enforce\nrules:\n  bytes:\n    deny: {bytes_changed: true}\n")
    until(lambda: shelf.get(paths(shelf)[3]).status == 403, "the verdict")
    assert len(told()) == 1
