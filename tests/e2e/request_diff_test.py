"""What is new in a version that was asked for: both archives are got, read and compared here, and nobody gets a
byte of what is held by that."""

import contextlib
import gzip
import io
import json
import sqlite3
import tarfile

import pytest

import clients
import packages
import shapes
from patience import until
from policies import COOLDOWN, ago, set_policy
from pulling import attach

SETTINGS = {"PACKHOUSE_UPSTREAM_ALLOW_ADDRESSES": "127.0.0.0/8", "PACKHOUSE_UPSTREAM_RETRIES": "0",
            "PACKHOUSE_UPSTREAM_CONNECT_TIMEOUT": "1m", "PACKHOUSE_ARCHIVE_RATIO_FROM": "1 MiB"}
pytestmark = pytest.mark.settings(**SETTINGS)
OLD, NEW = {"days": 400}, {"hours": 1}
API = "/api/v1/orgs/acme"


@pytest.fixture
def held(server, upstream):
    attach(server, "npm", upstream.npm_url)
    attach(server, "pypi", upstream.pypi_url)
    set_policy(server, COOLDOWN)
    return server


def post(server, path, expected=(200, 201), **body):
    answer = server.post(f"/api/v1{path}", json.dumps(body).encode())
    assert answer.status in expected, answer
    return answer.json()


def ask_for(server, purl):
    return post(server, "/orgs/acme/requests", purl=purl, repository="main", reason="a test")["items"][0]["id"]


def diff_of(server, number, query=""):
    answer = server.get(f"{API}/requests/{number}/diff{query}")
    assert answer.status == 200, answer
    return answer.json()


def reader(server, name="ann", role="reader"):
    post(server, "/accounts", name=name)
    post(server, "/grants", subject=name, role=role, repository="acme/main")
    return post(server, "/tokens", **{"for": name})["token"]


def changes(listed):
    return [(item["change"], item["kind"], item["name"], item["old"], item["new"]) for item in listed["items"]]


def files(diff):
    return [(item["change"], item["path"]) for item in diff["files"]["items"]]


def two_releases_of_left_pad(upstream):
    """The second runs something on install, needs something more, and somebody else publishes it."""
    ann, eve = {"name": "ann", "email": "ann@example.org"}, {"name": "eve", "email": "eve@example.org"}
    upstream.npm.add("left-pad", "1.3.0", {"index.js": "1\n", "LICENSE": "MIT\n", "gone.js": "1\n"}, published=ago(**OLD),
                     license="MIT", dependencies={"wrap": "^1.0.0"}, scripts={"test": "mocha"},
                     maintainers=[ann], _npmUser=ann)
    upstream.npm.add("left-pad", "1.3.1", {"index.js": "22\n", "LICENSE": "MIT\n", "scripts/collect.js": "send()\n",
                                           "run.sh": "#!/bin/sh\n"},
                     published=ago(**NEW), license="ISC", dependencies={"wrap": "^2.0.0", "exfil": "^1.0.0"},
                     devDependencies={"mocha": "^9"}, scripts={"test": "mocha", "postinstall": "node scripts/collect"},
                     bin={"left": "run.sh"}, maintainers=[ann, eve], _npmUser=eve)


