"""An upstream's signing keys are held to, until an administrator accepts others."""

import functools
import json

import pytest

import clients
from patience import until
from policies import set_policy
from pulling import attach

SETTINGS = {"PACKHOUSE_UPSTREAM_ALLOW_ADDRESSES": "127.0.0.0/8", "PACKHOUSE_UPSTREAM_RETRIES": "0",
            "PACKHOUSE_UPSTREAM_FRESH": "0s"}
pytestmark = pytest.mark.settings(**SETTINGS)
POLICY = """
mode: {mode}
default: allow
rules:
  invalid:
    deny: {{signature_invalid: true}}
    say: Its signature is wrong
"""


@pytest.fixture
def signed(server, upstream):
    upstream.npm.signed = True
    upstream.npm.add("before", "1.0.0", published="2021-06-01T00:00:00.000Z")
    upstream.npm.add("after", "1.0.0", published="2021-06-01T00:00:00.000Z")
    attach(server, "npm", upstream.npm_url)
    return server


def replace_key(upstream, other):
    """Another private key under the same id, as a thief of the upstream's address would have it."""
    old = dict(upstream.npm.key)
    stolen = {**other.npm.key, "keyid": old["keyid"]}
    upstream.npm.keys = [stolen]
    upstream.npm.signature = functools.lru_cache(
        lambda file: {**other.npm.signature(file), "keyid": old["keyid"]})
    return old, stolen


def tarball(server, name):
    return server.get(f"{server.npm}/{name}/-/{name}-1.0.0.tgz")


def signature_of(server, name):
    """As it is written down: no listing is looked at again for a signature that is right, so memory may not know."""
    server.restart()
    answer = server.get(f"/api/v1/orgs/{server.org}/policy/explain?purl=npm:{name}@1.0.0&repository={server.repo}")
    assert answer.status == 200, answer
    return answer.json()["items"][0]["facts"].get("signature")


def keys(packhouse, *options):
    return packhouse("upstream", "keys", "npm", "--json", *options).json()


@pytest.mark.parametrize("mode", ["enforce", "audit"])
def test_replaced_keys_fail_until_they_are_accepted(signed, upstream, new_upstream, packhouse, mode):
    """Also where the policy only watches, so that the bytes that failed were kept."""
    set_policy(signed, POLICY.format(mode=mode))
    assert tarball(signed, "before").status == 200
    until(lambda: signature_of(signed, "before") == "verified", "the first verdict")
    old, new = replace_key(upstream, new_upstream())
    refused = tarball(signed, "after")
    assert refused.status == (403 if mode == "enforce" else 200)
    assert mode == "audit" or b"Its signature is wrong" in refused.body
    until(lambda: signature_of(signed, "after") == "invalid", "the verdict")
    assert signature_of(signed, "before") == "verified"

    shown = keys(packhouse)
    assert (shown["pinned"], shown["said"]) == ([old], [new])
    assert shown["replaced"] == [old["keyid"]] and not shown["added"] and not shown["gone"]
    assert "REPLACED" in packhouse("upstream", "keys", "npm").stdout
    assert keys(packhouse)["pinned"] == [old], "looking changes nothing"
    with pytest.raises(clients.Failure, match="reason"):
        packhouse("upstream", "keys", "npm", "--accept")
    told = packhouse("upstream", "keys", "npm", "--accept", "--reason", "they said so").stdout
    assert "judged again when they are next asked for: 1" in told
    assert keys(packhouse)["pinned"] == [new] and not keys(packhouse)["replaced"]

    until(lambda: tarball(signed, "after").status == 200, "the tarball")
    until(lambda: signature_of(signed, "after") == "verified", "the other verdict")
    assert signature_of(signed, "before") == "verified"
    assert signed.get(f"{signed.npm}/-/npm/v1/keys").json()["keys"][1:] == [new]
    [row] = [row for row in signed.get(f"/api/v1/orgs/{signed.org}/audit").json()["items"]
             if row["action"] == "upstream.keys-accepted"]
    assert (row["actor"], row["target"]) == ("owner", "npm")
    assert row["detail"] == {"reason": "they said so", "added": [], "expiry_changed": [],
                             "replaced": [old["keyid"]], "gone": []}
    signed.restart()
    assert keys(packhouse)["pinned"] == [new]
    signed.stop()
    signed.verify()
    signed.start()


def test_only_what_was_seen_is_accepted(signed, upstream, new_upstream, packhouse):
    place = f"/api/v1/orgs/{signed.org}/upstreams/npm/keys"
    first = signed.get(place).json()
    assert first["pinned"] == [] and first["said"] == [upstream.npm.key] and first["added"]
    _, new = replace_key(upstream, new_upstream())
    late = signed.post(place, json.dumps({"said_sha256": first["said_sha256"], "reason": "r"}).encode())
    assert late.status == 409 and late.json()["error"].startswith("npm says other keys"), late
    assert signed.get(place).json()["pinned"] == []
    for body, status in ((b"{}", 400), (b'{"said_sha256": "x"}', 400), (b'{"said_sha256": "x", "reason": "r"}', 409)):
        assert signed.post(place, body).status == status
    upstream.npm.keys = []
    nothing = signed.get(place).json()
    none = signed.post(place, json.dumps({"said_sha256": nothing["said_sha256"], "reason": "r"}).encode())
    assert nothing["said"] == [] and none.status == 409 and b"no keys" in none.body
    upstream.npm.keys = [new]
    upstream.go("down")
    away = signed.get(place).json()
    assert away["said"] is None and away["trouble"]
    with pytest.raises(clients.Failure, match="does not say its keys now"):
        packhouse("upstream", "keys", "npm", "--accept", "--reason", "r")


def test_keys_are_for_administrators_and_npm_s(signed, upstream):
    attach(signed, "pypi", upstream.pypi_url)
    assert signed.get(f"/api/v1/orgs/{signed.org}/upstreams/pypi/keys").status == 400
    assert signed.get(f"/api/v1/orgs/{signed.org}/upstreams/absent/keys").status == 404
    assert signed.post("/api/v1/accounts", b'{"name": "ann"}').status == 201
    grant = {"subject": "ann", "role": "publisher", "repository": "acme/main"}
    assert signed.post("/api/v1/grants", json.dumps(grant).encode()).status == 201
    ann = signed.post("/api/v1/tokens", b'{"for": "ann"}').json()["token"]
    for method, body in (("GET", None), ("POST", b"{}")):
        assert signed.http(method, f"/api/v1/orgs/{signed.org}/upstreams/npm/keys", body, token=ann).status in (403, 404)
