"""What becomes of a publish: checked whole, stored whole, or not at all (npm spec 7)."""

import base64
import concurrent.futures
import gzip
import hashlib
import itertools
import json
import os
import zlib

import pytest

import packages
import shapes
from conformance import conformance

numbers = itertools.count()


@pytest.fixture
def name():
    return f"package-{next(numbers)}"


def must_be_absent(server, name):
    assert server.get(f"{server.npm}/{name}").status == 404


def packument(server, name):
    return server.get(f"{server.npm}/{name}").json()


@conformance("npm-086")
def test_attachments_may_come_first(shared_server, name):
    tarball = packages.npm_tarball(name, "1.0.0")
    document = shapes.npm_document(shared_server.npm, name, "1.0.0", tarball)
    document = {"_id": name, "_attachments": document.pop("_attachments"), **document}
    done = shared_server.put(f"{shared_server.npm}/{name}", json.dumps(document).encode())
    assert done.status == 201, done
    assert done.json()["ok"] and done.json()["id"] == name and done.json()["rev"]
    assert shared_server.get(f"{shared_server.npm}/{name}/-/{name}-1.0.0.tgz").body == tarball


@pytest.mark.parametrize("access", [None, "public", "restricted", "absent"])
@conformance("npm-087")
def test_access_never_opens_a_private_repository(shared_server, name, access):
    tarball = packages.npm_tarball(name, "1.0.0")
    document = shapes.npm_document(shared_server.npm, name, "1.0.0", tarball, access=access)
    if access == "absent":
        del document["access"]
    assert shared_server.put(f"{shared_server.npm}/{name}", json.dumps(document).encode()).status == 201
    assert shared_server.get(f"{shared_server.npm}/{name}", token=None).status == 401


@conformance("npm-088", "npm-089", "npm-090")
def test_a_publish_moves_the_tag_that_it_names(shared_server, name):
    def publish(version, tag):
        assert shared_server.send(shapes.npm_publish(shared_server.npm, name, version, tag=tag)).status == 201
        return packument(shared_server, name)["dist-tags"]

    assert publish("1.0.0", "next") == {"latest": "1.0.0", "next": "1.0.0"}
    assert publish("2.0.0", "next") == {"latest": "1.0.0", "next": "2.0.0"}
    assert publish("3.0.0", "latest") == {"latest": "3.0.0", "next": "2.0.0"}
    assert publish("0.1.0", "latest") == {"latest": "0.1.0", "next": "2.0.0"}


@conformance("npm-091", "npm-093", "npm-102", "npm-075")
def test_a_version_is_published_once(shared_server, name):
    def publish(version="1.0.0", session="one", tarball=None):
        return shared_server.send(shapes.npm_publish(shared_server.npm, name, version, tarball,
                                                     headers=[("npm-session", session)]))

    first = publish(tarball=packages.npm_tarball(name, "1.0.0"))
    assert first.status == 201
    again = publish(tarball=packages.npm_tarball(name, "1.0.0"))
    assert again.status == 200 and again.json()["ok"]  # npm repeats a PUT whose answer was lost
    for refused in (publish(tarball=packages.npm_tarball(name, "1.0.0", {"x": "other bytes"})),
                    publish(session="two"),
                    publish("1.0.0+build", tarball=packages.npm_tarball(name, "1.0.0+build"))):
        assert refused.status == 403
        assert "cannot publish over the previously published versions: 1.0.0" in refused.json()["error"]
        assert refused.json()["code"] == "EPUBLISHCONFLICT"
    assert publish("1.0.1+build.5", tarball=packages.npm_tarball(name, "1.0.1+build.5")).status == 201
    versions = packument(shared_server, name)["versions"]
    assert set(versions) == {"1.0.0", "1.0.1"}
    assert versions["1.0.1"]["version"] == "1.0.1"
    assert "+" not in versions["1.0.1"]["dist"]["tarball"]


def attachment(tarball, **change):
    return {"content_type": "application/octet-stream", "data": base64.b64encode(tarball).decode(),
            "length": len(tarball), **change}


def dist(tarball, **change):
    return {"dist": {"integrity": "sha512-" + base64.b64encode(hashlib.sha512(tarball).digest()).decode(),
                     "shasum": hashlib.sha1(tarball).hexdigest(), **change}}


