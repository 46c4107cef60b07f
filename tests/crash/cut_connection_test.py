"""A connection that ends within a publish leaves nothing: invariant I5. Cut at every byte."""

import os
import pathlib

import pytest

import publishers
import shapes
import packages
from conformance import conformance
from patience import until

NAME = "cut"


def request_of(server, kind):
    if kind == "npm":
        return shapes.npm_publish(server.npm, NAME, "1.0.0")
    if kind == "pypi":
        return shapes.pypi_upload(server.pypi, packages.wheel(NAME, "1.0"))
    return shapes.artifact_put(server.artifacts, NAME, "1.0", "a.bin", b"bytes" * 20)


def visible(server, kind):
    reader = publishers.Reader(server)
    if kind == "npm":
        return reader.packument(NAME)["versions"]
    if kind == "pypi":
        return reader.page(NAME)
    return reader.get(f"{server.artifacts}/{NAME}/1.0/a.bin").status == 200


def wire_form(server, request):
    head = [f"{request.method} {request.path} HTTP/1.1", f"Host: {server.host}:{server.port}",
            f"Authorization: Bearer {server.token}", f"Content-Length: {len(request.body)}",
            *[f"{name}: {value}" for name, value in request.headers]]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + request.body


def descriptors(server):
    """Sockets and uploads; connections to the database come as readers are needed, and stay."""
    folder, count = pathlib.Path(f"/proc/{server.pid}/fd"), 0
    for number in os.listdir(folder):
        try:
            target = os.readlink(folder / number)
        except FileNotFoundError:
            continue
        count += target.startswith("socket:") or "/stage/" in target
    return count


@conformance("art-009", "py-109")
@pytest.mark.parametrize("kind", ["npm", "pypi", "artifact"])
def test_a_publish_that_is_cut_leaves_nothing(server, kind):
    request = request_of(server, kind)
    data = wire_form(server, request)
    stage = pathlib.Path(server.data, "stage")
    before = descriptors(server)
    for length in range(1, len(data)):
        with server.socket() as sock:
            sock.sendall(data[:length])
        if length % 200 == 0:
            assert not visible(server, kind), f"visible after {length} of {len(data)} bytes"
    until(lambda: not list(stage.iterdir()), "an empty stage/")
    until(lambda: descriptors(server) <= before + 8, "the end of the cut connections' descriptors")
    assert not visible(server, kind)
    assert server.send(request).status in (200, 201)
    assert visible(server, kind)
    server.verify(full=True)
