"""What a registry answers to those who read: names, forms, validators, tarballs (npm spec 2, 3, 5, 6)."""

import gzip
import hashlib
import itertools
import json
import re

import pytest

import packages
import shapes
from conformance import conformance

CORGI = "application/vnd.npm.install-v1+json"
PNPM_CORGI = f"{CORGI}; q=1.0, application/json; q=0.8, */*"
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
numbers = itertools.count()


def publish(server, name, version="1.0.0", files=None, tag="latest", in_tarball=None, **manifest):
    """One version whose metadata and package.json say the same. Returns the tarball."""
    tarball = packages.npm_tarball(name, version, files, **manifest, **(in_tarball or {}))
    done = server.send(shapes.npm_publish(server.npm, name, version, tarball, tag=tag, manifest=manifest))
    assert done.status == 201, done
    return tarball


@pytest.fixture
def name():
    """A name that no other test of this file has."""
    return f"package-{next(numbers)}"


@pytest.fixture
def scoped():
    return f"@scope/package-{next(numbers)}"


def get(server, path, accept=None, **headers):
    pairs = [(key.replace("_", "-"), value) for key, value in headers.items()]
    return server.get(server.npm + path, headers=pairs + ([("Accept", accept)] if accept else []))


# Names and routes.

@conformance("npm-001", "npm-004", "npm-005", "npm-007", "npm-014")
def test_a_scoped_name_answers_alike_in_every_spelling(shared_server, scoped):
    tarball = publish(shared_server, scoped)
    scope, base = scoped.split("/")
    spellings = [f"/{scope}%2f{base}", f"/{scope}%2F{base}", f"/{scope}/{base}", f"/%40scope%2f{base}",
                 f"/%40scope/{base}"]
    first = get(shared_server, spellings[0])
    assert first.status == 200
    for spelling in spellings[1:] + [f"//{scope}//{base}/", f"/{scope}/{base}?x=1&y"]:
        answer = get(shared_server, spelling)
        assert (answer.status, answer.body) == (200, first.body), spelling
    file = f"{base}-1.0.0.tgz"
    for path in [f"{spelling}/-/{file}" for spelling in spellings] + [
            f"/{scope}/{base}/-/{scope}/{file}", f"/{scope}%2f{base}/-/{scope}%2f{file}"]:
        answer = get(shared_server, path)
        assert (answer.status, answer.body) == (200, tarball), path


@conformance("npm-002")
def test_a_name_is_decoded_once(shared_server, scoped):
    publish(shared_server, scoped)
    assert get(shared_server, "/" + scoped.replace("/", "%252f")).status == 404


@conformance("npm-006", "npm-074")
def test_every_url_keeps_the_prefix_and_the_canonical_form(shared_server, scoped):
    publish(shared_server, scoped, "1.0.0-rc.1-2")
    base = scoped.split("/")[1]
    manifest = get(shared_server, f"/{scoped}").json()["versions"]["1.0.0-rc.1-2"]
    assert manifest["dist"]["tarball"] == (
        f"{shared_server.url}{shared_server.npm}/{scoped}/-/{base}-1.0.0-rc.1-2.tgz")


@pytest.mark.settings(PACKHOUSE_PUBLIC_URL="https://registry.example/packages")
@conformance("npm-076")
def test_links_use_the_configured_address(server):
    publish(server, "hello")
    answer = get(server, "/hello", Host="evil.example", X_Forwarded_Host="evil.example",
                 X_Forwarded_Proto="https")
    assert answer.json()["versions"]["1.0.0"]["dist"]["tarball"] == (
        "https://registry.example/packages/npm/acme/main/hello/-/hello-1.0.0.tgz")
    assert b"evil" not in answer.body


@pytest.mark.parametrize("path", [
    "/a%00b", "/%2e%2e", "/@s%2f%2e%2e", "/a/-/%2e%2e%2fa-1.0.0.tgz", "/%ff", "/a%2fb", "/%", "/%zz"])
@conformance("npm-008")
def test_a_path_that_is_none_is_refused(shared_server, path):
    answer = get(shared_server, path)
    assert answer.status in (400, 404), answer
    assert isinstance(answer.json()["error"], str)
    assert shared_server.put(shared_server.npm + path, b"{}").status in (400, 403, 404, 405)


@conformance("npm-008")
def test_an_overlong_name_is_refused(shared_server):
    assert get(shared_server, "/" + "a" * 3000).status in (400, 404)


