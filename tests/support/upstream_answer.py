"""What an upstream answers: a head, a body that may be larger than memory, and how it ends on the wire."""

import functools
import gzip
import hashlib
import pathlib
import zlib

PIECE = 64 * 1024
REASONS = {200: "OK", 206: "Partial Content", 301: "Moved Permanently", 302: "Found", 304: "Not Modified",
           307: "Temporary Redirect", 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found",
           405: "Method Not Allowed", 406: "Not Acceptable", 410: "Gone", 416: "Range Not Satisfiable",
           429: "Too Many Requests", 500: "Internal Server Error", 502: "Bad Gateway",
           503: "Service Unavailable", 504: "Gateway Timeout"}


class Body:
    """Bytes that can be sent from any offset, as often as they are asked for. `tag` names them."""

    length = 0
    tag = ""

    def pieces(self, start=0, end=None):
        raise NotImplementedError

    def whole(self):
        return b"".join(self.pieces())

    def zipped(self):
        return ZippedBody(self)


class BytesBody(Body):
    def __init__(self, content):
        self.content = content.encode() if isinstance(content, str) else bytes(content)
        self.length = len(self.content)

    @functools.cached_property
    def tag(self):
        return hashlib.sha1(self.content).hexdigest()

    def pieces(self, start=0, end=None):
        view = memoryview(self.content)[start:end]
        for at in range(0, len(view), PIECE):
            yield view[at:at + PIECE]

    def whole(self):
        return self.content

    def zipped(self):
        return BytesBody(gzip.compress(self.content, 6, mtime=0))


class FileBody(Body):
    """Of a file on the disk, for what would be a waste to hold."""

    def __init__(self, path):
        self.path = pathlib.Path(path)
        self.length = self.path.stat().st_size

    @functools.cached_property
    def tag(self):
        with open(self.path, "rb") as file:
            return hashlib.file_digest(file, "sha1").hexdigest()

    def pieces(self, start=0, end=None):
        left = (self.length if end is None else end) - start
        with open(self.path, "rb") as file:
            file.seek(start)
            while left > 0 and (piece := file.read(min(PIECE, left))):
                left -= len(piece)
                yield piece


class MadeBody(Body):
    """Of a function that makes the same pieces each time. Nothing of it is held; the length is counted once."""

    def __init__(self, make, tag):
        self.make, self.tag = make, tag

    @functools.cached_property
    def length(self):
        return sum(map(len, self.make()))

    def pieces(self, start=0, end=None):
        at, held, size = 0, [], 0
        end = self.length if end is None else end
        for piece in self.make():
            cut = piece[max(0, start - at):max(0, end - at)]
            at += len(piece)
            if cut:
                held.append(cut)
                size += len(cut)
            if size >= PIECE:
                yield b"".join(held)
                held, size = [], 0
            if at >= end:
                break
        if held:
            yield b"".join(held)


class ZippedBody(Body):
    """Compressed as it goes out, so its length is not known before."""

    length = None

    def __init__(self, body):
        self.body, self.tag = body, body.tag

    def pieces(self, start=0, end=None):
        if start or end is not None:
            raise ValueError("no ranges of what is compressed as it goes out")
        packer = zlib.compressobj(1, wbits=31)
        for piece in self.body.pieces():
            if packed := packer.compress(piece):
                yield packed
        yield packer.flush()


class PatchedBody(Body):
    """Another body with other bytes in one place, and as long as that one."""

    def __init__(self, body, at, patch):
        self.body, self.at, self.patch = body, max(0, min(at, body.length - len(patch))), patch[:body.length]
        self.length, self.tag = body.length, f"{body.tag}-{hashlib.sha1(patch).hexdigest()[:8]}-{at}"

    def pieces(self, start=0, end=None):
        at = start
        for piece in self.body.pieces(start, end):
            low, high = max(at, self.at), min(at + len(piece), self.at + len(self.patch))
            if low < high:
                piece = bytes(piece[:low - at]) + self.patch[low - self.at:high - self.at] + bytes(piece[high - at:])
            at += len(piece)
            yield piece


class EndlessBody(Body):
    """One piece, over and over: for ever, or until `length` bytes have gone."""

    def __init__(self, piece, length=None, head=b""):
        self.piece, self.length, self.head, self.tag = piece, length, head, "endless"

    def pieces(self, start=0, end=None):
        left = self.length
        for piece in self.repeated():
            if left is not None:
                piece = piece[:left]
                left -= len(piece)
            if not piece:
                return
            yield piece

    def repeated(self):
        if self.head:
            yield self.head
        while True:
            yield self.piece


