"""Which names are the org's own, as each caller may know it: for clients' cooldowns."""

import json

import pytest

import packages
import pulling
import shapes

NAMES = "/api/v1/orgs/acme/repositories/main/own-names"


@pytest.fixture
def house(server):
    for name in ("hello", "@acme/ui", "shared"):
        assert server.send(shapes.npm_publish(server.npm, name, "1.0.0")).status in (200, 201)
    assert server.send(shapes.pypi_upload(server.pypi, packages.wheel("Hello_World", "1.0"))).status == 200
    return server


def post(server, path, **body):
    answer = server.post(f"/api/v1{path}", json.dumps(body).encode())
    assert answer.status in (200, 201), answer
    return answer.json()


def own(server, format="npm", more="", **options):
    answer = server.http("GET", f"{NAMES}?format={format}{more}", **options)
    assert answer.status == 200, answer
    return answer.json()


def test_names_and_patterns_are_listed(house):
    """A name that a pattern covers is not listed beside it, but where no pattern is wanted."""
    assert own(house) == {"patterns": [], "names": ["@acme/ui", "hello", "shared"], "more": False}
    assert own(house, "pypi")["names"] == ["hello-world"]
    post(house, "/orgs/acme/claims", pattern="@acme/*")
    post(house, "/orgs/acme/claims", pattern="hello*", format="pypi")
    assert own(house) == {"patterns": ["@acme/*"], "names": ["hello", "shared"], "more": False}
    assert own(house, "pypi") == {"patterns": ["@acme/*", "hello*"], "names": [], "more": False}
    assert own(house, more="&patterns=no") == {"patterns": [], "names": ["@acme/ui", "hello", "shared"], "more": False}


@pytest.mark.parametrize("query", ["", "?format=artifact", "?format=", "?format=npm&patterns=maybe"])
def test_a_wrong_question_is_told_so(house, query):
    answer = house.http("GET", NAMES + query)
    assert answer.status == 400 and answer.json()["field"] in ("format", "patterns"), answer


def test_a_caller_learns_of_what_he_may_read(house):
    post(house, "/orgs/acme/claims", pattern="@acme/*")
    post(house, "/orgs/acme/claims", pattern="secret-*")
    for packages_, expected in ((["npm:hello"], ([], ["hello"])), (["@acme/*"], (["@acme/*"], []))):
        token = post(house, "/tokens", repositories=["acme/main"], role="reader", packages=packages_)["token"]
        told = own(house, token=token)
        assert (told["patterns"], told["names"]) == expected
    assert house.http("GET", f"{NAMES}?format=npm", token=None).status == 401
    house.http("PATCH", "/api/v1/orgs/acme/repositories/main", json.dumps({"anonymous": "read"}).encode())
    assert own(house, token=None) == {"patterns": [], "names": ["@acme/ui", "hello", "shared"], "more": False}


def test_sources_count_and_upstreams_do_not(house, upstream):
    """A local source's names are the org's; what came from outside, or was given to an upstream, is not."""
    post(house, "/orgs/acme/repositories", name="base")
    post(house, "/orgs/acme/repositories/main/sources", name="base")
    assert house.send(shapes.npm_publish("/npm/acme/base", "basic", "1.0.0")).status in (200, 201)
    assert house.send(shapes.npm_publish("/npm/acme/base", "shared", "1.0.0")).status in (200, 201)
    upstream.npm.add("outside", "1.0.0")
    name = pulling.attach(house, "npm", upstream.npm_url)["name"]
    assert house.http("GET", f"{house.npm}/outside").status == 200
    assert own(house)["names"] == ["@acme/ui", "basic", "hello", "shared"]
    answer = house.http("PUT", "/api/v1/orgs/acme/owners", json.dumps(
        {"package": "npm:hello", "owner": name, "reason": "theirs", "confirm": True}).encode())
    assert answer.status == 200, answer
    assert own(house)["names"] == ["@acme/ui", "basic", "shared"]
