"""Policy at the gate: what it holds back cannot be had, by no route and with no client, and what it lets
through comes as if there were none."""

import json
import shutil
import urllib.parse

import pytest

import index_pages
import packages
from conformance import conformance
from patience import until
from policies import COOLDOWN, ago, set_policy
from pulling import attach

pytestmark = pytest.mark.settings(PACKHOUSE_UPSTREAM_ALLOW_ADDRESSES="127.0.0.0/8", PACKHOUSE_UPSTREAM_RETRIES="0",
                                  PACKHOUSE_UPSTREAM_CONNECT_TIMEOUT="1m")
ABBREVIATED = {"Accept": "application/vnd.npm.install-v1+json; q=1.0, application/json; q=0.8, */*"}
NPM11 = {"User-Agent": "npm/11.2.0 node/v22.0.0 linux x64 workspaces/false"}


@pytest.fixture
def gated(server, upstream):
    """left-pad 1.3.0 is old, 1.3.1 and cooldown's 2.0.0 came a moment ago; of rightpad all is new."""
    attach(server, "npm", upstream.npm_url)
    attach(server, "pypi", upstream.pypi_url)
    npm, pypi = upstream.npm, upstream.pypi
    npm.add("left-pad", "1.2.0", published=ago(days=700))
    npm.add("left-pad", "1.3.0", published=ago(days=400))
    npm.add("left-pad", "1.3.1", published=ago(hours=1))
    npm.tags["left-pad"]["newest"] = "1.3.1"
    npm.tags["left-pad"]["cjs"] = "1.2.0"
    npm.add("all-new", "1.0.0", published=ago(hours=2))
    pypi.add(packages.wheel("leftpad", "1.3.0"), upload_time=ago(days=400))
    pypi.add(packages.wheel("leftpad", "1.3.1"), upload_time=ago(hours=1))
    pypi.add(packages.wheel("allnew", "1.0"), upload_time=ago(hours=1))
    set_policy(server, COOLDOWN)
    return server


def packument(server, name, **headers):
    answer = server.get(f"{server.npm}/{name}", headers=headers)
    assert answer.status == 200, answer
    return answer.json()


def page(server, name):
    answer = server.get(f"{server.pypi}/simple/{name}/", headers={"Accept": index_pages.JSON})
    assert answer.status == 200, answer
    return answer.json()


@conformance("npm-167", "art-098")
@pytest.mark.parametrize("form", [{}, ABBREVIATED], ids=["full", "abbreviated"])
def test_a_filtered_packument_names_nothing_that_is_held(gated, upstream, form):
    document = packument(gated, "left-pad", **NPM11, **form)
    assert list(document["versions"]) == ["1.2.0", "1.3.0"]
    assert document["dist-tags"] == {"latest": "1.3.0", "newest": "1.3.0", "cjs": "1.2.0"}
    assert "1.3.1" in document["policyRestrictions"]["versions"]
    told = document["policyRestrictions"]["message"]
    assert "1.3.1" in told and '"cooldown"' in told and "New releases wait seven days" in told and len(told) <= 500
    assert "packhouse request create npm:left-pad@1.3.1" in told
    for version, manifest in document["versions"].items():
        assert manifest["dist"]["integrity"] == upstream.npm.packages["left-pad"][version].integrity
    tags = gated.get(f"{gated.npm}/-/package/left-pad/dist-tags").json()
    assert tags == document["dist-tags"]


@conformance("art-097")
def test_older_npm_is_not_told_of_restrictions(gated):
    for agent in ("npm/10.8.2 node/v20", "npm/6.14.18 node/v14", "npm/9.9.4 node/v18"):
        document = packument(gated, "left-pad", **{"User-Agent": agent})
        assert "policyRestrictions" not in document and "1.3.1" not in json.dumps(document["versions"])
    assert "policyRestrictions" in packument(gated, "left-pad", **{"User-Agent": "npm/10.9.0 node/v20"})


