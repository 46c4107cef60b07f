"""What bad input gets: an answer in the client's own terms, nothing stored, and a server that goes on."""

import gzip
import io
import itertools
import json
import pathlib
import socket
import tarfile
import zipfile

import pytest

import packages
import shapes
from memory import SANITIZER, Watch
from patience import until

GROWTH_MAX_KIB = 60 * 1024


@pytest.fixture(autouse=True)
def goes_on(request):
    """Whatever a test sent, the server lives, and every row and byte is accounted for."""
    names = [name for name in ("shared_server", "server", "steady") if name in request.fixturenames]
    server = request.getfixturevalue(names[0])
    yield
    assert server.get("/-/livez", token=None).status == 200
    server.verify(full=False)
    server.check_log()


def is_empty(server):
    """No package of any format is visible."""
    return not server.get(f"{server.pypi}/simple/", headers={"Accept": "application/vnd.pypi.simple.v1+json"}
                          ).json()["projects"] and server.verify(full=False)["files"] == 0


def refused(answer, *allowed):
    """One of the codes, in words that every client shows."""
    assert answer.status in (allowed or (400, 413, 415, 422)), answer
    body = answer.json()
    assert body["error"] and body["code"], body
    return answer


# A connection that ends too early


def publishes(server):
    return {
        "npm": shapes.npm_publish(server.npm, "hello", "1.0.0"),
        "pypi": shapes.pypi_upload(server.pypi, packages.wheel("hello", "1.0")),
        "artifact": shapes.artifact_put(server.artifacts, "hello", "1.0.0", "hello.txt", b"hello"),
    }


def bytes_of(server, request):
    lines = [f"{request.method} {request.path} HTTP/1.1", f"Host: {server.host}:{server.port}",
             f"Authorization: Bearer {server.token}", f"Content-Length: {len(request.body)}",
             *(f"{name}: {value}" for name, value in request.headers)]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + request.body


@pytest.mark.parametrize("kind", ["npm", "pypi", "artifact"])
def test_a_publish_cut_at_every_byte_is_not_there(server, kind):
    whole = bytes_of(server, publishes(server)[kind])
    for cut in range(1, len(whole)):
        with server.socket() as sock:
            sock.sendall(whole[:cut])
            if cut % 2: # a reset instead of an end
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    until(lambda: not any(pathlib.Path(server.data, "stage").iterdir()), "an empty stage/")
    assert is_empty(server)
    with server.socket() as sock:
        sock.sendall(whole)
        assert sock.recv(4096).split()[1] in (b"200", b"201")
    assert server.verify()["versions"] == 1


# The same name again


@pytest.mark.parametrize("kind", ["npm", "pypi", "artifact"])
def test_a_taken_name_keeps_its_bytes(server, kind):
    first = publishes(server)[kind]
    second = {
        "npm": shapes.npm_publish(server.npm, "hello", "1.0.0",
                                  packages.npm_tarball("hello", "1.0.0", {"more.js": "1"})),
        "pypi": shapes.pypi_upload(server.pypi, packages.wheel("hello", "1.0", {"more.py": "1"})),
        "artifact": shapes.artifact_put(server.artifacts, "hello", "1.0.0", "hello.txt", b"other"),
    }[kind]
    assert server.send(first).status in (200, 201)
    before = server.verify()
    refused(server.send(second), 403 if kind == "npm" else 409)
    assert server.verify() == before
    # What was sent once may come again: a pipeline that lost the answer tries again.
    again = server.send(first)
    assert again.status == (403 if kind == "npm" else 200), again
    assert server.verify() == before


def test_a_wrong_digest_stores_nothing(server):
    integrity = "sha512-" + "A" * 86 + "=="
    tarball = packages.npm_tarball("hello", "1.0.0")
    refused(server.send(shapes.npm_publish(server.npm, "hello", "1.0.0", tarball,
                                           manifest={"dist": {"integrity": integrity}})), 400, 422)
    wheel = packages.wheel("hello", "1.0")
    for name in ("sha256_digest", "blake2_256_digest"):
        refused(server.send(shapes.pypi_upload(server.pypi, wheel, **{name: "0" * 64})), 400)
    refused(server.put(f"{server.artifacts}/hello/1.0/x", b"x", headers={"X-Checksum-Sha256": "0" * 64}), 400)
    assert is_empty(server)


