"""Uploads as clients send them, and what happens to those that should not be."""

import concurrent.futures
import hashlib
import json
import os
import pathlib
import re
import socket
import time
import zipfile

import pytest

import packages
import shapes
from conformance import conformance
from index_pages import files_of, json_page, page_path
from patience import until


def upload(server, dist, token=None, **change):
    more = {"token": token} if token else {}
    return server.send(shapes.pypi_upload(server.pypi, dist, **change), **more)


def send_form(server, fields, files=(), headers=(), path="/"):
    content_type, body = shapes.multipart(fields, files)
    return server.post(server.pypi + path, body, headers=[("Content-Type", content_type), *headers])


def content_of(dist, filename=None, content_type="application/octet-stream"):
    return [("content", filename or dist.filename, dist.content, content_type)]


def remade(dist, change):
    """The wheel again, after change(members) had its way with its members."""
    with zipfile.ZipFile(dist.path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    change(members)
    dist.content = packages.zipped(members)
    return dist


# What is taken.

@conformance("py-091", "py-112")
@pytest.mark.parametrize("path", ["/", "", "/legacy/", "/legacy"])
def test_every_address_takes_an_upload_without_a_redirect(shared_server, path):
    dist = packages.sdist(f"address{len(path)}", "1.0")
    answer = send_form(shared_server, shapes.pypi_fields(dist), content_of(dist), path=path)
    assert (answer.status, answer.reason) == (200, "OK")
    assert dist.filename in files_of(shared_server, dist.name)


@conformance("py-096")
def test_the_same_file_again_changes_nothing(shared_server):
    for dist in (packages.wheel("again", "1.0"), packages.sdist("again", "1.0")):
        assert upload(shared_server, dist).status == 200
    before = shared_server.get(page_path(shared_server, "again"))
    for dist in (packages.wheel("again", "1.0"), packages.sdist("again", "1.0")):
        assert upload(shared_server, dist).status == 200
    after = shared_server.get(page_path(shared_server, "again"))
    assert (after.body, after["ETag"]) == (before.body, before["ETag"])


@conformance("py-115")
def test_a_chunked_upload_works(shared_server):
    dist = packages.wheel("chunked", "1.0", {"big.bin": os.urandom(300_000)})
    request = shapes.pypi_upload(shared_server.pypi, dist)
    pieces = (request.body[at:at + 7001] for at in range(0, len(request.body), 7001))
    assert shared_server.http("POST", request.path, pieces, request.headers).status == 200
    assert shared_server.get(files_of(shared_server, "chunked")[dist.filename]["path"]).body == dist.content


FORMS = {
    # What each client's form has that others have not: spec 8.2, captured live.
    "py-090": ("flit", {"pyversion": None, "metadata_version": "2.1"}, None),
    "py-092": ("pdm", {"provides_extras": "x", "home_page": "", "license": "", "comment": ""}, "application/octet-stream"),
    "py-095": ("gh-action", {"attestations": "[]"}, "application/octet-stream"),
    "py-116": ("newer", {"invented_in_2030": "x", "classifier": "a"}, "application/octet-stream"),
    "py-117": ("distutils", {"license": "UNKNOWN", "requires_python": "UNKNOWN", "md5_digest": ""},
               "application/octet-stream"),
    "py-119": ("attesting", {"attestations": '[{"version":1}]'}, "application/octet-stream"),
}


@pytest.mark.parametrize("line", FORMS)
def test_forms_of_all_clients(shared_server, line):
    name, change, content_type = FORMS[line]
    for dist in (packages.sdist(name, "1.0"), packages.wheel(name, "1.0")):
        answer = send_form(shared_server, shapes.pypi_fields(dist, **change),
                           content_of(dist, content_type=content_type))
        assert answer.status == 200, answer
    files = files_of(shared_server, name)
    assert len(files) == 2 and not any("requires-python" in file for file in files.values())


def test_the_file_may_come_before_the_fields(shared_server):
    dist = packages.wheel("early", "1.0")
    content_type, body = shapes.multipart([], content_of(dist), boundary="xyz")
    fields_type, fields = shapes.multipart(shapes.pypi_fields(dist), boundary="xyz")
    body = body.removesuffix(b"--xyz--\r\n") + fields
    assert shared_server.post(shared_server.pypi + "/", body, headers=[("Content-Type", fields_type)]).status == 200
    assert dist.filename in files_of(shared_server, "early")


@conformance("py-101")
@pytest.mark.parametrize("action, status", [("submit", 200), ("submit_pkg_info", 200), ("doc_upload", 410),
                                            ("other", 400), (None, 400)])
def test_old_actions(shared_server, action, status):
    fields = [(":action", action)] if action else [("name", "x")]
    answer = send_form(shared_server, fields)
    assert answer.status == status
    assert "was ever registered" not in answer.text
    assert send_form(shared_server, [("name", "x")], path=f"/?:action={action}").status == (status if action else 400)


@conformance("py-121", "py-103")
def test_versions_are_compared_as_versions(shared_server):
    assert upload(shared_server, packages.wheel("versions", "1.0"), version="1.0.0").status == 200
    assert upload(shared_server, packages.sdist("versions", "1.0.0")).status == 200
    assert upload(shared_server, packages.wheel("versions", "2.0+cu121")).status == 200
    assert upload(shared_server, packages.wheel("versions", "2.0rc1"), version="v2.0-C.1").status == 200
    assert json_page(shared_server, "versions")["versions"] == ["1.0", "2.0rc1", "2.0+cu121"]


# What is refused.

def refused(answer, status, *words):
    """In all the places where clients look: spec 8.5."""
    assert answer.status == status, answer
    assert answer["Content-Type"] == "application/problem+json"
    assert len(answer.reason) <= 300 and answer.reason.isascii()
    for word in words:
        assert word in answer.json()["detail"] and word in answer.reason
    return answer


@conformance("py-097", "py-122")
def test_other_bytes_under_a_name_are_refused_in_the_known_words(shared_server):
    for kind in (packages.wheel, packages.sdist):
        first, second = kind("taken", "1.0"), kind("taken", "1.0", {"more.py": "x = 1\n"})
        assert upload(shared_server, first).status == 200
        answer = refused(upload(shared_server, second), 409, f"File already exists ({first.filename})")
        assert answer.json()["existing_sha256"] == first.sha256
        assert shared_server.get(files_of(shared_server, "taken")[first.filename]["path"]).body == first.content


@pytest.mark.parametrize("change, word", [
    pytest.param({"sha256_digest": "0" * 64}, "SHA256", id="py-098-sha256"),
    pytest.param({"md5_digest": "0" * 32}, "MD5", id="py-098-md5"),
    pytest.param({"blake2_256_digest": "0" * 64}, "BLAKE2", id="py-098-blake2"),
    pytest.param({"sha256_digest": "short"}, "SHA256", id="py-098-form"),
    pytest.param({"sha256_digest": None}, "sha256_digest", id="py-099"),
    pytest.param({"protocol_version": "2"}, "protocol version", id="py-100"),
    pytest.param({"name": "other"}, "other", id="py-102-form"),
    pytest.param({"version": "1.1"}, "1.1", id="py-103-form"),
    pytest.param({"name": None}, "Name", id="no-name"),
    pytest.param({"name": "-x-"}, "-x-", id="bad-name"),
    pytest.param({"version": "latest"}, "latest", id="bad-version"),
    pytest.param({"filetype": "sdist"}, "filetype", id="other-filetype"),
    pytest.param({"requires_python": "3.8"}, "Requires-Python", id="bad-requires-python"),
    pytest.param({"description": b"caf\xe9"}, "description", id="py-118"),
    pytest.param({"description": b"a\x00b"}, "description", id="nul"),
])
def test_a_form_that_is_wrong(shared_server, change, word):
    refused(upload(shared_server, packages.wheel("refused", "1.0"), **change), 400, word)
    assert shared_server.get(page_path(shared_server, "refused")).status == 404


@conformance("py-098")
def test_right_digests_are_taken(shared_server):
    dist = packages.wheel("digests", "1.0")
    answer = upload(shared_server, dist, sha256_digest=None, md5_digest=hashlib.md5(dist.content).hexdigest(),
                    blake2_256_digest=hashlib.blake2b(dist.content, digest_size=32).hexdigest().upper())
    assert answer.status == 200


@pytest.mark.parametrize("filename, word", [
    pytest.param("Demo_Pkg-1.0-py3-none-any.whl", "'demo_pkg-'", id="py-104-case"),
    pytest.param("demo.pkg-1.0-py3-none-any.whl", "'demo_pkg-'", id="py-104-dot"),
    pytest.param("demo_pkg-1.0-py3-none.whl", "dashes", id="py-104-parts"),
    pytest.param("demo_pkg-1.0-x-py3-none-any.whl", "build tag", id="py-104-build"),
    pytest.param("demo_pkg-1.0.egg", "extension", id="py-106-egg"),
    pytest.param("demo_pkg-1.0.exe", "extension", id="py-106-exe"),
    pytest.param("demo_pkg-1.0.zip", "extension", id="py-106-zip"),
    pytest.param("demo_pkg-1.0.tar.bz2", "extension", id="py-106-bz2"),
    pytest.param("x/demo_pkg-1.0-py3-none-any.whl", "slash", id="py-107-slash"),
    pytest.param("..\\\\demo_pkg-1.0-py3-none-any.whl", "backslash", id="py-107-backslash"),
    pytest.param("demo_pkg-1.0\x7f-py3-none-any.whl", "control", id="py-107-control"),
])
def test_a_file_name_that_is_wrong(shared_server, filename, word):
    refused(upload(shared_server, packages.wheel("demo-pkg", "1.0"), filename=filename), 400, word)


@conformance("py-105")
def test_an_sdist_has_its_one_name(shared_server):
    dist = packages.sdist("demo-pkg", "1.1")
    refused(upload(shared_server, dist, filename="demo-pkg-1.1.tar.gz"), 400, "'demo_pkg-'")


def test_forms_that_are_none(shared_server):
    dist = packages.wheel("demo-pkg", "1.0")
    for headers in ([], [("Content-Type", "application/json")]):
        assert shared_server.post(shared_server.pypi + "/", b"{}", headers=headers).status == 415
    for body in (b"", b"--b", b"garbage", b"--b\r\n\r\n--b--"):
        answer = shared_server.post(shared_server.pypi + "/", body,
                                    headers=[("Content-Type", "multipart/form-data; boundary=b")])
        assert answer.status == 400, (body, answer)
    fields = shapes.pypi_fields(dist)
    refused(send_form(shared_server, fields), 400, "file")
    refused(send_form(shared_server, fields, content_of(dist) + content_of(dist)), 400, "two files")
    refused(send_form(shared_server, fields, content_of(dist) + [("extra", "f", b"x", None)]), 400, "extra")
    refused(send_form(shared_server, fields, content_of(dist, content_type="image/png")), 400, "image/png")
    assert send_form(shared_server, fields, content_of(dist) + [("gpg_signature", "f.asc", b"x", None)]).status == 200


# The wheel's METADATA.

def metadata_named(name):
    return lambda members: members.update({name: members["demo_pkg-1.0.dist-info/METADATA"]})


def metadata_is(text):
    return lambda members: members.update({"demo_pkg-1.0.dist-info/METADATA": text})


HEAD = b"Metadata-Version: 2.1\nName: demo-pkg\nVersion: 1.0\n"


@pytest.mark.parametrize("change, word", [
    pytest.param(lambda members: members.pop("demo_pkg-1.0.dist-info/METADATA"), "METADATA", id="no-metadata"),
    pytest.param(metadata_named("other-1.0.dist-info/METADATA"), "more METADATA", id="two-metadata"),
    pytest.param(lambda members: members.update(
        {"demo_pkg-1.1.dist-info/METADATA": members.pop("demo_pkg-1.0.dist-info/METADATA")}),
        "demo_pkg-1.0.dist-info", id="py-136"),
    pytest.param(metadata_is(HEAD.replace(b"demo-pkg", b"other")), "other", id="py-102"),
    pytest.param(metadata_is(HEAD.replace(b"1.0", b"1.1")), "1.1", id="py-103"),
    pytest.param(metadata_is(HEAD.replace(b"2.1", b"2.0")), "2.0", id="py-139-2.0"),
    pytest.param(metadata_is(HEAD.replace(b"2.1", b"3.0")), "3.0", id="py-139-3.0"),
    pytest.param(metadata_is(HEAD + b"Requires-Python: 3.8\n"), "Requires-Python", id="py-141"),
    pytest.param(metadata_is(HEAD + b"Name: demo-pkg\n"), "twice", id="name-twice"),
    pytest.param(metadata_is(HEAD + b"Author: caf\xe9\n"), "UTF-8", id="no-utf8"),
    pytest.param(metadata_is(b""), "lacks", id="empty"),
    pytest.param(metadata_is(HEAD + b"X" * (5 << 20)), "METADATA", id="huge"),
])
def test_a_wheel_whose_metadata_is_wrong(shared_server, pypi, change, word):
    wheel = remade(pypi.make_wheel("demo-pkg", "1.0"), change)
    refused(upload(shared_server, wheel), 400, word)


@pytest.mark.parametrize("version", ["1.0", "1.1", "1.2", "2.1", "2.2", "2.3", "2.4", "2.5", "2.6"])
@conformance("py-139")
def test_metadata_versions_that_are_known(shared_server, pypi, version):
    wheel = remade(pypi.make_wheel("demo-pkg", "1.0"),
                   metadata_is(HEAD.replace(b"2.1", version.encode()).replace(b"demo-pkg", b"Demo.Pkg")))
    refused(upload(shared_server, wheel, name=f"x{version.replace('.', '-')}"), 400, "should begin with")
    project = f"meta{version.replace('.', '')}"
    wheel = pypi.make_wheel(project, "1.0", meta=HEAD.replace(b"2.1", version.encode()).replace(b"demo-pkg", project.encode()))
    assert upload(shared_server, wheel).status == 200


@pytest.mark.parametrize("name, content", [
    ("empty", b""), ("text", b"no zip at all"), ("cut", None), ("tarball", packages.tar_gz({"a": "b"})),
])
def test_a_wheel_that_is_no_zip(shared_server, name, content):
    wheel = packages.wheel("demo-pkg", "1.0")
    wheel.content = wheel.content[:-30] if content is None else content
    answer = upload(shared_server, wheel)
    assert answer.status == 400, answer


def test_a_wheel_with_a_bomb_is_refused(shared_server):
    wheel = packages.wheel("demo-pkg", "1.0", {"zeros": bytes(200 << 20)})
    assert len(wheel.content) < 1 << 20
    before = shared_server.rss_kib()
    assert upload(shared_server, wheel).status == 400
    assert shared_server.rss_kib() - before < 60_000


# Sizes, interruptions and races.

@conformance("py-108")
@pytest.mark.settings(PACKHOUSE_WHEEL_MAX="1 MiB")
def test_too_large_is_refused_before_the_body_is_read(server):
    head = (f"POST {server.pypi}/ HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {server.token}\r\n"
            "Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 1000000000\r\n\r\n")
    with server.socket() as sock:
        sock.sendall(head.encode())
        assert sock.recv(100).startswith(b"HTTP/1.1 413 ")
    refused(upload(server, packages.sdist("large", "1.0", {"x": os.urandom(2 << 20)})), 413, "1048576")
    assert upload(server, packages.sdist("small", "1.0", {"x": os.urandom(500 << 10)})).status == 200


@conformance("py-109")
def test_a_cut_upload_leaves_nothing(server):
    dist = packages.wheel("cut", "1.0", {"data": os.urandom(50_000)})
    request = shapes.pypi_upload(server.pypi, dist)
    head = (f"POST {request.path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {server.token}\r\n"
            f"Content-Type: {dict(request.headers)['Content-Type']}\r\nContent-Length: {len(request.body)}\r\n\r\n")
    for at in [0, 1, 100, 1000, 30_000, len(request.body) - 20, len(request.body) - 1]:
        with server.socket() as sock:
            sock.sendall(head.encode() + request.body[:at])
            sock.shutdown(socket.SHUT_WR)
            while sock.recv(1000):
                pass
    until(lambda: not any(pathlib.Path(server.data, "stage").iterdir()), "an empty stage/")
    assert server.get(page_path(server, "cut")).status == 404
    assert upload(server, dist).status == 200
    server.verify()


@conformance("py-110")
def test_twenty_wheels_of_a_new_project_at_once(server):
    wheels = [packages.wheel("matrix", "1.0", tag=f"cp3{number}-cp3{number}-win_amd64") for number in range(20)]
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        assert {answer.status for answer in pool.map(lambda wheel: upload(server, wheel), wheels)} == {200}
    assert set(files_of(server, "matrix")) == {wheel.filename for wheel in wheels}
    assert json_page(server, "matrix")["versions"] == ["1.0"]


@conformance("py-111")
def test_of_uploads_at_once_under_one_name_one_wins(server):
    for number in range(10):
        same = packages.wheel(f"race{number}", "1.0")
        others = [packages.wheel(f"race{number}", "2.0", {"n.py": f"n = {n}\n"}) for n in range(4)]
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda dist: upload(server, dist).status, [same] * 4 + others))
        assert answers[:4] == [200] * 4
        assert sorted(answers[4:]) == [200, 409, 409, 409]
        winner = others[answers[4:].index(200)]
        files = files_of(server, f"race{number}")
        assert server.get(files[winner.filename]["path"]).body == winner.content
        assert server.get(files[winner.filename]["path"] + ".metadata").body == winner.metadata
    server.verify()


