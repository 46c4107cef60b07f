"""Dependency confusion: a name that is ours is answered with our bytes or refused, never with what
somebody published under it outside. Every case ends with the real client, which installs what it can get."""

import pytest
from conformance import conformance

import clients
import index_pages
import packages
import shapes

INSIDE, OUTSIDE = "ours", "theirs"
LOOPBACK = {"PACKHOUSE_UPSTREAM_ALLOW_ADDRESSES": "127.0.0.0/8,::1/128", "PACKHOUSE_UPSTREAM_FRESH": "0s",
            "PACKHOUSE_UPSTREAM_RETRIES": "0"}


class NpmWorld:
    format, name, spellings = "npm", "left-pad", ("left-pad", "Left-Pad", "LEFT-PAD")
    claim = "left-*"

    def __init__(self, upstream, npm, command):
        self.upstream, self.client, self.command = upstream, npm, command
        self.url = upstream.npm_url

    def publish(self, version, name=None):
        self.client.publish(self.client.make_package(name or self.name, version, {"who.js": INSIDE}))

    def publish_outside(self, version, name=None):
        self.upstream.npm.add(name or self.name, version, {"who.js": OUTSIDE})

    def install(self, name=None):
        """Whose bytes came; None where the client was refused."""
        try:
            return self.client.install(name or self.name).files["who.js"].decode()
        except clients.Failure:
            return None

    def file_place(self, version):
        return f"{self.client.server.npm}/{self.name}/-/{self.name}-{version}.tgz"

    def document_place(self, name):
        return f"{self.client.server.npm}/{name}"

    def versions(self):
        return set(self.client.server.get(self.document_place(self.name)).json()["versions"])

    def publish_raw(self, version):
        return self.client.server.send(shapes.npm_publish(self.client.server.npm, self.name, version))


class PypiWorld:
    format, name, spellings = "pypi", "left-pad", ("left-pad", "Left.Pad", "left__pad")
    claim = "left-*"

    def __init__(self, upstream, pip, twine, pypi, command):
        self.upstream, self.client, self.twine, self.pypi, self.command = upstream, pip, twine, pypi, command
        self.url = upstream.pypi_url

    def publish(self, version, name=None):
        self.twine.upload(self.pypi.make_wheel(name or self.name, version, {"who.py": INSIDE}))

    def publish_outside(self, version, name=None):
        self.upstream.pypi.add(packages.wheel(name or self.name, version, {"who.py": OUTSIDE}))

    def install(self, name=None):
        try:
            files = self.client.install("--no-cache-dir", name or self.name).files
        except clients.Failure:
            return None
        return next(content.decode() for path, content in files.items() if path.endswith("who.py"))

    def document_place(self, name):
        return f"{self.client.server.pypi}/simple/{name}/"

    def file_place(self, version):
        """Of what the upstream has, as its page would lead there."""
        made = self.upstream.pypi.projects[self.name][packages.wheel(self.name, version).filename]
        return f"{self.client.server.pypi}/files/{self.name}/{made.dist.sha256}/{made.filename}"

    def versions(self):
        return set(self.client.server.get(self.document_place(self.name),
                                          headers=[("Accept", index_pages.JSON)]).json()["versions"])

    def publish_raw(self, version):
        return self.client.server.send(shapes.pypi_upload(self.client.server.pypi,
                                                          packages.wheel(self.name, version)))


@pytest.fixture(params=["npm", "pypi"])
def world(request, new_server, upstream, tmp_path):
    server = new_server(settings=LOOPBACK)
    command = clients.PackhouseCommand(tmp_path / "command", server)
    if request.param == "npm":
        made = NpmWorld(upstream, clients.Npm(tmp_path / "npm", server), command)
    else:
        made = PypiWorld(upstream, clients.Pip(tmp_path / "pip", server), clients.Twine(tmp_path / "twine", server),
                         clients.PypiBench(tmp_path / "dist"), command)
    made.server = server
    command("upstream", "add", made.format, "--url", made.url, "--repo", "acme/main")
    return made


@conformance("npm-171", "py-176")
def test_a_name_published_here_first_stays_ours(world):
    world.publish("1.0.0")
    world.publish_outside("99.0.0")
    for spelling in world.spellings:
        world.server.get(world.document_place(spelling))
    assert world.install() == INSIDE
    assert not [asked for asked in world.upstream.requests if "left" in asked.path.lower()]


def test_an_administrator_may_publish_what_exists_outside_and_was_not_asked_for(world):
    """npm looks before it publishes: that alone must not make the name the upstream's."""
    world.publish_outside("99.0.0")
    world.publish("1.0.0")
    assert world.install() == INSIDE
    assert not world.upstream.asked("*left*pad*")


@conformance("art-094")
def test_a_name_has_the_versions_of_its_one_owner(world):
    world.publish("1.0.0")
    world.publish_outside("99.0.0")
    assert world.versions() == {"1.0.0"}
    assert world.server.get(world.file_place("99.0.0")).status == 404
    assert not world.upstream.asked("*left*pad*")


