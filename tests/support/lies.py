"""What an upstream can be made to say, one lie a function. They are combined by being told together:

    upstream.lie("*/hello-1.0.0.tgz", lies.wrong_bytes(), lies.drip(100, 0.01))

Of the content (seen by whoever reads the body, validators and all):
    wrong_bytes  changing  other  html_error_page  status  redirect  redirect_loop  forward_to
    broken_json  edited  another_name  tags_without_versions  duplicate_keys  wrong_digests  urls_at  relative_urls
    serial  deep_json
Of the wire:
    truncated  longer  says_length  drop  reset  no_last_chunk  chunked  endless  gzip_bomb  not_gzip  drip
    content_type  header  header_flood  huge_header  bad_line  stuck"""

import http.client
import json
import os
import struct
import urllib.parse
import zlib

from upstream_answer import Answer, Body, BytesBody, Cut, EndlessBody, PatchedBody, as_body


class Lie:
    def __init__(self, name, content=None, wire=None):
        self.name, self.content, self.wire = name, content, wire

    def __repr__(self):
        return self.name

    def of_content(self, answer, request, upstream):
        if self.content:
            self.content(answer, request, upstream)

    def of_wire(self, answer, request, upstream):
        if self.wire:
            self.wire(answer, request, upstream)


def of_content(name, change):
    return Lie(name, content=change)


def of_wire(name, change):
    return Lie(name, wire=change)


# The content.

def wrong_bytes():
    """As long as the truth, and not the truth: the last bytes are others. Told twice it is another lie."""
    def change(answer, request, upstream):
        if answer.status == 200 and answer.body is not None:
            length = answer.body.length
            last = b"".join(bytes(piece) for piece in answer.body.pieces(max(0, length - 16)))
            answer.body = PatchedBody(answer.body, length - len(last), bytes((byte + 1) & 0xff for byte in last))
    return of_content("wrong bytes", change)


def changing():
    """Other bytes each time, in the middle, and as many. Validators change with them."""
    def change(answer, request, upstream):
        if answer.status == 200 and answer.body is not None:
            answer.body = PatchedBody(answer.body, answer.body.length // 2, os.urandom(8))
    return of_content("changing bytes", change)


def other(content, content_type=None):
    """Quite another body, with a head that fits it."""
    def change(answer, request, upstream):
        answer.body = as_body(content)
        if content_type:
            answer.set("Content-Type", content_type)
    return of_content("another body", change)


def html_error_page():
    page = b"<!DOCTYPE html><html><head><title>Sorry</title></head><body>We will be back soon.</body></html>\n"
    return of_content("200 with an HTML error page",
                      lambda answer, request, upstream: answer.become(Answer(200, page, "text/html")))


def status(code, retry_after=None, body=b"no\n"):
    def change(answer, request, upstream):
        answer.become(Answer(code, body, "text/plain"))
        if retry_after is not None:
            answer.set("Retry-After", retry_after)
        if code == 401:
            answer.set("WWW-Authenticate", 'Basic realm="upstream"')
    return of_content(f"status {code}", change)


def redirect(to, code=302):
    """`to` is a URL, or a function of the request."""
    def change(answer, request, upstream):
        where = to(request) if callable(to) else to
        answer.become(Answer(code, b"", headers=[("Location", where)]))
    return of_content("redirect", change)


def redirect_loop():
    """To itself, at another URL each time."""
    def change(answer, request, upstream):
        step = int(request.query.rpartition("=")[2] or 0) + 1
        answer.become(Answer(302, b"", headers=[("Location", f"{upstream.url}{request.target.partition('?')[0]}"
                                                             f"?step={step}")]))
    return of_content("redirect loop", change)


def forward_to(url, without_via=False):
    """Asks another server the same, with the headers that came, as a proxy does: `Via` included (RFC 9110
    7.6.3). Where that is the server that asks us, it is asked by itself."""
    def change(answer, request, upstream):
        parts = urllib.parse.urlsplit(url)
        connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=60)
        headers = {name: value for name, value in request.pairs
                   if name.lower() not in ("host", "connection", "accept-encoding", "content-length")
                   and not (without_via and name.lower() == "via")}
        if not without_via:
            headers["Via"] = f"{request.headers['via']}, 1.1 loop" if "via" in request.headers else "1.1 loop"
        target = parts.path.rstrip("/") + "/" + request.target.split("/", 2)[2]
        connection.request(request.method, target, request.body or None, headers)
        given = connection.getresponse()
        answer.become(Answer(given.status, given.read(), given.getheader("Content-Type")))
        connection.close()
    return of_content("forwarded", change)


