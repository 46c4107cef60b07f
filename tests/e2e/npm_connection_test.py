"""How npm's clients hold and use connections, as bytes: npm spec 3."""

import time

import pytest

import shapes
from conformance import conformance
from wire import Connection


def head(server, method, path, *headers):
    lines = [f"{method} {path} HTTP/1.1", f"Host: {server.host}:{server.port}",
             f"Authorization: Bearer {server.token}", *headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


@conformance("npm-051")
def test_a_publish_that_asks_first_is_told_to_go_on(server):
    publish = shapes.npm_publish(server.npm, "hello", "1.0.0")
    with server.socket() as sock:
        sock.sendall(head(server, publish.method, publish.path, "Content-Type: application/json",
                          f"Content-Length: {len(publish.body)}", "Expect: 100-continue", "Connection: close"))
        assert sock.recv(4096) == b"HTTP/1.1 100 Continue\r\n\r\n"
        sock.sendall(publish.body)
        assert sock.recv(4096).startswith(b"HTTP/1.1 201 ")


@conformance("npm-052")
@pytest.mark.settings(PACKHOUSE_WORKERS="256")
def test_idle_connections_stay_for_a_minute(server):
    """npm keeps its sockets between requests, and takes one that was closed meanwhile for an error."""
    server.send(shapes.npm_publish(server.npm, "hello", "1.0.0"))
    connections = [Connection(server.host, server.port) for _ in range(200)]
    headers = {"Authorization": f"Bearer {server.token}"}
    try:
        for pause in (60, 0):
            for connection in connections:
                answer = connection.request("GET", f"{server.npm}/hello", headers)
                assert answer.status == 200 and connection.http.sock, answer
            time.sleep(pause)
    finally:
        for connection in connections:
            connection.close()


@conformance("npm-054")
def test_a_delete_may_have_a_body(server):
    """npm sends one with DELETE; what is left of it is never the next request."""
    server.send(shapes.npm_publish(server.npm, "hello", "1.0.0", tag="next"))
    headers = {"Authorization": f"Bearer {server.token}", "Content-Type": "application/json"}
    with Connection(server.host, server.port) as connection:
        for status in (200, 404):
            gone = connection.request("DELETE", f"{server.npm}/-/package/hello/dist-tags/next", headers, b'"GET / HTTP/1.1"')
            assert gone.status == status, gone
        assert connection.request("GET", f"{server.npm}/hello", headers).json()["dist-tags"] == {"latest": "1.0.0"}


@conformance("npm-059")
@pytest.mark.settings(PACKHOUSE_REQUEST_HEAD_TIMEOUT="500ms")
def test_a_head_that_is_slow_or_huge_is_cut(server):
    with server.socket() as sock:
        sock.sendall(b"GET / HTTP/1.1\r\n")
        assert sock.recv(4096).startswith(b"HTTP/1.1 408 ")
        assert sock.recv(4096) == b""
    for many in ([f"X-{n}: 1" for n in range(200)], ["X: " + "1" * (64 << 10)]):
        with server.socket() as sock:
            sock.sendall(head(server, "GET", f"{server.npm}/hello", *many))
            assert sock.recv(4096).startswith(b"HTTP/1.1 431 ")
    assert server.get("/-/readyz").status == 200