WRONG = {
    "integrity": lambda name, tar: dict(manifest=dist(tar, integrity="sha512-" + "A" * 86 + "==")),
    "shasum": lambda name, tar: dict(manifest=dist(tar, shasum="0" * 40)),
    "length": lambda name, tar: dict(attachment=attachment(tar, length=len(tar) + 1)),
    "base64": lambda name, tar: dict(attachment=attachment(tar, data="A" + attachment(tar)["data"])),
    "blanks in base64": lambda name, tar: dict(attachment=attachment(tar, data="\n" + attachment(tar)["data"])),
    "url-safe base64": lambda name, tar: dict(attachment=attachment(tar, data="-_-_" + attachment(tar)["data"])),
    "two tarballs": lambda name, tar: dict(_attachments={"a.tgz": attachment(tar), "b.tgz": attachment(tar)}),
    "no tarball": lambda name, tar: dict(_attachments={}),
    "two versions": lambda name, tar: dict(versions={"1.0.0": {"name": name, "version": "1.0.0"},
                                                     "1.0.1": {"name": name, "version": "1.0.1"}}),
    "no version": lambda name, tar: dict(versions={}),
    "another _id": lambda name, tar: dict(_id="other"),
    "another name": lambda name, tar: dict(manifest={"name": "other"}),
    "another version": lambda name, tar: dict(manifest={"version": "1.0.1"}),
    "an illegal tag": lambda name, tar: dict(tag="1.x"),
    "private": lambda name, tar: dict(manifest={"private": True}),
}


@pytest.mark.parametrize("wrong", WRONG)
@conformance("npm-094", "npm-099")
def test_a_wrong_publish_stores_nothing(shared_server, name, wrong):
    tarball = packages.npm_tarball(name, "1.0.0")
    document = WRONG[wrong](name, tarball)
    done = shared_server.send(shapes.npm_publish(shared_server.npm, name, "1.0.0", tarball, **document))
    assert 400 <= done.status < 500, done
    assert isinstance(done.json()["error"], str)
    must_be_absent(shared_server, name)


@pytest.mark.parametrize("body", [
    b"", b"[]", b"{", b"nonsense", b'{"a":"\xff"}', b'{"a":' + b"[" * 10000, b'{"_id":"x","_id":"x"}',
    b'{"a":1}trailing'], ids=lambda body: repr(body[:12]))
def test_a_body_that_is_no_json_is_refused(shared_server, name, body):
    assert shared_server.put(f"{shared_server.npm}/{name}", body).status in (400, 411)
    must_be_absent(shared_server, name)


@conformance("npm-095")
def test_a_tarball_of_something_else_is_refused(shared_server, name):
    for tarball in (packages.npm_tarball("other", "1.0.0"), packages.npm_tarball(name, "1.0.1")):
        done = shared_server.send(shapes.npm_publish(shared_server.npm, name, "1.0.0", tarball))
        assert done.status == 422, done
    must_be_absent(shared_server, name)


@conformance("npm-096")
def test_the_stored_manifest_follows_the_tarball(shared_server, name):
    tarball = packages.npm_tarball(name, "1.0.0", scripts={"postinstall": "evil"}, dependencies={"b": "2"})
    lie = {"dependencies": {"a": "1"}, "scripts": {}, "bin": {"ls": "x"}, "hasInstallScript": False}
    done = shared_server.send(shapes.npm_publish(shared_server.npm, name, "1.0.0", tarball, manifest=lie))
    assert done.status == 201, done
    manifest = packument(shared_server, name)["versions"]["1.0.0"]
    assert manifest["dependencies"] == {"b": "2"}
    assert manifest["scripts"] == {"postinstall": "evil"}
    assert manifest["hasInstallScript"] is True
    assert "bin" not in manifest


def tarball_with(name, **entries):
    body = {"package/package.json": json.dumps({"name": name, "version": "1.0.0"})}
    return packages.tar_gz({**body, **entries})


def tarball_with_link(name):
    import io
    import tarfile
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        entry = tarfile.TarInfo("package/link")
        entry.type, entry.linkname = tarfile.SYMTYPE, "../../../etc/passwd"
        tar.addfile(entry)
    return gzip.compress(packed.getvalue())


