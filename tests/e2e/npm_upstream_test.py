"""npm packages of an upstream, through Packhouse: with the real clients, and as bytes on the wire."""

import base64
import gzip
import hashlib
import json
import re
import threading
import time

import pytest

import lies
import packages
import shapes
from conformance import conformance
from patience import until
from pulling import attach, own_keyid

CORGI = {"Accept": "application/vnd.npm.install-v1+json; q=1.0, application/json; q=0.8, */*"}
TIME = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
SETTINGS = {"PACKHOUSE_UPSTREAM_ALLOW_ADDRESSES": "127.0.0.0/8", "PACKHOUSE_UPSTREAM_RETRIES": "0",
            "PACKHOUSE_UPSTREAM_CONNECT_TIMEOUT": "1m"}
pytestmark = pytest.mark.settings(**SETTINGS)


@pytest.fixture
def pulling(server, upstream):
    """A server that pulls through from the upstream."""
    attach(server, "npm", upstream.npm_url)
    return server


@pytest.fixture(params=["npm", "npm10", "pnpm", "yarn1", "berry", "bun"])
def any_client(request, pulling):
    return request.getfixturevalue(request.param)


def packument(server, name, **more):
    answer = server.get(f"{server.npm}/{name}", **more)
    assert answer.status == 200, answer
    return answer.json()


def audit(server, names, command="audit", token=None, zipped=False):
    body = json.dumps(names).encode()
    headers = {"npm-command": command, "Content-Type": "application/json"}
    if zipped:
        body, headers["Content-Encoding"] = gzip.compress(body), "gzip"
    return server.post(f"{server.npm}/-/npm/v1/security/advisories/bulk", body, headers=headers)


@conformance("npm-077", "npm-080")
def test_a_tree_of_the_upstream_installs_with_every_client(pulling, upstream, any_client):
    """And again from its lockfile alone, which names no other host."""
    installed = any_client.install("needs-outside@1.0.0")
    modules = installed.folder / "node_modules"
    assert b"needs-outside 1.0.0" in installed.files["index.js"]
    for lock in ("package-lock.json", "pnpm-lock.yaml", "yarn.lock", "bun.lock"):
        if (installed.folder / lock).exists():
            assert upstream.url not in (installed.folder / lock).read_text()
    upstream.go("down")
    again = type(any_client)(any_client.new_folder("again"), pulling)
    again.reinstall(installed.folder)
    assert b"needs-outside 1.0.0" in (modules / "needs-outside" / "index.js").read_bytes()
    pulling.verify()


@pytest.mark.parametrize("says_when", [True, False], ids=["modified is said", "no modified"])
def test_modified_moves_on_whatever_was_removed_or_restored(pulling, upstream, packhouse, npm, says_when):
    """Clients ask again with the time that they were shown: one that stood still, or went back, would hide a removal."""
    def shown():
        document = pulling.get(f"{pulling.npm}/moving", headers=CORGI).json()
        assert document["modified"] == document["time"]["modified"]
        return document

    for version in ("1.0.0", "2.0.0"):
        upstream.npm.add("moving", version)
    times = {"1.0.0": "2020-01-01T00:00:00.000Z", "2.0.0": "2021-01-01T00:00:00.000Z"}
    if says_when:
        times |= {"created": "2020-01-01T00:00:00.000Z", "modified": "2021-02-01T00:00:00.000Z"}
    upstream.lie("*/moving", lies.edited(lambda document: document.update(time=times)))
    packhouse("owner", "set", "npm:moving", "org", "--reason", "ours", "--yes")
    npm.publish(npm.make_package("moving", "2.0.0", {"data.txt": "ours"}))
    seen = [shown()["modified"]]
    packhouse("remove", "npm:moving@2.0.0", "--repo", "acme/main", "--reason", "a leak")
    packhouse("owner", "set", "npm:moving", "npm", "--reason", "theirs", "--yes")
    for has in (False, True, False):
        document = shown()
        assert ("2.0.0" in document["versions"]) == has
        assert document["time"]["created"] == "2020-01-01T00:00:00.000Z"
        seen.append(document["modified"])
        if has:
            packhouse("remove", "npm:moving@2.0.0", "--repo", "acme/main", "--reason", "a leak")
        else:
            packhouse("restore", "npm:moving@2.0.0", "--repo", "acme/main")
    assert seen == sorted(set(seen))


