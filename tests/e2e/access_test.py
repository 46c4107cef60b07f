"""Who may what, as clients meet it: credentials in every form, refusals that say why, tokens that end."""

import base64
import json
import pathlib
import re
import statistics
import time

import pytest

import packages
import shapes
from conformance import conformance


class Api:
    """The owner's hand: makes people, and tokens for them."""

    def __init__(self, server):
        self.server = server

    def post(self, path, token=None, expect=201, **body):
        more = {"token": token} if token else {}
        answer = self.server.post(f"/api/v1{path}", json.dumps(body).encode(), **more)
        assert answer.status == expect, answer
        return answer.json() if answer.body else None

    def delete(self, path):
        answer = self.server.http("DELETE", f"/api/v1{path}")
        assert answer.status == 204, answer

    def explain(self, **question):
        query = "&".join(f"{name}={value}" for name, value in question.items())
        return self.server.get(f"/api/v1/access/explain?{query}").json()

    def person(self, name, role=None, repository="acme/main", **grant):
        self.post("/accounts", name=name)
        if role:
            grant["id"] = self.post("/grants", subject=name, role=role, repository=repository, **grant)["id"]
        return self.post("/tokens", **{"for": name})["token"], grant.get("id")


@pytest.fixture
def api(server):
    return Api(server)


def wheel_upload(server, name="hello", headers=()):
    return shapes.pypi_upload(server.pypi, packages.wheel(name, "1.0.0"), headers=headers)


def basic(text):
    return [("Authorization", "Basic " + base64.b64encode(text.encode()).decode())]


FORMS = {
    "bearer": lambda t: [("Authorization", f"Bearer {t}")],
    "bearer in lower case": lambda t: [("authorization", f"bearer {t}")],
    "token": lambda t: [("Authorization", f"token {t}")],
    "__token__ and password": lambda t: basic(f"__token__:{t}"),
    "any user": lambda t: basic(f"gitlab-ci-token:{t}"),
    "no user": lambda t: basic(f":{t}"),
    "token as user": lambda t: basic(f"{t}:"),
    "basic in capitals": lambda t: [("Authorization", "BASIC " + base64.b64encode(f"x:{t}".encode()).decode())],
}
PLACES = ("{npm}/hello", "{pypi}/simple/hello/", "{artifacts}/hello/1.0.0/a.bin", "/api/v1/whoami")


@conformance("npm-060", "py-082", "art-075")
def test_a_token_is_taken_in_every_form_but_the_query(server):
    server.send(shapes.npm_publish(server.npm, "hello", "1.0.0"))
    server.send(wheel_upload(server))
    server.send(shapes.artifact_put(server.artifacts, "hello", "1.0.0", "a.bin", b"x"))
    for place in PLACES:
        path = place.format(npm=server.npm, pypi=server.pypi, artifacts=server.artifacts)
        for form, headers in FORMS.items():
            assert server.get(path, headers=headers(server.token), token=None).status == 200, f"{form}: {path}"
        for query in ("token", "access_token", "api_key", "_authToken"):
            assert server.get(f"{path}?{query}={server.token}", token=None).status == 401, query


ODD = ("a=b", "a/b+c.d", "pkhp_" + "x" * 36, "pkhp_" + "0" * 400, "'; DROP TABLE token; --", "%00", "é")


@conformance("npm-061", "npm-065", "py-079")
def test_what_is_no_token_is_401_and_nothing_worse(server):
    for odd in ODD:
        for headers in ([("Authorization", f"Bearer {odd}".encode())], basic(f"user:{odd}")):
            answer = server.get(f"{server.npm}/hello", headers=headers, token=None)
            assert answer.status == 401, f"{odd}: {answer}"
            assert "Bearer" in answer["WWW-Authenticate"]
        assert server.get(f"{server.pypi}/simple/", headers=basic(f"user:{odd}"), token=None).status == 401