@conformance("npm-169", "art-096")
def test_npm_prints_why_an_exact_version_is_held(gated, npm):
    with pytest.raises(npm.Failure) as failed:
        npm.install("left-pad@1.3.1")
    told = failed.value.stdout + failed.value.stderr
    assert "E403" in told and "cooldown" in told and "New releases wait seven days" in told
    assert "packhouse request create npm:left-pad@1.3.1" in told
    assert b"left-pad 1.3.0" in npm.install("left-pad@^1.3.0").files["index.js"]


def test_npm_names_no_other_version_to_ask_for_than_the_wanted_one(gated, upstream, npm):
    """npm prints one text for a package, whichever of its versions was wanted."""
    upstream.npm.add("left-pad", "1.3.2", published=ago(minutes=30))
    with pytest.raises(npm.Failure) as failed:
        npm.install("left-pad@1.3.1")
    told = failed.value.stdout + failed.value.stderr
    assert "1.3.1 held" in told and "packhouse request create npm:left-pad@VERSION" in told


@conformance("npm-166")
@pytest.mark.parametrize("client", ["npm", "npm10", "pnpm", "yarn1", "berry", "bun"])
def test_each_client_gets_the_version_before(gated, client, request):
    client = request.getfixturevalue(client)
    for spec in ("left-pad", "left-pad@^1.0.0", "left-pad@latest"):
        assert b"left-pad 1.3.0" in client.install(spec).files["index.js"], spec


@conformance("npm-083", "npm-057", "art-096", "art-100")
@pytest.mark.parametrize("client", ["npm", "pnpm", "berry"])
def test_a_locked_version_is_refused_in_words(server, upstream, client, request):
    """npm ci reads no packument: the tarball's 403 is all that it sees."""
    npm = request.getfixturevalue(client)
    attach(server, "npm", upstream.npm_url)
    upstream.npm.add("left-pad", "1.3.1", published=ago(days=3))
    locked = npm.install("left-pad@1.3.1")
    set_policy(server, COOLDOWN)
    shutil.rmtree(locked.folder / "node_modules")
    again = type(npm)(npm.new_folder("again"), server)
    with pytest.raises(npm.Failure) as failed:
        again.reinstall(locked.folder)
    told = failed.value.stdout + failed.value.stderr
    assert "403" in told and "cooldown" in told and "packhouse request create npm:left-pad@1.3.1" in told


@conformance("npm-170")
def test_all_versions_held_is_a_clear_403(gated, npm):
    answer = gated.get(f"{gated.npm}/all-new", headers=NPM11)
    assert answer.status == 403 and "cooldown" in answer.json()["error"], answer
    with pytest.raises(npm.Failure) as failed:
        npm.install("all-new")
    assert "403" in failed.value.stderr and "cooldown" in failed.value.stderr


@conformance("art-099")
def test_pip_takes_an_allowed_version_and_prints_why_not_another(gated, pip):
    listed = {file["filename"]: file for file in page(gated, "leftpad")["files"]}
    assert 'held by "cooldown"' in listed["leftpad-1.3.1-py3-none-any.whl"]["yanked"]
    assert not listed["leftpad-1.3.0-py3-none-any.whl"].get("yanked")
    assert pip.install("leftpad").files  # the one that is not yanked
    with pytest.raises(pip.Failure) as failed:
        pip.install("leftpad==1.3.1")
    told = failed.value.stdout + failed.value.stderr
    assert "403" in told and "cooldown" in told


@conformance("art-099")
def test_a_project_of_which_all_is_held_is_quarantined(gated, pip):
    shown = page(gated, "allnew")
    assert shown["files"] == [] and shown["project-status"]["status"] == "quarantined"
    assert "cooldown" in shown["project-status"]["reason"]
    assert shown["project-status"]["reason"].endswith("ask: packhouse request create pypi:allnew@VERSION")
    with pytest.raises(pip.Failure):
        pip.install("allnew")