def broken_json(at=0.5, patch=b'\x00}]"{'):
    """A document that is one up to there."""
    def change(answer, request, upstream):
        if answer.status == 200 and answer.body is not None:
            answer.body = PatchedBody(answer.body, int(answer.body.length * at), patch)
    return of_content("broken JSON", change)


def edited(function, name="edited document"):
    """function(document) changes a JSON document in place, or returns another. HTML is left alone."""
    def change(answer, request, upstream):
        if answer.status == 200 and answer.body is not None and "json" in (answer.header("Content-Type") or ""):
            document = json.loads(answer.body.whole())
            changed = function(document)
            answer.body = BytesBody(json.dumps(document if changed is None else changed).encode())
    return of_content(name, change)


def another_name(name):
    """The document of one package says that it is another's, in each place."""
    def change(document):
        document["name"] = name
        if "_id" in document:
            document["_id"] = name
        for version, one in document.get("versions", {}).items() if "dist-tags" in document else ():
            one.update({"name": name, "_id": f"{name}@{version}"})
        for file in document.get("files", ()):
            file["filename"] = name.replace("-", "_") + file["filename"][file["filename"].index("-"):]
    return edited(change, "another package's name")


def tags_without_versions(tags=None):
    def change(document):
        document["dist-tags"] = tags or {"latest": "99.0.0", "next": "99.0.1"}
    return edited(change, "tags without versions")


def wrong_digests():
    """The listing is wrong, and the files are what they were."""
    def change(document):
        for one in document["versions"].values() if "dist-tags" in document else ():
            one["dist"]["integrity"] = "sha512-" + "A" * 86 + "=="
            one["dist"]["shasum"] = "0" * 40
        for file in document.get("files", ()):
            file["hashes"] = {"sha256": "0" * 64}
    return edited(change, "wrong digests in the listing")


def urls_at(base):
    """File URLs lead to another server, with the same paths there. `base` is http://host:port."""
    def moved(url):
        parts = urllib.parse.urlsplit(url)
        return urllib.parse.urlunsplit((*urllib.parse.urlsplit(base)[:2], *parts[2:]))

    def change(document):
        for one in document["versions"].values() if "dist-tags" in document else ():
            one["dist"]["tarball"] = moved(one["dist"]["tarball"])
        for file in document.get("files", ()):
            file["url"] = moved(file["url"])
    return edited(change, "foreign file URLs")


def relative_urls(dots=0):
    """File URLs without a host; with `dots`, so many `../` before them."""
    def cut(url):
        path = urllib.parse.urlsplit(url).path
        return "../" * dots + path.lstrip("/") if dots else path

    def change(document):
        for one in document["versions"].values() if "dist-tags" in document else ():
            one["dist"]["tarball"] = cut(one["dist"]["tarball"])
        for file in document.get("files", ()):
            file["url"] = cut(file["url"])
    return edited(change, "relative file URLs")


def duplicate_keys(first):
    """Each key of `first` stands in the document twice, first with its value there: JSON readers differ."""
    def change(answer, request, upstream):
        if answer.status == 200 and answer.body is not None:
            whole = answer.body.whole()
            answer.body = BytesBody(b"{" + json.dumps(first).encode()[1:-1] + b", " + whole.lstrip()[1:])
    return of_content("duplicate keys", change)


def deep_json(depth=100_000):
    return of_content("deep JSON", lambda answer, request, upstream: setattr(
        answer, "body", BytesBody(b'{"name":' + b"[" * depth + b"]" * depth + b"}")))


def serial(number):
    def change(answer, request, upstream):
        if answer.header("X-PyPI-Last-Serial"):
            answer.set("X-PyPI-Last-Serial", number)
    return of_content("older serial", change)


# The wire.

def truncated(at=0.5, reset=False):
    """The Content-Length of all, the bytes of some. at: a share, or a count, from the end if negative."""
    return of_wire("truncated", lambda answer, request, upstream: setattr(answer, "cut", Cut("body", at, reset)))


def drop(at=0.5):
    """What a network does, and a resume mends: the ranges of what follows are answered."""
    return truncated(at, reset=True)


def reset(phase, at=0):
    """phase: "request", "line", "head" (in it), "after-head", "body" (`at`), "last-byte"."""
    cut = {"after-head": Cut("body", 0), "last-byte": Cut("body", -1)}.get(phase) or Cut(phase, at)
    return of_wire(f"reset: {phase}", lambda answer, request, upstream: setattr(answer, "cut", cut))