# Whoever is unplugged is waited for that long; so may the machine take to connect to whoever is not.
@pytest.mark.settings(**{**SETTINGS, "PACKHOUSE_UPSTREAM_CONNECT_TIMEOUT": "5s"})
@conformance("npm-162")
def test_what_came_once_is_there_while_the_upstream_is_not(pulling, upstream):
    full, tarball = packument(pulling, "outside"), f"{pulling.npm}/outside/-/outside-1.1.0.tgz"
    assert pulling.get(tarball).status == 200
    for state in ("down", "unplugged"):
        upstream.go(state)
        assert packument(pulling, "outside")["versions"] == full["versions"]
        assert pulling.get(tarball).status == 200
        for absent in ("/@far%2fscoped", "/@far/scoped/-/scoped-1.0.0.tgz", "/outside/-/outside-1.0.0.tgz",
                       "/@far%2fscoped/1.0.0", "/-/package/@far%2fscoped/dist-tags"):
            answer = pulling.get(pulling.npm + absent)
            assert answer.status in (502, 503, 504), answer
            assert isinstance(answer.json()["error"], str)


@conformance("npm-163")
def test_what_the_upstream_has_not_got_is_404(pulling, upstream):
    for path in ("/absent", "/absent/1.0.0", "/absent/-/absent-1.0.0.tgz", "/outside/9.9.9",
                 "/outside/-/outside-9.9.9.tgz", "/outside/-/needs-outside-1.0.0.tgz"):
        assert pulling.get(pulling.npm + path).status == 404, path
    pulling.get(f"{pulling.npm}/absent")
    assert len(upstream.asked("*/absent")) == 1
    pulling.send(shapes.npm_publish(pulling.npm, "absent", "1.0.0"))
    assert pulling.get(f"{pulling.npm}/absent").status == 200


@conformance("npm-164")
@pytest.mark.parametrize("status", [401, 403])
def test_an_upstream_that_refuses_us_does_not_make_clients_log_in(pulling, upstream, status):
    upstream.lie("*/outside", lies.status(status))
    answer = pulling.get(f"{pulling.npm}/outside")
    assert answer.status == 502, answer
    assert "www-authenticate" not in {name.lower() for name in answer.headers.keys()}
    assert answer.json()["error"]