@conformance("npm-062", "py-078", "py-124", "art-065")
def test_nobody_in_particular_is_asked_who_he_is(server):
    """Reads and writes alike, there or not, in each format's own manner."""
    server.send(shapes.npm_publish(server.npm, "hello", "1.0.0"))
    server.send(wheel_upload(server))
    for path, challenge in ((f"{server.npm}/hello", None), (f"{server.npm}/absent", None),
                            (f"{server.pypi}/simple/hello/", "Basic"), (f"{server.pypi}/simple/absent/", "Basic"),
                            (f"{server.pypi}/simple/", "Basic"), ("/pypi/no/where/simple/", "Basic"),
                            (f"{server.artifacts}/hello/1/a", "Basic"), ("/artifacts/no/where/hello/1/a", "Bearer")):
        answer = server.get(path, token=None)
        assert answer.status == 401, answer
        assert "error" in answer.json()
        assert challenge in answer["WWW-Authenticate"] if challenge else "WWW-Authenticate" not in answer.headers
    for request in (shapes.npm_publish(server.npm, "hello", "2.0.0"), wheel_upload(server, "other"),
                    shapes.artifact_put(server.artifacts, "hello", "2.0.0", "a", b"x")):
        assert server.send(request, token=None).status == 401


@conformance("art-065")
def test_a_stranger_learns_nothing_from_the_time_that_an_answer_takes(server, api):
    """Medians of interleaved questions: the private repository that is there, and one that is not. What
    the answer takes is the same each time; what the machine adds is not, so one quiet round is proof."""
    stranger, _ = api.person("stan")
    token = [("Authorization", f"Bearer {stranger}")]
    seen = []
    for _ in range(50):
        times = {"/npm/acme/main/hello": [], "/npm/acme/mein/hello": [], "/npm/akme/main/hello": []}
        with server.connect() as connection:
            for _ in range(300):
                for path, taken in times.items():
                    began = time.perf_counter()
                    assert connection.request("GET", path, token).status == 404
                    taken.append(time.perf_counter() - began)
        medians = [statistics.median(taken) for taken in times.values()]
        noise = statistics.quantiles(times["/npm/acme/main/hello"], n=4)
        if max(medians) - min(medians) < max(noise[2] - noise[0], 0.3 * min(medians)):
            return
        seen.append(medians)
    pytest.fail(f"the medians differ each time: {seen}")


@conformance("npm-064", "npm-071", "art-066")
def test_a_refusal_names_the_right_that_lacks(server, api):
    server.send(shapes.npm_publish(server.npm, "hello", "1.0.0"))
    reader, _ = api.person("rita", "reader")
    refused = (shapes.npm_publish(server.npm, "hello", "2.0.0"), wheel_upload(server),
               shapes.artifact_put(server.artifacts, "hello", "2.0.0", "a", b"x"))
    for request in refused:
        answer = server.send(request, token=reader)
        assert answer.status == 403, answer
        assert "pkg:publish" in answer.json()["error"] and "pkg:publish" in answer.reason
    tag = server.put(f"{server.npm}/-/package/hello/dist-tags/beta", b'"1.0.0"', token=reader,
                     headers=[("Content-Type", "application/json")])
    assert tag.status == 403 and "pkg:tag" in tag.json()["error"]
    assert server.get(f"{server.npm}/hello").json()["dist-tags"] == {"latest": "1.0.0"}


@conformance("npm-063", "py-081")
def test_a_stranger_sees_404_and_on_the_python_index_403(server, api):
    stranger, _ = api.person("stan")
    assert server.get(f"{server.npm}/hello", token=stranger).status == 404
    assert server.get(f"{server.artifacts}/hello/1/a", token=stranger).status == 404
    assert server.get(f"{server.pypi}/simple/hello/", token=stranger).status == 403
    assert server.get("/pypi/no/where/simple/hello/", token=stranger).status == 403


@conformance("py-123")
def test_a_token_for_one_project_uploads_no_other(server, api):
    token = api.post("/tokens", role="publisher", repositories=["acme/main"], packages=["pypi:Hello"])["token"]
    assert server.send(wheel_upload(server, "hello"), token=token).status == 200
    answer = server.send(wheel_upload(server, "other"), token=token)
    assert answer.status == 403 and "other" in answer.json()["error"], answer
    assert server.send(shapes.npm_publish(server.npm, "hello", "1.0.0"), token=token).status == 403


@conformance("art-067")
def test_deny_wins_and_explain_says_which(server, api):
    token, allow = api.person("ann", "publisher")
    deny = api.post("/grants", subject="ann", actions=["pkg:publish"], repository="acme/main", package="@acme/*",
                    effect="deny")["id"]
    assert server.send(shapes.npm_publish(server.npm, "hello", "1.0.0"), token=token).status in (200, 201)
    assert server.send(shapes.npm_publish(server.npm, "@acme/ui", "1.0.0"), token=token).status == 403
    question = {"principal": "ann", "action": "pkg:publish", "repo": "acme/main"}
    assert api.explain(**question, package="hello")["grant"]["id"] == allow
    refused = api.explain(**question, package="@acme/ui")
    assert (refused["allowed"], refused["grant"]["id"]) == (False, deny)