def longer(extra=b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nextra"):
    """More bytes than Content-Length says, which a careless reader takes for the next answer."""
    return of_wire("longer than said", lambda answer, request, upstream: setattr(answer, "extra", extra))


def says_length(difference):
    """A Content-Length that is so much off. None leaves it out, so that the end of the connection is the end."""
    def change(answer, request, upstream):
        if answer.body is not None and answer.body.length is not None:
            answer.length = None if difference is None else max(0, answer.body.length + difference)
    return of_wire("wrong Content-Length", change)


def chunked():
    """Not a lie: a body without a length before it."""
    return of_wire("chunked", lambda answer, request, upstream: answer.__dict__.update(length=None, chunked=True))


def no_last_chunk(at=1.0, reset=False):
    def change(answer, request, upstream):
        answer.length, answer.chunked, answer.ends, answer.close = None, True, False, True
        answer.cut = Cut("body", at, reset)
    return of_wire("no last chunk", change)


def endless(piece=b"endless " * 8192, chunks=True, head=b""):
    """A body that does not end before the connection does."""
    def change(answer, request, upstream):
        answer.body, answer.length, answer.chunked = EndlessBody(piece, head=head), None, chunks
    return of_wire("endless body", change)


class Bomb(Body):
    """So many zeros, compressed a thousand times smaller, after a head that looks like a document."""

    length, tag = None, "bomb"

    def __init__(self, size, head):
        self.size, self.head = size, head

    def pieces(self, start=0, end=None):
        packer = zlib.compressobj(9, wbits=31)
        yield packer.compress(self.head) + packer.flush(zlib.Z_FULL_FLUSH)
        piece, checksum = b" " * (1 << 20), zlib.crc32(self.head)
        # After a full flush the same input makes the same output: it is compressed once.
        packed = packer.compress(piece) + packer.flush(zlib.Z_FULL_FLUSH)
        for _ in range(self.size >> 20):
            checksum = zlib.crc32(piece, checksum)
            yield packed
        length = (len(self.head) + (self.size >> 20 << 20)) & 0xffffffff
        yield b"\x03\x00" + struct.pack("<II", checksum, length)


def gzip_bomb(size=4 << 30, head=b'{"name":'):
    def change(answer, request, upstream):
        answer.set("Content-Encoding", "gzip")
        answer.body = Bomb(size, head)
    return of_wire("gzip bomb", change)


def not_gzip():
    """Says Content-Encoding: gzip, and has not done it."""
    def change(answer, request, upstream):
        if answer.header("Content-Encoding") is None:
            answer.set("Content-Encoding", "gzip")
        elif isinstance(answer.body, BytesBody):
            answer.body = PatchedBody(answer.body, 0, b"no gzip here")
    return of_wire("not gzip", change)


def drip(size, every_s):
    """So many bytes, so seldom."""
    return of_wire("slow drip", lambda answer, request, upstream: answer.__dict__.update(
        pieces_of=size, every_s=every_s))


def stuck(at=0.5):
    """Sends so much, and then nothing, with the connection open."""
    def change(answer, request, upstream):
        if answer.body is not None:
            answer.body = StuckBody(answer.body, at, upstream)
    return of_wire("stuck", change)


class StuckBody(Body):
    def __init__(self, body, at, upstream):
        self.body, self.at, self.upstream = body, at, upstream
        self.length, self.tag = body.length, body.tag

    def pieces(self, start=0, end=None):
        yield from self.body.pieces(start, Cut("body", self.at).bytes_of(self.body.length))
        self.upstream.closing.wait()


def content_type(text):
    return of_wire("wrong content type", lambda answer, request, upstream: answer.set("Content-Type", text))


def header(name, value):
    return of_wire(f"header {name}", lambda answer, request, upstream: answer.headers.append((name, value)))


def header_flood(count=20_000):
    return of_wire("header flood", lambda answer, request, upstream: answer.headers.extend(
        (f"X-Flood-{number}", "a" * 100) for number in range(count)))


def huge_header(size=16 << 20):
    return of_wire("huge header", lambda answer, request, upstream: answer.headers.append(("X-Huge", "a" * size)))


def bad_line(line="HTTP/9.9 abc"):
    """A status line that is none."""
    return of_wire("bad status line", lambda answer, request, upstream: setattr(answer, "line", line))


# What the network does now and then, for `flapping`.
FLAPS = (lambda: reset("request"), lambda: status(503), lambda: status(500), lambda: drop(0.5), lambda: truncated(0.3))