DANGEROUS = {
    "dots": lambda name: tarball_with(name, **{"package/../../x": "1"}),
    "absolute": lambda name: tarball_with(name, **{"/etc/x": "1"}),
    "link": tarball_with_link,
    "no package.json": lambda name: packages.tar_gz({"package/index.js": "1"}),
    "no gzip": lambda name: b"PK\x03\x04 no tarball",
    "no tar": lambda name: gzip.compress(b"no tar " * 1000),
    "cut": lambda name: tarball_with(name)[:-20],
    "bomb": lambda name: gzip.compress(
        zlib.decompress(tarball_with(name, **{"package/zeros": b"\0" * (100 << 20)}), 31)[:-1024] + b"\0" * 1024,
        9, mtime=0),
}


@pytest.mark.parametrize("danger", DANGEROUS)
@conformance("npm-097")
def test_a_dangerous_tarball_is_refused(shared_server, name, danger):
    done = shared_server.send(shapes.npm_publish(shared_server.npm, name, "1.0.0", DANGEROUS[danger](name)))
    assert done.status in (400, 422), done
    must_be_absent(shared_server, name)


@pytest.mark.settings(PACKHOUSE_ARCHIVE_ENTRIES_MAX="100")
@conformance("npm-097")
def test_a_tarball_has_its_limit_of_entries(server):
    many = tarball_with("many", **{f"package/{number}": "" for number in range(100)})
    assert server.send(shapes.npm_publish(server.npm, "many", "1.0.0", many)).status == 400
    few = tarball_with("many", **{f"package/{number}": "" for number in range(99)})
    assert server.send(shapes.npm_publish(server.npm, "many", "1.0.0", few)).status == 201


@conformance("npm-098")
def test_the_top_folder_may_have_any_name(shared_server, name):
    tarball = packages.tar_gz({f"{name}-abc/package.json": json.dumps({"name": name, "version": "1.0.0"})})
    assert shared_server.send(shapes.npm_publish(shared_server.npm, name, "1.0.0", tarball)).status == 201


@pytest.mark.parametrize("bad", ["node_modules", ".x", "_x", "-x", "Upper", "http", "crazy!", "a" * 215,
                                 "@s/.x"], ids=lambda bad: bad[:12])
@conformance("npm-012")
def test_a_name_that_npm_would_refuse_is_refused(shared_server, bad):
    done = shared_server.send(shapes.npm_publish(shared_server.npm, bad, "1.0.0"))
    assert done.status in (400, 403, 404), done
    assert isinstance(done.json()["error"], str)


@conformance("npm-007")
def test_slashes_do_not_matter_to_a_publish(shared_server, name):
    request = shapes.npm_publish(shared_server.npm, name, "1.0.0")
    assert shared_server.put(f"{shared_server.npm}//{name}/", request.body).status == 201


@conformance("npm-048", "npm-050")
def test_a_body_may_be_gzip_or_in_chunks(shared_server, name):
    for number, (body, headers) in enumerate([
            (gzip.compress, [("Content-Encoding", "gzip")]), (gzip.compress, []),
            (lambda body: iter([body[:100], body[100:]]), [])]):
        request = shapes.npm_publish(shared_server.npm, name, f"1.0.{number}")
        assert shared_server.put(request.path, body(request.body), headers=headers).status == 201


@pytest.mark.settings(PACKHOUSE_NPM_PUBLISH_MAX="1 MiB")
@conformance("npm-049", "npm-055", "npm-053")
def test_a_body_over_the_limit_is_413(server):
    large = shapes.npm_publish(server.npm, "large", "1.0.0", packages.npm_tarball(
        "large", "1.0.0", {"x": os.urandom(2 << 20)}))
    with server.connect() as connection:
        headers = [("Authorization", f"Bearer {server.token}")]
        answer = connection.request("PUT", large.path, headers, large.body)
        assert answer.status == 413
        assert isinstance(answer.json()["error"], str)
        if answer.get("Connection") != "close":
            assert connection.request("GET", f"{server.npm}/-/ping", headers).status == 200
    assert server.put(large.path, iter([large.body])).status == 413
    bomb = gzip.compress(b" " * (64 << 20))
    assert server.put(large.path, bomb, headers=[("Content-Encoding", "gzip")]).status == 413
    must_be_absent(server, "large")
    assert server.send(shapes.npm_publish(server.npm, "small", "1.0.0")).status == 201


