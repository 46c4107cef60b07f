"""Ways round policy that somebody tried: lies of an upstream that change what it says of a version, routes that meet
a listing while it changes, approvals stretched beyond what was approved. None of them gives a byte that is held."""

import json
import threading

import pytest

import packages
from patience import until
from policies import ago, let_through, set_policy
from pulling import attach
from upstream_answer import Answer, BytesBody

pytestmark = pytest.mark.settings(PACKHOUSE_UPSTREAM_ALLOW_ADDRESSES="127.0.0.0/8", PACKHOUSE_UPSTREAM_RETRIES="0",
                                  PACKHOUSE_UPSTREAM_CONNECT_TIMEOUT="1m", PACKHOUSE_UPSTREAM_FRESH="0ms",
                                  PACKHOUSE_UPSTREAM_STALE="0ms")
COOLDOWN = """
mode: enforce
default: allow
rules:
  cooldown:
    hold: {younger_than: 7d}
    say: New releases wait seven days
repositories:
  sandbox: {mode: audit}
"""
HELD, LIES = b"left-pad 1.3.1 as it was read", b"left-pad 1.3.1 of somebody else"


@pytest.fixture
def house(server, upstream):
    """Nothing that an upstream said is believed for a moment longer: each request asks it again."""
    attach(server, "npm", upstream.npm_url)
    attach(server, "pypi", upstream.pypi_url)
    return server


def tarball(name, version, words=b"x", **manifest):
    return packages.npm_tarball(name, version, {"index.js": words.decode()}, **manifest)


def get(server, name, version, **more):
    return server.get(f"{server.npm}/{name}/-/{name.rsplit('/')[-1]}-{version}.tgz", **more)


def test_a_new_version_is_looked_at_before_anybody_gets_it(house, upstream):
    """The request that brings the listing with it must not find it unjudged."""
    upstream.npm.add("left-pad", "1.3.0", published=ago(days=400))
    upstream.pypi.add(packages.sdist("leftpad", "1.0"), upload_time=ago(days=400))
    set_policy(house, COOLDOWN)
    assert get(house, "left-pad", "1.3.0").status == 200
    assert house.get(f"{house.pypi}/simple/leftpad/").status == 200
    for number in range(1, 6):
        upstream.npm.add("left-pad", f"1.3.{number}", published=ago(days=300))
        new = upstream.pypi.add(packages.sdist("leftpad", f"1.{number}"), upload_time=ago(days=300))
        for _ in range(3):
            assert get(house, "left-pad", f"1.3.{number}").status == 403, number
            answer = house.get(f"{house.pypi}/files/leftpad/{new.dist.sha256}/{new.filename}")
            assert answer.status == 403, (number, answer)



def approved(house, upstream, kind):
    """Version 1.3.1 is young, asked for and approved by what the listing says of its bytes. Nobody has had it."""
    if kind == "npm":
        upstream.npm.add("left-pad", "1.3.1", tarball=tarball("left-pad", "1.3.1", HELD), published=ago(hours=1))
    else:
        made = packages.wheel if kind == "wheel" else packages.sdist
        upstream.pypi.add(made("left-pad", "1.3.1", files={"words.py": HELD}), upload_time=ago(hours=1))
    set_policy(house, COOLDOWN)
    let_through(house, f"{'npm' if kind == 'npm' else 'pypi'}:left-pad@1.3.1")
    listing = f"{house.npm}/left-pad" if kind == "npm" else f"{house.pypi}/simple/left-pad/"
    assert b"1.3.1" in house.get(listing).body


def file_path(house, file):
    """Where a Python file is, by the digest that the upstream tells."""
    return f"{house.pypi}/files/left-pad/{file.dist.sha256}/{file.filename}"


@pytest.fixture
def sandbox(house, upstream):
    """A second repository with the same upstreams, in which policy only looks on."""
    made = house.post("/api/v1/orgs/acme/repositories", json.dumps({"name": "sandbox"}).encode())
    assert made.status == 201, made
    for source in ("npm", "pypi"):
        added = house.post("/api/v1/orgs/acme/repositories/sandbox/sources", json.dumps({"name": source}).encode())
        assert added.status in (200, 201), added
    return house


def events(house, kind):
    items = house.get("/api/v1/orgs/acme/audit").json()["items"]
    return [item for item in items if item["action"] == kind]


RULES = """
mode: enforce
default: allow
rules:
  licence:
    deny: {license_in: [GPL-3.0-only]}
  scripts:
    hold: {install_scripts: true}
repositories:
  sandbox: {mode: audit}
"""


GRAVE = """
mode: enforce
default: allow
rules:
  odd:
    hold: {any: [deprecated, manifest_mismatch]}
"""