@conformance("npm-009")
@pytest.mark.parametrize("special", ["constructor", "hasownproperty", "tostring", "valueof"])
def test_javascript_s_own_words_are_names_like_others(shared_server, special):
    publish(shared_server, special, **{"x-__proto__": {"__proto__": 1, "constructor": 2}})
    manifest = get(shared_server, f"/{special}/1.0.0").json()
    assert manifest["x-__proto__"] == {"__proto__": 1, "constructor": 2}


@conformance("npm-010", "npm-056")
def test_what_is_not_offered_is_said_in_json(shared_server, name):
    publish(shared_server, name)
    for answer in (get(shared_server, "/-/foo/bar"), shared_server.post(f"{shared_server.npm}/-/foo", b"{}"),
                   get(shared_server, f"/{name}/9.9.9")):
        assert answer.status == 404
        assert isinstance(answer.json()["error"], str)
    answer = shared_server.http("DELETE", f"{shared_server.npm}/{name}")
    assert answer.status == 405
    assert {"GET", "PUT"} <= set(answer["Allow"].replace(" ", "").split(","))
    assert isinstance(answer.json()["error"], str)


@conformance("npm-013")
def test_head_answers_as_get_does_without_a_body(shared_server, name):
    publish(shared_server, name)
    for path in (f"/{name}", f"/{name}/1.0.0", f"/{name}/-/{name}-1.0.0.tgz", "/-/ping",
                 f"/-/package/{name}/dist-tags"):
        with_body = get(shared_server, path)
        without = shared_server.head(shared_server.npm + path)
        assert (without.status, without.body) == (with_body.status, b"")
        for header in ("Content-Length", "Content-Type", "ETag", "Cache-Control", "Last-Modified"):
            assert without.get(header) == with_body.get(header), (path, header)


# Forms.

@conformance("npm-015", "npm-016", "npm-017", "npm-018", "npm-019")
@pytest.mark.parametrize("accept, query, is_full", [
    (None, "", True), ("*/*", "", True), ("application/json", "", True), (CORGI, "", False),
    (PNPM_CORGI, "", False), (f"{CORGI}; q=1.0, application/json; q=0.8", "", False),
    (f"{CORGI};q=0.1, application/json", "", True), ("image/png", "", True), (CORGI, "?write=true", True)])
def test_accept_picks_the_form(shared_server, accept, query, is_full):
    if get(shared_server, "/negotiated").status == 404:
        publish(shared_server, "negotiated")
    answer = get(shared_server, f"/negotiated{query}", accept)
    assert answer.status == 200
    assert answer["Content-Type"].split(";")[0] == ("application/json" if is_full else CORGI)
    assert ("_rev" in answer.json()) == is_full


@conformance("npm-020")
def test_accept_does_not_matter_where_there_is_one_form(shared_server, name):
    publish(shared_server, name)
    for path in (f"/-/package/{name}/dist-tags", f"/{name}/-/{name}-1.0.0.tgz", f"/{name}/1.0.0"):
        assert get(shared_server, path, CORGI).body == get(shared_server, path).body


FIELDS = dict(
    dependencies={"a": "1"}, optionalDependencies={"b": "1"}, devDependencies={"c": "1"},
    peerDependencies={"d": "1"}, peerDependenciesMeta={"d": {"optional": True}},
    acceptDependencies={"a": "2"}, bundledDependencies=["a"], bin={"x": "x.js"}, directories={"lib": "lib"},
    engines={"node": ">=18"}, os=["linux"], cpu=["x64"], libc=["glibc"], funding="https://fund.example",
    scripts={"postinstall": "node x.js"}, author="Alice", repository="github:a/b", description="words",
    readme="# words", keywords=["k"])


@conformance("npm-021", "npm-022", "npm-023", "npm-024", "npm-026", "npm-028")
def test_the_abbreviated_form_has_its_fields_and_no_other(shared_server, name):
    publish(shared_server, name, **FIELDS)
    document = get(shared_server, f"/{name}", CORGI).json()
    assert set(document) == {"name", "modified", "dist-tags", "versions", "time"}
    manifest = document["versions"]["1.0.0"]
    assert set(manifest) == {
        "name", "version", "dependencies", "optionalDependencies", "devDependencies", "peerDependencies",
        "peerDependenciesMeta", "acceptDependencies", "bundleDependencies", "bin", "directories", "engines",
        "os", "cpu", "libc", "funding", "hasInstallScript", "_hasShrinkwrap", "_npmUser", "dist"}
    assert manifest["bundleDependencies"] == ["a"]
    assert manifest["hasInstallScript"] is True
    assert manifest["peerDependenciesMeta"] == {"d": {"optional": True}}
    assert set(document["time"]) == {"created", "modified", "1.0.0"}
    assert all(TIME.fullmatch(time) for time in [document["modified"], *document["time"].values()])


