"""The upstream that tests pull from does on the wire what it says: a lie that is not told proves nothing."""

import base64
import gzip
import hashlib
import http.client
import json
import random
import socket
import subprocess
import time
import types
import urllib.parse
import zlib

import pytest

import clients
import index_pages
import lie_tables
import lies
import packages
import wire

OUTSIDE = "/npm/outside/-/outside-1.0.0.tgz"


def ask(upstream, path, headers=(), method="GET", body=None):
    with wire.Connection(upstream.host, upstream.port, 60) as connection:
        return connection.request(method, path, dict(headers), body)


def ask_raw(upstream, path, headers="", most=64 << 20, timeout=60):
    """The head, the body as it came, and how it ended: "end", "reset" or "more" where `most` came."""
    with socket.create_connection((upstream.host, upstream.port), timeout) as sock:
        sock.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}\r\n".encode())
        return read_all(sock, most)


def read_all(sock, most):
    came, how = bytearray(), "more"
    while len(came) < most:
        try:
            piece = sock.recv(65536)
        except ConnectionResetError:
            how = "reset"
            break
        if not piece:
            how = "end"
            break
        came += piece
    head, _, body = bytes(came).partition(b"\r\n\r\n")
    return head, body, how


@pytest.fixture
def registry(upstream, tmp_path):
    """What a client of clients.py takes for a server, so that it talks to the upstream itself."""
    return types.SimpleNamespace(
        url=upstream.url, npm="/npm", token="none", pypi="/pypi", org="acme", repo="main",
        index_url=lambda token=None: upstream.pypi_url)


@pytest.fixture
def whole(upstream):
    return upstream.npm.packages["outside"]["1.0.0"].body.whole()


# The truth.

def test_npm_installs_straight_from_it(upstream, registry, tmp_path):
    npm = clients.Npm(tmp_path / "npm", registry)
    installed = npm.install("needs-outside")
    assert b"outside 1.1.0 of the upstream" in packages.read_tree(installed.folder)["node_modules/outside/index.js"]
    assert npm.view("outside", "dist-tags") == {"latest": "1.1.0", "next": "2.0.0-rc.1"}
    assert npm.view("outside", "time")["1.0.0"] == "2020-01-01T00:00:00.000Z"


@pytest.mark.parametrize("forms", [("json", "html"), ("json",), ("html",)])
def test_pip_and_uv_install_straight_from_it(upstream, registry, tmp_path, forms):
    upstream.pypi.forms = forms
    for kind, name in ((clients.Pip, "pip"), (clients.Uv, "uv")):
        client = kind(tmp_path / name, registry)
        assert b"1.1" in client.install("needs-outside").files["outside/__init__.py"]
    assert upstream.asked("*.whl.metadata"), "the sidecar was not of use"


def test_an_audit_is_answered_for_what_was_asked(upstream, registry, tmp_path):
    upstream.npm.advisories["outside"] = [{
        "id": 1100001, "url": "https://example.org/GHSA-aaaa-bbbb-cccc", "title": "bad", "severity": "high",
        "vulnerable_versions": "<9", "cwe": [], "cvss": {"score": 7.5, "vectorString": None}}]
    npm = clients.Npm(tmp_path / "npm", registry)
    project = npm.install("outside").folder
    with pytest.raises(npm.Failure, match="GHSA-aaaa-bbbb-cccc"):
        npm("audit", cwd=project, env={"npm_config_audit": "true"})
    asked = upstream.asked("*/advisories/bulk")[-1]
    assert json.loads(gzip.decompress(asked.body)) == {"outside": ["1.1.0"]}
    assert ask(upstream, asked.target, method="POST", body=b'{"other": ["1.0.0"]}').json() == {}


def test_signatures_verify_with_the_key_it_gives(upstream, tmp_path):
    upstream.npm.signed = True
    key = ask(upstream, "/npm/-/npm/v1/keys").json()["keys"][0]
    dist = ask(upstream, "/npm/outside").json()["versions"]["1.0.0"]["dist"]
    (tmp_path / "key").write_bytes(base64.b64decode(key["key"]))
    (tmp_path / "sig").write_bytes(base64.b64decode(dist["signatures"][0]["sig"]))
    subprocess.run(["openssl", "dgst", "-sha256", "-verify", tmp_path / "key", "-keyform", "DER", "-signature",
                    tmp_path / "sig"], input=f"outside@1.0.0:{dist['integrity']}".encode(), check=True, timeout=60)


