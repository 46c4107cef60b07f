"""docs/openapi.yaml is what the server does: the same routes, the same members, the same refusals."""

import functools
import json
import re
import subprocess

import pytest

from openapi import Caller, page, resolve
from packhouse_server import binary

METHODS = ("get", "put", "post", "patch", "delete")


def described():
    return {(method.upper(), path) for path, item in page()["paths"].items() for method in METHODS if method in item}


def operations():
    for path, item in page()["paths"].items():
        for method in METHODS:
            if method in item:
                yield pytest.param(path, method, item, id=f"{method.upper()}-{path}")


@functools.cache
def mounted():
    """{(method, path): row} of the API's route table, with OpenAPI's way of writing parameters."""
    rows = json.loads(subprocess.run([binary(), "routes", "--json"], check=True, capture_output=True).stdout)
    return {(row["method"], re.sub(r":(\w+)", r"{\1}", row["path"].removeprefix("/api/v1"))): row
            for row in rows if row["mount"] == "api"}


def test_every_route_is_described_and_nothing_else():
    assert described() == set(mounted())


@pytest.mark.parametrize("path, method, item", list(operations()))
def test_an_operation_says_what_its_row_says(path, method, item):
    operation, row = item[method], mounted()[method.upper(), path]
    assert ("requestBody" in operation) == row["body"]
    parameters = [resolve(p) for p in item.get("parameters", []) + operation.get("parameters", [])]
    assert {p["name"] for p in parameters if p["in"] == "path"} == set(re.findall(r"{(\w+)}", path))
    for response in map(resolve, operation["responses"].values()):
        for content in response.get("content", {}).values():
            assert resolve(content["schema"])
    is_open = {} in operation.get("security", page()["security"])
    assert is_open == (row["access"] in ("anyone", "read")), row["access"]
    assert "401" in operation["responses"]


def test_operations_have_names_of_their_own():
    names = [item[method]["operationId"] for _, method, item in (p.values for p in operations())]
    assert len(set(names)) == len(names)