def test_what_is_new_in_an_npm_package_is_told(held, upstream):
    two_releases_of_left_pad(upstream)
    diff = diff_of(held, ask_for(held, "npm:left-pad@1.3.1"))
    assert diff["against"] == {"version": "1.3.0", "file": "left-pad-1.3.0.tgz", "by": "policy"}
    assert (diff["file"], diff["other_files"], diff["says"], diff["findings"]) == ("left-pad-1.3.1.tgz", [], None, [])
    assert changes(diff["scripts"]) == [("added", "script", "postinstall", None, "node scripts/collect")]
    assert diff["scripts"]["items"][0]["runs"] is True and diff["scripts"]["same"] == 1
    assert changes(diff["dependencies"]) == [
        ("added", "dependencies", "exfil", None, "^1.0.0"), ("changed", "dependencies", "wrap", "^1.0.0", "^2.0.0"),
        ("added", "devDependencies", "mocha", None, "^9")]
    assert changes(diff["people"]) == [("added", "maintainer", "eve <eve@example.org>", None, "")]
    assert changes(diff["about"]) == [("changed", "about", "license", "MIT", "ISC"),
                                      ("changed", "about", "publisher", "ann <ann@example.org>", "eve <eve@example.org>")]
    assert changes(diff["commands"]) == [("added", "bin", "left", None, "run.sh")]
    assert files(diff) == [("added", "scripts/collect.js"), ("added", "run.sh"), ("removed", "gone.js"),
                           ("changed", "index.js"), ("changed", "package.json")]
    assert [(item["runs"], item["executable"]) for item in diff["files"]["items"][:3]] == [
        (True, False), (False, True), (False, False)]
    assert [diff["files"][key] for key in ("added", "removed", "changed", "same", "rest")] == [2, 1, 2, 1, 0]
    assert diff["files"]["items"][3]["old_size"] == 2 and diff["files"]["items"][3]["new_size"] == 3
    for size in ("archive_bytes", "unpacked_bytes"):
        assert diff[size]["old"] > 0 and diff[size]["new"] > 0


def test_what_is_new_in_a_wheel_is_told(held, upstream):
    """Its folder of metadata has the version in its name, and is the same folder all the same."""
    upstream.pypi.add(packages.wheel("left-pad", "1.3.0", requires=["wrap>=1", "old"], requires_python=">=3.8",
                                     extra=["Author: Ann", "License: MIT"]), upload_time=ago(**OLD))
    upstream.pypi.add(packages.wheel("left-pad", "1.3.1", {"native.so": b"\x7fELF..."}, requires=[
        "wrap>=2", "exfil", 'Socks_Proxy[a] (>=1) ; extra == "web"'], requires_python=">=3.9",
        extra=["Author: Eve", "License: MIT"]), upload_time=ago(**NEW))
    diff = diff_of(held, ask_for(held, "pypi:left-pad@1.3.1"))
    assert diff["against"]["file"] == "left_pad-1.3.0-py3-none-any.whl" and diff["findings"] == []
    assert changes(diff["dependencies"]) == [
        ("added", "Requires-Dist", "exfil", None, ""), ("removed", "Requires-Dist", "old", "", None),
        ("added", "Requires-Dist", 'socks-proxy; extra == "web"', None, "[a] (>=1)"),
        ("changed", "Requires-Dist", "wrap", ">=1", ">=2")]
    assert changes(diff["people"]) == [("removed", "author", "Ann", "", None), ("added", "author", "Eve", None, "")]
    assert changes(diff["about"]) == [("changed", "about", "requires-python", ">=3.8", ">=3.9")]
    assert files(diff) == [("added", "left_pad/native.so"), ("changed", "*.dist-info/METADATA"),
                           ("changed", "*.dist-info/RECORD"), ("changed", "left_pad/__init__.py")]


def test_files_are_compared_with_their_like(held, upstream):
    """A wheel with the wheel of the same tags; others are named, and compared when asked for."""
    for version, age in (("1.0", OLD), ("1.1", NEW)):
        for tag in ("cp311-cp311-manylinux_2_17_x86_64", "cp311-cp311-win_amd64"):
            upstream.pypi.add(packages.wheel("both", version, {"tag.txt": tag}, tag=tag), upload_time=ago(**age))
        upstream.pypi.add(packages.sdist("both", version), upload_time=ago(**age))
    number = ask_for(held, "pypi:both@1.1")
    diff = diff_of(held, number)
    kind = diff["file"].replace("1.1", "")
    assert diff["against"]["file"].replace("1.0", "") == kind and ".whl" in kind
    assert len(diff["other_files"]) == 2 and diff["file"] not in diff["other_files"]
    for other in diff["other_files"]:
        again = diff_of(held, number, f"?file={other}")
        assert (again["file"], again["against"]["file"]) == (other, other.replace("1.1", "1.0"))
        assert not [path for _, path in files(again) if path == "both/tag.txt"], "it is of the same tags"
    sdist = diff_of(held, number, "?file=both-1.1.tar.gz")
    assert sdist["files"]["items"][0]["path"] == "pyproject.toml" and sdist["files"]["items"][0]["runs"]
    assert held.get(f"{API}/requests/{number}/diff?file=both-1.0.tar.gz").status == 404


