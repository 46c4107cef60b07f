"""What is kept of an upstream: it outlives the upstream's absence, and what the upstream says later is held
against it and told."""

import json
import hashlib
import json
import urllib.parse

import pytest
from conformance import conformance

import index_pages
import lies
import packages
from patience import until
from pulling import attach, own_keyid

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

    def file(self, server, **more):
        return server.get(f"{server.npm}/victim/-/victim-1.0.0.tgz", **more)


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

    def file(self, server, **more):
        [file] = self.page(server).json()["files"]
        return server.get(urllib.parse.urljoin(f"{server.pypi}/simple/victim/", file["url"]), **more)


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


def test_whoever_asks_first_for_a_file_is_recorded_with_it(new_server, upstream, kind):
    content = kind.add("first")
    server = start(new_server, kind)
    wrong = upstream.lie("*victim-1.0.0*", lies.wrong_bytes())
    assert kind.file(server).status == 502
    wrong.stop()
    server.restart()
    assert not recorded(server, "package.ingested")
    for path, body in (("accounts", {"name": "ann"}),
                       ("grants", {"subject": "ann", "role": "reader", "repository": "acme/main"})):
        assert server.post(f"/api/v1/{path}", json.dumps(body).encode()).status == 201
    token = server.post("/api/v1/tokens", b'{"for": "ann"}').json()["token"]
    first = kind.file(server, token=token)
    assert first.status == 200 and first.body == content
    [row] = until(lambda: recorded(server, "package.ingested"), "the row")
    assert row["target"] == f"acme/main {kind.format}:victim@1.0.0" and row["peer"] == "127.0.0.1"
    assert row["actor"] == "ann" and row["request"]
    assert row["detail"]["upstream"] == kind.format and row["detail"]["size"] == len(content)
    assert row["detail"]["sha256"] == hashlib.sha256(content).hexdigest()
    for _ in range(2):
        assert kind.file(server).body == content
        server.restart()
    assert recorded(server, "package.ingested") == [row]


# Signing keys, and what is attested.

@pytest.fixture
def signed(new_server, upstream):
    upstream.npm.signed = True
    server = new_server(settings=SETTINGS)
    attach(server, "npm", upstream.npm_url)
    return server


def keys_of(server):
    answer = server.get(f"{server.npm}/-/npm/v1/keys")
    assert answer.status == 200, answer
    own, *keys = answer.json()["keys"]
    assert own["keyid"] == own_keyid(server)
    return keys


def shown(server):
    return server.get(f"/api/v1/orgs/{server.org}/upstreams/npm").json()


def test_keys_are_there_while_their_upstream_is_not(signed, upstream):
    keys = keys_of(signed)
    assert keys == [upstream.npm.key]
    [seen] = recorded(signed, "upstream.keys-seen")
    assert seen["target"] == "npm" and seen["detail"] == {"keys": [upstream.npm.key["keyid"]]}
    assert shown(signed)["keys_changed_at"] is None
    upstream.go("down")
    assert keys_of(signed) == keys
    signed.restart()
    assert keys_of(signed) == keys
    assert not recorded(signed, "upstream.keys-changed")


def test_a_key_beside_the_old_one_is_served_and_told(signed, upstream):
    old = keys_of(signed)
    new = {**upstream.npm.key, "keyid": "SHA256:new", "key": "bmV3"}
    upstream.npm.keys = [new, *old]
    for _ in range(3):
        assert keys_of(signed) == [*old, new]
    [changed] = recorded(signed, "upstream.keys-changed")
    assert changed["actor"] == "mirror" and changed["detail"] == {
        "severity": "warning", "added": ["SHA256:new"], "expiry_changed": [], "replaced": [], "gone": []}
    assert shown(signed)["keys_changed_at"]
    upstream.npm.keys = [*old, new]
    keys_of(signed)
    assert len(recorded(signed, "upstream.keys-changed")) == 1, "another order is no change"


@pytest.mark.parametrize("what", ["replaced", "gone"])
def test_a_key_that_was_seen_neither_goes_nor_becomes_another(signed, upstream, what):
    old = keys_of(signed)
    upstream.npm.keys = [{**old[0], "key": "ZXZpbA=="}] if what == "replaced" else []
    for _ in range(3):
        assert keys_of(signed) == old
        signed.restart()
    [changed] = recorded(signed, "upstream.keys-changed")
    assert changed["detail"]["severity"] == "critical" and changed["detail"][what] == [old[0]["keyid"]]


def test_a_key_may_come_to_its_end(signed, upstream):
    [old] = keys_of(signed)
    upstream.npm.keys = [{**old, "expires": "2026-01-01T00:00:00.000Z"}]
    assert keys_of(signed) == upstream.npm.keys
    [changed] = recorded(signed, "upstream.keys-changed")
    assert changed["detail"]["expiry_changed"] == [old["keyid"]] and changed["detail"]["severity"] == "warning"


