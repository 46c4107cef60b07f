"""Nobody takes a public name by accident: the first publish under a name that nobody owns. DESIGN 1."""

import json

import pytest

import packages
import shapes


@pytest.fixture
def house(server, upstream):
    """acme/main with an npm and a Python upstream; house.publish(format, name, token) is the answer."""
    for format, url in (("npm", upstream.npm_url), ("pypi", upstream.pypi_url)):
        made = server.post("/api/v1/orgs/acme/upstreams",
                           json.dumps({"repository": "main", "format": format, "url": url}).encode())
        assert made.status == 201, made
    made = server.post("/api/v1/tokens", json.dumps({"repositories": ["acme/main"], "role": "publisher"}).encode())
    server.publisher = made.json()["token"]

    def publish(format, name, token=None):
        if format == "npm":
            request = shapes.npm_publish(server.npm, name, "9.0.0")
        else:
            request = shapes.pypi_upload(server.pypi, packages.wheel(name, "9.0.0"))
        return server.send(request, token=token or server.publisher)

    server.publish = publish
    return server


FORMATS = pytest.mark.parametrize("format", ["npm", "pypi"])


@FORMATS
def test_a_publisher_takes_a_name_that_no_upstream_has(house, upstream, format):
    assert house.publish(format, "inside").status in (200, 201)
    assert upstream.asked("*/inside*")
    upstream.forget()
    assert house.publish(format, "inside").status in (200, 201, 403, 409)
    assert not upstream.asked("*inside*"), "an owned name never leaves"


@FORMATS
def test_a_publisher_does_not_take_a_name_that_an_upstream_has(house, format):
    answer = house.publish(format, "outside")
    assert answer.status == 403 and answer.json()["code"] == "name-owned-by-upstream", answer
    assert f"packhouse owner set {format}:outside org" in answer.json()["detail"]


@FORMATS
def test_an_upstream_that_is_down_frees_no_name(house, upstream, format):
    upstream.go("down")
    answer = house.publish(format, "inside")
    assert answer.status == 503 and answer.json()["code"] == "name-not-known", answer
    upstream.go("up")


@FORMATS
def test_an_administrator_takes_any_unowned_name_and_asks_nobody(house, upstream, format):
    assert house.publish(format, "outside", house.token).status in (200, 201)
    assert not upstream.asked("*outside*")


@FORMATS
def test_a_claimed_name_is_published_and_asked_nowhere(house, upstream, format):
    made = house.post("/api/v1/orgs/acme/claims", json.dumps({"pattern": "in*"}).encode())
    assert made.status == 201
    assert house.publish(format, "inside").status in (200, 201)
    assert not upstream.asked("*inside*")


def test_names_kept_for_one_upstream_are_told_to_no_other(house, upstream, new_upstream):
    partner = new_upstream()
    made = house.post("/api/v1/orgs/acme/upstreams", json.dumps({
        "repository": "main", "format": "npm", "url": partner.npm_url, "names": ["@partner/*"]}).encode())
    assert made.status == 201
    assert house.publish("npm", "@partner/new").status in (200, 201)
    assert partner.asked("*partner*") and not upstream.asked("*partner*")
    assert house.publish("npm", "inside").status in (200, 201)
    assert upstream.asked("*inside*") and not partner.asked("*inside*")