def test_answers_are_as_described(server):
    """Every operation once, with every kind of member filled somewhere on the way."""
    ask = Caller(server)
    ask("POST", "/orgs", {"name": "globex"}, 201)
    ask("POST", "/orgs", {"name": "globex"}, 409)
    ask("POST", "/orgs", {"name": "NO"}, 400)
    assert ask("GET", "/orgs", query="?limit=1")["next"]
    ask("POST", "/orgs/{org}/repositories", {"name": "open", "anonymous": "read"}, 201, org="globex")
    ask("POST", "/orgs/{org}/repositories", {"name": "x"}, 404, org="absent")
    ask("GET", "/orgs/{org}/repositories", org="globex", expected=200)
    ask("GET", "/orgs/{org}/repositories/{repo}", org="globex", repo="open", expected=200)
    ask("GET", "/orgs/{org}/repositories/{repo}", org="globex", repo="absent", expected=404)
    ask("PATCH", "/orgs/{org}/repositories/{repo}", {"anonymous": "none"}, 200, org="globex", repo="open")
    ask("POST", "/accounts", {"name": "ann"}, 201)
    ask("GET", "/accounts", expected=200)
    assert ask("GET", "/signing-keys", expected=200)["items"][0]["state"] == "current"
    assert len(ask("POST", "/signing-keys", expected=201)["items"]) == 2
    grant = ask("POST", "/grants", {"subject": "ann", "role": "publisher", "repository": "acme/main"}, 201)
    ask("POST", "/grants", {"subject": "ann", "actions": ["pkg:delete"], "repository": "acme/*", "effect": "deny",
                            "package": "@acme/*"}, 201)
    ask("POST", "/grants", {"subject": "ann", "role": "king", "repository": "acme/main"}, 400)
    ask("GET", "/grants", query="?org=acme", expected=200)
    made = ask("POST", "/tokens", {"for": "ann", "name": "ci", "role": "publisher", "repositories": ["acme/main"],
                                   "packages": ["@acme/*"], "expires_in": 3600}, 201)
    ask("GET", "/whoami", token=made["token"], expected=200)
    ask("GET", "/whoami", token="pkhp_nonsense", expected=401)
    ask("POST", "/tokens", {}, 403, token=made["token"])
    ask("GET", "/tokens", query="?for=ann", expected=200)
    ask("GET", "/access/explain", query="?principal=ann&action=pkg:publish&repo=acme/main&package=@acme/ui",
        expected=200)
    ask("GET", "/access/explain", query="?action=repo:read&repo=acme/main", expected=200)
    ask("GET", "/access/explain", query="?action=fly&repo=acme/main", expected=400)
    ask("DELETE", "/tokens/{id}", id=made["id"], expected=204)
    ask("DELETE", "/tokens/{id}", id=99999, expected=404)
    other = ask("POST", "/tokens", {}, 201)
    ask("POST", "/tokens/revoke", {"token": other["token"]}, 204)
    ask("DELETE", "/grants/{id}", id=grant["id"], expected=204)
    upstreams, upstream = "/orgs/{org}/upstreams", "/orgs/{org}/upstreams/{upstream}"
    wanted = {"repository": "main", "format": "npm", "url": "http://127.0.0.1:9", "names": ["@partner/*"],
              "file_hosts": ["files.example"]}
    ask("POST", upstreams, wanted | {"name": "partner"}, 201, org="acme")
    ask("POST", upstreams, wanted | {"name": "partner"}, 409, org="acme")
    ask("POST", upstreams, wanted | {"url": server.url + "/npm/acme/main/"}, 400, org="acme")
    ask("POST", upstreams, {"repository": "main", "format": "pypi", "url": "http://127.0.0.1:9/simple/"}, 201, org="acme")
    assert ask("GET", upstreams, query="?limit=1", org="acme", expected=200)["next"]
    ask("PATCH", upstream, {"offline": True}, 200, org="acme", upstream="partner")
    assert ask("GET", upstream + "/keys", org="acme", upstream="partner", expected=200)["said"] is None
    ask("GET", upstream + "/keys", org="acme", upstream="pypi", expected=400)
    ask("POST", upstream + "/keys", {"said_sha256": "x"}, 400, org="acme", upstream="partner")
    ask("POST", upstream + "/keys", {"said_sha256": "x", "reason": "r"}, 503, org="acme", upstream="partner")
    ask("POST", upstream + "/refresh", org="acme", upstream="partner", expected=200)
    ask("GET", upstream, org="acme", upstream="partner", expected=200)
    sources = "/orgs/{org}/repositories/{repo}/sources"
    ask("GET", sources, org="acme", repo="main", expected=200)
    ask("DELETE", sources + "/{source}", org="acme", repo="main", source="partner", expected=204)
    ask("POST", sources, {"name": "partner"}, 201, org="acme", repo="main")
    ask("POST", sources, {"name": "partner"}, 409, org="acme", repo="main")
    own = "/orgs/{org}/repositories/{repo}/own-names"
    ask("GET", own, query="?format=npm", org="acme", repo="main", expected=200)
    ask("GET", own, query="?format=nuget", org="acme", repo="main", expected=400)
    ask("GET", own, query="?format=npm", org="acme", repo="absent", expected=404)
    owners = "/orgs/{org}/owners"
    wish = {"package": "npm:left-pad", "owner": "partner", "reason": "theirs"}
    ask("GET", owners, query="?package=npm:left-pad", org="acme", expected=404)
    assert not ask("PUT", owners, wish, 200, org="acme")["done"]
    assert ask("PUT", owners, wish | {"confirm": True}, 200, org="acme")["done"]
    assert ask("GET", owners, query="?package=npm:left-pad", org="acme", expected=200)["owner"] == "partner"
    claims = "/orgs/{org}/claims"
    ask("POST", claims, {"pattern": "*"}, 400, org="acme")
    ask("POST", claims, {"pattern": "left-*"}, 409, org="acme")
    assert ask("POST", claims, {"pattern": "left-*", "take": True}, 201, org="acme")["taken"] == ["npm:left-pad"]
    ask("GET", owners, query="?package=npm:left-pad", org="acme", expected=200)
    ask("GET", claims, org="acme", expected=200)
    ask("DELETE", claims, query="?pattern=left-*", org="acme", expected=204)
    ask("DELETE", upstream, org="acme", upstream="partner", expected=204)
    assert ask("GET", "/orgs/{org}", org="acme", expected=200)["quota"] == 0
    ask("PATCH", "/orgs/{org}", {"quota": -5}, 400, org="acme")
    assert ask("PATCH", "/orgs/{org}", {"quota": 1 << 30}, 200, org="acme")["quota"] == 1 << 30
    assert server.http("PUT", "/artifacts/acme/main/thing/1.0/a.txt", b"bytes").status == 201
    place = {"org": "acme", "repo": "main"}
    thing = {"package": "artifact:thing", "version": "1.0"}
    removals, restorations = (f"/orgs/{{org}}/repositories/{{repo}}/{name}" for name in ("removals", "restorations"))
    ask("POST", removals, thing, 400, **place)
    ask("POST", removals, thing | {"package": "thing", "reason": "r"}, 400, **place)
    ask("POST", removals, thing | {"version": "2.0", "reason": "r"}, 404, **place)
    assert ask("POST", removals, thing | {"reason": "broken"}, 200, **place)["files"] == 1
    assert ask("GET", removals, expected=200, **place)["items"][0]["reason"] == "broken"
    ask("POST", restorations, thing, 200, **place)
    ask("POST", restorations, thing, 404, **place)
    ask("POST", removals, thing | {"reason": "secret", "now": True}, 200, **place)
    ask("POST", restorations, thing, 410, **place)
    policy = "/orgs/{org}/policy"
    assert ask("GET", policy, org="acme", expected=200)["revision"] == 0
    ask("PUT", policy, {"text": "mode: audit\n", "reason": "to begin with"}, 201, org="acme")
    ask("PUT", policy, {"text": "mood: audit\n"}, 422, org="acme")
    assert ask("GET", policy, org="acme", expected=200)["text"] == "mode: audit\n"
    assert ask("GET", policy + "/revisions", org="acme", expected=200)["items"][0]["reason"] == "to begin with"
    ask("GET", policy, query="?revision=9", org="acme", expected=404)
    ask("GET", policy + "/explain", query="?purl=artifact:thing@1.0&repository=main", org="acme", expected=200)
    ask("GET", policy + "/explain", query="?purl=npm:thing&repository=main", org="acme", expected=404)
    ask("GET", policy + "/explain", query="?purl=npm:thing", org="acme", expected=400)
    assert ask("POST", policy + "/replay", {"text": "mode: audit\n"}, 200, org="acme")["items"] == []
    ask("POST", policy + "/replay", {"text": "mood: audit\n"}, 422, org="acme")
    for name in ("holds", "requests", "exceptions"):
        assert ask("GET", f"/orgs/{{org}}/{name}", org="acme", expected=200)["items"] == []
    ask("GET", "/orgs/{org}/history", query="?package=npm:thing", org="acme", expected=200)
    ask("GET", "/orgs/{org}/history", org="acme", expected=400)
    wish = {"repository": "main", "reason": "needed"}
    ask("POST", "/orgs/{org}/requests", wish | {"purl": "npm:thing"}, 400, org="acme")
    ask("POST", "/orgs/{org}/requests", wish | {"purl": "npm:thing@1.0.0"}, 404, org="acme")
    request = "/orgs/{org}/requests/{id}"
    ask("GET", request, org="acme", id=9, expected=404)
    ask("GET", request + "/diff", org="acme", id=9, expected=404)
    ask("POST", request + "/approve", {"comment": "c"}, 400, org="acme", id=9)
    ask("POST", request + "/approve", {"comment": "c", "expires_in": 60}, 404, org="acme", id=9)
    ask("POST", request + "/deny", {"comment": "c"}, 404, org="acme", id=9)
    ask("POST", "/orgs/{org}/exceptions/{id}/end", {}, 404, org="acme", id=9)
    ask("GET", "/orgs/{org}/audit", org="globex", expected=200)
    ask("GET", "/audit", expected=200)
    assert ask.seen == described()


def test_a_body_that_the_page_refuses_is_refused(server):
    """Every closed body has a member that nobody knows."""
    for path, item in page()["paths"].items():
        for method in METHODS:
            body = item.get(method, {}).get("requestBody")
            if not body:
                continue
            schema = resolve(body["content"]["application/json"]["schema"])
            assert schema["additionalProperties"] is False
            answer = server.http(method.upper(), "/api/v1" + path.format(org="acme", repo="main", upstream="partner", id=1),
                                 json.dumps({"misspelt": 1}).encode())
            assert answer.status == 400, f"{method} {path}: {answer}"