@pytest.mark.parametrize("lie", [lies.broken_json(), lies.html_error_page(), lies.status(500)],
                         ids=["broken", "html", "status"])
def test_what_are_no_keys_changes_none(signed, upstream, lie):
    told = upstream.lie("*/npm/v1/keys", lie)
    assert signed.get(f"{signed.npm}/-/npm/v1/keys").status in AWAY
    told.stop()
    signed.post(f"/api/v1/orgs/{signed.org}/upstreams/npm/refresh")
    keys = keys_of(signed)
    upstream.lie("*/npm/v1/keys", lie)
    assert keys_of(signed) == keys == [upstream.npm.key]
    assert not recorded(signed, "upstream.keys-changed")


def test_npm_attestations_are_there_while_their_upstream_is_not(new_server, upstream):
    made = [{"predicateType": "https://slsa.dev/provenance/v1", "bundle": {"x": 1}}]
    upstream.npm.add("@far/attested", "1.0.0", attestations=made)
    server = new_server(settings=SETTINGS)
    attach(server, "npm", upstream.npm_url)
    path = f"{server.npm}/-/npm/v1/attestations/@far%2fattested@1.0.0"
    told = upstream.lie("*/attestations/*", lies.edited(lambda document: {"attestations": "none"}))
    assert server.get(path).status in AWAY
    told.stop()
    first = server.get(path)
    assert first.status == 200 and first.json() == {"attestations": made}
    for state in ("up", "down"):
        upstream.go(state)
        assert server.get(path).body == first.body
        server.restart()
        assert server.get(path).body == first.body
    assert len(upstream.asked("*/attestations/*")) == 2, "once it was right"
    server.verify()


PROVENANCE = {"version": 1, "attestation_bundles": [{"publisher": {"kind": "GitHub"}, "attestations": [{"version": 1}]}]}
HOME = "https://packages.example"


@pytest.mark.parametrize("forms", [("json",), ("html",)])
def test_provenance_is_at_our_address_and_there_while_its_upstream_is_not(new_server, upstream, forms):
    """PEP 740. The address is absolute and https; what is elsewhere than on the index itself is not told on."""
    upstream.pypi.forms = forms
    made = upstream.pypi.add(packages.wheel("attested", "1.0"), provenance=PROVENANCE)
    upstream.pypi.add(packages.wheel("attested", "2.0"))
    upstream.pypi.add(packages.wheel("attested", "3.0"), provenance=PROVENANCE,
                      provenance_url="https://elsewhere.example/provenance")
    server = new_server(settings={**SETTINGS, "PACKHOUSE_PUBLIC_URL": HOME})
    attach(server, "pypi", upstream.pypi_url)
    page = server.get(f"{server.pypi}/simple/attested/", headers=[("Accept", index_pages.JSON)]).json()
    told = {file["filename"]: file.get("provenance") for file in page["files"]}
    path = f"{server.pypi}/integrity/attested/1.0/{made.filename}/provenance"
    assert told == {made.filename: HOME + path, "attested-2.0-py3-none-any.whl": None,
                    "attested-3.0-py3-none-any.whl": None}
    html = server.get(f"{server.pypi}/simple/attested/", headers=[("Accept", index_pages.HTML)])
    assert html.body.count(b"data-provenance=") == 1 and f'data-provenance="{HOME}{path}"'.encode() in html.body
    lie = upstream.lie("*/provenance", lies.edited(lambda document: {"attestation_bundles": 1}))
    assert server.get(path).status == 502
    lie.stop()
    first = server.get(path)
    assert first.status == 200 and first.json() == PROVENANCE
    assert first["Content-Type"] == "application/vnd.pypi.integrity.v1+json"
    assert server.get(path, headers=[("Accept", "application/json")])["Content-Type"] == "application/json"
    assert server.get(path, headers=[("Accept", "text/html")]).status == 406
    for absent in (path.replace("1.0", "2.0"), path.replace("/1.0/", "/1.1/"), path.replace("1.0", "3.0"),
                   path.replace("attested", "absent")):
        assert server.get(absent).status == 404, absent
    for state in ("up", "down"):
        upstream.go(state)
        assert server.get(path).body == first.body
        server.restart()
        assert server.get(path).body == first.body
    assert len(upstream.asked("*/provenance")) == 2, "once it was right"
    assert server.get(path, token=None).status == 401
    server.verify()


def test_without_https_of_our_own_no_provenance_is_told_on(new_server, upstream):
    made = upstream.pypi.add(packages.wheel("attested", "1.0"), provenance=PROVENANCE)
    server = new_server(settings=SETTINGS)
    attach(server, "pypi", upstream.pypi_url)
    page = server.get(f"{server.pypi}/simple/attested/", headers=[("Accept", index_pages.JSON)]).json()
    assert [file["filename"] for file in page["files"]] == [made.filename]
    assert "provenance" not in page["files"][0]
