"""What goes, as the real clients see it: removed, restored, swept, and never published again."""

import json
import pathlib
import time

import pytest

import packages
import pulling
import shapes
from clients import Failure
from conformance import conformance
from index_pages import files_of
from patience import until

SOON = {"PACKHOUSE_TRASH_DAYS": "0", "PACKHOUSE_SWEEP_GRACE_HOURS": "0"}


class Shelf:
    """One format: how a version gets there, whether it is there, and what a second publish is told."""

    def __init__(self, request, server):
        self.server = server
        self.get = request.getfixturevalue
        self.paths = {}  # of files that were listed

    def remove(self, version, *options):
        return self.command("remove", version, "--reason", "by mistake", *options)

    def restore(self, version):
        return self.command("restore", version)

    def command(self, verb, version, *options):
        return self.get("packhouse")(verb, f"{self.format}:hello@{version}", "--repo", "acme/main", *options)


class Npm(Shelf):
    format, refusal = "npm", "cannot publish over the previously published versions"

    def publish(self, version, content="x"):
        npm = self.get("npm")
        npm.publish(npm.make_package("hello", version, {"data.txt": content}))

    def has(self, version):
        npm = self.get("npm")
        listed = self.server.get(f"{self.server.npm}/hello")
        file = self.server.get(f"{self.server.npm}/hello/-/hello-{version}.tgz").status
        is_listed = listed.status == 200 and version in listed.json()["versions"]
        assert is_listed == (file == 200), (listed, file)
        if not is_listed:
            with pytest.raises(npm.Failure, match="E404|ETARGET"):
                npm.install(f"hello@{version}")
        else:
            npm.install(f"hello@{version}")
        return is_listed


class Pypi(Shelf):
    format, refusal = "pypi", "403 version-removed"

    def publish(self, version, content="x"):
        self.get("twine").upload(self.get("pypi").make_wheel("hello", version, {"data.txt": content}))

    def has(self, version):
        pip, name = self.get("pip"), f"hello-{version}-py3-none-any.whl"
        listed = files_of(self.server, "hello")
        if name in listed:
            self.paths[name] = listed[name]["path"]
            assert self.server.get(self.paths[name]).status == 200
        else:
            assert name not in self.paths or self.server.get(self.paths[name]).status in (404, 410)
            with pytest.raises(pip.Failure, match="No matching distribution"):
                pip.install(f"hello=={version}")
            return False
        pip.install(f"hello=={version}")
        return True


class Artifact(Shelf):
    format, refusal = "artifact", "exit 409"

    def publish(self, version, content="x"):
        answer = self.server.put(f"{self.server.artifacts}/hello/{version}/data.txt", content.encode())
        if answer.status not in (200, 201):
            raise Failure(["PUT"], answer.status, str(answer.body), "")

    def has(self, version):
        file = self.server.get(f"{self.server.artifacts}/hello/{version}/data.txt").status
        assert file == self.server.get(f"{self.server.artifacts}/hello/{version}/").status
        assert file in (200, 404)
        return file == 200


FORMATS = pytest.mark.parametrize("kind", [Npm, Pypi, Artifact], ids=lambda kind: kind.format)


def blobs(server):
    return sorted(path for path in (pathlib.Path(server.data) / "blobs").rglob("*") if path.is_file())


@conformance("py-068")
@FORMATS
def test_a_removed_version_is_gone_for_every_client_until_it_is_restored(request, server, kind):
    shelf = kind(request, server)
    shelf.publish("1.0.0", "one")
    shelf.publish("2.0.0", "two")
    assert shelf.has("1.0.0") and shelf.has("2.0.0")
    before = blobs(server)
    assert "comes back" in shelf.remove("2.0.0").stdout
    assert not shelf.has("2.0.0") and shelf.has("1.0.0")
    assert blobs(server) == before
    with pytest.raises(Failure, match=shelf.refusal):
        shelf.publish("2.0.0", "other")
    with pytest.raises(Failure, match=shelf.refusal):
        shelf.publish("2.0.0", "two")
    shelf.restore("2.0.0")
    assert shelf.has("2.0.0") and shelf.has("1.0.0")
    assert blobs(server) == before
    server.verify()