def routes_to_bytes(server, upstream):
    """Every address that gives bytes of what is held, by the name of its kind."""
    wheel = next(file for file in upstream.pypi.projects["leftpad"].values() if "1.3.1" in file.filename)
    listed = {entry["filename"]: entry for entry in page(server, "leftpad")["files"]}[wheel.filename]
    address = urllib.parse.urljoin(f"{server.pypi}/simple/leftpad/", listed["url"])
    return {
        "tarball": f"{server.npm}/left-pad/-/left-pad-1.3.1.tgz",
        "tarball with a query": f"{server.npm}/left-pad/-/left-pad-1.3.1.tgz?x=1",
        "manifest": f"{server.npm}/left-pad/1.3.1",
        "manifest in another spelling": f"{server.npm}/left-pad/v1.3.1",
        "wheel": address,
        "metadata": address + ".metadata",
    }


@conformance("art-100")
@pytest.mark.parametrize("was_kept", [False, True], ids=["cold", "kept"])
def test_no_route_gives_what_is_held(server, upstream, was_kept):
    attach(server, "npm", upstream.npm_url)
    attach(server, "pypi", upstream.pypi_url)
    upstream.npm.add("left-pad", "1.3.0", published=ago(days=400))
    upstream.npm.add("left-pad", "1.3.1", published=ago(hours=1))
    upstream.pypi.add(packages.wheel("leftpad", "1.3.0"), upload_time=ago(days=400))
    upstream.pypi.add(packages.wheel("leftpad", "1.3.1"), upload_time=ago(hours=1))
    routes = routes_to_bytes(server, upstream)
    if was_kept:
        for path in routes.values():
            assert server.get(path).status == 200, path
    upstream.forget()
    set_policy(server, COOLDOWN)
    for kind, path in routes.items():
        for headers in ({}, {"Range": "bytes=0-9"}, {"If-None-Match": "*"}):
            for method in ("GET", "HEAD"):
                answer = server.http(method, path, headers=headers)
                assert answer.status == 403, (kind, method, headers, answer)
                if method == "GET":
                    assert b"cooldown" in answer.body, (kind, answer)
    assert not [request for request in upstream.requests if "1.3.1" in request.path], "nothing of it is fetched"


def npm_spellings(base, name, version):
    """How a version of the package may be written in a path, by those who mean well and by those who do not."""
    bare, slash = name.split("/")[-1], name.replace("/", "%2f")
    packages = [name, slash, name.replace("/", "%2F"), name.replace("@", "%40"), name.replace("a", "%61"), name.upper(),
                name.capitalize()]
    files = [bare, name, slash, bare.upper(), bare.replace("-", "%2d")]
    versions = [version, "v" + version, "=" + version, "0" + version, version + "+build", version.replace(".0", ".00")]
    for package in packages:
        yield from (f"{base}/{package}/-/{file}-{version}{end}" for file in files for end in (".tgz", ".TGZ"))
        yield from (f"{base}/{package}/{one}" for one in versions)
        yield from (f"{base}/{package}/-/{bare}-{one}.tgz" for one in versions)


def python_spellings(base, dist):
    for project in ("left-pad", "Left.Pad", "LEFT__pad", "left%2dpad"):
        for file in (dist.filename, dist.filename.upper(), dist.filename.replace("_pad", "-pad"),
                     dist.filename.replace("_", "%5f")):
            for digest in (dist.sha256, "-"):
                yield from (f"{base}/files/{project}/{digest}/{file}{end}" for end in ("", ".metadata", ".METADATA"))


@conformance("art-100")
def test_every_spelling_of_a_held_file_is_refused_where_it_would_give_bytes(server, upstream):
    """And none tells of it that would be nothing without the policy."""
    attach(server, "npm", upstream.npm_url)
    attach(server, "pypi", upstream.pypi_url)
    names, dists = ("left-pad", "@acme/pad", "JSONStream"), {}
    for version in ("1.0.0", "2.0.0"):
        for name in names:
            upstream.npm.add(name, version)
        dists[version] = packages.wheel("left-pad", version)
        upstream.pypi.add(dists[version])
    set_policy(server, 'rules: {second: {hold: {version: "2.0.0"}, say: It waits}}')
    pairs = [pair for name in names for pair in zip(npm_spellings(server.npm, name, "1.0.0"),
                                                    npm_spellings(server.npm, name, "2.0.0"))]
    pairs += zip(python_spellings(server.pypi, dists["1.0.0"]), python_spellings(server.pypi, dists["2.0.0"]))
    seen = set()
    for free, held in pairs:
        given, refused = server.get(free), server.get(held)
        assert refused.status == (403 if given.status == 200 else given.status), (free, given, held, refused)
        assert refused.status != 403 or b"It waits" in refused.body, (held, refused)
        seen.add(given.status)
    assert seen == {200, 404}