def test_where_nothing_was_approved_all_of_it_is_new(held, upstream):
    two_releases_of_left_pad(upstream)
    set_policy(held, "mode: enforce\ndefault: hold\n")
    diff = diff_of(held, ask_for(held, "npm:left-pad@1.3.1"))
    assert diff["against"] is None and "Nothing of it was approved before" in diff["says"]
    assert diff["files"]["added"] == 5 and not diff["files"]["removed"] + diff["files"]["changed"] + diff["files"]["same"]
    assert diff["dependencies"]["added"] == 3 and "old" not in diff["archive_bytes"]
    assert not upstream.asked("*left-pad-1.3.0.tgz"), "what is compared with nothing needs no other archive"


def test_what_an_exception_let_through_is_what_comes_before(held, upstream):
    two_releases_of_left_pad(upstream)
    upstream.npm.add("left-pad", "1.3.2", published=ago(**NEW))
    first, second = ask_for(held, "npm:left-pad@1.3.1"), ask_for(held, "npm:left-pad@1.3.2")
    assert diff_of(held, second)["against"]["version"] == "1.3.0"
    made = post(held, f"/orgs/acme/requests/{first}/approve", comment="fine", expires_in=3600, alone=True)
    against = diff_of(held, second)["against"]
    assert (against["version"], against["by"], against["exception"]) == ("1.3.1", "exception", made["exception"])
    assert diff_of(held, first)["against"]["version"] == "1.3.0", "a version is never compared with itself"


def test_in_audit_mode_what_policy_finds_fault_with_is_not_approved(held, upstream):
    two_releases_of_left_pad(upstream)
    upstream.npm.add("left-pad", "1.3.2", published=ago(**NEW))
    number = ask_for(held, "npm:left-pad@1.3.2")
    set_policy(held, COOLDOWN.replace("enforce", "audit"))
    assert diff_of(held, number)["against"]["version"] == "1.3.0"


def test_that_an_archive_was_looked_at_lets_nobody_have_it(held, upstream):
    """Neither its bytes, nor its metadata, nor its manifest; and it stands in nobody's account as fetched."""
    two_releases_of_left_pad(upstream)
    for version, age in (("1.3.0", OLD), ("1.3.1", NEW)):
        wheel = upstream.pypi.add(packages.wheel("left-pad", version), upload_time=ago(**age))
    addresses = [f"{held.npm}/left-pad/-/left-pad-1.3.1.tgz", f"{held.npm}/left-pad/1.3.1",
                 f"{held.pypi}/files/left-pad/{wheel.dist.sha256}/{wheel.filename}",
                 f"{held.pypi}/files/left-pad/-/{wheel.filename}",
                 f"{held.pypi}/files/left-pad/{wheel.dist.sha256}/{wheel.filename}.metadata"]
    for purl in ("npm:left-pad@1.3.1", "pypi:left-pad@1.3.1"):
        number = ask_for(held, purl)
        assert diff_of(held, number)["files"]["items"]
        assert diff_of(held, number)["files"]["items"], "and once more, from what is kept"
    assert len(upstream.asked("*left-pad-1.3.1.tgz")) == 1 and len(upstream.asked(f"*{wheel.filename}")) == 1
    for address in addresses:
        answer = held.get(address)
        assert answer.status == 403 and b"cooldown" in answer.body, (address, answer)
    document = held.get(f"{held.npm}/left-pad").json()
    assert list(document["versions"]) == ["1.3.0"] and document["dist-tags"]["latest"] == "1.3.0"