@conformance("npm-027", "npm-028", "npm-034", "npm-104")
def test_the_full_form_has_everything_that_was_published(shared_server, name):
    publish(shared_server, name, "0.9.0", readme="ERROR: No README data found!", description="old")
    assert get(shared_server, f"/{name}").json().get("readme", "") == ""
    publish(shared_server, name, **FIELDS, **{"x-own": {"ä": [1.5, None, "\u2028"]}})
    document = get(shared_server, f"/{name}").json()
    assert document["_id"] == document["name"] == name
    assert document["_rev"]
    assert document["maintainers"][0]["name"]
    assert document["readme"] == "# words"
    assert document["description"] == "words"
    assert document["dist-tags"] == {"latest": "1.0.0"}
    assert set(document["time"]) == {"created", "modified", "0.9.0", "1.0.0"}
    assert all(TIME.fullmatch(time) for time in document["time"].values())
    manifest = document["versions"]["1.0.0"]
    assert "readme" not in manifest
    assert manifest["x-own"] == {"ä": [1.5, None, "\u2028"]}
    assert manifest["scripts"] == FIELDS["scripts"]
    assert manifest["_id"] == f"{name}@1.0.0"


@conformance("npm-024", "npm-025")
def test_what_is_in_the_tarball_is_told(shared_server, name):
    publish(shared_server, name, "1.0.0", {"binding.gyp": "{}", "npm-shrinkwrap.json": "{}"})
    publish(shared_server, name, "2.0.0", {"test/binding.gyp": "{}", "test/npm-shrinkwrap.json": "{}"},
            scripts={"test": "x"})
    versions = get(shared_server, f"/{name}", CORGI).json()["versions"]
    assert versions["1.0.0"]["hasInstallScript"] is True
    assert versions["1.0.0"]["_hasShrinkwrap"] is True
    assert versions["1.0.0"]["dist"]["fileCount"] == 3
    assert "hasInstallScript" not in versions["2.0.0"]
    assert not versions["2.0.0"]["_hasShrinkwrap"]


@conformance("npm-031", "npm-032")
def test_one_version_is_found_by_number_and_by_tag(shared_server, scoped):
    publish(shared_server, scoped, "1.0.0")
    publish(shared_server, scoped, "2.0.0", tag="next")
    document = get(shared_server, f"/{scoped}").json()
    for wanted, version in [("1.0.0", "1.0.0"), ("v1.0.0", "1.0.0"), ("=1.0.0", "1.0.0"),
                            ("1.0.0+build", "1.0.0"), ("latest", "1.0.0"), ("next", "2.0.0")]:
        answer = get(shared_server, f"/{scoped}/{wanted}",
                     f"{CORGI}; q=1.0, application/json; q=0.8")  # as corepack asks
        assert answer.status == 200, wanted
        assert answer.json() == document["versions"][version]
    for wanted in ("3.0.0", "beta", "^1.0.0"):
        answer = get(shared_server, f"/{scoped}/{wanted}")
        assert answer.status == 404
        assert "version not found" in answer.json()["error"]


@conformance("npm-033", "npm-037")
def test_an_unknown_package_is_404_in_both_forms(shared_server):
    for accept in (None, CORGI):
        answer = get(shared_server, "/never-published", accept)
        assert answer.status == 404
        assert "never-published" in answer.json()["error"]


# HTTP.