def test_shared_caches_ask_again_for_what_policy_may_hold_tomorrow(gated, packhouse):
    packhouse("repo", "set", "acme/main", "--anonymous", "read")
    places = [f"{gated.npm}/left-pad/-/left-pad-1.3.0.tgz", index_pages.files_of(gated, "leftpad")["leftpad-1.3.0-py3-none-any.whl"]["path"]]
    for how in ("fetched", "kept"):
        for place in places:
            answer = gated.get(place, token=None)
            assert answer.status == 200 and answer["Cache-Control"] == "public, no-cache", (how, answer)
    packhouse("repo", "set", "acme/main", "--anonymous", "none")
    for place in places:
        assert gated.get(place)["Cache-Control"] == "private, max-age=31536000, immutable"


@conformance("npm-168", "art-101")
def test_a_version_that_matures_appears_by_itself(server, upstream):
    attach(server, "npm", upstream.npm_url)
    attach(server, "pypi", upstream.pypi_url)
    upstream.npm.add("ripe", "1.0.0", published=ago(days=30))
    upstream.npm.add("ripe", "1.0.1", published=ago(days=6, hours=23, minutes=59, seconds=50))
    upstream.pypi.add(packages.wheel("ripe", "1.0"), upload_time=ago(days=30))
    upstream.pypi.add(packages.wheel("ripe", "1.1"), upload_time=ago(days=6, hours=23, minutes=59, seconds=50))
    set_policy(server, COOLDOWN)
    first = server.get(f"{server.npm}/ripe")
    if "1.0.1" in first.json()["versions"]:
        pytest.skip("the machine took longer than the version's last ten seconds")
    until(lambda: "1.0.1" in server.get(f"{server.npm}/ripe").json()["versions"], "the version")
    now = server.get(f"{server.npm}/ripe")
    assert now.headers["etag"] != first.headers["etag"] and now.json()["dist-tags"]["latest"] == "1.0.1"
    assert server.get(f"{server.npm}/ripe/-/ripe-1.0.1.tgz").status == 200
    until(lambda: not any(file.get("yanked") for file in page(server, "ripe")["files"]), "the file")


def test_times_that_move_back_make_nothing_older(server, upstream):
    """Age counts from when we last fetched the listing without the file, whatever the upstream says."""
    attach(server, "npm", upstream.npm_url)
    attach(server, "pypi", upstream.pypi_url)
    upstream.npm.add("moved", "1.0.0", published=ago(days=500))
    upstream.pypi.add(packages.wheel("moved", "1.0"), upload_time=ago(days=500))
    set_policy(server, COOLDOWN)
    packument(server, "moved")
    page(server, "moved")
    upstream.npm.add("moved", "1.0.1", published=ago(days=400))
    upstream.pypi.add(packages.wheel("moved", "1.1"), upload_time=ago(days=400))
    for form in ("npm", "pypi"):
        assert server.post(f"/api/v1/orgs/acme/upstreams/{form}/refresh").status == 200
    until(lambda: "policyRestrictions" in packument(server, "moved", **NPM11), "the held version")
    assert list(packument(server, "moved")["versions"]) == ["1.0.0"]
    assert server.get(f"{server.npm}/moved/-/moved-1.0.1.tgz").status == 403
    until(lambda: any(file.get("yanked") for file in page(server, "moved")["files"]), "the held file")