def test_an_attestation_is_where_its_document_says(upstream):
    given = [{"predicateType": "https://slsa.dev/provenance/v1", "bundle": {}}]
    upstream.npm.add("@far/attested", "1.0.0", attestations=given)
    where = ask(upstream, "/npm/@far%2fattested").json()["versions"]["1.0.0"]["dist"]["attestations"]["url"]
    assert ask(upstream, urllib.parse.urlsplit(where).path).json() == {"attestations": given}
    assert ask(upstream, "/npm/-/npm/v1/attestations/outside@1.0.0").status == 404


def test_both_packuments_and_a_version_agree(upstream):
    full = ask(upstream, "/npm/@far%2fscoped").json()
    short = ask(upstream, "/npm/@far/scoped", {"Accept": "application/vnd.npm.install-v1+json; q=1.0"})
    assert short["Content-Type"] == "application/vnd.npm.install-v1+json"
    assert "time" in full and "time" not in short.json()
    assert full["versions"]["1.0.0"]["dist"] == short.json()["versions"]["1.0.0"]["dist"]
    assert ask(upstream, "/npm/@far/scoped/latest").json() == full["versions"]["1.0.0"]
    assert ask(upstream, "/npm/absent").status == 404
    upstream.npm.remove("outside", "1.1.0")
    assert list(ask(upstream, "/npm/outside").json()["versions"]) == ["1.0.0", "2.0.0-rc.1"]


def test_pages_leave_out_what_they_are_told_to(upstream):
    page = ask(upstream, "/pypi/simple/outside/", {"Accept": index_pages.JSON})
    assert page["X-PyPI-Last-Serial"] == str(upstream.pypi.serial)
    assert page.json()["files"][0].keys() >= {"size", "upload-time", "core-metadata", "hashes"}
    index = upstream.pypi
    index.hashes, index.sidecars, index.sizes, index.upload_times, index.with_serial = (), False, False, False, False
    page = ask(upstream, "/pypi/simple/outside/", {"Accept": index_pages.JSON})
    assert page.get("X-PyPI-Last-Serial") is None
    assert all(set(file) == {"filename", "url", "hashes", "yanked"} and not file["hashes"]
               for file in page.json()["files"])
    anchors = index_pages.Anchors(ask(upstream, "/pypi/simple/outside/").text).found
    assert len(anchors) == 4 and all("#" not in attributes["href"] for attributes, _ in anchors)
    index.hashes = ("md5",)
    file = ask(upstream, "/pypi/simple/outside/", {"Accept": index_pages.JSON}).json()["files"][0]
    content = ask(upstream, urllib.parse.urlsplit(file["url"]).path).body
    assert file["hashes"] == {"md5": hashlib.md5(content).hexdigest()}
    assert ask(upstream, "/pypi/simple/OutSide/")["Location"] == "/pypi/simple/outside/"


def test_validators_ranges_and_gzip_are_on_or_off(upstream, whole):
    first = ask(upstream, OUTSIDE)
    assert first.body == whole
    again = ask(upstream, OUTSIDE, {"If-None-Match": first["ETag"]})
    assert again.status == 304 and again.body == b""
    assert ask(upstream, OUTSIDE, {"If-Modified-Since": first["Last-Modified"]}).status == 304
    part = ask(upstream, OUTSIDE, {"Range": "bytes=10-", "If-Range": first["ETag"]})
    assert part.status == 206 and part.body == whole[10:]
    assert part["Content-Range"] == f"bytes 10-{len(whole) - 1}/{len(whole)}"
    assert ask(upstream, OUTSIDE, {"Range": "bytes=10-19"}).body == whole[10:20]
    assert ask(upstream, OUTSIDE, {"Range": "bytes=10-", "If-Range": '"other"'}).status == 200
    assert ask(upstream, OUTSIDE, {"Range": f"bytes={len(whole)}-"}).status == 416
    document = ask(upstream, "/npm/outside", {"Accept-Encoding": "gzip"})
    assert document["Content-Encoding"] == "gzip" and json.loads(gzip.decompress(document.body))["name"] == "outside"
    assert ask(upstream, "/npm/outside", {"If-None-Match": document["ETag"]}).status == 304
    upstream.etag = upstream.last_modified = upstream.ranges = upstream.gzip = False
    bare = ask(upstream, OUTSIDE, {"Range": "bytes=10-", "If-None-Match": first["ETag"]})
    assert bare.status == 200 and bare.body == whole
    assert bare.get("ETag") is None and bare.get("Last-Modified") is None
    assert ask(upstream, "/npm/outside", {"Accept-Encoding": "gzip"}).get("Content-Encoding") is None


