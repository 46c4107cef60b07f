"""Build artifacts as a pipeline sends and fetches them. Access spec A1, A2, A4; the lines are those of
its list F."""

import base64
import hashlib
import json
import pathlib
import socket
import threading
import urllib.parse

import pytest

import clients
import shapes
from conformance import conformance
from patience import until

HELLO = b"hello, harbour\n"


def sha256(content):
    return hashlib.sha256(content).hexdigest()


def field(algorithm, content):
    """A member of Repr-Digest, RFC 9530."""
    name = algorithm.replace("sha", "sha-")
    return f"{name}=:{base64.b64encode(hashlib.new(algorithm, content).digest()).decode()}:"


@pytest.fixture
def place(shared_server, request):
    """A version of a package of the test's own."""
    name = request.node.name.split("[")[0].replace("_", "-")[:80]
    row = hashlib.sha1(request.node.name.encode()).hexdigest()[:8]
    return f"{shared_server.artifacts}/{name}-{row}/1.4.2"


def problem(answer, status, code):
    """art-130: every failure says the same in each client's words."""
    assert answer.status == status, answer
    assert answer["Content-Type"] == "application/problem+json"
    body = answer.json()
    assert body["code"] == code, body
    assert body["status"] == status
    assert body["error"] == body["message"] == body["detail"]
    assert body["errors"][0]["code"] == code
    assert answer.reason.startswith(f"{code}: "[:160])
    assert len(answer.reason) <= 160 and answer.reason.isprintable() and answer.reason.isascii()
    return body