@conformance("art-094", "npm-106")
def test_a_name_that_came_from_outside_is_not_published_here(world):
    world.publish_outside("1.0.0")
    assert world.versions() == {"1.0.0"}
    answer = world.publish_raw("2.0.0")
    assert answer.status == 403 and "packhouse owner set" in answer.json()["detail"], answer
    assert world.versions() == {"1.0.0"}


def test_a_name_taken_from_outside_is_not_published_over(world):
    world.publish_outside("1.0.0")
    assert world.install() == OUTSIDE
    with pytest.raises(clients.Failure, match="owner set"):
        world.publish("2.0.0")
    assert world.install() == OUTSIDE


def test_an_outage_never_changes_an_owner(world):
    world.publish("1.0.0")
    world.publish_outside("99.0.0")
    world.upstream.go("down")
    assert world.install() == INSIDE
    world.upstream.honest()
    assert world.install() == INSIDE
    assert not world.upstream.asked("*left*pad*")


def test_while_the_upstream_is_down_an_unknown_name_is_an_error_and_not_absent(world):
    world.upstream.go("down")
    answer = world.server.get(world.document_place(world.name))
    assert answer.status in (502, 503, 504)
    assert world.install() is None


@conformance("npm-171", "py-177", "art-095")
def test_a_claimed_name_is_asked_nowhere(world):
    world.publish_outside("99.0.0")
    world.command("claim", "add", world.claim)
    world.upstream.forget()
    for spelling in world.spellings:
        answer = world.server.get(world.document_place(spelling))
        assert answer.status in ((404,) if world.format == "npm" else (200, 301))
    assert world.install() is None
    assert not world.upstream.asked("*left*")
    world.publish("1.0.0")
    assert world.install() == INSIDE
    assert not world.upstream.asked("*left*")


def test_a_claim_that_comes_after_takes_the_name_only_when_told(world):
    world.publish_outside("99.0.0")
    assert world.install() == OUTSIDE
    with pytest.raises(clients.Failure, match="left-pad"):
        world.command("claim", "add", world.claim)
    assert world.install() == OUTSIDE
    world.command("claim", "add", world.claim, "--take")
    assert world.install() is None
    world.publish("1.0.0")
    assert world.install() == INSIDE


def test_a_name_that_was_set_to_the_org_is_ours_at_once(world):
    world.publish_outside("99.0.0")
    assert world.install() == OUTSIDE
    world.command("owner", "set", f"{world.format}:{world.name}", "org", "--reason", "ours by right", "--yes")
    assert world.install() is None
    world.publish("1.0.0")
    assert world.install() == INSIDE


def test_another_orgs_bytes_are_never_answered(world):
    world.publish("1.0.0")
    world.command("org", "create", "globex")
    world.command("repo", "create", "globex/private")
    token = world.command("token", "create", "--repo", "globex/private", "--role", "reader", "--expires", "1d",
                          "--json").json()["token"]
    place = world.document_place(world.name).replace("/acme/main", "/globex/private")
    assert world.server.get(place, token=token).status in (403, 404)


def test_a_foreign_digest_in_a_listing_gets_nothing(world):
    """What is stored here already is no substitute for what the upstream would have to send."""
    world.publish("1.0.0")
    ours = world.server.get(world.document_place(world.name),
                            headers=[("Accept", "application/vnd.pypi.simple.v1+json")]
                            if world.format == "pypi" else ()).json()
    if world.format == "npm":
        dist = ours["versions"]["1.0.0"]["dist"]
        made = world.upstream.npm.add("right-pad", "1.0.0")
        made.integrity, made.shasum = dist["integrity"], dist["shasum"]
        place = f"{world.server.npm}/right-pad/-/right-pad-1.0.0.tgz"
    else:
        made = world.upstream.pypi.add(packages.wheel("right-pad", "1.0.0"))
        digest = ours["files"][0]["hashes"]["sha256"]
        page = world.server.get(f"{world.server.pypi}/simple/right-pad/",
                                headers=[("Accept", "application/vnd.pypi.simple.v1+json")])
        place = f"{world.server.pypi}/files/right-pad/{digest}/{made.filename}"
        assert page.status == 200
    answer = world.server.get(place)
    assert answer.status in (404, 502), answer
    assert INSIDE.encode() not in answer.body


def test_a_lockfiles_url_of_another_package_is_refused(world):
    world.publish_outside("1.0.0")
    world.publish_outside("1.0.0", name="right-pad")
    if world.format == "npm":
        place = f"{world.server.npm}/left-pad/-/right-pad-1.0.0.tgz"
    else:
        page = world.server.get(f"{world.server.pypi}/simple/right-pad/",
                                headers=[("Accept", "application/vnd.pypi.simple.v1+json")]).json()
        file = page["files"][0]
        place = f"{world.server.pypi}/files/left-pad/{file['hashes']['sha256']}/{file['filename']}"
    assert world.server.get(place).status == 404