@conformance("npm-038", "npm-039", "npm-040")
def test_gzip_is_sent_where_it_is_offered_and_helps(shared_server, name):
    publish(shared_server, name, readme="words " * 500)
    plain = get(shared_server, f"/{name}")
    assert plain.get("Content-Encoding") is None
    packed = get(shared_server, f"/{name}", Accept_Encoding="gzip, deflate, br")
    assert packed["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.body) == plain.body
    assert packed["ETag"] != plain["ETag"]
    for refused in ("gzip;q=0", "identity", "gzip/deflate", "br"):
        assert get(shared_server, f"/{name}", Accept_Encoding=refused).get("Content-Encoding") is None, refused
    tarball = get(shared_server, f"/{name}/-/{name}-1.0.0.tgz", Accept_Encoding="gzip")
    assert tarball.get("Content-Encoding") is None


@conformance("npm-040")
def test_an_etag_outlives_a_restart(server):
    publish(server, "hello")
    full, abbreviated = get(server, "/hello"), get(server, "/hello", CORGI)
    assert full["ETag"] != abbreviated["ETag"]
    server.restart()
    assert get(server, "/hello")["ETag"] == full["ETag"]
    assert get(server, "/hello", CORGI)["ETag"] == abbreviated["ETag"]


@conformance("npm-041", "npm-042", "npm-043", "npm-045")
def test_validators_save_the_body(shared_server, name):
    publish(shared_server, name)
    answer = get(shared_server, f"/{name}")
    etag = answer["ETag"]
    assert answer["Cache-Control"] == "private, no-cache"
    assert {"Accept", "Accept-Encoding"} <= {word.strip() for word in answer["Vary"].split(",")}
    for condition in (etag, f"W/{etag}", f'"x", {etag}', "*"):
        again = get(shared_server, f"/{name}", If_None_Match=condition)
        assert (again.status, again.body) == (304, b""), condition
        for header in ("ETag", "Vary", "Cache-Control"):
            assert again[header] == answer[header]
    assert get(shared_server, f"/{name}", If_None_Match='"x"').status == 200
    assert get(shared_server, f"/{name}", If_Modified_Since=answer["Last-Modified"]).status == 304
    assert get(shared_server, f"/{name}",
               If_Modified_Since="Thu, 01 Jan 1970 00:00:00 GMT").status == 200


@conformance("npm-044", "npm-105", "npm-124")
def test_every_change_shows_at_once_under_a_new_etag(shared_server, name):
    seen = {}

    def look(is_new):
        for accept in (None, CORGI):
            answer = get(shared_server, f"/{name}", accept)
            assert (answer["ETag"] not in seen) == is_new
            seen[answer["ETag"]] = answer
        return answer.json()

    publish(shared_server, name)
    look(True)
    look(False)
    publish(shared_server, name, "1.0.1")
    assert set(look(True)["versions"]) == {"1.0.0", "1.0.1"}
    tags = f"{shared_server.npm}/-/package/{name}/dist-tags"
    assert shared_server.put(f"{tags}/old", b'"1.0.0"').status == 200
    assert look(True)["dist-tags"] == {"latest": "1.0.1", "old": "1.0.0"}
    assert shared_server.http("DELETE", f"{tags}/old").status == 200
    assert look(True)["dist-tags"] == {"latest": "1.0.1"}


@conformance("npm-046", "npm-047", "npm-080", "npm-084")
def test_a_tarball_has_its_bytes_its_headers_and_its_ranges(shared_server, name):
    tarball = publish(shared_server, name, "1.0.0-rc.1-2")
    path = f"/{name}/-/{name}-1.0.0-rc.1-2.tgz"
    answer = get(shared_server, path)
    assert answer.body == tarball
    assert answer["Content-Type"] == "application/octet-stream"
    assert answer["Content-Length"] == str(len(tarball))
    assert answer["Cache-Control"] == "private, max-age=31536000, immutable"
    assert answer["Accept-Ranges"] == "bytes"
    assert get(shared_server, path, If_None_Match=answer["ETag"]).status == 304
    part = get(shared_server, path, Range="bytes=10-19")
    assert (part.status, part.body) == (206, tarball[10:20])
    assert part["Content-Range"] == f"bytes 10-19/{len(tarball)}"
    assert get(shared_server, path, Range=f"bytes={len(tarball)}-").status == 416
    dist = get(shared_server, f"/{name}").json()["versions"]["1.0.0-rc.1-2"]["dist"]
    assert dist["shasum"] == hashlib.sha1(tarball).hexdigest()


@conformance("npm-036")
def test_a_large_packument_is_served_whole(shared_server, name):
    """Many versions with much in them: 10 MB, in both forms."""
    with shared_server.connect() as connection:
        for number in range(60):
            manifest = {"x-words": f"{number} " * 60000, "dependencies": {f"d{i}": "1" for i in range(50)}}
            tarball = packages.npm_tarball(name, f"1.0.{number}", dependencies=manifest["dependencies"])
            request = shapes.npm_publish(shared_server.npm, name, f"1.0.{number}", tarball, manifest=manifest)
            done = connection.request(request.method, request.path, request.headers + [
                ("Authorization", f"Bearer {shared_server.token}")], request.body)
            assert done.status == 201, done
    answer = get(shared_server, f"/{name}")
    assert len(answer.body) > 8 << 20
    assert len(answer.json()["versions"]) == 60
    assert gzip.decompress(get(shared_server, f"/{name}", Accept_Encoding="gzip").body) == answer.body
    assert len(get(shared_server, f"/{name}", CORGI).json()["versions"]) == 60


# Who reads.

@conformance("npm-060")
def test_a_token_comes_in_every_form(shared_server):
    token = shared_server.token
    for header in (("Authorization", f"Bearer {token}"), ("Authorization", f"bearer {token}"),
                   shared_server.basic("anybody", token), shared_server.basic(token, "")):
        answer = shared_server.get(f"{shared_server.npm}/-/whoami", headers=[header])
        assert answer.status == 200, header
        assert answer.json()["username"]


@conformance("npm-062", "npm-065", "npm-125")
def test_a_private_registry_tells_strangers_nothing(shared_server, name):
    publish(shared_server, name)
    answers = [shared_server.get(f"{shared_server.npm}/{asked}", token=None)
               for asked in (name, "never-published", f"{name}/-/{name}-1.0.0.tgz")]
    assert [answer.status for answer in answers] == [401] * 3
    assert all(answer.get("WWW-Authenticate") is None for answer in answers)
    dead = shared_server.get(f"{shared_server.npm}/{name}", token="pkhp_" + "0" * 36)
    assert dead.status == 401
    assert dead["WWW-Authenticate"].startswith("Bearer")
    assert shared_server.get(f"{shared_server.npm}/-/ping", token=None).json() == {}
    assert shared_server.get(f"{shared_server.npm}/-/ping?write=true", token=None).status == 200
    assert shared_server.get(f"{shared_server.npm}/-/whoami", token=None).status == 401


@conformance("npm-063", "npm-064", "npm-071", "npm-072")
def test_a_reading_token_changes_nothing(server, packhouse):
    publish(server, "hello")
    made = packhouse("token", "create", "--repo", "acme/main", "--role", "reader", "--expires", "1d",
                     "--json").json()
    assert get(server, "/hello").status == 200
    reading = dict(token=made["token"])
    assert server.get(f"{server.npm}/hello", **reading).status == 200
    tags = f"{server.npm}/-/package/hello/dist-tags"
    for answer in (server.send(shapes.npm_publish(server.npm, "hello", "1.0.1"), **reading),
                   server.put(f"{tags}/next", b'"1.0.0"', **reading),
                   server.http("DELETE", f"{tags}/latest", **reading)):
        assert answer.status == 403
        assert isinstance(answer.json()["error"], str)
    assert get(server, "/hello").json()["dist-tags"] == {"latest": "1.0.0"}
    packhouse("token", "revoke", made["id"])
    assert server.get(f"{server.npm}/hello", **reading).status == 401
    packhouse("repo", "create", "acme/other")
    other = packhouse("token", "create", "--repo", "acme/other", "--role", "publisher", "--expires", "1d",
                      "--json").json()["token"]
    there, absent = (server.get(f"{server.npm}/{name}", token=other) for name in ("hello", "absent"))
    assert (there.status, absent.status) == (404, 404)
    assert re.sub(r"hello|absent|[0-9a-f]{32}", "", there.text) == \
        re.sub(r"hello|absent|[0-9a-f]{32}", "", absent.text)


# Tags.

@conformance("npm-122")
def test_illegal_tags_and_unknown_versions_are_refused(shared_server, name):
    publish(shared_server, name)
    tags = f"{shared_server.npm}/-/package/{name}/dist-tags"
    for tag, body, status in [("1.x", b'"1.0.0"', 400), ("v1", b'"1.0.0"', 400), ("stable", b'"2.0.0"', 404),
                              ("stable", b'"1.x"', 400), ("stable", b"{", 400)]:
        answer = shared_server.put(f"{tags}/{tag}", body)
        assert answer.status == status, (tag, body, answer)
    assert shared_server.http("DELETE", f"{tags}/latest").status == 403
    assert shared_server.http("DELETE", f"{tags}/absent").status == 404
    for body in (b'"1.0.0"', b"1.0.0", b'"v1.0.0"'):
        assert shared_server.put(f"{tags}/stable", body, headers=[("Content-Type", "text/plain")]).json()["ok"]
    assert json.loads(get(shared_server, f"/-/package/{name}/dist-tags", PNPM_CORGI).body) == {
        "latest": "1.0.0", "stable": "1.0.0"}