def test_everything_that_was_asked_is_in_the_log(upstream):
    with wire.Connection(upstream.host, upstream.port) as connection:
        for _ in range(2):
            connection.request("GET", "/npm/@far%2fscoped?x=1", {"X-Told": "yes"})
    assert upstream.accepted == 1
    first, second = upstream.asked("/npm/@far/scoped", method="GET")
    assert first.target == "/npm/@far%2fscoped?x=1" and first.headers["x-told"] == "yes" and second.status == 200
    assert not upstream.asked("*outside*") and not upstream.asked(method="POST")
    upstream.forget()
    assert not upstream.requests


# Switches.

def test_down_refuses_and_keeps_its_port(upstream):
    with wire.Connection(upstream.host, upstream.port, 60) as kept:
        assert kept.request("GET", OUTSIDE).status == 200
        upstream.go("down")
        with pytest.raises((ConnectionError, http.client.HTTPException)):
            kept.request("GET", OUTSIDE)
    for _ in range(3):
        with pytest.raises(ConnectionRefusedError):
            ask(upstream, OUTSIDE)
    upstream.go("up")
    assert ask(upstream, OUTSIDE).status == 200


def test_unplugged_lets_no_connection_through(upstream):
    with wire.Connection(upstream.host, upstream.port, 60) as kept:
        assert kept.request("GET", OUTSIDE).status == 200
        upstream.go("unplugged")
        kept.http.sock.settimeout(0.5)
        with pytest.raises(TimeoutError):
            kept.request("GET", OUTSIDE)
        with pytest.raises(TimeoutError):
            socket.create_connection((upstream.host, upstream.port), 0.5)
    upstream.go("up")
    assert ask(upstream, OUTSIDE).status == 200


def test_paused_takes_the_request_and_answers_later(upstream, whole):
    upstream.go("paused")
    with socket.create_connection((upstream.host, upstream.port), 60) as sock:
        sock.sendall(f"GET {OUTSIDE} HTTP/1.1\r\nConnection: close\r\n\r\n".encode())
        upstream.wait_until_asked(OUTSIDE)
        sock.settimeout(0.3)
        with pytest.raises(TimeoutError):
            sock.recv(1)
        sock.settimeout(60)
        upstream.go("up")
        assert read_all(sock, 1 << 20)[1][:len(whole)] == whole


def test_delay_and_rate_take_their_time(upstream):
    upstream.serve("/large", bytes(200_000))
    upstream.delay_s = 0.2
    began = time.monotonic()
    ask(upstream, OUTSIDE)
    assert time.monotonic() - began >= 0.2
    upstream.delay_s, upstream.rate = 0, 400_000
    began = time.monotonic()
    assert len(ask(upstream, "/large").body) == 200_000
    assert time.monotonic() - began >= 0.5
    upstream.honest()
    assert upstream.rate is None


def test_flapping_fails_some_and_the_same_with_a_seed(new_upstream):
    def run():
        upstream = new_upstream(seed=7)
        upstream.serve("/page", b"0123456789")
        upstream.flapping = 0.3
        return [fetch(upstream) for _ in range(60)]

    def fetch(upstream):
        head, body, _ = ask_raw(upstream, "/page")
        return b" 200 " in head and body == b"0123456789"

    first = run()
    assert 5 < first.count(False) < 40
    assert run() == first