@FORMATS
@pytest.mark.settings(**SOON)
def test_when_its_time_has_passed_the_bytes_are_off_the_disk(request, server, kind):
    shelf = kind(request, server)
    shelf.publish("1.0.0", "one")
    before = blobs(server)
    shelf.publish("2.0.0", "two")
    shelf.remove("2.0.0")
    server.restart()
    until(lambda: blobs(server) == before)
    assert not shelf.has("2.0.0") and shelf.has("1.0.0")
    with pytest.raises(Failure, match="can no longer be restored"):
        shelf.restore("2.0.0")
    with pytest.raises(Failure, match=shelf.refusal):
        shelf.publish("2.0.0", "two")
    shelf.publish("3.0.0", "two")
    assert shelf.has("3.0.0")
    server.verify()


@FORMATS
def test_a_leaked_secret_does_not_wait(request, server, kind):
    shelf = kind(request, server)
    shelf.publish("1.0.0", "one")
    before = blobs(server)
    shelf.publish("2.0.0", "secret")
    assert shelf.has("2.0.0")
    assert "bytes are gone" in shelf.remove("2.0.0", "--now").stdout
    assert blobs(server) == before
    assert not shelf.has("2.0.0") and shelf.has("1.0.0")
    with pytest.raises(Failure, match="can no longer be restored"):
        shelf.restore("2.0.0")
    server.verify()


def test_what_was_removed_is_listed_with_its_reason(server, packhouse):
    server.put(f"{server.artifacts}/hello/1.0.0/data.txt", b"one")
    packhouse("remove", "artifact:hello@1.0.0", "--repo", "acme/main", "--reason", "built from the wrong branch")
    listed = packhouse("removed", "list", "--repo", "acme/main", "--json").json()["items"]
    assert [(item["package"], item["version"], item["reason"]) for item in listed] == [
        ("artifact:hello", "1.0.0", "built from the wrong branch")]
    actions = [item["action"] for item in packhouse("audit", "list", "acme", "--json").json()["items"]]
    assert "package.removed" in actions


@conformance("npm-092", "npm-111", "npm-112", "npm-176")
@pytest.mark.parametrize("client", ["npm", "npm10"])
def test_unpublish_of_one_version_leaves_no_dangling_tag(request, server, client):
    npm = request.getfixturevalue(client)
    for version in ("1.0.0", "1.1.0", "2.0.0"):
        npm.publish(npm.make_package("hello", version))
    npm("dist-tag", "add", "hello@2.0.0", "next")
    npm("dist-tag", "add", "hello@1.0.0", "cjs")
    npm("unpublish", "hello@2.0.0")
    assert npm.view("hello", "dist-tags") == {"latest": "1.1.0", "cjs": "1.0.0"}
    assert npm.view("hello", "versions") == ["1.0.0", "1.1.0"]
    assert server.get(f"{server.npm}/hello/-/hello-2.0.0.tgz").status == 404
    with pytest.raises(npm.Failure, match="cannot publish over"):
        npm.publish(npm.make_package("hello", "2.0.0"))
    server.verify()


@pytest.mark.parametrize("form", ["application/json", "application/vnd.npm.install-v1+json"])
def test_caches_hear_of_a_removal(server, packhouse, form):
    """By another ETag, and by `modified`, which pnpm goes by; of what came back too."""
    for version in ("1.0.0", "1.1.0"):
        assert server.send(shapes.npm_publish(server.npm, "hello", version)).status == 201

    def read(*headers):
        return server.get(f"{server.npm}/hello", headers=[("Accept", form), *headers])

    def modified(answer):
        document = answer.json()
        return document["modified"] if "modified" in document else document["time"]["modified"]

    seen = [read()]
    for verb, shown in (("remove", {"1.0.0"}), ("restore", {"1.0.0", "1.1.0"}), ("remove", {"1.0.0"})):
        time.sleep(0.002)  # times have milliseconds
        reason = ("--reason", "test") if verb == "remove" else ()
        packhouse(verb, "npm:hello@1.1.0", "--repo", "acme/main", *reason)
        last, now = seen[-1], read(("If-None-Match", seen[-1]["ETag"]))
        assert now.status == 200 and set(now.json()["versions"]) == shown
        assert now["ETag"] != last["ETag"] and modified(now) > modified(last)
        seen.append(now)
        assert read(("If-None-Match", now["ETag"])).status == 304


def test_unpublish_of_a_package_takes_it_whole(server, npm):
    npm.publish(npm.make_package("@acme/hello", "1.0.0"))
    npm.publish(npm.make_package("@acme/hello", "1.1.0"))
    npm("unpublish", "--force", "@acme/hello")
    with pytest.raises(npm.Failure, match="E404"):
        npm.install("@acme/hello")
    with pytest.raises(npm.Failure, match="cannot publish over"):
        npm.publish(npm.make_package("@acme/hello", "1.1.0"))
    npm.publish(npm.make_package("@acme/hello", "1.2.0"))
    assert npm.view("@acme/hello", "dist-tags") == {"latest": "1.2.0"}


