"""No way round: every route that the program has is asked for what policy holds back, in every state that
a version can be in, wherever it lives. A new route of npm's or Python's mount fails here until somebody says what
it gives."""

import functools
import json
import subprocess
import urllib.parse

import pytest

import index_pages
import packages
import shapes
from conformance import conformance
from packhouse_server import Server, binary
from policies import set_policy
from pulling import attach
from upstream import Upstream

SETTINGS = {"PACKHOUSE_UPSTREAM_ALLOW_ADDRESSES": "127.0.0.0/8", "PACKHOUSE_UPSTREAM_CONNECT_TIMEOUT": "1m"}
POLICY = """
mode: enforce
default: allow
rules:
  wait:
    hold: {name: [held, "held-*", ended, "ended-*"], version: ">=2"}
    say: Wait for it
  never:
    deny: {name: [denied, "denied-*"], version: ">=2"}
    say: Not here
  all:
    hold: {name: [whole, "whole-*"]}
    say: None of it
"""
STATES = ("held", "denied", "whole", "ended")
# At an upstream, published here, and in another repository of the org that is a source of this one.
PLACES = {"upstream": "", "here": "-here", "source": "-there"}
NAMES_OF = [state + end for state in STATES for end in PLACES.values()]
OLD, NEW = "1.0.0", "2.0.0"

# What a route gives of a version: its bytes (403), names of versions (this one is not among them as one to
# install), or neither.
BYTES, NAMES, NEITHER = "bytes", "names", "neither"
GIVES = {
    "npm": {
        "/:package": NAMES,
        "/:package/:version": BYTES,  # its manifest, by which it is installed
        "/:package/-/:file": BYTES,
        "/-/package/:package/dist-tags": NAMES,
        "/-/ping": NEITHER, "/-/whoami": NEITHER, "/-/npm/v1/keys": NEITHER, "/-/*rest": NEITHER,
        # Who made it, and no byte of it: 404 where it is held.
        "/-/npm/v1/attestations/:package": NEITHER,
        "/npm/:org_again/:repo_again/-/npm/v1/attestations/:package": NEITHER,
    },
    "pypi": {
        "/simple": NEITHER, "/+simple": NEITHER, "/legacy/+simple": NEITHER,  # names of projects alone
        "/simple/:package": NAMES, "/+simple/:package": NAMES, "/legacy/+simple/:package": NAMES,
        "/files/:package/:digest/:file": BYTES, "/legacy/files/:package/:digest/:file": BYTES,
        "/integrity/:package/:version/:file/provenance": NEITHER,  # who built it
        "/pypi/:package/json": NAMES, "/pypi/:package/:version/json": NAMES, "/:package/json": NAMES,
        "/simple/files/:package/:digest/:file": BYTES, "/+simple/files/:package/:digest/:file": BYTES,
    },
}


@functools.cache
def routes(mount):
    """The GET routes of a mount, as they are behind /MOUNT/:org/:repo."""
    printed = json.loads(subprocess.run([binary(), "routes", "--json"], check=True, capture_output=True).stdout)
    prefix = f"/{mount}/:org/:repo"
    return [route["path"][len(prefix):] for route in printed
            if route["mount"] == mount and route["method"] == "GET"]