def test_a_lie_is_told_as_often_and_to_whom_it_was_meant(upstream, whole):
    lie = upstream.lie("*/outside-1.0.0.tgz", lies.status(500), after=1, times=2, method="GET")
    assert [ask(upstream, OUTSIDE).status for _ in range(4)] == [200, 500, 500, 200]
    assert ask(upstream, OUTSIDE, method="HEAD").status == 200
    assert lie.told == 2
    later = upstream.lie("*outside*", lies.status(503))
    assert ask(upstream, OUTSIDE).status == 503
    later.stop()
    assert ask(upstream, OUTSIDE).body == whole
    upstream.lie("*", lies.wrong_bytes(), lies.truncated(5))
    assert ask_raw(upstream, OUTSIDE)[1] == whole[:5]
    upstream.honest()
    assert ask(upstream, OUTSIDE).body == whole


# Lies about content.

def test_wrong_bytes_have_the_right_length(upstream, whole):
    upstream.lie("*", lies.wrong_bytes())
    got = ask(upstream, OUTSIDE).body
    assert got != whole and len(got) == len(whole) and got[:-16] == whole[:-16]
    assert ask(upstream, OUTSIDE).body == got


def test_changing_bytes_change(upstream, whole):
    upstream.lie("*", lies.changing())
    answers = [ask(upstream, OUTSIDE) for _ in range(3)]
    assert len({answer.body for answer in answers}) == len({answer["ETag"] for answer in answers}) == 3
    assert {len(answer.body) for answer in answers} == {len(whole)}


@pytest.mark.parametrize("code", [401, 403, 404, 410, 429, 500, 503])
def test_a_status_is_said(upstream, code):
    upstream.lie("*", lies.status(code, retry_after=7 if code == 429 else None))
    answer = ask(upstream, OUTSIDE)
    assert answer.status == code and answer.get("Retry-After") == ("7" if code == 429 else None)


def test_other_pages_and_types(upstream):
    upstream.lie("*", lies.html_error_page())
    answer = ask(upstream, "/npm/outside")
    assert answer.status == 200 and answer["Content-Type"] == "text/html" and answer.body.startswith(b"<!DOCTYPE")
    upstream.lie("*", lies.other(b"quite another", "text/x"), lies.content_type("image/png"))
    answer = ask(upstream, "/npm/outside")
    assert answer.body == b"quite another" and answer.all("Content-Type") == ["image/png"]


def test_redirects_lead_where_they_are_told_to(upstream, new_upstream):
    upstream.lie("*", lies.redirect_loop())
    target, seen = OUTSIDE, set()
    for _ in range(5):
        answer = ask(upstream, target)
        assert answer.status == 302
        seen.add(target)
        target = answer["Location"].removeprefix(upstream.url)
    assert len(seen) == 5
    elsewhere = new_upstream("127.0.0.2")
    upstream.lie("*", lies.redirect(lambda request: elsewhere.url + request.target, 307))
    assert ask(upstream, OUTSIDE).status == 307
    assert ask(upstream, OUTSIDE)["Location"] == elsewhere.url + OUTSIDE
    assert elsewhere.url.startswith("http://127.0.0.2:") and ask(elsewhere, "/").status == 404


def test_a_document_is_edited(upstream, new_upstream):
    def npm(*told):
        upstream.lie("*", *told)
        return ask(upstream, "/npm/outside").json()

    def page(*told):
        upstream.lie("*", *told)
        return ask(upstream, "/pypi/simple/outside/", {"Accept": index_pages.JSON}).json()

    named = npm(lies.another_name("victim"))
    assert named["name"] == named["_id"] == named["versions"]["1.0.0"]["name"] == "victim"
    named = page(lies.another_name("victim"))
    assert named["name"] == "victim" and {f["filename"].split("-")[0] for f in named["files"]} == {"victim"}
    assert npm(lies.tags_without_versions())["dist-tags"] == {"latest": "99.0.0", "next": "99.0.1"}
    assert npm(lies.wrong_digests())["versions"]["1.0.0"]["dist"]["shasum"] == "0" * 40
    assert page(lies.wrong_digests())["files"][0]["hashes"] == {"sha256": "0" * 64}
    foreign = npm(lies.urls_at("http://127.0.0.2:1"))["versions"]["1.0.0"]["dist"]["tarball"]
    assert foreign == "http://127.0.0.2:1" + OUTSIDE
    assert page(lies.urls_at("http://127.0.0.2:1"))["files"][0]["url"].startswith("http://127.0.0.2:1/pypi/files/")
    assert npm(lies.relative_urls())["versions"]["1.0.0"]["dist"]["tarball"] == OUTSIDE
    assert page(lies.relative_urls(dots=9))["files"][0]["url"].startswith("../" * 9 + "pypi/files/")