@conformance("py-113")
@pytest.mark.long
def test_a_large_wheel_is_answered_soon(server):
    wheel = packages.wheel("large", "1.0", {"data": os.urandom(500 << 20)})
    request = shapes.pypi_upload(server.pypi, wheel)
    with server.connect() as connection:
        connection.http.putrequest("POST", request.path)
        for name, value in [*request.headers, ("Authorization", f"Bearer {server.token}"),
                            ("Content-Length", str(len(request.body)))]:
            connection.http.putheader(name, value)
        connection.http.endheaders(request.body)
        began = time.monotonic()
        assert connection.http.getresponse().status == 200
        assert time.monotonic() - began < 8


# Who may.

@conformance("py-114", "py-124")
def test_a_bad_token_is_refused_before_the_body(shared_server):
    for token in ("pkhp_wrong", None):
        authorization = f"Authorization: Bearer {token}\r\n" if token else ""
        head = (f"POST {shared_server.pypi}/ HTTP/1.1\r\nHost: x\r\n{authorization}Expect: 100-continue\r\n"
                "Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 1000000\r\n\r\n")
        with shared_server.socket() as sock:
            sock.sendall(head.encode())
            answer = sock.recv(1000)
        assert answer.startswith(b"HTTP/1.1 401 ")
        assert re.search(rb"(?i)\r\nWWW-Authenticate: Basic ", answer)


@conformance("py-123")
def test_a_token_for_another_project_is_refused_by_name(shared_server, packhouse):
    made = packhouse("token", "create", "--package", "mine*", "--repo", "acme/main", "--json").json()
    assert upload(shared_server, packages.wheel("mine-too", "1.0"), token=made["token"]).status == 200
    refused(upload(shared_server, packages.wheel("Yours", "1.0"), token=made["token"]), 403, "'yours'")
    reader = packhouse("token", "create", "--role", "reader", "--repo", "acme/main", "--json").json()
    assert upload(shared_server, packages.wheel("mine", "1.0"), token=reader["token"]).status == 403
    assert shared_server.get(page_path(shared_server, "yours")).status == 404


def test_refusals_are_json_that_uv_shows(shared_server):
    answer = upload(shared_server, packages.wheel("demo-pkg", "1.0"), protocol_version="9")
    body = json.loads(answer.body)
    assert body["detail"] == body["message"] == body["errors"][0]["description"] == "Unknown protocol version"
