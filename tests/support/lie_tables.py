"""Lies by name, for tests that tell them all. Each is a function of a pull_rig.Rig: the lies to be told together."""

import lies
import packages


# Lies that leave no way to the right bytes: an error, whatever the server tries.

def private(rig):
    return lies.redirect(lambda request: rig.elsewhere.url + request.target)


def away(rig):
    """Into networks that nothing here is in. No packet may leave: refused before it is connected."""
    return lies.redirect("http://10.255.255.1/")


ON_THE_WIRE = {
    "truncated in the middle": lambda rig: [lies.truncated(0.5)],
    "truncated before the last byte": lambda rig: [lies.truncated(-1)],
    "nothing of a body": lambda rig: [lies.truncated(0)],
    "a content-length too large": lambda rig: [lies.says_length(+5)],
    "no last chunk": lambda rig: [lies.no_last_chunk(-1)],
    "endless in chunks": lambda rig: [lies.endless()],
    "endless until the end": lambda rig: [lies.endless(chunks=False)],
    "a gzip bomb": lambda rig: [lies.gzip_bomb(512 << 20)],
    "an HTML page with 200": lambda rig: [lies.html_error_page()],
    "an empty body": lambda rig: [lies.other(b"")],
    "a redirect loop": lambda rig: [lies.redirect_loop()],
    "a redirect to a private address": lambda rig: [private(rig)],
    "a redirect to a private network": lambda rig: [away(rig)],
    "a redirect to a file": lambda rig: [lies.redirect("file:///etc/passwd")],
    "a redirect to gopher": lambda rig: [lies.redirect(f"gopher://127.0.0.1:{rig.upstream.port}/_GET")],
    "a redirect to nowhere": lambda rig: [lies.redirect("")],
    "401": lambda rig: [lies.status(401)],
    "403": lambda rig: [lies.status(403)],
    "429 with Retry-After": lambda rig: [lies.status(429, retry_after=1)],
    "429 with Retry-After of a year": lambda rig: [lies.status(429, retry_after=31536000)],
    "500": lambda rig: [lies.status(500)],
    "503": lambda rig: [lies.status(503)],
    "reset after the request": lambda rig: [lies.reset("request")],
    "reset in the status line": lambda rig: [lies.reset("line")],
    "reset in the head": lambda rig: [lies.reset("head")],
    "reset after the head": lambda rig: [lies.reset("after-head")],
    "reset in the body": lambda rig: [lies.reset("body", 0.5)],
    "reset before the last byte": lambda rig: [lies.reset("last-byte")],
    "a flood of header fields": lambda rig: [lies.header_flood()],
    "a huge header field": lambda rig: [lies.huge_header()],
    "no status line": lambda rig: [lies.bad_line()],
    "stuck in the middle": lambda rig: [lies.stuck(0.5)],
}
ABOUT_FILES = {
    "wrong bytes": lambda rig: [lies.wrong_bytes()],
    "wrong bytes, chunked": lambda rig: [lies.wrong_bytes(), lies.chunked()],
    "wrong bytes, without a length": lambda rig: [lies.wrong_bytes(), lies.says_length(None)],
    "wrong bytes, cut and resumed": lambda rig: [lies.wrong_bytes(), lies.drop(0.5)],
    "wrong bytes, said to be a page": lambda rig: [lies.wrong_bytes(), lies.content_type("text/html")],
    "bytes that change": lambda rig: [lies.changing()],
    "bytes that change, cut and resumed": lambda rig: [lies.changing(), lies.drop(0.5)],
    "another archive": lambda rig: [lies.other(packages.npm_tarball("attack", "1.0.0"))],
    "a content-length too small": lambda rig: [lies.says_length(-5)],
    "410": lambda rig: [lies.status(410)],
    "404": lambda rig: [lies.status(404)],
}
ABOUT_PAGES = {
    "broken JSON": lambda rig: [lies.broken_json()],
    "deep JSON": lambda rig: [lies.deep_json()],
    "an array": lambda rig: [lies.other(b"[1]")],
    "null": lambda rig: [lies.other(b"null")],
    "said to be gzip": lambda rig: [lies.not_gzip()],
    "noise": lambda rig: [lies.other(bytes(range(256)) * 40)],
    "an endless string": lambda rig: [lies.endless(b"x" * 65536, head=b'{"name":"')],
    "endless nesting": lambda rig: [lies.endless(b"[" * 65536, head=b'{"name":')],
    "endless files": lambda rig: [lies.endless(b'{"filename":"a","url":"a"},' * 2000,
                                               head=b'{"meta":{"api-version":"1.1"},"name":"a","files":[')],
}
# A page may be believed, and what it says of its files not: the page may be shown, and no bytes come of it.
IN_PAGES = {
    "another package's name": lambda rig: [lies.another_name("attack")],
    "wrong digests": lambda rig: [lies.wrong_digests()],
    "files on a private address": lambda rig: [lies.urls_at(rig.elsewhere.url)],
}
# Clumsy, or a bad network: mended, or refused; never wrong.
MENDABLE = {
    "a wrong content type": lambda rig: [lies.content_type("application/octet-stream")],
    "dropped once": lambda rig: [lies.drop(0.5)],
    "truncated once": lambda rig: [lies.truncated(0.5)],
    "reset once": lambda rig: [lies.reset("request")],
    "503 once": lambda rig: [lies.status(503)],
    "longer than said": lambda rig: [lies.longer()],
    "said to be gzip": lambda rig: [lies.header("Content-Encoding", "gzip")],
    "in chunks": lambda rig: [lies.chunked()],
    "without a length": lambda rig: [lies.says_length(None)],
    "in drops": lambda rig: [lies.drip(400, 0.01)],
}
ONCE = {name for name in MENDABLE if name.endswith("once")}

# What takes seconds by its nature; the random run is about combinations.
SLOW = {"stuck in the middle", "endless in chunks", "endless until the end", "a gzip bomb", "an endless string",
        "endless nesting", "endless files", "429 with Retry-After", "429 with Retry-After of a year"}