# Too much


@pytest.mark.settings(PACKHOUSE_NPM_PUBLISH_MAX="10000", PACKHOUSE_WHEEL_MAX="10000",
                      PACKHOUSE_ARTIFACT_MAX="10000", PACKHOUSE_API_BODY_MAX="2000")
def test_over_a_limit_is_413_with_and_without_a_length(server):
    noise = bytes(range(256)) * 100
    requests = [
        shapes.npm_publish(server.npm, "hello", "1.0.0", noise),
        shapes.pypi_upload(server.pypi, packages.wheel("hello", "1.0"), content=noise),
        shapes.artifact_put(server.artifacts, "hello", "1.0.0", "hello.bin", noise),
        shapes.Request("POST", "/api/v1/orgs", [("Content-Type", "application/json")],
                       json.dumps({"name": "x" * 5000}).encode()),
    ]
    for request in requests:
        refused(server.send(request), 413)
        pieces = [request.body[at:at + 1000] for at in range(0, len(request.body), 1000)]
        answer = server.http(request.method, request.path, iter(pieces), request.headers)
        refused(answer, 413)
    assert is_empty(server)


def growth_kib(server, request):
    """Sends, and returns the answer and by how much the resident size grew meanwhile."""
    with Watch(server) as watch:
        answer = server.send(request)
    return answer, watch.growth_kib


@pytest.fixture
def steady(new_server):
    """A server that has done everything once, so that what grows afterwards is the input's doing."""
    server = new_server(environment=SANITIZER)
    for request in publishes(server).values():
        assert server.send(request).status in (200, 201)
    return server


def gzip_bomb(size=1 << 29):
    """Half a gibibyte of zeros in half a mebibyte."""
    out, block = io.BytesIO(), bytes(1 << 20)
    with gzip.GzipFile(fileobj=out, mode="wb", compresslevel=9, mtime=0) as file:
        for _ in range(size >> 20):
            file.write(block)
    return out.getvalue()


def bomb_wheel(size=1 << 28):
    """Its METADATA has a quarter of a gibibyte."""
    def change(members):
        return {**members, f"{INFO}/METADATA": packages.metadata("hello", "1.0") + bytes(size)}

    return rewritten(packages.wheel("hello", "1.0"), change)


def bomb_tar(top, files, size=1 << 28):
    class Zeros(io.RawIOBase):
        def readable(self):
            return True

        def readinto(self, buffer):
            buffer[:] = bytes(len(buffer))
            return len(buffer)

    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz", compresslevel=1) as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(f"{top}/{name}")
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
        entry = tarfile.TarInfo(f"{top}/zeros")
        entry.size = size
        tar.addfile(entry, io.BufferedReader(Zeros(), 1 << 20))
    return out.getvalue()


def test_a_body_that_inflates_without_end_stops_early(steady):
    bomb = gzip_bomb()
    requests = [
        shapes.Request("PUT", f"{steady.npm}/bomb", [("Content-Type", "application/json"),
                                                     ("Content-Encoding", "gzip")], bomb),
        shapes.Request("PUT", f"{steady.npm}/bomb", [("Content-Type", "application/json")], bomb),
        shapes.Request("POST", f"{steady.pypi}/", [("Content-Type", "multipart/form-data; boundary=x"),
                                                   ("Content-Encoding", "gzip")], bomb),
        shapes.Request("PUT", f"{steady.artifacts}/bomb/1.0/x", [("Content-Encoding", "gzip")], bomb),
        shapes.Request("POST", "/api/v1/orgs", [("Content-Type", "application/json"),
                                                ("Content-Encoding", "gzip")], bomb),
    ]
    for request in requests:
        answer, grown = growth_kib(steady, request)
        refused(answer)
        assert grown < GROWTH_MAX_KIB, request.path
    still_three(steady)