def test_json_is_broken_doubled_or_deep(upstream):
    upstream.lie("*", lies.duplicate_keys({"name": "victim"}))
    pairs = json.loads(ask(upstream, "/npm/outside").body, object_pairs_hook=list)
    assert [value for key, value in pairs if key == "name"] == ["victim", "outside"]
    upstream.lie("*", lies.broken_json(0.9))
    body = ask(upstream, "/npm/outside").body
    with pytest.raises(json.JSONDecodeError) as error:
        json.loads(body)
    assert error.value.pos == int(len(body) * 0.9)
    upstream.lie("*", lies.deep_json(5000))
    assert b"[" * 5000 in ask(upstream, "/npm/outside").body


def test_an_older_serial_is_said(upstream):
    upstream.lie("*", lies.serial(7))
    assert ask(upstream, "/pypi/simple/outside/")["X-PyPI-Last-Serial"] == "7"
    assert ask(upstream, "/npm/outside").get("X-PyPI-Last-Serial") is None


def test_a_loop_carries_via(upstream, new_upstream):
    other = new_upstream()
    upstream.lie("/npm/*", lies.forward_to(other.url + "/npm"))
    assert ask(upstream, "/npm/@far%2fscoped", {"Via": "1.1 us"}).status == 404
    asked, = other.asked("*")
    assert asked.target == "/npm/@far%2fscoped" and asked.headers["via"] == "1.1 us, 1.1 loop"
    upstream.lie("/npm/*", lies.forward_to(other.url + "/npm", without_via=True))
    ask(upstream, "/npm/other", {"Via": "1.1 us"})
    assert "via" not in other.asked("*")[-1].headers


# Lies on the wire.