@conformance("npm-100")
def test_two_publishes_of_different_versions_both_survive(shared_server, name):
    def publish(version):
        return shared_server.send(shapes.npm_publish(shared_server.npm, name, version)).status

    versions = {f"1.{minor}.{patch}" for minor in range(25) for patch in range(4)}
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert set(pool.map(publish, versions)) == {201}
    assert set(packument(shared_server, name)["versions"]) == versions


def test_of_many_publishes_of_one_version_one_wins(shared_server, name):
    def publish(number):
        tarball = packages.npm_tarball(name, "1.0.0", {"number": str(number)})
        return shared_server.send(shapes.npm_publish(shared_server.npm, name, "1.0.0", tarball)).status, tarball

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(publish, range(16)))
    winners = [tarball for status, tarball in answers if status == 201]
    assert sorted(status for status, _ in answers) == [201] + [403] * 15
    assert shared_server.get(f"{shared_server.npm}/{name}/-/{name}-1.0.0.tgz").body == winners[0]


def test_a_publish_cut_anywhere_stores_nothing(shared_server, name):
    """The connection ends after each of many prefixes of a small publish."""
    request = shapes.npm_publish(shared_server.npm, name, "1.0.0")
    head = (f"PUT {request.path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {shared_server.token}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(request.body)}\r\n\r\n").encode()
    whole = head + request.body
    for length in sorted({*range(0, len(whole), 61), len(whole) - 1}):
        with shared_server.socket() as sock:
            sock.sendall(whole[:length])
    must_be_absent(shared_server, name)
    assert shared_server.send(request).status == 201


def rss_of(server):
    with open(f"/proc/{server.pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:")) * 1024


def random_tarball(folder, name, size):
    """A tarball with so many bytes of noise: a path, since it may be larger than memory likes."""
    import io
    import tarfile
    path = folder / f"{name}.tgz"
    with gzip.GzipFile(path, "wb", compresslevel=0, mtime=0) as packed, \
            tarfile.open(fileobj=packed, mode="w") as tar:
        manifest = json.dumps({"name": name, "version": "1.0.0"}).encode()
        for file, content in (("package/package.json", manifest), ("package/noise", None)):
            entry = tarfile.TarInfo(file)
            entry.size = size if content is None else len(content)
            tar.addfile(entry, open("/dev/urandom", "rb") if content is None else io.BytesIO(content))
    return path


def large_body(name, path):
    sha1, sha512 = hashlib.sha1(), hashlib.sha512()
    with open(path, "rb") as file:
        while piece := file.read(1 << 20):
            sha1.update(piece)
            sha512.update(piece)
    version = {"name": name, "version": "1.0.0", "dist": {
        "shasum": sha1.hexdigest(), "integrity": "sha512-" + base64.b64encode(sha512.digest()).decode()}}
    yield json.dumps({"_id": name, "name": name, "dist-tags": {"latest": "1.0.0"},
                      "versions": {"1.0.0": version}})[:-1].encode()
    yield f',"_attachments":{{"{name}-1.0.0.tgz":{{"length":{path.stat().st_size},"data":"'.encode()
    with open(path, "rb") as file:
        while piece := file.read(3 << 18):
            yield base64.b64encode(piece)
    yield b'"}}}'


@pytest.mark.parametrize("size", [
    pytest.param(64 << 20, id="64-MiB"),
    pytest.param(300 << 20, id="300-MiB", marks=[pytest.mark.long, conformance("npm-107")])])
def test_a_large_tarball_takes_no_memory(server, tmp_path, size):
    path = random_tarball(tmp_path, "large", size)
    assert server.send(shapes.npm_publish(server.npm, "small", "1.0.0")).status == 201
    before = rss_of(server)
    done = server.put(f"{server.npm}/large", large_body("large", path))
    assert done.status == 201, done
    assert rss_of(server) - before < 48 << 20
    got = server.get(f"{server.npm}/large/-/large-1.0.0.tgz")
    assert hashlib.sha1(got.body).digest() == hashlib.sha1(path.read_bytes()).digest()
    assert rss_of(server) - before < 48 << 20
