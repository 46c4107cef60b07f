"""What is kept of an upstream: it outlives the upstream's absence, and what the upstream says later is held
against it and told."""

import json
import urllib.parse

import pytest
from conformance import conformance

import index_pages
import packages
from patience import until
from pulling import attach

SETTINGS = {"PACKHOUSE_UPSTREAM_ALLOW_ADDRESSES": "127.0.0.0/8", "PACKHOUSE_UPSTREAM_RETRIES": "0",
            "PACKHOUSE_UPSTREAM_FRESH": "0s"}
AWAY = (502, 503, 504)


class Npm:
    format = "npm"

    def __init__(self, upstream):
        self.upstream, self.url = upstream, upstream.npm_url

    def add(self, content):
        return self.upstream.npm.add("victim", "1.0.0", {"data.txt": content}).body.content

    def page(self, server, name="victim"):
        return server.get(f"{server.npm}/{name}")

    def digest(self, page):
        return page.json()["versions"]["1.0.0"]["dist"]["integrity"]

    def file(self, server):
        return server.get(f"{server.npm}/victim/-/victim-1.0.0.tgz")


class Pypi:
    format = "pypi"

    def __init__(self, upstream):
        self.upstream, self.url = upstream, upstream.pypi_url

    def add(self, content):
        return self.upstream.pypi.add(packages.wheel("victim", "1.0.0", {"data.txt": content})).dist.content

    def page(self, server, name="victim"):
        return server.get(f"{server.pypi}/simple/{name}/", headers=[("Accept", index_pages.JSON)])

    def digest(self, page):
        [file] = page.json()["files"]
        return file["hashes"]["sha256"]

    def file(self, server):
        [file] = self.page(server).json()["files"]
        return server.get(urllib.parse.urljoin(f"{server.pypi}/simple/victim/", file["url"]))


@pytest.fixture(params=[Npm, Pypi], ids=["npm", "pypi"])
def kind(request, upstream):
    return request.param(upstream)


def start(new_server, kind, **settings):
    server = new_server(settings={**SETTINGS, **settings})
    attach(server, kind.format, kind.url)
    return server


def recorded(server, action):
    """Audit rows of an action, newest first."""
    items = server.get(f"/api/v1/orgs/{server.org}/audit?limit=500").json()["items"]
    return [item for item in items if item["action"] == action]


@conformance("art-116")
def test_a_document_is_served_while_its_upstream_is_down_and_then_never_absent(new_server, upstream, kind):
    kind.add("first")
    server = start(new_server, kind)
    before = kind.page(server)
    assert before.status == 200
    upstream.go("down")
    for _ in range(20):
        answer = kind.page(server)
        assert answer.status == 200 and answer.body == before.body
    server.stop()
    server.environment.update(PACKHOUSE_UPSTREAM_STALE="0s", PACKHOUSE_UPSTREAM_STALE_IF_ERROR="0s")
    server.start()
    answers = []

    def is_left_alone():
        answers.append(kind.page(server).status)
        return answers[-1] == 503
    until(is_left_alone, "an open breaker")
    assert set(answers) <= set(AWAY), answers
    assert kind.page(server, "never-asked-for").status in AWAY


@conformance("art-109")
def test_a_listing_that_changed_raises_one_alarm_and_the_first_bytes_are_served(new_server, upstream, kind):
    content = kind.add("first")
    server = start(new_server, kind)
    assert kind.file(server).body == content
    digest = kind.digest(kind.page(server))
    assert not recorded(server, "upstream.bytes-changed")
    kind.add("second")

    def is_told():
        assert kind.digest(kind.page(server)) == digest
        return recorded(server, "upstream.bytes-changed")
    [told] = until(is_told, "the alarm")
    assert told["actor"] == "mirror" and told["target"] == f"{kind.format}:victim@1.0.0"
    detail = told["detail"]
    assert detail["severity"] == "critical" and detail["upstream"] == kind.format
    assert detail["expected"] == digest and detail["found"] not in (digest, None)
    for _ in range(2):
        answer = kind.file(server)
        assert answer.status == 200 and answer.body == content
        assert kind.digest(kind.page(server)) == digest
        server.restart()
    assert recorded(server, "upstream.bytes-changed") == [told]
    server.verify()