@conformance("npm-165")
def test_fifty_who_miss_at_once_ask_once(pulling, upstream):
    upstream.delay_s = 0.5
    answers = []

    def ask(path):
        answers.append(pulling.get(pulling.npm + path))

    for path, asked in (("/outside", "*/outside"), ("/outside/-/outside-1.0.0.tgz", "*.tgz")):
        answers.clear()
        threads = [threading.Thread(target=ask, args=(path,)) for _ in range(50)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [answer.status for answer in answers] == [200] * 50
        assert len({(answer.body, answer.get("ETag")) for answer in answers}) == 1
        assert len(upstream.asked(asked)) == 1


@conformance("npm-171")
def test_what_is_ours_is_never_asked_for_outside(pulling, upstream):
    pulling.send(shapes.npm_publish(pulling.npm, "internal", "1.0.0"))
    upstream.npm.add("internal", "9.9.9")
    upstream.forget()
    assert list(packument(pulling, "internal")["versions"]) == ["1.0.0"]
    for path in ("/internal/9.9.9", "/internal/-/internal-9.9.9.tgz"):
        assert pulling.get(pulling.npm + path).status == 404
    assert not upstream.asked("*internal*")


@conformance("npm-120")
def test_what_is_the_upstream_s_cannot_be_changed_here(pulling, upstream, npm):
    before = packument(pulling, "outside")
    version = next(iter(before["versions"]))
    for words in (("deprecate", f"outside@{version}", "old"), ("dist-tag", "add", f"outside@{version}", "mine"),
                  ("unpublish", "--force", f"outside@{version}"), ("unpublish", "--force", "outside")):
        with pytest.raises(npm.Failure, match="E403") as failed:
            npm(*words)
        assert "outside belongs to the upstream" in failed.value.stderr, failed.value.stderr
    assert packument(pulling, "outside") == before


@conformance("npm-172")
def test_the_first_of_two_upstreams_that_has_a_name_is_its_only_one(server, upstream, new_upstream):
    other = new_upstream()
    other.npm.add("outside", "9.9.9")
    other.npm.add("only-there", "1.0.0")
    attach(server, "npm", upstream.npm_url)
    attach(server, "npm", other.npm_url)
    found = packument(server, "outside")
    assert "9.9.9" not in found["versions"] and found["time"]["1.0.0"].startswith("2020-")
    there = packument(server, "only-there")["versions"]["1.0.0"]["dist"]["tarball"]
    assert there == f"{server.url}{server.npm}/only-there/-/only-there-1.0.0.tgz"
    assert not other.asked("*/outside")
    upstream.npm.add("only-there", "9.9.9")
    assert list(packument(server, "only-there")["versions"]) == ["1.0.0"]


@conformance("npm-173")
def test_a_client_s_credential_goes_no_further(pulling, upstream):
    packument(pulling, "outside")
    pulling.get(f"{pulling.npm}/outside/-/outside-1.0.0.tgz")
    audit(pulling, {"outside": ["1.0.0"]})
    assert upstream.requests
    for request in upstream.requests:
        assert "authorization" not in request.headers
        assert pulling.token not in repr(request.pairs)


@conformance("npm-174")
def test_a_tarball_on_another_host_is_fetched_only_where_that_is_allowed(server, upstream, new_upstream):
    other = new_upstream()
    away = other.npm.add("away", "1.0.0")
    upstream.npm.packages["away"] = {"1.0.0": away}
    upstream.npm.tags["away"] = {"latest": "1.0.0"}
    attach(server, "npm", upstream.npm_url)
    answer = server.get(f"{server.npm}/away/-/away-1.0.0.tgz")
    assert answer.status in (403, 502), answer
    assert not other.requests


@conformance("npm-174")
def test_a_tarball_on_a_host_that_is_allowed_is_fetched(server, upstream, new_upstream):
    other = new_upstream()
    away = other.npm.add("away", "1.0.0")
    upstream.npm.packages["away"] = {"1.0.0": away}
    upstream.npm.tags["away"] = {"latest": "1.0.0"}
    attach(server, "npm", upstream.npm_url, file_hosts=[f"{other.host}:{other.port}"])
    answer = server.get(f"{server.npm}/away/-/away-1.0.0.tgz")
    assert answer.status == 200 and answer.body == away.body.content, answer
    assert all("authorization" not in request.headers for request in other.requests)


@conformance("npm-175")
@pytest.mark.parametrize("name", ["npm", "pnpm"])
def test_a_client_that_asks_for_news_of_itself_does_not_wait(pulling, upstream, name):
    upstream.go("down")
    answer = pulling.get(f"{pulling.npm}/{name}", headers=CORGI)
    assert answer.status == 404, answer


@conformance("npm-011")
def test_an_old_name_with_capitals_can_be_read(pulling, upstream):
    upstream.npm.add("JSONStream", "1.0.0")
    assert packument(pulling, "JSONStream")["name"] == "JSONStream"
    assert pulling.get(f"{pulling.npm}/JSONStream/-/JSONStream-1.0.0.tgz").status == 200
    assert upstream.asked("*/JSONStream")
    answer = pulling.send(shapes.npm_publish(pulling.npm, "NewName", "1.0.0"))
    assert answer.status == 400, answer


@conformance("npm-029")
def test_times_have_one_spelling(pulling, upstream):
    upstream.npm.add("old", "1.0.0", published="2015-02-03T04:05:06.123456+00:00")
    upstream.npm.add("old", "1.1.0", published="2015-02-03T06:05:06+02:00")
    times = packument(pulling, "old")["time"]
    assert all(TIME.match(value) for value in times.values()), times
    assert times["1.0.0"] == "2015-02-03T04:05:06.123Z"
    assert times["1.1.0"] == "2015-02-03T04:05:06.000Z"
    assert packument(pulling, "old", headers=CORGI)["time"] == times


@conformance("npm-030")
def test_an_upstream_without_times_is_good_enough_for_yarn(pulling, upstream, berry):
    document = upstream.npm.document("outside")
    del document["time"]
    upstream.lie("*/outside", lies.other(json.dumps(document).encode()))
    times = packument(pulling, "outside")["time"]
    assert {"created", "modified", "1.0.0", "1.1.0", "2.0.0-rc.1"} == set(times)
    assert all(TIME.match(value) for value in times.values()), times
    installed = berry.install("outside@1.0.0")
    assert b"outside 1.0.0" in installed.files["index.js"]


@conformance("npm-035")
def test_of_what_comes_twice_the_last_counts(pulling, upstream):
    document = upstream.npm.document("outside")
    one = json.dumps(document["versions"]["1.0.0"])
    twice = (f'{{"name": "outside", "x": 1, "x": 2, "dist-tags": {{"latest": "1.1.0", "latest": "1.0.0"}},'
             f'"versions": {{"7.0.0": {{}}}}, "versions": {{"1.0.0": {one[:-1]}, "n": 1}}, "1.0.0": {one[:-1]}, "n": 2}}}}}}')
    upstream.lie("*/outside", lies.other(twice.encode()))
    answer = pulling.get(f"{pulling.npm}/outside")
    found = json.loads(answer.body, object_pairs_hook=lambda pairs: pairs)
    names = [name for name, _ in found]
    assert len(names) == len(set(names))
    found = answer.json()
    assert found["x"] == 2 and found["dist-tags"] == {"latest": "1.0.0"}
    assert list(found["versions"]) == ["1.0.0"] and found["versions"]["1.0.0"]["n"] == 2


@conformance("npm-036")
def test_a_packument_of_100_mb_passes(pulling, upstream):
    last = upstream.npm.add_huge("huge")
    for headers, at_least in ((CORGI, 1 << 20), ({}, 90 << 20)):
        answer = pulling.get(f"{pulling.npm}/huge", headers={**headers, "Accept-Encoding": "gzip"})
        assert answer.status == 200, answer
        text = gzip.decompress(answer.body)
        assert len(text) > at_least and upstream.url.encode() not in text
        assert json.loads(text)["versions"]["1.0.0"]["dist"]["integrity"] == last.integrity
    assert pulling.get(f"{pulling.npm}/huge/-/huge-1.0.0.tgz").status == 200


@conformance("npm-075")
def test_build_metadata_of_an_upstream_is_in_no_url_and_no_key(pulling, upstream, npm):
    upstream.npm.add("built", "1.0.0+b7")
    found = packument(pulling, "built")
    assert list(found["versions"]) == ["1.0.0"] and found["dist-tags"] == {"latest": "1.0.0"}
    assert found["versions"]["1.0.0"]["dist"]["tarball"].endswith("/built/-/built-1.0.0.tgz")
    assert b"built" in npm.install("built").files["index.js"]


@conformance("npm-078")
@pytest.mark.parametrize("client", ["pnpm", "berry"])
def test_a_lockfile_is_enough_where_the_upstream_keeps_tarballs_elsewhere(pulling, upstream, client, request):
    odd = upstream.npm.add("odd", "1.0.0")
    document = upstream.npm.document("odd")
    document["versions"]["1.0.0"]["dist"]["tarball"] = f"{upstream.url}/downloads/odd_v1.tar.gz"
    upstream.lie("*/npm/odd", lies.other(json.dumps(document).encode()))
    upstream.pages["/downloads/odd_v1.tar.gz"] = lambda request: upstream.npm.tarball(odd)
    client = request.getfixturevalue(client)
    installed = client.install("odd@1.0.0")
    assert b"odd 1.0.0" in installed.files["index.js"]
    for lock in ("pnpm-lock.yaml", "yarn.lock"):
        if (installed.folder / lock).exists():
            assert "downloads" not in (installed.folder / lock).read_text()
    again = type(client)(client.new_folder("again"), pulling)
    again.reinstall(installed.folder)
    # Also under the name that the upstream has for it, as a lockfile made there says.
    assert pulling.get(f"{pulling.npm}/odd/-/odd_v1.tar.gz").status == 200
    assert pulling.get(f"{pulling.npm}/outside/-/odd_v1.tar.gz").status == 404


@conformance("npm-079")
def test_a_lockfile_outlives_a_change_of_the_public_url(new_server, upstream, tmp_path):
    import clients

    server = new_server(settings={"PACKHOUSE_UPSTREAM_ALLOW_ADDRESSES": "127.0.0.0/8"})
    attach(server, "npm", upstream.npm_url)
    pnpm = clients.Pnpm(tmp_path / "pnpm", server)
    installed = pnpm.install("outside@1.0.0")
    server.stop()
    server.environment["PACKHOUSE_PUBLIC_URL"] = f"http://localhost:{server.port}"
    server.start()
    assert packument(server, "outside")["versions"]["1.0.0"]["dist"]["tarball"].startswith("http://localhost:")
    again = clients.Pnpm(tmp_path / "again", server)
    again.reinstall(installed.folder)
    assert b"outside 1.0.0" in installed.files["index.js"]


@conformance("npm-080")
def test_bytes_are_those_of_the_upstream(pulling, upstream):
    file = upstream.npm.packages["outside"]["1.0.0"]
    for _ in range(2):
        answer = pulling.get(f"{pulling.npm}/outside/-/outside-1.0.0.tgz")
        digest = hashlib.sha512(answer.body).digest()
        assert "sha512-" + base64.b64encode(digest).decode() == file.integrity
    assert len(upstream.asked("*.tgz")) == 1


@conformance("npm-081")
@pytest.mark.parametrize("size", [1 << 10, 12 << 20])
def test_a_corrupted_tarball_is_neither_kept_nor_completed(pulling, upstream, size):
    """Small ones are refused; of large ones the end never comes."""
    filler = base64.b64encode(hashlib.shake_256(b"x").digest(size)).decode()
    upstream.npm.add("spoilt", "1.0.0", {"filler.txt": filler})
    upstream.lie("*/spoilt-1.0.0.tgz", lies.wrong_bytes())
    path = f"{pulling.npm}/spoilt/-/spoilt-1.0.0.tgz"
    try:
        answer = pulling.get(path)
        assert answer.status == 502, answer
    except Exception as cut:  # however the cut shows: a whole answer would not raise
        assert not isinstance(cut, AssertionError), cut
    assert packument(pulling, "spoilt")
    pulling.verify()
    asked = len(upstream.asked("*.tgz"))
    upstream.honest()
    pulling.restart()  # what failed is remembered for a while, but not over that
    answer = pulling.get(path)
    assert answer.status == 200 and len(upstream.asked("*.tgz")) > asked  # so nothing was kept
    digest = base64.b64encode(hashlib.sha512(answer.body).digest()).decode()
    assert f"sha512-{digest}" == upstream.npm.packages["spoilt"]["1.0.0"].integrity


def test_a_tarball_must_be_of_the_package_that_lists_it(pulling, upstream):
    upstream.npm.add("confused", "1.0.0", tarball=packages.npm_tarball("other", "1.0.0"))
    assert pulling.get(f"{pulling.npm}/confused/-/confused-1.0.0.tgz").status == 502
    upstream.npm.add("later", "1.0.0", tarball=packages.npm_tarball("later", "2.0.0"))
    assert pulling.get(f"{pulling.npm}/later/-/later-1.0.0.tgz").status == 502


@conformance("npm-159")
def test_signatures_pass_unchanged(pulling, upstream):
    upstream.npm.signed = True
    file = upstream.npm.packages["outside"]["1.0.0"]
    for headers in ({}, CORGI):
        dist = packument(pulling, "outside", headers=headers)["versions"]["1.0.0"]["dist"]
        assert dist["signatures"] == [upstream.npm.signature(file)] and dist["integrity"] == file.integrity
    assert pulling.get(f"{pulling.npm}/outside/1.0.0").json()["dist"] == dist
    assert pulling.get(f"{pulling.npm}/-/npm/v1/keys").json()["keys"][1:] == [upstream.npm.key]


def test_the_keys_of_all_upstreams_are_one_list(server, upstream, new_upstream):
    own = own_keyid(server)
    assert [key["keyid"] for key in server.get(f"{server.npm}/-/npm/v1/keys").json()["keys"]] == [own]
    other = new_upstream()
    upstream.npm.signed = other.npm.signed = True
    attach(server, "npm", upstream.npm_url)
    attach(server, "npm", other.npm_url)
    keys = server.get(f"{server.npm}/-/npm/v1/keys").json()["keys"]
    assert [key["keyid"] for key in keys] == [own, upstream.npm.key["keyid"], other.npm.key["keyid"]]


@conformance("npm-161", "art-112")
def test_attestations_are_where_npm_looks_for_them(pulling, upstream):
    made = [{"predicateType": "https://slsa.dev/provenance/v1", "bundle": {"x": 1}}]
    upstream.npm.add("@far/attested", "1.0.0", attestations=made)
    dist = packument(pulling, "@far%2fattested")["versions"]["1.0.0"]["dist"]
    url = dist["attestations"]["url"]
    assert url == f"{pulling.url}{pulling.npm}/-/npm/v1/attestations/@far%2fattested@1.0.0"
    assert dist["attestations"]["provenance"] == {"predicateType": "https://slsa.dev/provenance/v1"}
    path = url[len(pulling.url):]
    for there in (path, path.replace("%2f", "/"), pulling.npm + path):
        answer = pulling.get(there)
        assert answer.status == 200 and answer.json() == {"attestations": made}, answer
    for absent in ("outside@1.0.0", "outside@9.9.9", "absent@1.0.0", "outside", "@"):
        assert pulling.get(f"{pulling.npm}/-/npm/v1/attestations/{absent}").status == 404
    assert pulling.get(f"/npm/acme/main/npm/acme/other{path[len(pulling.npm):]}").status == 404


ADVISORY = {"id": 1100001, "url": "https://example.org/GHSA-aaaa-bbbb-cccc", "title": "leaks", "severity": "high",
            "vulnerable_versions": "<1.1.0", "cwe": ["CWE-79"], "cvss": {"score": 7.5, "vectorString": None}}


def test_an_audit_asks_the_upstream_about_its_own_names_alone(pulling, upstream):
    upstream.npm.advisories = {"outside": [ADVISORY], "internal": [ADVISORY], "unheard-of": [ADVISORY]}
    pulling.send(shapes.npm_publish(pulling.npm, "internal", "1.0.0"))
    packument(pulling, "outside")
    for zipped in (False, True):
        upstream.forget()
        answer = audit(pulling, {"outside": ["1.0.0"], "internal": ["1.0.0"], "unheard-of": ["1.0.0"]}, zipped=zipped)
        assert answer.status == 200 and answer.json() == {"outside": [ADVISORY]}, answer
        [asked] = upstream.asked("*/advisories/bulk")
        assert json.loads(asked.body) == {"outside": ["1.0.0"]}
    for body in (b"", b"[]", b'{"outside": 1}', b'{"outside": ["1.0.0"'):
        answer = pulling.post(f"{pulling.npm}/-/npm/v1/security/advisories/bulk", body)
        assert answer.status == 400, (body, answer)
    upstream.forget()
    assert audit(pulling, {"internal": ["1.0.0"]}).json() == {}
    assert not upstream.requests


def test_an_audit_without_an_upstream_does_not_say_that_all_is_well(pulling, upstream):
    """Within an install it holds nobody up; npm audit itself must not print "0 vulnerabilities"."""
    packument(pulling, "outside")
    for state in ("down", "paused"):
        upstream.go(state)
        for command in ("install", "ci"):
            answer = audit(pulling, {"outside": ["1.0.0"]}, command)
            assert answer.status == 200 and answer.json() == {}, answer
    upstream.go("down")
    answer = audit(pulling, {"outside": ["1.0.0"]}, "audit")
    assert answer.status == 503, answer


@pytest.mark.parametrize("client", ["npm", "npm10", "pnpm", "bun"])
def test_clients_report_what_the_upstream_knows(pulling, upstream, client, request):
    client = request.getfixturevalue(client)
    upstream.npm.advisories = {"outside": [ADVISORY]}
    installed = client.install("outside@1.0.0")
    with pytest.raises(client.Failure) as found:
        client("audit", cwd=installed.folder)
    assert "GHSA-aaaa-bbbb-cccc" in str(found.value) and "high" in str(found.value)
    client.install("outside@1.1.0", project=installed.folder)
    if type(client).__name__ != "Bun":
        client("audit", cwd=installed.folder)


def test_one_version_is_that_of_the_packument(pulling, upstream):
    dist = packument(pulling, "outside")["versions"]["1.1.0"]["dist"]
    for spelling in ("1.1.0", "latest", "v1.1.0", "1.1.0+x"):
        assert pulling.get(f"{pulling.npm}/outside/{spelling}").json()["dist"] == dist
    tags = pulling.get(f"{pulling.npm}/-/package/outside/dist-tags").json()
    assert tags == {"latest": "1.1.0", "next": "2.0.0-rc.1"}


def test_what_is_shown_is_what_the_upstream_says_but_for_where_it_is(pulling, upstream):
    upstream.npm.top["outside"] = {"new-field": [1.0, {"x": "y"}]}
    theirs, ours = upstream.npm.document("outside"), packument(pulling, "outside")
    for version in theirs["versions"].values():
        version["dist"]["tarball"] = f"{pulling.url}{pulling.npm}/outside/-/outside-{version['version']}.tgz"
    del theirs["_rev"]
    assert ours == theirs


def test_first_seen_bytes_are_served_and_listed_whatever_is_listed_later(pulling, upstream):
    """C5."""
    old = upstream.npm.packages["outside"]["1.0.0"]
    first = pulling.get(f"{pulling.npm}/outside/-/outside-1.0.0.tgz")
    assert first.status == 200
    upstream.npm.add("outside", "1.0.0", {"evil.js": "//\n"}, tag=None)
    pulling.restart()
    deadline = time.monotonic() + 60
    while True:
        answer = pulling.get(f"{pulling.npm}/outside/-/outside-1.0.0.tgz")
        assert answer.status == 200 and answer.body == first.body
        dist = packument(pulling, "outside")["versions"]["1.0.0"]["dist"]
        assert dist["integrity"] == old.integrity and dist["shasum"] == old.shasum
        if len(upstream.asked("*/outside")) > 1 or time.monotonic() > deadline:
            break
        time.sleep(0.2)


def test_a_cold_packument_is_rendered_once(pulling, upstream):
    """Its arrival changes the package: what was being rendered meanwhile must not be thrown away for it."""
    def renders():
        return int(re.search(r"^packhouse_document_cache_renders_total (\d+)", pulling.get("/metrics").body.decode(),
                             re.M)[1])

    before = renders()
    first, second = (pulling.get(f"{pulling.npm}/outside") for _ in range(2))
    assert (first.status, first.body) == (second.status, second.body) and first.status == 200
    assert renders() == before + 1


def test_a_refresh_reaches_what_is_rendered_already(pulling, upstream):
    for _ in range(2):
        assert "1.9.0" not in packument(pulling, "outside")["versions"]
    upstream.npm.add("outside", "1.9.0")
    assert pulling.post("/api/v1/orgs/acme/upstreams/npm/refresh").status == 200
    until(lambda: "1.9.0" in packument(pulling, "outside")["versions"], "the new version", within=240)