def test_what_the_archive_says_wins(server, upstream):
    """The listing hides a script that runs on install."""
    attach(server, "npm", upstream.npm_url)
    scripts = {"postinstall": "node evil.js"}
    tarball = packages.npm_tarball("sly", "1.0.0", {"index.js": "1"}, scripts=scripts)
    upstream.npm.add("sly", "1.0.0", tarball=tarball, published=ago(days=400))
    large = packages.npm_tarball("large-sly", "1.0.0", {"index.js": "1", "noise": __import__("random").Random(1).randbytes(9 << 20)},
                                 scripts=scripts)
    upstream.npm.add("large-sly", "1.0.0", tarball=large, published=ago(days=400))
    set_policy(server, "mode: enforce\ndefault: allow\nrules:\n  scripts:\n    hold: {install_scripts: true}\n"
                       "    say: No scripts\n")
    assert "1.0.0" in packument(server, "sly")["versions"]
    for _ in range(2):
        answer = server.get(f"{server.npm}/sly/-/sly-1.0.0.tgz")
        assert answer.status == 403 and b"No scripts" in answer.body
    until(lambda: server.get(f"{server.npm}/sly").status == 403, "the verdict in the packument")
    path = f"{server.npm}/large-sly/-/large-sly-1.0.0.tgz"
    with pytest.raises(Exception):
        assert server.get(path).status != 200
    until(lambda: server.get(path).status == 403, "the large one's verdict")


@conformance("art-106")
def test_audit_mode_changes_no_byte(server, upstream):
    attach(server, "npm", upstream.npm_url)
    attach(server, "pypi", upstream.pypi_url)
    upstream.npm.add("left-pad", "1.3.1", published=ago(hours=1))
    upstream.pypi.add(packages.wheel("leftpad", "1.3.1"), upload_time=ago(hours=1))
    paths = [f"{server.npm}/left-pad", f"{server.npm}/left-pad/1.3.1", f"{server.npm}/left-pad/-/left-pad-1.3.1.tgz",
             f"{server.pypi}/simple/leftpad/"]
    before = [(answer.status, answer.body) for answer in map(server.get, paths)]
    set_policy(server, COOLDOWN.replace("enforce", "audit"))
    assert [(answer.status, answer.body) for answer in map(server.get, paths)] == before
    held = until(lambda: server.get("/api/v1/orgs/acme/holds").json()["items"], "what would be held")
    assert {(hold["package"], hold["version"]) for hold in held} == {("npm:left-pad", "1.3.1"), ("pypi:leftpad", "1.3.1")}


@conformance("art-103")
def test_the_order_of_rules_does_not_matter(server, upstream):
    """The same documents, whatever comes first: what is denied, held and let through, and in which words."""
    attach(server, "npm", upstream.npm_url)
    attach(server, "pypi", upstream.pypi_url)
    for number, age in enumerate((1, 5, 20, 400)):
        upstream.npm.add("mixed", f"1.{number}.0-rc.1", published=ago(days=age))
        upstream.npm.add("mixed", f"1.{number}.0", published=ago(days=age), license="MIT" if number % 2 else "GPL-3.0",
                         scripts={"install": "true"} if number == 2 else {})
        upstream.pypi.add(packages.wheel("mixed", f"1.{number}"), upload_time=ago(days=age), yanked=number == 2)
    rules = [
        "  cooldown:\n    hold: {younger_than: 7d}\n",
        "  scripts:\n    hold: {install_scripts: true}\n    say: It runs scripts\n",
        "  licence:\n    deny: {license_not_in: [MIT]}\n",
        "  early:\n    deny: {prerelease: true, younger_than: 10d}\n",
        "  yanked:\n    hold: {yanked: true}\n",
    ]
    told = set()
    for order in (rules, rules[::-1], rules[2:] + rules[:2], [rules[i] for i in (3, 0, 4, 1, 2)]):
        set_policy(server, "mode: enforce\ndefault: allow\nrules:\n" + "".join(order))
        told.add((server.get(f"{server.npm}/mixed", headers=NPM11).body, server.get(f"{server.pypi}/simple/mixed/").body))
    assert len(told) == 1
    document = json.loads(told.pop()[0])
    assert list(document["versions"]) == ["1.3.0"], document["versions"].keys()