def still_three(server):
    assert server.get("/-/livez", token=None).status == 200
    assert server.verify()["versions"] == 3
    server.check_log()


def test_an_archive_that_inflates_without_end_is_refused(steady):
    manifest = json.dumps({"name": "bomb", "version": "1.0.0"}).encode()
    requests = [
        shapes.npm_publish(steady.npm, "bomb", "1.0.0", bomb_tar("package", {"package.json": manifest})),
        shapes.pypi_upload(steady.pypi, bomb_wheel()),
    ]
    for request in requests:
        answer, grown = growth_kib(steady, request)
        refused(answer)
        assert grown < GROWTH_MAX_KIB, request.path
    still_three(steady)


# JSON


def npm_body(server, change):
    """A publish with its text changed by hand."""
    request = shapes.npm_publish(server.npm, "hello", "1.0.0")
    request.body = change(request.body)
    return request


DEEP = 10_000
JSON_CHANGES = {
    "nested arrays": lambda body: b'{"x":' + b"[" * DEEP + b"]" * DEEP + b"," + body[1:],
    "nested objects": lambda body: b'{"x":' + b'{"x":' * DEEP + b"1" + b"}" * DEEP + b"," + body[1:],
    "nested without an end": lambda body: b"[" * 1_000_000,
    "nested in the manifest": lambda body: body.replace(b'"dist": {', b'"x": ' + b"[" * DEEP + b"]" * DEEP
                                                        + b', "dist": {'),
    "a name twice": lambda body: b'{"name": "other",' + body[1:],
    "versions twice": lambda body: b'{"versions": {},' + body[1:],
    "invalid UTF-8": lambda body: body.replace(b"for tests", b"for \xff\xc0\xaf tests"),
    "invalid UTF-8 in a name": lambda body: body.replace(b'"versions"', b'"\xed\xa0\x80": 1, "versions"'),
    "half a surrogate": lambda body: body.replace(b"for tests", b"\\ud800 tests"),
    "a control byte": lambda body: body.replace(b"for tests", b"for \x01 tests"),
    "no end": lambda body: body[:-1],
    "more behind the end": lambda body: body + b"{}",
    "nothing": lambda body: b"",
    "a number": lambda body: b"1",
    "null": lambda body: b"null",
    "no JSON": lambda body: b"hello",
    "a comma too many": lambda body: body.replace(b"{", b"{,", 1),
    "NUL bytes": lambda body: bytes(1000),
    "no digits behind the point": lambda body: b'{"x": 1.,' + body[1:],
    "versions that are a text": lambda body: b'{"_id":"hello","name":"hello","versions":"1.0.0","_attachments":{}}',
    "attachments that are a list": lambda body: b'{"_id":"hello","name":"hello","versions":{},"_attachments":[]}',
}


@pytest.mark.parametrize("change", JSON_CHANGES)
def test_broken_json_is_refused_by_npm_publish(shared_server, change):
    refused(shared_server.send(npm_body(shared_server, JSON_CHANGES[change])), 400, 413, 422)
    assert shared_server.get(f"{shared_server.npm}/hello").status == 404


API_BODIES = {
    "nested arrays": b'{"name":' + b"[" * DEEP + b"]" * DEEP + b"}",
    "nested objects": b'{"name":' * DEEP + b"1" + b"}" * DEEP,
    "a name twice": b'{"name":"globex","name":"initech"}',
    "invalid UTF-8": b'{"name":"glob\xffex"}',
    "half a surrogate": b'{"name":"\\ud800"}',
    "a NUL in a text": b'{"name":"globex\\u0000x"}',
    "no end": b'{"name":"globex"',
    "more behind the end": b'{"name":"globex"}{}',
    "nothing": b"",
    "a list": b"[]",
    "no JSON": b"hello",
    "a name that is a number": b'{"name":1}',
    "a member that nobody knows": b'{"name":"globex","nmae":"x"}',
}


@pytest.mark.parametrize("body", API_BODIES)
def test_broken_json_is_refused_by_the_api(shared_server, body):
    answer = shared_server.post("/api/v1/orgs", API_BODIES[body], headers={"Content-Type": "application/json"})
    refused(answer, 400, 422)
    assert [org["name"] for org in shared_server.get("/api/v1/orgs").json()["items"]] == ["acme"]


