"""HTTP as the bytes that go over the wire: no client's manners in between."""

import http.client
import json
import socket

from patience import PATIENCE


class Response:
    """An answer, whole. Header names are looked up in any case; `all(name)` keeps repeats."""

    def __init__(self, status, reason, headers, body):
        self.status, self.reason, self.headers, self.body = status, reason, headers, body

    def __repr__(self):
        return f"<{self.status} {self.reason} {self.body[:300]!r}>"

    def __getitem__(self, name):
        return self.headers[name]

    def get(self, name, default=None):
        return self.headers.get(name, default)

    def all(self, name):
        return self.headers.get_all(name) or []

    @property
    def text(self):
        return self.body.decode("utf-8")

    def json(self):
        return json.loads(self.body)


class Connection:
    """One keep-alive connection. The path and the header values go out as they are given."""

    def __init__(self, host, port, timeout=PATIENCE):
        self.http = http.client.HTTPConnection(host, port, timeout=timeout)

    def request(self, method, path, headers=(), body=None):
        """`headers` is a dict, or pairs where a name comes twice. An iterable body goes in chunks."""
        pairs = list(headers.items() if isinstance(headers, dict) else headers)
        names = {name.lower() for name, _ in pairs}
        self.http.putrequest(method, path, skip_host="host" in names, skip_accept_encoding=True)
        chunked = body is not None and not isinstance(body, (bytes, bytearray))
        if chunked and "transfer-encoding" not in names:
            pairs.append(("Transfer-Encoding", "chunked"))
        if not chunked and "content-length" not in names and (body is not None or method in ("PUT", "POST")):
            pairs.append(("Content-Length", str(len(body or b""))))
        for name, value in pairs:
            self.http.putheader(name, value)
        try:
            self.http.endheaders(body, encode_chunked=chunked)
        except (BrokenPipeError, ConnectionResetError):
            pass  # refused before it was all sent; as curl does, read what was said
        answer = self.http.getresponse()
        return Response(answer.status, answer.reason, answer.msg, answer.read())

    def close(self):
        self.http.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def connect(host, port, timeout=PATIENCE):
    return socket.create_connection((host, port), timeout=timeout)


def raw(host, port, data, timeout=PATIENCE, half_close=False):
    """Sends bytes, and returns what comes back until the server closes. A reset after the answer is an end like any other."""
    with connect(host, port, timeout) as sock:
        try:
            sock.sendall(data)
            if half_close:
                sock.shutdown(socket.SHUT_WR)
        except (BrokenPipeError, ConnectionResetError):
            pass
        pieces = []
        try:
            while piece := sock.recv(65536):
                pieces.append(piece)
        except ConnectionResetError:
            pass
        return b"".join(pieces)
