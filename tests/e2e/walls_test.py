"""The walls between orgs: what one may not see looks the same as what is not there.

The cases come from the route tables that the program prints, so a new route is tested without a
line here, and one that names something new fails until this file knows what that is. Each route is
asked for a thing that is there and for twins that are not, by everybody who may not see it; the two
answers must be the same to the last header once the names that were asked for are masked."""

import functools
import json
import subprocess
import time

import pytest

import packages
import shapes
from packhouse_server import Server, binary

TOKEN_LIFE = 1
WHEEL = packages.wheel("hello", "1.0.0")


@functools.cache
def routes():
    return json.loads(subprocess.run([binary(), "routes", "--json"], check=True, capture_output=True).stdout)


# What each parameter of a route is called where something is there.
THERE = {
    "org": "acme", "repo": "main", "package": "hello", "version": "1.0.0", "tag": "latest",
    "file": "hello-1.0.0.tgz", "rev": "1-0", "path": "hello.tgz", "rest": "v1/search", "id": "1",
    "upstream": "partner", "source": "partner",
    "org_again": "acme", "repo_again": "main",
}
# Of these there is none on a server without upstreams.
EMPTY = {"/npm/:org/:repo/-/npm/v1/keys", "/npm/:org/:repo/-/npm/v1/attestations/:package",
         "/npm/:org/:repo/npm/:org_again/:repo_again/-/npm/v1/attestations/:package",
         "/pypi/:org/:repo/integrity/:package/:version/:file/provenance",
         "/api/v1/orgs/:org/requests/:id", "/api/v1/orgs/:org/requests/:id/diff"}
# In these mounts a package's files are called otherwise.
THERE_IN = {
    "pypi": {"file": "hello-1.0.0-py3-none-any.whl", "digest": WHEEL.sha256},
}
# Names of nothing, as long as those of something, so that lengths can be compared too.
ABSENT = {"org": "akme", "repo": "mein", "id": "9"}

# Routes whose object is not in the path alone: the query and the body that name it.
NAMED_ELSEWHERE = {
    ("GET", "/api/v1/orgs/:org/repositories"): ("", None),
    ("GET", "/api/v1/orgs/:org/repositories/:repo/own-names"): ("?format=npm", None),
    ("GET", "/api/v1/orgs/:org/owners"): ("?package=npm:hello", None),
    ("POST", "/api/v1/orgs/:org/repositories/:repo/removals"):
        ("", {"package": "artifact:hello", "version": "9.9.9", "reason": "walls"}),
    ("GET", "/api/v1/orgs/:org/repositories/:repo/removals"): ("", None),
    ("POST", "/api/v1/orgs/:org/repositories/:repo/restorations"):
        ("", {"package": "artifact:hello", "version": "9.9.9"}),
    ("GET", "/api/v1/orgs/:org/policy/explain"): ("?purl=npm:hello&repository={repo}", None),
    ("GET", "/api/v1/orgs/:org/holds"): ("", None),
    ("GET", "/api/v1/orgs/:org/history"): ("?package=npm:hello", None),
    ("POST", "/api/v1/orgs/:org/requests"):
        ("", {"purl": "npm:hello@1.0.0", "repository": "{repo}", "reason": "walls"}),
    ("GET", "/api/v1/orgs/:org/requests"): ("", None),
    ("GET", "/api/v1/orgs/:org/requests/:id"): ("", None),
    ("GET", "/api/v1/orgs/:org/requests/:id/diff"): ("", None),
    ("GET", "/api/v1/orgs/:org/exceptions"): ("", None),
    ("GET", "/api/v1/grants"): ("?org={org}", None),
    ("POST", "/api/v1/grants"): ("", {"subject": "stan", "role": "reader", "repository": "{org}/{repo}"}),
    ("DELETE", "/api/v1/grants/:id"): ("", None),
    ("POST", "/api/v1/tokens"): ("", {"repositories": ["{org}/{repo}"]}),
    ("DELETE", "/api/v1/tokens/:id"): ("", None),
    ("GET", "/api/v1/access/explain"): ("?action=repo:read&repo={org}/{repo}", None),
}
# Rows that are about the caller or the instance: nothing of an org could show.
ABOUT_NOTHING = {"anyone", "signed-in", "admin-instance"}


def ask_for(route, **change):
    """The path and the body that ask this route for a thing by these names."""
    names = THERE | THERE_IN.get(route["mount"], {}) | change
    query, body = NAMED_ELSEWHERE.get((route["method"], route["path"]), ("", {} if route["body"] else None))
    path = []
    for segment in route["path"].split("/"):
        if segment[:1] in (":", "*"):
            assert segment[1:] in names, f"{route['path']}: what is a :{segment[1:]}? Add it to THERE"
            segment = names[segment[1:]]
        path.append(segment)
    text = json.dumps(body)
    for name, value in names.items():
        query, text = query.replace(f"{{{name}}}", value), text.replace(f"{{{name}}}", value)
    return "/".join(path) + query, None if body is None else text.encode()