def head_of(server, method, path, *headers, token=True):
    lines = [f"{method} {path} HTTP/1.1", f"Host: {server.host}:{server.port}", *headers]
    if token:
        lines.append(f"Authorization: Bearer {server.token}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


# Upload


@conformance("art-001")
def test_a_new_path_is_created_with_its_digests(shared_server, place):
    answer = shared_server.put(f"{place}/web.tgz", HELLO)
    assert answer.status == 201
    assert answer["Location"] == f"{shared_server.url}{place}/web.tgz"
    assert answer["ETag"] == f'"sha256:{sha256(HELLO)}"'
    assert answer["Repr-Digest"] == field("sha256", HELLO)
    assert answer["X-Checksum-Sha256"] == sha256(HELLO)
    assert answer["X-Artifact-Result"] == "created"
    assert shared_server.get(f"{place}/web.tgz").body == HELLO


@conformance("art-002")
def test_the_same_bytes_again_change_nothing(server):
    path = f"{server.artifacts}/web/1.4.2/web.tgz"
    assert server.put(path, HELLO).status == 201
    before, listed = server.verify(), server.get(f"{server.artifacts}/web/1.4.2/").json()
    again = server.put(path, HELLO)
    assert again.status == 200
    assert again["X-Artifact-Result"] == "unchanged"
    assert again["ETag"] == f'"sha256:{sha256(HELLO)}"'
    assert again["X-Checksum-Sha256"] == sha256(HELLO)
    assert server.verify() == before
    assert server.get(f"{server.artifacts}/web/1.4.2/").json() == listed
    until(lambda: not list(pathlib.Path(server.data, "stage").iterdir()), "an empty stage/")


@conformance("art-003", "art-130")
def test_other_bytes_are_refused(shared_server, place):
    shared_server.put(f"{place}/web.tgz", HELLO)
    for headers in ({}, {"X-Checksum-Sha256": sha256(b"other")}):
        body = problem(shared_server.put(f"{place}/web.tgz", b"other", headers=headers), 409, "path-exists")
        assert body["existing_sha256"] == sha256(HELLO)
    assert shared_server.get(f"{place}/web.tgz").body == HELLO


@conformance("art-004")
@pytest.mark.parametrize("stated, status", [(HELLO, 200), (b"other", 409)])
def test_a_stated_digest_is_answered_before_the_body(shared_server, place, stated, status):
    """Nothing but the head is ever sent, and no 100 invites the body."""
    shared_server.put(f"{place}/web.tgz", HELLO)
    with shared_server.socket() as sock:
        sock.sendall(head_of(shared_server, "PUT", f"{place}/web.tgz", f"Content-Length: {len(HELLO)}",
                             "Expect: 100-continue", f"X-Checksum-Sha256: {sha256(stated)}"))
        assert sock.recv(4096).startswith(f"HTTP/1.1 {status} ".encode())


@conformance("art-004")
def test_curl_retries_a_large_upload_for_nothing(shared_server, curl, place):
    """curl announces a large body with Expect, and sends none of it."""
    large = curl.write("large.bin", bytes(8 << 20))
    to = place.removeprefix(shared_server.artifacts + "/")
    digest = ("-H", f"X-Checksum-Sha256: {sha256(bytes(8 << 20))}", "-w", "%{http_code} %{size_upload}")
    assert curl.upload(large, f"{to}/large.bin", *digest).stdout == f"201 {8 << 20}"
    assert curl.upload(large, f"{to}/large.bin", *digest).stdout == "200 0"


@conformance("art-005")
def test_no_credential_is_told_before_the_body(shared_server, place):
    with shared_server.socket() as sock:
        sock.sendall(head_of(shared_server, "PUT", f"{place}/web.tgz", "Content-Length: 1000000",
                             "Expect: 100-continue", token=False))
        assert sock.recv(4096).startswith(b"HTTP/1.1 401 ")


def test_the_body_is_asked_for_after_the_gate(shared_server, place):
    with shared_server.socket() as sock:
        sock.sendall(head_of(shared_server, "PUT", f"{place}/web.tgz", f"Content-Length: {len(HELLO)}",
                             "Expect: 100-continue"))
        assert sock.recv(4096) == b"HTTP/1.1 100 Continue\r\n\r\n"
        sock.sendall(HELLO)
        assert sock.recv(4096).startswith(b"HTTP/1.1 201 ")


def hexadecimal(algorithm):
    return lambda content: hashlib.new(algorithm, content).hexdigest()


def base64_of(algorithm):
    return lambda content: base64.b64encode(hashlib.new(algorithm, content).digest()).decode()


STATEMENTS = [
    ("Repr-Digest", lambda content: field("sha256", content)),
    ("Repr-Digest", lambda content: field("sha512", content)),
    ("Content-Digest", lambda content: field("sha256", content)),
    ("X-Checksum-Sha256", hexadecimal("sha256")),
    ("X-Checksum-Sha512", hexadecimal("sha512")),
    ("X-Checksum-Sha1", hexadecimal("sha1")),
    ("X-Checksum-Md5", hexadecimal("md5")),
    ("X-Checksum", hexadecimal("sha256")),
    ("x-amz-checksum-sha256", base64_of("sha256")),
    ("x-amz-content-sha256", hexadecimal("sha256")),
    ("Content-MD5", base64_of("md5")),
    ("?sha256", hexadecimal("sha256")),
]


@conformance("art-006")
@pytest.mark.parametrize("name, form", STATEMENTS, ids=lambda value: value if isinstance(value, str) else "")
def test_a_wrong_digest_stores_nothing(shared_server, place, name, form):
    def put(stated):
        if name.startswith("?"):
            return shared_server.put(f"{place}/web.tgz{name}={form(stated)}", HELLO)
        return shared_server.put(f"{place}/web.tgz", HELLO, headers={name: form(stated)})

    body = problem(put(b"other"), 400, "digest-mismatch")
    assert body["expected"] != body["actual"]
    assert shared_server.get(f"{place}/web.tgz").status == 404
    assert put(HELLO).status == 201
    assert shared_server.get(f"{place}/web.tgz").body == HELLO


def chunked_put(server, path, content, headers, trailers):
    """Each trailer a pair of bytes; two chunks, one with an extension."""
    half = len(content) // 2
    body = b"".join([b"%x;note=\"a;b\"\r\n%s\r\n" % (half, content[:half]),
                     b"%X\r\n%s\r\n" % (len(content) - half, content[half:]), b"0\r\n",
                     *(b"%s: %s\r\n" % trailer for trailer in trailers), b"\r\n"])
    answer = server.raw(head_of(server, "PUT", path, "Transfer-Encoding: chunked", *headers) + body)
    return int(answer.split()[1]), answer


@conformance("art-007")
def test_a_digest_in_a_trailer_counts(shared_server, place):
    announced = ["Trailer: Repr-Digest"]
    status, answer = chunked_put(shared_server, f"{place}/web.tgz", HELLO, announced,
                                 [(b"Repr-Digest", field("sha256", b"other").encode())])
    assert status == 400 and b"digest-mismatch" in answer
    assert shared_server.get(f"{place}/web.tgz").status == 404
    status, _ = chunked_put(shared_server, f"{place}/web.tgz", HELLO, announced,
                            [(b"repr-digest", field("sha256", HELLO).encode()), (b"X-Other", b"1")])
    assert status == 201
    assert shared_server.get(f"{place}/web.tgz").body == HELLO


@conformance("art-007")
def test_every_digest_may_come_in_a_trailer(shared_server, place):
    for number, (name, form) in enumerate(row for row in STATEMENTS if not row[0].startswith("?")):
        for content, expected in ((b"other", 400), (HELLO, 201)):
            trailer = [(name.encode(), form(content).encode())]
            path = f"{place}/{number}"
            assert chunked_put(shared_server, path, HELLO, [f"Trailer: {name}"], trailer)[0] == expected, name
    # Known without an announcement, or not computed and so refused: never passed over.
    for name, good in (("X-Checksum-Sha512", 201), ("X-Checksum-Md5", 400)):
        form = dict(STATEMENTS)[name]
        for content, expected in ((b"other", 400), (HELLO, good)):
            assert chunked_put(shared_server, f"{place}/{name}", HELLO, [], [(name.encode(), form(content).encode())]
                               )[0] == expected, name


def test_a_chunked_upload_may_come_along_with_another_request(shared_server, place):
    """In one segment. What the library has read ahead is not known then, and neither are trailers: a
    digest in one is refused, not passed over."""
    shared_server.put(f"{place}/first", HELLO)
    get = head_of(shared_server, "GET", f"{place}/first")
    for name, trailer, status in (("second", b"", b"201"), ("third", b"Trailer: Repr-Digest\r\n", b"400")):
        put = head_of(shared_server, "PUT", f"{place}/{name}", "Transfer-Encoding: chunked")
        put = put.replace(b"Transfer-Encoding", trailer + b"Transfer-Encoding") + b"5\r\nhello\r\n0\r\n\r\n"
        answers = shared_server.raw(get + put).split(b"HTTP/1.1 ")[1:]
        assert [answer[:3] for answer in answers] == [b"200", status], answers
        assert shared_server.get(f"{place}/{name}").status == (200 if status == b"201" else 404)


@pytest.mark.parametrize("body", [
    b"5\nhello\r\n0\r\n\r\n", b"+5\r\nhello\r\n0\r\n\r\n", b"0x5\r\nhello\r\n0\r\n\r\n", b"4\r\nhello\r\n0\r\n\r\n",
    b"6\r\nhello\r\n0\r\n\r\n", b"fffffffffffffffff\r\nhello", b"5\r\nhello\r\n0\r\nno colon\r\n\r\n",
    b"5\r\nhello\r\n0\r\na: b\r\n folded\r\n\r\n",
])
def test_a_body_that_two_parsers_could_read_in_two_ways_is_refused(shared_server, place, body):
    head = head_of(shared_server, "PUT", f"{place}/web.tgz", "Transfer-Encoding: chunked")
    assert shared_server.raw(head + body, half_close=True).startswith(b"HTTP/1.1 400 ")
    assert shared_server.get(f"{place}/web.tgz").status == 404


@conformance("art-008")
def test_if_none_match_refuses_what_exists(shared_server, place):
    only_new = {"If-None-Match": "*"}
    assert shared_server.put(f"{place}/web.tgz", HELLO, headers=only_new).status == 201
    problem(shared_server.put(f"{place}/web.tgz", HELLO, headers=only_new), 412, "precondition-failed")
    problem(shared_server.put(f"{place}/web.tgz", b"other", headers=only_new), 412, "precondition-failed")


@conformance("art-009")
def test_a_connection_cut_at_every_byte_leaves_nothing(server):
    """From the first byte of the head to the last but one of the body."""
    path = f"{server.artifacts}/web/1.4.2/web.tgz"
    request = head_of(server, "PUT", path, f"Content-Length: {len(HELLO)}",
                      f"X-Checksum-Sha256: {sha256(HELLO)}") + HELLO
    for cut in range(1, len(request)):
        with server.socket() as sock:
            sock.sendall(request[:cut])
            if cut % 2:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    until(lambda: not list(pathlib.Path(server.data, "stage").iterdir()), "an empty stage/")
    assert server.get(path).status == 404
    assert server.verify()["files"] == 0
    with server.socket() as sock:
        sock.sendall(request)
        assert sock.recv(4096).startswith(b"HTTP/1.1 201 ")


def test_a_chunked_upload_cut_before_its_end_leaves_nothing(shared_server, place):
    head = head_of(shared_server, "PUT", f"{place}/web.tgz", "Transfer-Encoding: chunked")
    whole = b"5\r\nhello\r\n0\r\n\r\n"
    for cut in range(len(whole) - 4):
        answer = shared_server.raw(head + whole[:cut], half_close=True)
        assert not answer or answer.startswith(b"HTTP/1.1 400 "), (cut, answer)
    assert shared_server.get(f"{place}/web.tgz").status == 404
    assert shared_server.raw(head + whole).startswith(b"HTTP/1.1 201 ")


def at_once(calls):
    """Runs them in threads that start together; returns what each returned."""
    barrier, results = threading.Barrier(len(calls)), [None] * len(calls)

    def run(index, call):
        barrier.wait()
        results[index] = call()

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


@conformance("art-010")
def test_of_two_uploads_at_once_one_wins(shared_server, place):
    for turn in range(15):
        path = f"{place}/different-{turn}"
        bodies = [b"one" * 1000, b"two" * 1000]
        answers = at_once([lambda body=body: shared_server.put(path, body) for body in bodies])
        assert sorted(answer.status for answer in answers) == [201, 409]
        won = bodies[[answer.status for answer in answers].index(201)]
        assert shared_server.get(path).body == won
        answers = at_once([lambda: shared_server.put(f"{place}/equal-{turn}", HELLO) for _ in range(2)])
        assert sorted(answer.status for answer in answers) == [200, 201]


@conformance("art-011")
def test_many_uploads_into_one_version_all_stay(shared_server, place):
    paths = [f"part/{number:03}.txt" for number in range(500)]

    def upload(mine):
        return [shared_server.put(f"{place}/{path}", path.encode()).status for path in mine]

    answers = at_once([lambda mine=paths[start::20]: upload(mine) for start in range(20)])
    assert {status for some in answers for status in some} == {201}
    files = shared_server.get(f"{place}/").json()["files"]
    assert [file["path"] for file in files] == paths
    assert all(file["sha256"] == sha256(file["path"].encode()) for file in files)


@conformance("art-012")
@pytest.mark.parametrize("path", [
    "..", "../x", "x/..", "x/../y", "%2e%2e", "x/%2e%2e/y", "%2e%2E/y", ".", "x/./y", "%2e", "x/..%2fy", "x%2fy",
    "x%5cy", "..%5cy", "x%00y", "x%01y", "x%0ay", "x%7fy", "x%c2%85y", "x%ff", "x%c0%ae%c0%ae/y", "x//y", "x/y/",
    "%", "x%2", "x%zz", "/".join("x" * 17), "x" * 256, "/".join(["y" * 200] * 6), "gru%cc%88n", "-/seal",
])
def test_a_path_that_leads_elsewhere_is_refused(shared_server, place, path):
    def look():
        return sorted(str(path) for path in pathlib.Path(shared_server.folder).rglob("*") if "blobs" not in path.parts)

    before = look()
    problem(shared_server.put(f"{place}/{path}", HELLO), 400, "invalid-path")
    for method in ("GET", "HEAD"):
        assert shared_server.http(method, f"{place}/{path}").status == 400
    assert look() == before


@pytest.mark.parametrize("path", [
    "..a", "a..", "...", "a b", "%23%3f%25%3a%40", "+", "gr%C3%BCn/%E6%97%A5%E6%9C%AC", "x" * 255,
    "/".join("x" * 16), "/".join(["y" * 255] * 4), "-x/-", "a;b=c", "~", "'\"<>&",
])
def test_a_path_in_the_rules_comes_back(shared_server, curl, place, path):
    path = urllib.parse.quote(path, safe="/%")
    assert shared_server.put(f"{place}/{path}", path.encode()).status == 201
    assert shared_server.get(f"{place}/{path}").body == path.encode()
    listed = shared_server.get(f"{place}/").json()["files"]
    assert [file["path"] for file in listed] == [urllib.parse.unquote(path)]


@pytest.mark.parametrize("package, version", [
    ("_x", "1.0"), ("a b", "1.0"), ("%40x", "1.0"), ("x" * 129, "1.0"), ("x", "-1"), ("x", "@latest"),
    ("x", "@sha256:" + "0" * 64), ("x", ".1"), ("x", "1 0"), ("x", "1" * 129), ("x", "%E6%97%A5"), ("-x", "1.0"),
])
def test_a_package_or_version_out_of_the_rules_is_refused(shared_server, package, version):
    base = f"{shared_server.artifacts}/{urllib.parse.quote(package, safe='%')}/{urllib.parse.quote(version, safe='%@:')}"
    problem(shared_server.put(f"{base}/web.tgz", HELLO), 400, "invalid-path")
    assert shared_server.get(f"{base}/web.tgz").status == (404 if version.startswith("@") else 400)
    assert shared_server.get(f"{base}/").status == (404 if version.startswith("@") else 400)


@conformance("art-013")
def test_names_that_differ_in_case_only_are_refused(shared_server, place):
    assert shared_server.put(f"{place}/docs/readme", HELLO).status == 201
    for path in ("docs/README", "Docs/readme"):
        problem(shared_server.put(f"{place}/{path}", HELLO), 409, "path-case-collision")
    assert shared_server.put(f"{place}/README", HELLO).status == 201
    assert len(shared_server.get(f"{place}/").json()["files"]) == 2


@pytest.mark.parametrize("coding, status", [("identity", 201), ("gzip", 415), ("br", 415), ("aws-chunked", 415)])
def test_a_coded_body_is_not_stored(shared_server, place, coding, status):
    answer = shared_server.put(f"{place}/web.tgz", HELLO, headers={"Content-Encoding": coding})
    assert answer.status == status
    assert shared_server.get(f"{place}/web.tgz").status == (200 if status == 201 else 404)


@conformance("art-017")
@pytest.mark.settings(PACKHOUSE_ARTIFACT_MAX="1000")
def test_over_the_limit_is_told_before_the_body(server):
    path = f"{server.artifacts}/web/1.4.2/web.tgz"
    assert server.put(path, bytes(1000)).status == 201
    with server.socket() as sock:
        sock.sendall(head_of(server, "PUT", path, "Content-Length: 1001", "Expect: 100-continue"))
        answer = sock.recv(4096)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"\r\nUpload-Limit: max-size=1000\r\n" in answer
    problem(server.put(f"{path}.2", iter([bytes(999), bytes(2)])), 413, "too-large")
    assert server.get(f"{path}.2").status == 404
    until(lambda: not list(pathlib.Path(server.data, "stage").iterdir()), "an empty stage/")


@conformance("art-017")
def test_more_than_the_disk_holds_is_told_before_the_body(shared_server, place):
    with shared_server.socket() as sock:
        sock.sendall(head_of(shared_server, "PUT", f"{place}/web.tgz", f"Content-Length: {1 << 55}",
                             "Expect: 100-continue"))
        assert sock.recv(4096).startswith(b"HTTP/1.1 507 ")


def test_a_put_without_a_length_is_refused(shared_server, place):
    answer = shared_server.raw(head_of(shared_server, "PUT", f"{place}/web.tgz"), half_close=True)
    assert answer.startswith(b"HTTP/1.1 411 ")


def test_a_stated_length_must_hold(shared_server, place):
    length = {"Upload-Length": str(len(HELLO) + 1)}
    problem(shared_server.put(f"{place}/web.tgz", HELLO, headers=length), 400, "length-mismatch")
    problem(shared_server.put(f"{place}/web.tgz", iter([HELLO]), headers=length), 400, "length-mismatch")
    length["Upload-Length"] = str(len(HELLO))
    assert shared_server.put(f"{place}/web.tgz", iter([HELLO]), headers=length).status == 201


def test_a_digest_that_cannot_be_read_is_refused(shared_server, place):
    for headers in ({"X-Checksum-Sha256": "abc"}, {"Repr-Digest": sha256(HELLO)}, {"Content-MD5": "!"}):
        problem(shared_server.put(f"{place}/web.tgz", HELLO, headers=headers), 400, "invalid-digest")


def test_an_empty_file_is_a_file(shared_server, curl, place):
    to = place.removeprefix(shared_server.artifacts + "/")
    curl.upload(curl.write("empty", b""), f"{to}/empty", "-H", f"X-Checksum-Sha256: {sha256(b'')}")
    answer = shared_server.get(f"{place}/empty")
    assert (answer.status, answer.body, answer["Content-Length"]) == (200, b"", "0")


# Download


@conformance("art-037")
def test_a_download_has_its_validators(shared_server, place):
    shared_server.put(f"{place}/web.tgz", HELLO)
    answer = shared_server.get(f"{place}/web.tgz")
    assert answer.body == HELLO
    assert answer["ETag"] == f'"sha256:{sha256(HELLO)}"'
    assert answer["Repr-Digest"] == field("sha256", HELLO)
    assert answer["X-Checksum-Sha256"] == sha256(HELLO)
    assert answer["Accept-Ranges"] == "bytes"
    assert answer["Content-Disposition"] == 'attachment; filename="web.tgz"'
    assert answer["Content-Type"] == "application/gzip"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Content-Security-Policy"] == "sandbox"
    assert answer["Cache-Control"] == "private, max-age=31536000, immutable"
    assert "GMT" in answer["Last-Modified"]

    head = shared_server.head(f"{place}/web.tgz")
    assert (head.status, head.body) == (200, b"")
    same = [name for name in answer.headers.keys() if name.lower() not in ("date", "x-request-id")]
    assert {name: head.get(name) for name in same} == {name: answer[name] for name in same}


RANGES = [
    ("bytes=0-0", 206, HELLO[:1]), ("bytes=3-6", 206, HELLO[3:7]), ("bytes=10-", 206, HELLO[10:]),
    ("bytes=-4", 206, HELLO[-4:]), ("bytes=-1000", 206, HELLO), ("bytes=5-99999", 206, HELLO[5:]),
    ("bytes=0-1,3-4", 200, HELLO), ("bytes=5-3", 200, HELLO), ("pages=1-2", 200, HELLO), ("bytes=x", 200, HELLO),
    ("bytes=15-", 416, None), ("bytes=99999-", 416, None),
]


@conformance("art-037")
@pytest.mark.parametrize("asked, status, expected", RANGES, ids=[row[0] for row in RANGES])
def test_a_single_range_is_served(shared_server, place, asked, status, expected):
    shared_server.put(f"{place}/web.tgz", HELLO)
    answer = shared_server.get(f"{place}/web.tgz", headers={"Range": asked})
    assert answer.status == status
    if status == 416:
        assert answer["Content-Range"] == f"bytes */{len(HELLO)}"
        return
    assert answer.body == expected
    assert answer["Content-Length"] == str(len(expected))
    if status == 206:
        start = HELLO.find(expected)
        assert answer["Content-Range"] == f"bytes {start}-{start + len(expected) - 1}/{len(HELLO)}"


@conformance("art-037")
def test_conditions_hold_as_http_says(shared_server, place):
    path = f"{place}/web.tgz"
    shared_server.put(path, HELLO)
    tag = f'"sha256:{sha256(HELLO)}"'

    def status(**headers):
        return shared_server.get(path, headers={name.replace("_", "-"): value for name, value in headers.items()}).status

    assert status(If_None_Match=tag) == 304
    assert status(If_None_Match=f'"x", W/{tag}') == 304
    assert status(If_None_Match="*") == 304
    assert status(If_None_Match='"x"') == 200
    assert status(If_Match=tag) == 200
    assert status(If_Match='"x"') == 412
    assert status(Range="bytes=0-3", If_Range=tag) == 206
    assert status(Range="bytes=0-3", If_Range='"stale"') == 200
    unchanged = shared_server.get(path, headers={"If-None-Match": tag})
    assert unchanged.body == b"" and unchanged["ETag"] == tag


@conformance("art-038")
def test_other_digests_are_there_for_the_asking(shared_server, place):
    shared_server.put(f"{place}/web.tgz", HELLO)

    def get(**headers):
        return shared_server.get(f"{place}/web.tgz", headers={k.replace("_", "-"): v for k, v in headers.items()})

    assert field("sha512", HELLO) in get(Want_Repr_Digest="sha-512=10")["Repr-Digest"]
    assert field("sha256", HELLO) in get(Want_Repr_Digest="sha-512=10")["Repr-Digest"]
    assert get(Want_Repr_Digest="sha-512=0")["Repr-Digest"] == field("sha256", HELLO)
    assert get(Want_Content_Digest="sha-256=1")["Content-Digest"] == field("sha256", HELLO)
    part = get(Want_Content_Digest="sha-256=1", Want_Repr_Digest="sha-512=1", Range="bytes=0-1")
    assert part.status == 206
    assert part.get("Content-Digest") is None
    assert field("sha512", HELLO) in part["Repr-Digest"]


# Lists


def test_a_version_lists_its_files_in_three_forms(shared_server, place):
    paths = ["a.txt", "b/c.txt", "b/d e.txt", "\u00fcber.txt"]
    for path in paths:
        shared_server.put(f"{place}/{urllib.parse.quote(path)}", path.encode())

    def get(accept):
        return shared_server.get(f"{place}/", headers={"Accept": accept} if accept else {})

    listed = get(None).json()
    assert (listed["org"], listed["repo"], listed["version"]) == ("acme", "main", "1.4.2")
    assert [file["path"] for file in listed["files"]] == paths
    assert listed["files"][0]["size"] == 5
    assert listed["files"][0]["sha256"] == sha256(b"a.txt")
    assert listed["files"][0]["sha512"] == hashlib.sha512(b"a.txt").hexdigest()
    assert listed["next"] is None
    assert get("application/json").json() == listed
    assert get("text/plain").text.splitlines() == paths
    page = get("text/html,application/xhtml+xml;q=0.9,*/*;q=0.8")
    assert page["Content-Type"] == "text/html; charset=utf-8"
    assert 'href="./b/d%20e.txt"' in page.text
    assert 'href="./%C3%BCber.txt"' in page.text
    assert "Accept" in page["Vary"]
    tag = page["ETag"]
    again = shared_server.get(f"{place}/", headers={"Accept": "text/html", "If-None-Match": tag})
    assert again.status == 304
    assert shared_server.get(place).json() == listed
    head = shared_server.head(f"{place}/")
    assert (head.status, head.body, head["Content-Length"]) == (200, b"", str(len(get(None).body)))


def test_a_page_of_links_cannot_be_broken_out_of(shared_server, place):
    path = "<script>alert(1)</script>\"'&"
    shared_server.put(f"{place}/{urllib.parse.quote(path)}", HELLO)
    page = shared_server.get(f"{place}/", headers={"Accept": "text/html"})
    assert "<script>" not in page.text
    assert page["Content-Security-Policy"] == "default-src 'none'"


def pages(server, first):
    """Follows `next` to the end."""
    base, query = first.split("?")
    while query is not None:
        answer = server.get(f"{base}?{query}")
        assert answer.status == 200, answer
        page = answer.json()
        yield page
        query = page["next"] and page["next"].removeprefix("?")
        assert bool(query) == ('rel="next"' in answer.get("Link", ""))


def test_lists_come_in_pages(shared_server, place):
    versions = ["2.0.0", "1.10.0", "1.9.0", "1.9.0-rc.1", "1.9.0-beta.11", "1.9.0-beta.2", "nightly", "2024.11"]
    package = place.rsplit("/", 1)[0]
    for version in sorted(versions):
        for name in ("a", "b", "c"):
            assert shared_server.put(f"{package}/{version}/{name}", HELLO).status == 201
    assert [v["version"] for v in shared_server.get(f"{package}/").json()["versions"]] == versions
    for limit in (1, 3, 7, 8, 9):
        got = [page["versions"] for page in pages(shared_server, f"{package}/?limit={limit}")]
        assert all(len(page) <= limit for page in got) and all(got)
        assert [v["version"] for page in got for v in page] == versions
    got = [[file["path"] for file in page["files"]] for page in pages(shared_server, f"{package}/2.0.0/?limit=2")]
    assert got == [["a", "b"], ["c"]]
    for limit in ("0", "x", "-1", "10001", ""):
        assert shared_server.get(f"{package}/?limit={limit}").status == 400


def test_what_is_not_there_is_not_found(shared_server, place):
    package = place.rsplit("/", 1)[0]
    absent = [f"{package}/", package, f"{place}/", f"{place}/web.tgz"]
    bodies = [problem(shared_server.get(path), 404, "no-such-package") for path in absent]
    assert len({body["detail"] for body in bodies}) == 1
    shared_server.put(f"{place}/web.tgz", HELLO)
    for path in (f"{place}/other", f"{package}/9.9.9/", f"{package}/9.9.9/web.tgz", f"{package}/@latest/web.tgz"):
        assert shared_server.get(path).status == 404, path


def test_other_methods_say_what_is_allowed(shared_server, place):
    shared_server.put(f"{place}/web.tgz", HELLO)
    answer = shared_server.http("DELETE", f"{place}/web.tgz")
    assert answer.status == 405
    assert {word.strip() for word in answer["Allow"].split(",")} == {"GET", "HEAD", "PUT"}
    assert shared_server.put(f"{place}/", HELLO).status == 405
    assert shared_server.get(f"{place}/web.tgz").body == HELLO


# The real clients


def test_the_lines_that_the_server_prints_work(shared_server, curl):
    """PUT to a folder appends the name; -O saves under it."""
    curl.upload(curl.write("web.tgz", HELLO), "lines/1.4.2/")
    folder = curl.new_folder("get")
    curl("-fsSO", *curl.authorization, f"{curl.repository_url}/lines/1.4.2/web.tgz", cwd=folder)
    assert (folder / "web.tgz").read_bytes() == HELLO
    folder = curl.new_folder("named-by-the-server")
    curl("-fsSOJ", *curl.authorization, f"{curl.repository_url}/lines/1.4.2/web.tgz", cwd=folder)
    assert (folder / "web.tgz").read_bytes() == HELLO


@conformance("art-075")
@pytest.mark.parametrize("form", ["bearer", "token", "any user", "token as user", "netrc"])
def test_curl_may_sign_in_in_any_form(shared_server, curl, form):
    token, url = shared_server.token, f"{curl.repository_url}/signs-in/1.0/{form.replace(' ', '-')}"
    (curl.home / ".netrc").write_text(f"machine 127.0.0.1 login x password {token}\n")
    options = {"bearer": ["-H", f"Authorization: Bearer {token}"], "token": ["-H", f"Authorization: token {token}"],
               "any user": ["-u", f"anybody:{token}"], "token as user": ["-u", f"{token}:"], "netrc": ["-n"]}[form]
    curl("-fsST", curl.write("web.tgz", HELLO), *options, url)
    assert curl("-fsS", *options, url).stdout.encode() == HELLO
    with pytest.raises(curl.Failure, match="401"):
        curl("-fsS", f"{url}?token={token}")


def test_curl_tells_why_it_failed(shared_server, curl):
    curl.upload(curl.write("web.tgz", HELLO), "why/1.0/web.tgz")
    other = curl.write("other.tgz", b"other")
    with pytest.raises(curl.Failure, match="409"):
        curl.upload(other, "why/1.0/web.tgz")
    shown = curl("-sST", other, *curl.authorization, f"{curl.repository_url}/why/1.0/web.tgz").stdout
    assert sha256(HELLO) in json.loads(shown)["detail"]


@pytest.mark.parametrize("size", [0, 1, 70000])
def test_a_pipe_of_unknown_length_is_stored(shared_server, curl, size):
    """curl -T - sends chunks."""
    content = "x" * size
    url = f"{curl.repository_url}/pipe/1.0/{size}"
    curl("-fsST", "-", *curl.authorization, url, input=content)
    assert curl("-fsS", *curl.authorization, url).stdout == content


def test_parallel_uploads_of_a_folder_come_back_with_wget(shared_server, curl, tmp_path):
    """find | xargs -P8 curl -T, then wget -r -np."""
    files = {f"{folder}/{number}.txt": f"{folder} {number}".encode() for folder in ("a", "b c/d", "\u00fc")
             for number in range(7)}
    for name, content in files.items():
        curl.write(f"dist/{name}", content)
    script = (r"""find dist -type f -printf '%P\n' | python3 -c '"""
              r"""import sys, urllib.parse; [print(line.strip() + "\t" + urllib.parse.quote(line.strip())) for line in sys.stdin]'"""
              r""" | xargs -P8 -d '\n' -I{} sh -c 'IFS="	"; set -- $1; exec curl -fsST "dist/$1" -H "$A" "$V/$2"' sh {}""")
    shell = clients.Client(tmp_path / "shell", shared_server)
    shell("sh", "-c", script, cwd=curl.folder / "work",
          env={"V": f"{curl.repository_url}/tree/1.0", "A": curl.authorization[1]})
    folder = curl.new_folder("wget")
    shell("wget", "-q", "-r", "-np", "-nH", "--cut-dirs=5", "--header", curl.authorization[1],
          "-e", "robots=off", f"{curl.repository_url}/tree/1.0/", cwd=folder)
    got = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*")
           if path.is_file() and path.name not in ("index.html", "robots.txt")}
    assert got == files