def as_body(content):
    if content is None or isinstance(content, Body):
        return content
    return FileBody(content) if isinstance(content, pathlib.Path) else BytesBody(content)


class Cut:
    """Where an answer breaks off, and whether with a reset (RST) or an end (FIN).

    phase: "request" (read, and not a byte said), "line" (in the status line), "head" (in the middle of the
    header fields), "body" (after `at` bytes of it: a share if it is a float, from its end if negative)."""

    def __init__(self, phase, at=0, reset=True):
        self.phase, self.at, self.reset = phase, at, reset

    def bytes_of(self, length):
        if length is None:
            return max(0, int(self.at if not isinstance(self.at, float) else 1000))
        at = int(length * self.at) if isinstance(self.at, float) else self.at
        return max(0, at + length if at < 0 else min(at, length))


DEFAULT = object()


class Answer:
    """One answer. What goes out is exactly this, lies included.

    length: what Content-Length says; None leaves it out.  chunked, ends: the framing, and whether the last
    chunk comes.  pieces_of, every_s: a drip.  extra: bytes after the end.  line: instead of the status line."""

    def __init__(self, status=200, body=b"", content_type=None, headers=(), may_zip=False):
        self.status, self.reason = status, REASONS.get(status, "Unknown")
        self.headers = [("Content-Type", content_type)] if content_type else []
        self.headers += list(headers)
        self.body, self.may_zip = as_body(body), may_zip
        self.length, self.chunked, self.ends = DEFAULT, False, True
        self.extra, self.line = b"", None
        self.cut, self.pieces_of, self.every_s, self.close = None, None, 0.0, False

    def header(self, name):
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

    def set(self, name, value):
        """Replaces all of a name, or leaves it out where the value is None."""
        self.headers = [(k, v) for k, v in self.headers if k.lower() != name.lower()]
        if value is not None:
            self.headers.append((name, str(value)))

    def become(self, other):
        self.__dict__.update(other.__dict__)

    def validate(self, request, etag, last_modified, ranges):
        """Validators, and what they and a range make of the answer: RFC 9110 13.2.2, 14.2."""
        if self.status != 200 or self.body is None:
            return
        tag = f'"{self.body.tag}"'
        if etag:
            self.headers.append(("ETag", tag))
        if last_modified:
            self.headers.append(("Last-Modified", last_modified))
        wanted, since = request.headers.get("if-none-match"), request.headers.get("if-modified-since")
        if wanted is not None:
            same = etag and (wanted.strip() == "*" or tag in [w.strip().removeprefix("W/") for w in wanted.split(",")])
        else:
            same = last_modified and since == last_modified
        if same:
            self.status, self.reason, self.body, self.may_zip = 304, REASONS[304], None, False
            self.set("Content-Type", None)
            return
        if ranges and self.body.length is not None and not self.may_zip:
            self.headers.append(("Accept-Ranges", "bytes"))
            self.narrow(request, tag if etag else None, last_modified)

    def narrow(self, request, tag, last_modified):
        wanted, unless = request.headers.get("range", ""), request.headers.get("if-range")
        if not wanted.startswith("bytes=") or "," in wanted or unless not in (None, tag, last_modified):
            return
        first, _, last = wanted[6:].partition("-")
        total = self.body.length
        start = int(first) if first else max(0, total - int(last))
        end = min(total, int(last) + 1) if first and last else total
        if start >= end:
            self.status, self.reason, self.body = 416, REASONS[416], BytesBody(b"")
            self.headers.append(("Content-Range", f"bytes */{total}"))
            return
        self.status, self.reason = 206, REASONS[206]
        self.headers.append(("Content-Range", f"bytes {start}-{end - 1}/{total}"))
        self.body = PartBody(self.body, start, end)

    def compress(self, request):
        accepted = [word.split(";")[0].strip() for word in request.headers.get("accept-encoding", "").split(",")]
        if self.status != 200 or not self.may_zip or not {"gzip", "*"} & set(accepted):
            return
        self.body = self.body.zipped()
        self.set("Content-Encoding", "gzip")
        if (tag := self.header("ETag")) and not tag.startswith("W/"):
            self.set("ETag", f"W/{tag}")


class PartBody(Body):
    def __init__(self, body, start, end):
        self.body, self.start, self.end = body, start, end
        self.length, self.tag = end - start, f"{body.tag}-{start}-{end}"

    def pieces(self, start=0, end=None):
        yield from self.body.pieces(self.start + start, self.end if end is None else self.start + end)