@conformance("art-068")
def test_a_token_loses_what_its_owner_loses(server, api):
    token, grant = api.person("ann", "publisher")
    child = api.post("/tokens", token=token, role="publisher", repositories=["acme/main"])["token"]
    assert server.send(shapes.npm_publish(server.npm, "hello", "1.0.0"), token=child).status in (200, 201)
    api.delete(f"/grants/{grant}")
    assert server.send(shapes.npm_publish(server.npm, "hello", "2.0.0"), token=child).status == 404
    assert server.get(f"{server.npm}/hello", token=child).status == 404


@conformance("npm-072", "py-087", "art-074")
def test_a_revoked_token_stops_with_the_next_request(server, api):
    """On connections that are open already, too; and whoever holds a token may end it."""
    server.send(shapes.npm_publish(server.npm, "hello", "1.0.0"))
    token, _ = api.person("ann", "reader")
    headers = [("Authorization", f"Bearer {token}")]
    with server.connect() as connection:
        assert connection.request("GET", f"{server.npm}/hello", headers).status == 200
        answer = server.post("/api/v1/tokens/revoke", json.dumps({"token": token}).encode(), token=None)
        assert answer.status == 204
        assert connection.request("GET", f"{server.npm}/hello", headers).status == 401


@conformance("npm-069", "py-086", "art-070")
def test_no_secret_is_stored_or_logged(server, api):
    token, _ = api.person("ann", "publisher")
    server.send(shapes.npm_publish(server.npm, "hello", "1.0.0"), token=token)
    server.get(f"{server.npm}/hello?token={token}", token=None)
    server.get(f"{server.npm}/hello", headers=basic(f"{token}:"), token=None)
    api.post("/tokens/revoke", expect=204, token=token)
    server.stop()
    secrets = [secret.encode() for secret in (token, server.token)]
    files = [path for path in pathlib.Path(server.data).rglob("*") if path.is_file()] + [server.log]
    assert any(path.suffix == ".db" or b"SQLite" in path.read_bytes()[:16] for path in files)
    for path in files:
        content = path.read_bytes()
        assert not any(secret in content for secret in secrets), path


@conformance("art-005", "py-114")
def test_a_refused_upload_sends_not_a_byte_with_expect(server):
    for path in (f"{server.artifacts}/hello/1.0.0/big.bin", f"{server.npm}/hello"):
        said = server.raw(f"PUT {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\nAuthorization: Bearer bad\r\n"
                          "Expect: 100-continue\r\n\r\n".encode())
        assert said.startswith(b"HTTP/1.1 401 "), said[:200]


REFUSALS = (
    ("GET", "{npm}/absent", None, 404), ("PUT", "{npm}/hello", b"{", 400), ("POST", "{npm}/hello", b"{}", 405),
    ("GET", "{npm}/%00", None, 400), ("GET", "{artifacts}/hello/1/absent", None, 404),
    ("PUT", "{artifacts}/hello/@1/a", b"x", 400), ("GET", "{artifacts}/hello/1/../a", None, 400),
    ("POST", "/api/v1/orgs", b"{}", 400), ("POST", "/api/v1/orgs", b'{"name":"acme"}', 409),
    ("GET", "/api/v1/absent", None, 404), ("DELETE", "/api/v1/orgs", None, 405), ("GET", "/absent", None, 404),
    ("POST", "{pypi}/", b"x", 415), ("POST", "{pypi}/simple/hello/", b"x", 405),
)


@conformance("art-130", "npm-056")
def test_every_failure_is_a_problem_document(server):
    for method, place, body, status in REFUSALS:
        path = place.format(npm=server.npm, pypi=server.pypi, artifacts=server.artifacts)
        answer = server.http(method, path, body)
        assert answer.status == status, f"{method} {path}: {answer}"
        assert answer["Content-Type"] == "application/problem+json", f"{method} {path}: {answer}"
        problem = answer.json()
        assert problem["status"] == status and problem["type"].endswith("#" + problem["code"])
        assert problem["error"] == problem["detail"] == problem["message"] == problem["errors"][0]["description"]
        assert problem["instance"] == f"/requests/{answer['X-Request-Id']}"
        assert re.fullmatch(rf"{re.escape(problem['code'])}: [ -~]*", answer.reason) and len(answer.reason) <= 160
        assert server.data not in answer.text and ".c:" not in answer.text
        if status == 405:
            assert answer["Allow"]