def test_wget_uploads_and_resumes(shared_server, curl, tmp_path):
    shell = clients.Client(tmp_path / "shell", shared_server)
    content = bytes(range(256)) * 1000
    file = curl.write("web.tgz", content)
    url = f"{curl.repository_url}/wget/1.0/web.tgz"
    shell("wget", "-q", "-O-", "--method=PUT", f"--body-file={file}", "--header", curl.authorization[1], url)
    part = curl.new_folder("part") / "web.tgz"
    part.write_bytes(content[:100_000])
    shell("wget", "-q", "-c", "--header", curl.authorization[1], url, cwd=part.parent)
    assert part.read_bytes() == content


def test_curl_resumes_a_download(shared_server, curl):
    content = bytes(range(256)) * 1000
    curl.upload(curl.write("big.img", content), "resume/1.0/big.img")
    part = curl.new_folder("part") / "big.img"
    part.write_bytes(content[:123_457])
    said = curl("-fsS", "-C", "-", "-O", "-w", "%{size_download}", *curl.authorization,
                f"{curl.repository_url}/resume/1.0/big.img", cwd=part.parent).stdout
    assert part.read_bytes() == content
    assert said == str(len(content) - 123_457)


def test_an_early_answer_leaves_the_connection_in_order(shared_server, place):
    """A small body that was not wanted is read past; the next request on the connection is heard."""
    shared_server.put(f"{place}/web.tgz", HELLO)
    with shared_server.connect() as connection:
        token = {"Authorization": f"Bearer {shared_server.token}"}
        for _ in range(5):
            again = connection.request("PUT", f"{place}/web.tgz",
                                       {**token, "X-Checksum-Sha256": sha256(HELLO)}, HELLO)
            assert again.status == 200
            assert connection.request("GET", f"{place}/web.tgz", token).body == HELLO