def twins_of(route):
    """The names that may be changed into those of nothing, one at a time."""
    named = (route["path"].replace(":", "{") + repr(NAMED_ELSEWHERE.get((route["method"], route["path"]))))
    return [name for name in ABSENT if f"{{{name}" in named]


class Callers:
    """A server with two orgs, and everybody who has no business in acme/main."""

    def __init__(self, folder):
        self.server = server = Server(folder)
        server.send(shapes.npm_publish(server.npm, "hello", "1.0.0"))
        server.send(shapes.artifact_put(server.artifacts, "hello", "1.0.0", "hello.tgz", b"bytes"))
        server.send(shapes.pypi_upload(server.pypi, WHEEL))
        self.api("/orgs", name="globex")
        self.api("/orgs/globex/repositories", name="private")
        self.api("/orgs/acme/upstreams", repository="main", format="npm", url="http://127.0.0.1:9", name="partner",
                 names=["@partner/*"])
        for name in ("stan", "ann"):
            self.api("/accounts", name=name)
        self.api("/grants", subject="ann", role="publisher", repository="acme/main")
        self.api("/grants", subject="stan", role="admin", repository="globex/*")
        revoked = self.api("/tokens")
        expired = self.api("/tokens", expires_in=TOKEN_LIFE)
        ended = time.time() + TOKEN_LIFE + 0.1
        self.server.http("DELETE", f"/api/v1/tokens/{revoked['id']}")
        self.strangers = {
            "account of another org": self.api("/tokens", **{"for": "stan"})["token"],
            "token for another org": self.api("/tokens", repositories=["globex/private"])["token"],
        }
        self.nobodies = {"anonymous": None, "revoked": revoked["token"], "expired": expired["token"]}
        time.sleep(max(0, ended - time.time()))

    def api(self, path, **body):
        answer = self.server.post(f"/api/v1{path}", json.dumps(body).encode())
        assert answer.status == 201, answer
        return answer.json()

    def ask(self, token, method, wanted):
        return self.server.http(method, *wanted, token=token)


@pytest.fixture(scope="module")
def callers(tmp_path_factory):
    made = Callers(tmp_path_factory.mktemp("walls"))
    yield made
    made.server.stop()


def look(answer):
    """All of an answer, but for what is new in each, and with the names of nothing and something made one."""
    headers = sorted((name.lower(), value) for name, value in answer.headers.items()
                     if name.lower() not in ("date", "x-request-id"))
    text = repr((answer.status, answer.reason, headers, answer.body))
    if answer.get("X-Request-Id"):
        text = text.replace(answer["X-Request-Id"], "ID")
    for name, absent in ABSENT.items():
        text = text.replace(absent, THERE[name])
    return text


def cases(also_head=False):
    for route in routes():
        for method in [route["method"]] + (["HEAD"] if also_head and route["method"] == "GET" else []):
            yield pytest.param(route, method, id=f"{method}-{route['path']}")


@pytest.mark.parametrize("route, method", list(cases(also_head=True)))
def test_absent_and_forbidden_are_alike(callers, route, method):
    """Strangers get 404 (403 on the Python index) for both; nobody in particular gets 401 for both."""
    about_nothing = route["access"] in ABOUT_NOTHING
    if route["access"] == "handler-decides":
        assert (route["method"], route["path"]) in NAMED_ELSEWHERE, f"{route['path']}: what does it name, and where?"
    assert twins_of(route) or about_nothing, f"{route['path']} names nothing that could be hidden"
    for twin in twins_of(route):
        for who, token in {**callers.nobodies, **({} if about_nothing else callers.strangers)}.items():
            there = callers.ask(token, method, ask_for(route))
            absent = callers.ask(token, method, ask_for(route, **{twin: ABSENT[twin]}))
            if route["access"] == "anyone" and who == "anonymous":
                expected = 200
            else:
                expected = 401 if who in callers.nobodies else route["stranger"]
            assert there.status == expected, f"{who}: {there}"
            assert look(there) == look(absent), f"{who}, another {twin}"


@pytest.mark.parametrize("route, method", list(cases()))
def test_a_dead_token_is_told_so_everywhere(callers, route, method):
    """Also where no token is needed: one that has died without a word is a riddle to its user."""
    for who in ("revoked", "expired"):
        answer = callers.ask(callers.nobodies[who], method, ask_for(route))
        assert answer.status == 401, f"{who}: {answer}"


@pytest.mark.parametrize("route", [pytest.param(r, id=r["path"]) for r in routes()
                                   if r["method"] == "GET" and not r["path"].endswith("*rest")
                                   and r["path"] not in EMPTY])
def test_the_thing_that_is_hidden_is_there(callers, route):
    """A wall around nothing would prove nothing: to the owner each of these answers 200."""
    path, body = ask_for(route)
    answer = callers.ask(callers.server.token, "GET", (path, body))
    if answer.status == 301:
        answer = callers.ask(callers.server.token, "GET", (path + "/", body))
    assert answer.status == 200, answer


def test_every_format_and_the_api_are_behind_the_walls():
    assert {"npm", "pypi", "artifacts", "api"} <= {route["mount"] for route in routes()}