@conformance("art-108")
def test_only_what_is_approved_comes_in(server, upstream, npm, pip):
    attach(server, "npm", upstream.npm_url)
    attach(server, "pypi", upstream.pypi_url)
    for version in ("1.0.0", "2.0.0"):
        upstream.npm.add("wanted", version)
        upstream.npm.add("unwanted", version)
        upstream.pypi.add(packages.wheel("wanted", version))
    allow = "mode: enforce\ndefault: hold\napproved: [%s]\n"
    set_policy(server, allow % '"npm:wanted@^1"')
    assert b"wanted 1.0.0" in npm.install("wanted").files["index.js"]
    for name in ("unwanted", "wanted@2.0.0"):
        with pytest.raises(npm.Failure) as failed:
            npm.install(name)
        assert "403" in failed.value.stderr and "not-approved" in failed.value.stderr
    with pytest.raises(pip.Failure):
        pip.install("wanted")
    set_policy(server, allow % '"npm:wanted@^1", "npm:unwanted", "pypi:wanted>=2"')
    assert b"unwanted 2.0.0" in npm.install("unwanted").files["index.js"]
    assert pip.install("wanted").files


@conformance("art-102")
@pytest.mark.parametrize("kind", ["hosted", "pulled"])
def test_times_are_told_so_that_clients_can_wait(server, upstream, kind, npm, berry, uv, pypi, twine):
    """The clients' own cooldowns: what is old enough is taken, what is young is not, and nothing is without a time."""
    if kind == "pulled":
        attach(server, "npm", upstream.npm_url)
        attach(server, "pypi", upstream.pypi_url)
        upstream.npm.add("aged", "1.0.0", published=ago(days=100))
        upstream.npm.add("aged", "1.1.0", published=ago(hours=1))
        upstream.pypi.add(packages.wheel("aged", "1.0"), upload_time=ago(days=100))
        upstream.pypi.add(packages.wheel("aged", "1.1"), upload_time=ago(hours=1))
    else:
        npm.publish(npm.make_package("aged", "1.0.0"))
        twine.upload(pypi.make_wheel("aged", "1.0"))
    document = packument(server, "aged")
    assert set(document["versions"]) <= set(document["time"])
    assert all(file["upload-time"] for file in page(server, "aged")["files"])
    if kind == "pulled":
        yesterday = ago(days=1)
        assert b"aged 1.0.0" in npm.install("aged", options=(f"--before={yesterday}",)).files["index.js"]
        berry.environment["YARN_NPM_MINIMAL_AGE_GATE"] = "1d"
        assert b"aged 1.0.0" in berry.install("aged@^1").files["index.js"]
        uv.environment["UV_EXCLUDE_NEWER"] = yesterday
    assert uv.install("aged").files


SIGNED = """
mode: enforce
default: allow
rules:
  invalid:
    deny: {signature_invalid: true}
    say: Its signature is wrong
  missing:
    hold: {signature_missing: true}
    say: It is not signed
"""


def test_signatures_of_the_upstream_are_verified(server, upstream):
    """Valid, by another key, over other bytes, missing, and of a key that had expired or had not yet."""
    attach(server, "npm", upstream.npm_url)
    npm = upstream.npm
    npm.signed = True
    for name in ("good", "other-words", "other-key", "unsigned", "expired", "not-yet-expired"):
        npm.add(name, "1.0.0", published="2021-06-01T00:00:00.000Z")
    real = npm.signature
    key = dict(npm.key)
    early, late = ({**key, "keyid": f"SHA256:{word}", "expires": f"{year}-01-01T00:00:00.000Z"}
                   for word, year in (("early", 2021), ("late", 2022)))
    npm.keys = [key, early, late]

    def signature(file):
        made = dict(real(file))
        if file.name == "other-words":
            return real(npm.packages["good"]["1.0.0"])
        if file.name in ("other-key", "expired", "not-yet-expired"):
            made["keyid"] = {"other-key": "SHA256:none", "expired": early["keyid"],
                             "not-yet-expired": late["keyid"]}[file.name]
        return made

    npm.signature = signature
    unsigned = npm.packages["unsigned"]["1.0.0"]
    document = unsigned.document
    unsigned.document = lambda: {**document(), "dist": {key: value for key, value in document()["dist"].items()
                                                        if key != "signatures"}}
    npm.add("unsigned", "1.1.0", published="2021-06-02T00:00:00.000Z")
    set_policy(server, SIGNED)
    for name, status in (("good", 200), ("other-words", 403), ("other-key", 403), ("expired", 403),
                         ("not-yet-expired", 200)):
        assert packument(server, name)["versions"], "what is not fetched is not judged yet"
        answer = server.get(f"{server.npm}/{name}/-/{name}-1.0.0.tgz")
        assert answer.status == status, (name, answer)
        if status == 403:
            assert b"Its signature is wrong" in answer.body
            until(lambda: server.get(f"{server.npm}/{name}").status == 403, "the verdict in the packument")
    assert list(packument(server, "unsigned")["versions"]) == ["1.1.0"]
    answer = server.get(f"{server.npm}/unsigned/-/unsigned-1.0.0.tgz")
    assert answer.status == 403 and b"It is not signed" in answer.body