def test_an_anonymous_repository_is_open_to_shared_caches(server):
    path = f"{server.artifacts}/web/1.4.2/web.tgz"
    server.put(path, HELLO)
    assert server.get(path, token=None).status == 401
    opened = server.http("PATCH", f"/api/v1/orgs/{server.org}/repositories/{server.repo}",
                         json.dumps({"anonymous": "read"}).encode(), headers={"Content-Type": "application/json"})
    assert opened.status == 200, opened
    answer = server.get(path, token=None)
    assert answer.body == HELLO
    assert answer["Cache-Control"] == "public, max-age=31536000, immutable"
    assert server.put(f"{path}.2", HELLO, token=None).status == 401


def test_artifacts_live_through_a_restart(server):
    request = shapes.artifact_put(server.artifacts, "web", "1.4.2", "dir/web.tgz", HELLO)
    first = server.send(request)
    assert first.status == 201
    before = server.get(request.path)
    server.restart()
    after = server.get(request.path)
    assert (after.body, after["ETag"], after["Last-Modified"]) == (HELLO, before["ETag"], before["Last-Modified"])
    assert server.send(request).status == 200


@conformance("art-018")
@pytest.mark.settings(PACKHOUSE_WRITER_QUEUE_MAX="1")
def test_curl_retries_while_the_server_is_busy(server, curl):
    """With room for one change in its queue the server turns others away, and says for how long."""
    busy = []
    for turn in range(1000):
        answers = at_once([lambda name=f"{turn}-{number}": server.put(f"{server.artifacts}/busy/1.0/{name}", HELLO)
                           for number in range(32)])
        assert {answer.status for answer in answers} <= {201, 503}
        busy = [answer for answer in answers if answer.status == 503]
        if busy:
            break
    assert busy[0]["Retry-After"] == "1"
    file = curl.write("web.tgz", HELLO)
    at_once([lambda number=number: curl.upload(file, f"busy/2.0/{number}", "--retry", "30") for number in range(24)])
    assert len(server.get(f"{server.artifacts}/busy/2.0/").json()["files"]) == 24