@conformance("npm-114")
def test_only_one_version_goes_at_a_time(server, npm):
    for version in ("1.0.0", "1.1.0", "2.0.0"):
        npm.publish(npm.make_package("hello", version))
    document = server.get(f"{server.npm}/hello?write=true").json()
    path = f"{server.npm}/hello/-rev/{document['_rev']}"
    few = json.dumps(document | {"versions": {"1.0.0": document["versions"]["1.0.0"]}}).encode()
    assert server.put(path, few).status == 400
    del document["versions"]
    assert server.put(path, json.dumps(document).encode()).status == 403
    assert server.put(path[:-1] + "x", few).status == 409
    assert server.http("DELETE", f"{server.npm}/hello/-/hello-9.9.9.tgz/-rev/1").status == 404
    assert len(server.get(f"{server.npm}/hello").json()["versions"]) == 3


def test_delete_of_an_artifact_version_is_the_same_removal(server, packhouse):
    server.put(f"{server.artifacts}/hello/1.0.0/data.txt", b"one")
    assert server.http("DELETE", f"{server.artifacts}/hello/1.0.0/").status == 204
    assert server.get(f"{server.artifacts}/hello/1.0.0/data.txt").status == 404
    assert server.http("DELETE", f"{server.artifacts}/hello/1.0.0").status == 404
    packhouse("restore", "artifact:hello@1.0.0", "--repo", "acme/main")
    assert server.get(f"{server.artifacts}/hello/1.0.0/data.txt").body == b"one"


def test_a_publisher_may_not_remove(server, packhouse):
    server.put(f"{server.artifacts}/hello/1.0.0/data.txt", b"one")
    token = packhouse("token", "create", "--repo", "acme/main", "--role", "publisher", "--json").json()["token"]
    assert server.http("DELETE", f"{server.artifacts}/hello/1.0.0", token=token).status == 403
    body = b'{"package":"artifact:hello","version":"1.0.0","reason":"x"}'
    assert server.post("/api/v1/orgs/acme/repositories/main/removals", body, token=token).status == 403
    assert server.get(f"{server.artifacts}/hello/1.0.0/data.txt").status == 200


@pytest.mark.parametrize("spelling", ["pkg:npm/hello@1.0.0", "pkg:NPM/hello@v1.0.0", "npm:hello@1.0.0"])
def test_a_version_is_removed_by_each_of_its_names(server, packhouse, npm, spelling):
    npm.publish(npm.make_package("hello", "1.0.0"))
    assert "is removed" in packhouse("remove", spelling, "--repo", "acme/main", "--reason", "by mistake").stdout
    assert "is back" in packhouse("restore", spelling, "--repo", "acme/main").stdout
    assert server.get(f"{server.npm}/hello/-/hello-1.0.0.tgz").status == 200


@pytest.mark.parametrize("spelling", ["npm:hello", "hello@1.0.0", "pkg:npm/hello", "pkg:cargo/hello@1.0.0", "npm:hello@"])
def test_what_is_no_version_is_told_so(packhouse, spelling):
    with pytest.raises(Failure) as failed:
        packhouse("remove", spelling, "--repo", "acme/main", "--reason", "by mistake")
    assert failed.value.code == 2 and spelling in failed.value.stderr


@pytest.mark.parametrize("kind", ["npm", "pypi"])
def test_what_came_from_an_upstream_is_not_ours_to_remove(server, packhouse, upstream, kind):
    """The sentence says where it comes from, and what would end it."""
    upstream.npm.add("theirs", "1.0.0")
    upstream.pypi.add(packages.wheel("theirs", "1.0.0"))
    name = pulling.attach(server, kind, getattr(upstream, f"{kind}_url"))["name"]
    page = f"{server.npm}/theirs" if kind == "npm" else f"{server.pypi}/simple/theirs/"
    assert server.get(page).status == 200
    with pytest.raises(Failure) as failed:
        packhouse("remove", f"{kind}:theirs@1.0.0", "--repo", "acme/main", "--reason", "not wanted")
    assert failed.value.code == 4
    assert f"comes from the upstream {name}" in failed.value.stderr
    assert f"packhouse owner set {kind}:theirs org" in failed.value.stderr and "policy" in failed.value.stderr
    with pytest.raises(Failure, match="has no npm:nowhere@1.0.0"):
        packhouse("remove", "npm:nowhere@1.0.0", "--repo", "acme/main", "--reason", "not there")
