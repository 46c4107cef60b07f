"""A server that pulls through."""

import json


def attach(server, kind, url, **more):
    """Adds an upstream to the server's repository, behind those that it has."""
    body = {"repository": server.repo, "format": kind, "url": url, **more}
    answer = server.post(f"/api/v1/orgs/{server.org}/upstreams", json.dumps(body).encode())
    assert answer.status == 201, answer
    return answer.json()


def own_keyid(server):
    """Of the key with which the server signs what is published there."""
    return server.get("/api/v1/signing-keys").json()["items"][0]["keyid"]