@pytest.mark.parametrize("phase, head_is, body_is", [
    ("request", b"", 0), ("line", b"HTTP/1.", 0), ("head", b"HTTP/1.1 200 OK\r\nContent", 0),
    ("after-head", None, 0), ("body", None, 0.5), ("last-byte", None, -1),
])
def test_a_reset_comes_in_its_phase(upstream, whole, phase, head_is, body_is):
    upstream.lie("*", lies.reset(phase, at=0.5))
    head, body, how = ask_raw(upstream, OUTSIDE)
    assert how == "reset"
    if head_is is None:
        assert head.startswith(b"HTTP/1.1 200 OK\r\n") and f"Content-Length: {len(whole)}".encode() in head
    else:
        assert head.startswith(head_is) and b"Content-Length" not in head and (head or phase == "request")
    assert body == whole[:{0: 0, 0.5: len(whole) // 2, -1: len(whole) - 1}[body_is]]


def test_connections_are_reset_on_accept(upstream):
    upstream.reset_on_accept = 2
    for expected in ("reset", "reset", "end"):
        try:
            _, _, how = ask_raw(upstream, OUTSIDE)
        except (ConnectionResetError, BrokenPipeError):
            how = "reset"
        assert how == expected
    assert len(upstream.requests) == 1


def test_what_is_short_ends_without_a_reset(upstream, whole):
    upstream.lie("*", lies.truncated(-3))
    head, body, how = ask_raw(upstream, OUTSIDE)
    assert f"Content-Length: {len(whole)}".encode() in head and body == whole[:-3] and how == "end"


def test_a_drop_can_be_resumed(upstream, whole):
    upstream.lie("*.tgz", lies.drop(0.5), times=2)
    got, tag = b"", None
    for _ in range(3):
        more = f"Range: bytes={len(got)}-\r\nIf-Range: {tag}\r\n" if got else ""
        head, body, how = ask_raw(upstream, OUTSIDE, more)
        assert (b" 206 " in head) == bool(got)
        tag = next(line[6:].decode() for line in head.split(b"\r\n") if line.startswith(b"ETag: "))
        got += body
    assert how == "end" and got == whole


def test_lengths_lie(upstream, whole):
    upstream.lie("*", lies.says_length(+5))
    head, body, how = ask_raw(upstream, OUTSIDE)
    assert f"Content-Length: {len(whole) + 5}".encode() in head and body == whole and how == "end"
    upstream.lie("*", lies.says_length(-5))
    head, body, _ = ask_raw(upstream, OUTSIDE)
    assert f"Content-Length: {len(whole) - 5}".encode() in head and body == whole
    upstream.lie("*", lies.says_length(None))
    head, body, _ = ask_raw(upstream, OUTSIDE)
    assert b"Content-Length" not in head and b"Transfer-Encoding" not in head and body == whole
    upstream.lie("*", lies.longer(b"HTTP/1.1 200 OK\r\n\r\n"))
    head, body, _ = ask_raw(upstream, OUTSIDE)
    assert f"Content-Length: {len(whole)}".encode() in head and body == whole + b"HTTP/1.1 200 OK\r\n\r\n"


def test_chunks_end_or_do_not(upstream, whole):
    upstream.lie("*", lies.chunked())
    assert ask(upstream, OUTSIDE)["Transfer-Encoding"] == "chunked"
    assert ask(upstream, OUTSIDE).body == whole
    upstream.lie("*", lies.no_last_chunk())
    head, body, how = ask_raw(upstream, OUTSIDE)
    assert b"Transfer-Encoding: chunked" in head and how == "end"
    assert whole in body and not body.endswith(b"0\r\n\r\n")


def test_an_endless_body_goes_on(upstream):
    for in_chunks in (True, False):
        upstream.lie("*", lies.endless(chunks=in_chunks, head=b'{"name":"'))
        head, body, how = ask_raw(upstream, "/npm/outside", most=20 << 20)
        assert how == "more" and b'{"name":"' in body[:32] and (b"chunked" in head) == in_chunks


def test_a_bomb_is_a_thousand_times_larger(upstream):
    upstream.lie("*", lies.gzip_bomb(64 << 20))
    answer = ask(upstream, "/npm/outside")
    assert answer["Content-Encoding"] == "gzip" and len(answer.body) < 128 << 10
    assert len(zlib.decompress(answer.body, wbits=31)) >= 64 << 20
    upstream.lie("*", lies.not_gzip())
    for encoding in ("gzip", "identity"):
        answer = ask(upstream, "/npm/outside", {"Accept-Encoding": encoding})
        assert answer["Content-Encoding"] == "gzip"
        with pytest.raises(zlib.error):
            zlib.decompress(answer.body, wbits=31)


def test_slow_and_stuck(upstream, whole):
    upstream.lie("*", lies.drip(len(whole) // 4, 0.1))
    began = time.monotonic()
    assert ask(upstream, OUTSIDE).body == whole
    assert time.monotonic() - began >= 0.4
    upstream.lie("*", lies.stuck(10))
    with socket.create_connection((upstream.host, upstream.port), 60) as sock:
        sock.sendall(f"GET {OUTSIDE} HTTP/1.1\r\n\r\n".encode())
        came = b""
        while not came.endswith(b"\r\n\r\n" + whole[:10]):
            came += sock.recv(1)
        sock.settimeout(0.3)
        with pytest.raises(TimeoutError):
            sock.recv(1)


def test_heads_are_flooded_and_bad(upstream):
    upstream.lie("*", lies.header_flood(5000))
    assert ask_raw(upstream, OUTSIDE)[0].count(b"\r\nX-Flood-") == 5000
    upstream.lie("*", lies.huge_header(1 << 20))
    assert len(ask_raw(upstream, OUTSIDE)[0]) > 1 << 20
    upstream.lie("*", lies.bad_line())
    assert ask_raw(upstream, OUTSIDE)[0].startswith(b"HTTP/9.9 abc\r\n")
    upstream.lie("*", lies.header("X-Odd", "a"), lies.header("X-Odd", "b"))
    assert ask(upstream, OUTSIDE).all("X-Odd") == ["a", "b"]


# What is larger than memory should hold.

@pytest.mark.parametrize("form", ["npm", "json", "html"])
def test_a_huge_document_is_one_and_breaks_where_it_is_told(upstream, form):
    size = 8 << 20
    last = upstream.npm.add_huge("huge", size) if form == "npm" else upstream.pypi.add_huge("huge", size)
    path = "/npm/huge" if form == "npm" else "/pypi/simple/huge/"
    headers = {"Accept": index_pages.JSON} if form == "json" else {}
    answer = ask(upstream, path, headers)
    assert 0.9 < len(answer.body) / size < 1.1
    assert ask(upstream, path, headers).body == answer.body
    assert gzip.decompress(ask(upstream, path, {**headers, "Accept-Encoding": "gzip"}).body) == answer.body
    if form == "npm":
        assert answer.json()["versions"]["1.0.0"]["dist"]["integrity"] == last.integrity
        assert ask(upstream, last.path).body == last.body.whole()
    elif form == "json":
        file = answer.json()["files"][-1]
        assert hashlib.sha256(ask(upstream, last.path).body).hexdigest() == file["hashes"]["sha256"]
    else:
        assert index_pages.Anchors(answer.text).found[-1][1] == last.filename
    if form != "html":
        upstream.lie(path, lies.broken_json())
        body = ask(upstream, path, headers).body
        assert len(body) == len(answer.body)
        with pytest.raises(json.JSONDecodeError) as error:
            json.loads(body)
        assert error.value.pos == len(body) // 2


def test_a_file_of_the_disk_is_sent_from_there(upstream, tmp_path):
    noise = random.Random(1).randbytes(300_000)
    (tmp_path / "large.tgz").write_bytes(noise)
    made = upstream.npm.add("large", "1.0.0", tarball=tmp_path / "large.tgz")
    assert ask(upstream, made.path).body == noise
    assert ask(upstream, made.path, {"Range": "bytes=100000-200000"}).body == noise[100_000:200_001]
    assert made.shasum == hashlib.sha1(noise).hexdigest()


FATAL = {"file": (OUTSIDE, lie_tables.ON_THE_WIRE, lie_tables.ABOUT_FILES),
         "packument": ("/npm/outside", lie_tables.ON_THE_WIRE, lie_tables.ABOUT_PAGES),
         "page": ("/pypi/simple/outside/", lie_tables.ON_THE_WIRE, lie_tables.ABOUT_PAGES)}


@pytest.mark.parametrize("path, lie", [
    pytest.param(path, lie, id=f"{about}-{name.replace(' ', '-')}")
    for about, (path, *tables) in FATAL.items() for table in tables for name, lie in table.items()])
def test_what_the_tables_call_a_lie_is_never_the_truth(upstream, new_upstream, path, lie):
    """Nobody could get the right bytes from it: not curl, with redirects followed as far as they lead."""
    rig = types.SimpleNamespace(upstream=upstream, elsewhere=new_upstream("127.0.0.2"))
    headers = ["-H", f"Accept: {index_pages.JSON}"]
    true = ask(upstream, path, {"Accept": index_pages.JSON}).body
    told = upstream.lie(path, *lie(rig))
    got = subprocess.run(["curl", "-fsSL", "--compressed", "--max-redirs", "5", "--max-time", "1", "--noproxy", "*",
                          *headers, upstream.url + path], capture_output=True, timeout=60, check=False)
    assert told.told >= 1
    assert got.returncode or got.stdout != true


@pytest.mark.parametrize("name", [pytest.param(name, id=name.replace(" ", "-")) for name in lie_tables.MENDABLE])
def test_what_the_tables_call_mendable_is(upstream, whole, name):
    """The second try, or a patient reader, has it all."""
    upstream.lie(OUTSIDE, *lie_tables.MENDABLE[name](None), times=1 if name in lie_tables.ONCE else None)
    for _ in range(2):
        got = subprocess.run(["curl", "-fsS", "--noproxy", "*", upstream.url + OUTSIDE], capture_output=True,
                             timeout=60, check=False).stdout
    assert got == whole
