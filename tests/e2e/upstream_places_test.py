"""Where pull-through may ask: public addresses, and private ones that a person has named."""

import json

import pytest

import lies
from conformance import conformance

METADATA = ["http://127.0.0.1/", "http://127.1:4873/", "http://2130706433/", "http://0x7f000001/", "http://localhost/",
            "http://[::1]/", "http://[::ffff:127.0.0.1]/", "http://[::ffff:7f00:1]/", "http://169.254.169.254/",
            "http://[fd00::1]/", "http://[64:ff9b::7f00:1]/", "http://10.0.0.1/", "http://0/"]


def add_upstream(server, url, token=None, **more):
    """POST …/upstreams, with another's token where one is given."""
    body = json.dumps({"repository": "main", "format": "npm", "url": url, **more}).encode()
    return server.post("/api/v1/orgs/acme/upstreams", body, **({"token": token} if token else {}))


def org_admin(server):
    """A token of someone who rules all of the org, and not the instance."""
    for path, body in (("accounts", {"name": "ada"}),
                       ("grants", {"subject": "ada", "role": "org-admin", "repository": "acme/*"})):
        answer = server.post(f"/api/v1/{path}", json.dumps(body).encode())
        assert answer.status == 201, answer
    return server.post("/api/v1/tokens", json.dumps({"for": "ada"}).encode()).json()["token"]


@conformance("art-120")
def test_an_orgs_administrator_names_no_private_address(server):
    """However it is written, an address of the machine or its network is the owner's alone to name."""
    token = org_admin(server)
    for url in METADATA:
        answer = add_upstream(server, url, token=token)
        assert answer.status == 403, (url, answer)
        assert "private" in answer.json()["detail"], (url, answer)


@conformance("art-120")
def test_a_redirect_leads_to_no_private_address(server, new_upstream):
    """The owner named 127.0.0.1; from there no way leads on to another address that nobody named."""
    named, secret = new_upstream(), new_upstream("127.0.0.2")
    named.npm.add("outside", "1.0.0")
    assert add_upstream(server, named.npm_url, file_hosts=["127.0.0.2"]).status == 201
    assert server.get(f"{server.npm}/outside").status == 200
    named.lie("*/inside", lies.redirect(f"{secret.npm_url}inside"))
    answer = server.get(f"{server.npm}/inside")
    assert answer.status == 502, answer
    assert "private address" in answer.json()["detail"], answer
    assert not secret.asked()


@pytest.mark.settings(PACKHOUSE_UPSTREAM_ALLOW_ADDRESSES="127.0.0.2/32")
@conformance("art-120")
def test_the_setting_lets_in_what_it_lists(server, new_upstream):
    """With the network listed the same redirect arrives."""
    named, listed = new_upstream(), new_upstream("127.0.0.2")
    listed.npm.add("inside", "1.0.0")
    assert add_upstream(server, named.npm_url, file_hosts=["127.0.0.2"]).status == 201
    named.lie("*/inside", lies.redirect(f"{listed.npm_url}inside"))
    answer = server.get(f"{server.npm}/inside")
    assert answer.status == 200, answer
    assert listed.asked("*/inside")


def test_a_request_that_comes_round_ends_here(server, new_upstream):
    """The upstream passes everything back to this server, as a proxy in front of it would: Via tells."""
    loop = new_upstream()
    add_upstream(server, loop.npm_url)
    loop.lie("/npm/*", lies.forward_to(server.url + server.npm))
    assert server.http("PATCH", f"/api/v1/orgs/{server.org}/repositories/{server.repo}",
                       b'{"anonymous": "read"}').status == 200
    assert server.get(f"{server.npm}/victim").status in (502, 503, 504)
    asked = loop.asked("*/victim")
    via = asked[0].headers["via"]
    assert all(request.headers["via"] == via for request in asked), "none that has been round"
    for path in (f"{server.npm}/victim", f"{server.pypi}/simple/victim/", "/-/readyz", "/nowhere"):
        for headers in ([("Via", f"1.0 elsewhere, {via}")], [("Via", "1.1 elsewhere"), ("via", via.upper())]):
            answer = server.get(path, headers=headers)
            known = path != "/nowhere"
            assert answer.status == (502 if known else 404), answer
            assert not known or answer.json()["code"] == "upstream-loop"
    assert server.get("/-/readyz", headers=[("Via", f"{via}0, 1.1 elsewhere")]).status == 200