def bomb():
    """Three MiB of nothing, in a few KiB."""
    return packages.tar_gz({"package/package.json": json.dumps({"name": "bad", "version": "2.0.0"}),
                            "package/zeros": bytes(3 << 20)})


def with_entry(name, kind=tarfile.REGTYPE):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for path, content in (("package/package.json", b'{"name": "bad", "version": "2.0.0"}'), (name, b"x")):
            entry = tarfile.TarInfo(path)
            entry.type = kind if path == name else tarfile.REGTYPE
            entry.size = len(content) if entry.type == tarfile.REGTYPE else 0
            tar.addfile(entry, io.BytesIO(content))
    return gzip.compress(packed.getvalue(), mtime=0)


HOSTILE = {
    "bomb": (bomb, "limit of unpacked to packed bytes"),
    "parent": (lambda: with_entry("package/../../../etc/cron.d/x"), '".." in its path'),
    "absolute": (lambda: with_entry("/etc/passwd"), "absolute path"),
    "device": (lambda: with_entry("package/dev", tarfile.CHRTYPE), "no file, folder or link"),
    "cut": (lambda: packages.npm_tarball("bad", "2.0.0", {"x": "y" * 999})[:-40], "broken"),
    "page": (lambda: b"<html>sorry</html>", "broken"),
    "another": (lambda: packages.npm_tarball("other", "2.0.0"), "for the package"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_what_is_wrong_with_an_archive_is_a_finding(held, upstream, kind):
    make, says = HOSTILE[kind]
    upstream.npm.add("bad", "1.0.0", published=ago(**OLD))
    upstream.npm.add("bad", "2.0.0", tarball=make(), published=ago(**NEW))
    diff = diff_of(held, ask_for(held, "npm:bad@2.0.0"))
    [finding] = diff["findings"]
    assert finding["of"] == "new" and says in finding["says"] and finding["code"], finding
    assert "cannot be compared" in diff["says"] and diff["files"]["items"] == []
    assert held.get(f"{held.npm}/bad/-/bad-2.0.0.tgz").status == 403


@pytest.mark.parametrize("entry", ["../../x", "/etc/passwd", "C:/x", "a\\..\\..\\x"])
def test_what_is_wrong_with_a_wheel_is_a_finding(held, upstream, entry):
    upstream.pypi.add(packages.wheel("bad", "1.0"), upload_time=ago(**OLD))
    wheel = packages.wheel("bad", "2.0")
    wheel.content = packages.zipped({entry: "x", "bad-2.0.dist-info/METADATA": wheel.metadata})
    upstream.pypi.add(wheel, upload_time=ago(**NEW))
    diff = diff_of(held, ask_for(held, "pypi:bad@2.0"))
    assert [(finding["of"], finding["code"]) for finding in diff["findings"]] == [("new", "archive-unsafe")]


def test_where_the_earlier_archive_is_broken_all_is_shown_as_new(held, upstream):
    upstream.npm.add("bad", "1.0.0", tarball=b"no tarball", published=ago(**OLD))
    upstream.npm.add("bad", "2.0.0", published=ago(**NEW))
    diff = diff_of(held, ask_for(held, "npm:bad@2.0.0"))
    assert [finding["of"] for finding in diff["findings"]] == ["old"] and "shown as new" in diff["says"]
    assert diff["files"]["added"] == 2


def test_a_manifest_that_hides_something_is_a_finding(held, upstream):
    """What cannot be read is said; of a path that comes twice, the last is the one that is installed."""
    twice = {"a/package.json": '{"name": "bad", "version": "2.0.0"}',
             "b/package.json": json.dumps({"name": "bad", "version": "2.0.0", "scripts": {"install": "evil"}})}
    upstream.npm.add("bad", "1.0.0", published=ago(**OLD))
    upstream.npm.add("bad", "2.0.0", tarball=packages.tar_gz(twice), published=ago(**NEW))
    diff = diff_of(held, ask_for(held, "npm:bad@2.0.0"))
    assert [finding["code"] for finding in diff["findings"]] == ["path-twice"]
    assert changes(diff["scripts"]) == [("added", "script", "install", None, "evil")]
    upstream.npm.add("odd", "1.0.0", published=ago(**OLD))
    upstream.npm.add("odd", "2.0.0", tarball=packages.tar_gz({"package/package.json": "{'no': json}"}), published=ago(**NEW))
    diff = diff_of(held, ask_for(held, "npm:odd@2.0.0"))
    assert [finding["code"] for finding in diff["findings"]] == ["manifest-odd"]


def test_a_long_list_has_an_end_and_a_count_of_the_rest(held, upstream):
    upstream.npm.add("many", "1.0.0", published=ago(**OLD))
    upstream.npm.add("many", "2.0.0", {f"lib/{number}.js": str(number) for number in range(300)}, published=ago(**NEW),
                     dependencies={f"dep-{number}": "1" for number in range(250)}, scripts={"install": "x" * 9000})
    number = ask_for(held, "npm:many@2.0.0")
    diff = diff_of(held, number)
    assert (len(diff["files"]["items"]), diff["files"]["rest"], diff["files"]["added"]) == (200, 102, 300)
    assert (len(diff["dependencies"]["items"]), diff["dependencies"]["rest"]) == (200, 50)
    assert len(diff["scripts"]["items"][0]["new"]) < 2100
    assert (len(diff_of(held, number, "?files=2000")["files"]["items"]),
            len(diff_of(held, number, "?files=7")["files"]["items"])) == (302, 7)
    for wrong in ("0", "2001", "x", ""):
        assert held.get(f"{API}/requests/{number}/diff?files={wrong}").status == 400


def test_while_the_upstream_is_away_what_is_kept_is_compared(held, upstream):
    two_releases_of_left_pad(upstream)
    number = ask_for(held, "npm:left-pad@1.3.1")
    upstream.go("down")
    answer = held.get(f"{API}/requests/{number}/diff")
    assert answer.status in (502, 503, 504) and answer.json()["detail"], answer
    upstream.go("up")
    assert held.post(f"{API}/upstreams/npm/refresh", b"{}").status < 300
    assert diff_of(held, number)["files"]["items"]
    until(lambda: kept_files(held) == 2, "both tarballs in the rows")
    upstream.go("down")
    assert diff_of(held, number)["files"]["items"]


def test_a_diff_is_for_those_who_decide(held, upstream, packhouse):
    """Who asked sees his request, and no more than is known of it without fetching it."""
    two_releases_of_left_pad(upstream)
    number = ask_for(held, "npm:left-pad@1.3.1")
    ann = reader(held)
    refused = held.get(f"{API}/requests/{number}/diff", token=ann)
    assert refused.status == 403 and "exception:approve" in refused.json()["detail"]
    told = packhouse.with_token(ann)("request", "show", str(number))
    assert "cooldown" in told.stdout and "NOT COMPARED: ann may not do this" in told.stdout
    shown = packhouse.with_token(ann)("request", "show", str(number), "--json").json()
    assert shown["state"] == "open" and shown["diff"] is None and "exception:approve" in shown["no_diff"]
    assert not upstream.asked("*.tgz")
    post(held, "/accounts", name="stan")
    stan = post(held, "/tokens", **{"for": "stan"})["token"]
    assert held.get(f"{API}/requests/{number}/diff", token=stan).status == 404
    assert held.get(f"{API}/requests/9/diff").status == 404


def kept_files(server):
    with contextlib.closing(sqlite3.connect(f"file:{server.data}/meta.db?mode=ro", uri=True)) as rows:
        return rows.execute("SELECT count(*) FROM pin").fetchone()[0]


def test_what_the_upstream_took_back_is_compared_where_it_is_kept(held, upstream):
    """It is kept a moment after it was read."""
    two_releases_of_left_pad(upstream)
    number = ask_for(held, "npm:left-pad@1.3.1")
    assert diff_of(held, number)["files"]["added"] == 2
    until(lambda: kept_files(held) == 2, "both tarballs in the rows")
    upstream.npm.remove("left-pad", "1.3.1")
    assert held.post(f"{API}/upstreams/npm/refresh", b"{}").status < 300
    diff = diff_of(held, number)
    assert (diff["against"]["version"], diff["files"]["added"]) == ("1.3.0", 2)
    assert held.get(f"{held.npm}/left-pad/-/left-pad-1.3.1.tgz").status == 403


def test_what_is_published_here_is_compared_too(held, npm):
    """Where a rule names it."""
    for version, scripts in (("1.0.0", {}), ("2.0.0", {"install": "node x"})):
        npm.publish(npm.make_package("ours", version, scripts=scripts))
    wheels = [packages.wheel("ours", version) for version in ("1.0", "2.0")]
    for wheel in wheels:
        answer = held.send(shapes.pypi_upload("/pypi/acme/main", wheel))
        assert answer.status == 200, answer
    set_policy(held, """
mode: enforce
default: allow
rules:
  broken:
    deny: {name: ["npm:ours", "pypi:ours"], version: ">=2"}
    say: Not this one
""")
    diff = diff_of(held, ask_for(held, "npm:ours@2.0.0"))
    assert diff["against"]["version"] == "1.0.0" and changes(diff["scripts"]) == [("added", "script", "install", None, "node x")]
    diff = diff_of(held, ask_for(held, "pypi:ours@2.0"))
    assert diff["against"]["version"] == "1.0" and ("changed", "ours/__init__.py") in files(diff)


def test_where_the_policy_is_about_it_no_more_there_is_no_diff(held, upstream):
    two_releases_of_left_pad(upstream)
    number = ask_for(held, "npm:left-pad@1.3.1")
    set_policy(held, "mode: enforce\ndefault: allow\n")
    diff = held.get(f"{API}/requests/{number}/diff")
    assert diff.status == 200 and diff.json()["against"]["version"] == "1.3.0", "what is let through is compared, too"


def test_what_is_not_there_any_more_has_no_diff(held, upstream):
    two_releases_of_left_pad(upstream)
    number = ask_for(held, "npm:left-pad@1.3.1")
    upstream.npm.remove("left-pad", "1.3.1")
    assert held.post(f"{API}/upstreams/npm/refresh", b"{}").status < 300
    answer = held.get(f"{API}/requests/{number}/diff")
    assert answer.status == 404 and answer.json()["code"] == "no-such-version", answer


def test_the_command_shows_it(held, upstream, packhouse):
    two_releases_of_left_pad(upstream)
    number = str(ask_for(held, "npm:left-pad@1.3.1"))
    told = packhouse("request", "show", number, "--no-diff")
    assert "COMPARED" not in told.stdout and not told.stderr and not upstream.asked("*.tgz")
    told = packhouse("request", "show", number)
    for line in ("COMPARED: left-pad-1.3.1.tgz with left-pad-1.3.0.tgz, which policy lets through",
                 "  + postinstall: node scripts/collect (runs when it is installed)",
                 "  ~ dependencies wrap: ^1.0.0 -> ^2.0.0", "  + maintainer eve <eve@example.org>",
                 "  ~ publisher: ann <ann@example.org> -> eve <eve@example.org>",
                 "FILES: 2 added, 1 removed, 2 changed, 1 the same",
                 "  + scripts/collect.js  7 bytes, runs when it is installed", "  ~ index.js  2 bytes -> 3 bytes"):
        assert line + "\n" in told.stdout, told.stdout
    assert "GRAVE" not in told.stdout, "nothing of it is"
    assert f"PUBLISHED:        {upstream.npm.packages['left-pad']['1.3.1'].published[:10]}" in told.stdout
    assert "Getting both archives" in told.stderr
    shown = packhouse("request", "show", number, "--json", "--files", "1").json()
    assert shown["state"] == "open" and shown["diff"]["files"]["rest"] == 4
    assert "diff" not in packhouse("request", "show", number, "--json", "--no-diff").json()
    with pytest.raises(clients.Failure, match="files: from 1 to 2000"):
        packhouse("request", "show", number, "--files", "0")