def test_a_text_of_100_mb_is_refused_or_stored_in_flat_memory(steady):
    """In a field that is not kept, in one that is, in a key, and where a short text belongs."""
    long = b"x" * (100 << 20)
    changes = [
        lambda body: b'{"unknown": "' + long + b'",' + body[1:],
        lambda body: b'{"' + long + b'": 1,' + body[1:],
        lambda body: body.replace(b'"1.0.0": {', b'"1.0.0": {"description": "' + long + b'",'),
        lambda body: b'{"_id": "' + long + b'",' + body[1:],
    ]
    for change in changes:
        request = npm_body(steady, lambda body: change(body.replace(b"hello", b"large")))
        request.path = request.path.replace("hello", "large")
        answer, grown = growth_kib(steady, request)
        assert answer.status in (200, 201, 400, 403, 413, 422), answer
        assert grown < GROWTH_MAX_KIB
    with steady.socket() as sock:
        sock.sendall(bytes_of(steady, shapes.Request("POST", "/api/v1/orgs", [("Expect", "100-continue")], long))
                     .removesuffix(long))
        assert sock.recv(4096).startswith(b"HTTP/1.1 413 ")
    assert steady.get("/-/livez", token=None).status == 200
    steady.verify()


# Distributions that lie


def rewritten(dist, change):
    """The wheel with its members changed by hand."""
    with zipfile.ZipFile(io.BytesIO(dist.content)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    dist.content = packages.zipped(change(members))
    return dist


INFO = "hello-1.0.dist-info"
WHEELS = {
    "no METADATA": lambda m: {k: v for k, v in m.items() if not k.endswith("/METADATA")},
    "two of them": lambda m: {**m, "other-1.0.dist-info/METADATA": m[f"{INFO}/METADATA"]},
    "another name in METADATA": lambda m: {**m, f"{INFO}/METADATA": packages.metadata("other", "1.0")},
    "another version in METADATA": lambda m: {**m, f"{INFO}/METADATA": packages.metadata("hello", "2.0")},
    "another folder": lambda m: {k.replace(INFO, "other-1.0.dist-info"): v for k, v in m.items()},
    "METADATA that is none": lambda m: {**m, f"{INFO}/METADATA": bytes(range(256))},
}


@pytest.mark.parametrize("change", WHEELS)
def test_a_wheel_that_lies_is_refused(shared_server, change):
    dist = rewritten(packages.wheel("hello", "1.0"), WHEELS[change])
    refused(shared_server.send(shapes.pypi_upload(shared_server.pypi, dist)), 400, 422)
    assert shared_server.get(f"{shared_server.pypi}/simple/hello/").status == 404


@pytest.mark.parametrize("content", [b"", b"PK", b"PK\3\4", bytes(10_000), b"\x1f\x8b" + bytes(100)],
                         ids=["nothing", "PK", "a head", "zeros", "gzip"])
def test_what_is_no_archive_is_refused(shared_server, content):
    wheel = packages.wheel("hello", "1.0")
    wheel.content = content
    refused(shared_server.send(shapes.pypi_upload(shared_server.pypi, wheel)), 400, 422)
    refused(shared_server.send(shapes.npm_publish(shared_server.npm, "hello", "1.0.0", content)), 400, 422)


TARBALLS = {
    "another name inside": {"package/package.json": '{"name":"other","version":"1.0.0"}'},
    "another version inside": {"package/package.json": '{"name":"hello","version":"2.0.0"}'},
    "no package.json": {"package/index.js": "1"},
    "a package.json that is none": {"package/package.json": "hello"},
    "a member above its folder": {"package/package.json": '{"name":"hello","version":"1.0.0"}',
                                  "package/../../evil": "x"},
    "a member from the root": {"package/package.json": '{"name":"hello","version":"1.0.0"}', "/evil": "x"},
}


@pytest.mark.parametrize("tarball", TARBALLS)
def test_a_tarball_that_lies_is_refused(shared_server, tarball):
    content = packages.tar_gz(TARBALLS[tarball])
    refused(shared_server.send(shapes.npm_publish(shared_server.npm, "hello", "1.0.0", content)), 400, 422)
    assert shared_server.get(f"{shared_server.npm}/hello").status == 404


# Paths


DOTS = ["..", ".", "%2e%2e", "%2E.", "..%2f..%2f..%2fetc%2fpasswd", "%2e%2e%2f%2e%2e%2fetc%2fpasswd", "..%5c..%5cx",
        "%00", "x%00.tgz", "%c0%ae%c0%ae", "....//....//etc/passwd", "/etc/passwd", "%2fetc%2fpasswd", "%", "%e"]
PLACES = ["/{}", "/npm/{}/main/x", "/npm/acme/{}/x", "/npm/acme/main/{}", "/npm/acme/main/@x/{}",
          "/npm/acme/main/{}/-/x-1.0.0.tgz", "/npm/acme/main/x/-/{}", "/npm/acme/main/x/{}",
          "/npm/acme/main/-/package/x/dist-tags/{}", "/pypi/{}/main/simple/", "/pypi/acme/{}/simple/",
          "/pypi/acme/main/{}/", "/pypi/acme/main/simple/{}/", "/pypi/acme/main/files/{}", "/pypi/acme/main/files/x/{}",
          "/artifacts/{}/main/x/1.0/y", "/artifacts/acme/{}/x/1.0/y", "/artifacts/acme/main/{}/1.0/y",
          "/artifacts/acme/main/x/{}/y", "/artifacts/acme/main/x/1.0/{}", "/artifacts/acme/main/x/1.0/y/{}/z",
          "/api/v1/{}", "/api/v1/orgs/{}", "/api/v1/orgs/{}/repositories", "/api/v1/orgs/acme/repositories/{}",
          "/api/v1/tokens/{}", "/-/{}"]


@pytest.mark.parametrize("place", PLACES)
def test_no_path_leads_out(shared_server, place):
    outside = sorted(pathlib.Path(shared_server.folder).iterdir())
    with_token = [("Authorization", f"Bearer {shared_server.token}"), ("Connection", "close")]
    for dots, method in itertools.product(DOTS, ("GET", "HEAD", "PUT", "POST", "DELETE")):
        with shared_server.connect() as connection:
            answer = connection.request(method, place.format(dots), with_token,
                                        b"x" if method in ("PUT", "POST") else None)
        assert 400 <= answer.status < 500, (method, place.format(dots), answer)
        assert b"root:" not in answer.body
    assert sorted(pathlib.Path(shared_server.folder).iterdir()) == outside


@pytest.mark.parametrize("name", ["../hello-1.0-py3-none-any.whl", "/hello-1.0-py3-none-any.whl", "..", "",
                                  "a/hello-1.0-py3-none-any.whl", "a\\hello-1.0-py3-none-any.whl",
                                  "hello-1.0-py3-none-any.whl\0.txt", "hello-1.0-..-none-any.whl/../x"])
def test_no_file_name_in_a_form_leads_out(shared_server, name):
    dist = packages.wheel("hello", "1.0")
    refused(shared_server.send(shapes.pypi_upload(shared_server.pypi, dist, filename=name or "x.whl")), 400)


@pytest.mark.parametrize("file", ["../hello-1.0.0.tgz", "/hello-1.0.0.tgz", "..", "hello-1.0.0.tgz/../../x"])
def test_no_attachment_name_leads_out(server, file):
    """It is the client's own affair: what is stored has a name that follows from the package's."""
    answer = server.send(npm_body(server, lambda body: body.replace(b'"hello-1.0.0.tgz": {',
                                                                    json.dumps(file).encode() + b": {")))
    if answer.status not in (200, 201):
        refused(answer, 400, 422)
        return
    tarball = server.get(f"{server.npm}/hello").json()["versions"]["1.0.0"]["dist"]["tarball"]
    assert tarball == f"{server.url}{server.npm}/hello/-/hello-1.0.0.tgz"
    assert server.get(tarball.removeprefix(server.url)).status == 200