def test_scripts_are_new_where_a_package_begins_to_run_them(server, upstream):
    """What it did long before it was first asked for is how it is; what comes later is looked at."""
    attach(server, "npm", upstream.npm_url)
    npm, scripts = upstream.npm, {"scripts": {"postinstall": "node a.js"}}
    npm.add("native", "1.0.0", published=ago(days=900))
    for number in (1, 2, 3):
        npm.add("native", f"1.{number}.0", published=ago(days=900 - number), **scripts)
    npm.add("taken", "1.0.0", published=ago(days=900))
    for number in (1, 2):
        npm.add("taken", f"1.0.{number}", published=ago(days=20 - number), **scripts)
    set_policy(server, "mode: enforce\ndefault: allow\nrules:\n  scripts:\n    hold: {new_install_scripts: true}\n")
    assert list(packument(server, "native")["versions"]) == ["1.0.0", "1.2.0", "1.3.0"]
    assert list(packument(server, "taken")["versions"]) == ["1.0.0"]
    npm.add("native", "1.4.0", published=ago(days=1), **scripts)
    npm.add("native", "1.5.0", published=ago(days=1), scripts={"postinstall": "node evil.js"})
    npm.add("native", "1.6.0", published=ago(hours=1), scripts={"postinstall": "node evil.js"})
    assert server.post("/api/v1/orgs/acme/upstreams/npm/refresh").status == 200
    until(lambda: "1.4.0" in packument(server, "native")["versions"], "the new version")
    assert list(packument(server, "native")["versions"]) == ["1.0.0", "1.2.0", "1.3.0", "1.4.0"]


def test_a_new_revision_shows_on_the_next_request(gated, upstream):
    """Documents that are kept are those of the policy that holds now; where it says the same, they are the same."""
    upstream.npm.add("quiet", "1.0.0", published=ago(days=900))
    upstream.pypi.add(packages.wheel("quiet", "1.0"), upload_time=ago(days=900))
    paths = [f"{gated.npm}/quiet", f"{gated.npm}/-/package/quiet/dist-tags", f"{gated.pypi}/simple/quiet/"]
    etags = {path: gated.get(path).get("ETag") for path in paths}
    assert all(etags.values())
    longer = COOLDOWN.replace("7d", "30d").replace("seven", "thirty")
    one_more = COOLDOWN + '  quiet:\n    deny: {name: ["npm:quiet", "pypi:quiet"]}\n    say: Not here\n'
    for _ in range(3):
        for text, said, latest in ((longer, "thirty days", "1.3.0"), (COOLDOWN, "seven days", "1.3.0"),
                                   (COOLDOWN.replace("mode: enforce", "mode: audit"), None, "1.3.1")):
            set_policy(gated, text)
            document = packument(gated, "left-pad", **NPM11)
            assert document["dist-tags"]["latest"] == latest
            assert said is None or said in document["policyRestrictions"]["message"]
            listed = {file["filename"]: file for file in page(gated, "leftpad")["files"]}
            assert bool(listed["leftpad-1.3.1-py3-none-any.whl"].get("yanked")) == bool(said)
            assert {path: gated.get(path).get("ETag") for path in paths} == etags
        set_policy(gated, one_more)
        assert gated.get(paths[0]).status == 403
        assert page(gated, "quiet")["files"] == []