class House:
    """A server that had all of it before it got a policy, and another one that had none of it."""

    def __init__(self, folder, is_warm):
        self.upstream = Upstream()
        self.server = Server(folder, settings=SETTINGS)
        for form, url in (("npm", self.upstream.npm_url), ("pypi", self.upstream.pypi_url)):
            attach(self.server, form, url)
        self.dists = {}
        try:
            self.fill_up(is_warm)
        except BaseException:
            self.close()
            raise

    def fill_up(self, is_warm):
        for path, body in (("repositories", {"name": "shelf"}), ("repositories/main/sources", {"name": "shelf"})):
            assert self.server.post(f"/api/v1/orgs/acme/{path}", json.dumps(body).encode()).status == 201
        for name, version in ((name, version) for name in NAMES_OF for version in (OLD, NEW)):
            dist = self.dists[name, version] = packages.wheel(name, version)
            if name in STATES:
                self.upstream.npm.add(name, version)
                self.upstream.pypi.add(dist)
                continue
            repository = "acme/main" if name.endswith("-here") else "acme/shelf"
            assert self.server.send(shapes.npm_publish(f"/npm/{repository}", name, version)).status == 201
            assert self.server.send(shapes.pypi_upload(f"/pypi/{repository}", dist)).status == 200
        if is_warm:
            for name in NAMES_OF:
                for paths in self.bytes_of(name, NEW).values():
                    for path in paths:
                        assert self.server.get(path).status == 200, path
        set_policy(self.server, POLICY)
        self.end_exceptions()

    def end_exceptions(self):
        """`ended` was let through for a while."""
        api = "/api/v1/orgs/acme"
        made = self.server.post("/api/v1/accounts", json.dumps({"name": "ann"}).encode())
        assert made.status == 201, made
        granted = self.server.post("/api/v1/grants", json.dumps(
            {"subject": "ann", "role": "reader", "repository": "acme/main"}).encode())
        assert granted.status == 201, granted
        ann = self.server.post("/api/v1/tokens", json.dumps({"for": "ann"}).encode()).json()["token"]
        for form, name in ((form, "ended" + end) for form in ("npm", "pypi") for end in PLACES.values()):
            if form == "npm":
                self.server.get(f"{self.server.npm}/{name}")
            else:
                self.server.get(f"{self.server.pypi}/simple/{name}/")
            asked = self.server.post(f"{api}/requests", json.dumps(
                {"purl": f"{form}:{name}@{NEW}", "repository": "main", "reason": "a test"}).encode(), token=ann)
            assert asked.status in (200, 201), asked
            number = asked.json()["items"][0]["id"]
            approved = self.server.post(f"{api}/requests/{number}/approve", json.dumps(
                {"scope": "version", "expires_in": 86400, "comment": "fine"}).encode())
            assert approved.status in (200, 201), approved
            for path in self.bytes_of(name, NEW)[form]:
                answer = self.server.get(path)
                assert answer.status == 200, (path, answer)
            for exception in self.server.get(f"{api}/exceptions").json()["items"]:
                if exception.get("ended_at") is None:
                    ended = self.server.post(f"{api}/exceptions/{exception['id']}/end",
                                             json.dumps({"reason": "over"}).encode())
                    assert ended.status in (200, 204), ended

    def fill(self, mount, path, name, version):
        dist = self.dists[name, version]
        if path == "/-/npm/v1/attestations/:package" or path.endswith("attestations/:package"):
            path = path.replace(":package", f"{name}@{version}")
        names = {"package": name, "version": version, "org_again": "acme", "repo_again": "main", "rest": "v1/search",
                 "file": f"{name}-{version}.tgz" if mount == "npm" else dist.filename, "digest": dist.sha256}
        filled = "/".join(names[part[1:]] if part[:1] in (":", "*") else part for part in path.split("/"))
        if "simple/" in filled and "/files/" not in filled:
            filled += "/"
        return f"/{mount}/acme/main{filled}"

    def bytes_of(self, name, version):
        """By mount: every address that gives bytes, with the spellings and the sidecar."""
        found = {}
        for mount, gives in GIVES.items():
            paths = [self.fill(mount, path, name, version) for path, kind in gives.items() if kind == BYTES]
            if mount == "pypi":
                paths += [path + ".metadata" for path in paths]
            else:
                paths += [path.replace(f"/{version}", f"/v{version}") for path in paths if path.endswith(f"/{version}")]
            found[mount] = paths
        return found

    def close(self):
        try:
            self.server.stop()
        finally:
            self.upstream.close()


@pytest.fixture(scope="module", params=["cold", "warm"])
def house(request, tmp_path_factory):
    made = House(tmp_path_factory.mktemp("policy") / request.param, request.param == "warm")
    yield made
    made.close()


@pytest.mark.parametrize("mount", GIVES)
def test_every_route_is_known(mount):
    unknown = [path for path in routes(mount) if path not in GIVES[mount]]
    assert not unknown, f"does {unknown} give bytes or names of versions? Say so in GIVES"


@conformance("art-100")
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("mount", GIVES)
def test_no_route_gives_its_bytes(house, mount, state, place):
    name = state + PLACES[place]
    for path in house.bytes_of(name, NEW)[mount]:
        for headers in ({}, {"Range": "bytes=0-3"}, {"If-None-Match": '"x"'}, {"Accept": "*/*"}):
            for method in ("GET", "HEAD"):
                answer = house.server.http(method, path, headers=headers)
                assert answer.status == 403, (method, path, headers, answer)
    if state != "whole":
        for path in house.bytes_of(name, OLD)[mount]:
            assert house.server.get(path).status == 200, path


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("mount", GIVES)
def test_no_route_names_it_as_installable(house, mount, state, place):
    for path in (path for path, kind in GIVES[mount].items() if kind == NAMES):
        for accept in ("application/json", "application/vnd.npm.install-v1+json", index_pages.JSON, "text/html"):
            answer = house.server.get(house.fill(mount, path, state + PLACES[place], NEW), headers={"Accept": accept})
            if mount == "npm":
                assert_npm_names_none(answer, state)
            elif answer.status == 200 and "json" in answer.headers["content-type"]:
                listed = [file for file in files_of(answer.json()) if NEW in file["filename"]]
                assert all(file["yanked"] for file in listed) and (state == "held" or state == "ended" or not listed)
            else:
                lines = [line for line in answer.body.decode().splitlines() if f"-{NEW}-" in line]
                assert all("data-yanked" in line for line in lines), lines


def files_of(document):
    """Of a page, or of what the JSON API says, whose newest version is one to install."""
    if "files" in document:
        return document["files"]
    assert document["info"]["version"] == OLD or document["info"]["yanked"], document["info"]
    return [file for files in [*document.get("releases", {}).values(), document["urls"]] for file in files]


def assert_npm_names_none(answer, state):
    if state == "whole":
        return  # 403, or tags of nothing
    document = answer.json()
    shown = {**document, "policyRestrictions": None}
    if "versions" in document:
        assert list(document["versions"]) == [OLD] and set(document["dist-tags"].values()) == {OLD}
    else:
        assert NEW not in shown.values()


@pytest.mark.parametrize("mount", GIVES)
def test_the_upstreams_own_store_is_no_back_door(house, mount):
    """What an upstream's packages are kept in is a repository by name, and must not be one to ask."""
    for name in STATES:
        for path in house.bytes_of(name, NEW)[mount]:
            answer = house.server.get(path.replace("/acme/main/", f"/acme/{mount}/"))
            assert answer.status in (403, 404), (path, answer)
