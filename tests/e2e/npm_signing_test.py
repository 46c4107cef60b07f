"""npm packages that are published here are signed here (npm spec 15, access spec C5)."""

import base64
import contextlib
import hashlib
import json
import pathlib
import re
import sqlite3
import subprocess

import pytest

import clients
import shapes
from conformance import conformance
from packhouse_server import binary
from patience import until
from pulling import attach
from upstream_packages import openssl

SETTINGS = {"PACKHOUSE_UPSTREAM_ALLOW_ADDRESSES": "127.0.0.0/8", "PACKHOUSE_UPSTREAM_FRESH": "0s"}
pytestmark = pytest.mark.settings(**SETTINGS)
CORGI = {"Accept": "application/vnd.npm.install-v1+json"}
KEY_FILE = "npm-signing.key"
# npm asks Sigstore's TUF service for the keys of a registry before it asks the registry, and gives up where that
# cannot be reached (npm spec 15.2). Here the service is there, and knows of no registry of ours, as the real one.
NO_TUF = """
const Module = require("module"), load = Module._load;
Module._load = function (name, ...rest) {
    if (name !== "@sigstore/tuf") return load.call(this, name, ...rest);
    const unknown = () => Promise.reject(Object.assign(Error("no such target"), {code: "TUF_FIND_TARGET_ERROR"}));
    return {initTUF: async () => ({getTarget: unknown})};
};
"""


def publish(server, name, version="1.0.0", **more):
    done = server.send(shapes.npm_publish(server.npm, name, version, **more))
    assert done.status == 201, done


def document(server, name, **more):
    answer = server.get(f"{server.npm}/{name}", **more)
    assert answer.status == 200, answer
    return answer.json()


def dist(server, name, version="1.0.0"):
    """The same wherever it is shown."""
    full = document(server, name)["versions"][version]["dist"]
    assert document(server, name, headers=CORGI)["versions"][version]["dist"] == full
    assert server.get(f"{server.npm}/{name}/{version}").json()["dist"] == full
    return full


def keys(server):
    answer = server.get(f"{server.npm}/-/npm/v1/keys")
    assert answer.status == 200, answer
    return {key["keyid"]: key for key in answer.json()["keys"]}


def is_right(tmp_path, key, words, signature):
    (tmp_path / "key.der").write_bytes(base64.b64decode(key["key"]))
    (tmp_path / "signature").write_bytes(base64.b64decode(signature))
    done = subprocess.run(["openssl", "dgst", "-sha256", "-verify", tmp_path / "key.der", "-keyform", "DER",
                           "-signature", tmp_path / "signature"], input=words.encode(), capture_output=True, check=False)
    return done.returncode == 0


def verify(server, tmp_path, name, version="1.0.0"):
    """As npm does, with another program's arithmetic. Returns the key's id."""
    shown, package = dist(server, name, version), document(server, name)
    [signature] = shown["signatures"]
    key = keys(server)[signature["keyid"]]
    assert (key["keytype"], key["scheme"]) == ("ecdsa-sha2-nistp256",) * 2
    digest = hashlib.sha256(base64.b64decode(key["key"])).digest()
    assert key["keyid"] == "SHA256:" + base64.b64encode(digest).decode()
    assert key["expires"] is None or package["time"][version] < key["expires"]
    assert shown["integrity"].startswith("sha512-")
    assert is_right(tmp_path, key, f"{name}@{version}:{shown['integrity']}", signature["sig"])
    assert not is_right(tmp_path, key, f"{name}@{version}:sha512-AAAA", signature["sig"])
    return key["keyid"]


@contextlib.contextmanager
def rows(server):
    """The rows, changed behind the server's back while it is stopped."""
    server.stop()
    db = sqlite3.connect(f"{server.data}/meta.db")
    yield db
    db.commit()
    db.close()
    server.start()


@conformance("art-111")
def test_what_is_published_here_verifies_with_our_key(server, tmp_path):
    """The other half of it, signatures of upstreams, is in policy_gate_test.py."""
    for name in ("hello", "@acme/hello"):
        publish(server, name)
        verify(server, tmp_path, name)
    publish(server, "hello", "1.1.0-rc.1+build.5")
    verify(server, tmp_path, "hello", "1.1.0-rc.1")
    [key] = keys(server).values()
    assert key["expires"] is None


def test_a_signature_is_made_once(server, tmp_path):
    """It is not for restarts, tags, removal and return to change it, nor the ETags of what has it."""
    publish(server, "hello")
    publish(server, "hello", "2.0.0")
    signature = dist(server, "hello")["signatures"]
    etags = [server.get(f"{server.npm}/hello", headers=form)["ETag"] for form in ({}, CORGI)]
    server.restart()
    assert [server.get(f"{server.npm}/hello", headers=form)["ETag"] for form in ({}, CORGI)] == etags
    assert dist(server, "hello")["signatures"] == signature
    assert server.put(f"{server.npm}/-/package/hello/dist-tags/old", b'"1.0.0"').status in (200, 201)
    assert dist(server, "hello")["signatures"] == signature
    thing = {"package": "npm:hello", "version": "1.0.0"}
    place = f"/api/v1/orgs/{server.org}/repositories/{server.repo}"
    assert server.post(f"{place}/removals", json.dumps(thing | {"reason": "r"}).encode()).status == 200
    assert list(document(server, "hello")["versions"]) == ["2.0.0"]
    assert server.post(f"{place}/restorations", json.dumps(thing).encode()).status == 200
    assert dist(server, "hello")["signatures"] == signature
    verify(server, tmp_path, "hello")


def test_the_private_half_is_in_its_file_alone(server):
    publish(server, "hello")
    path = pathlib.Path(server.data) / KEY_FILE
    assert path.stat().st_mode & 0o7777 == 0o600
    assert server.post("/api/v1/signing-keys").status == 201
    answers = [server.get(place).body for place in ("/api/v1/signing-keys", "/api/v1/audit",
                                                    f"{server.npm}/-/npm/v1/keys")]
    server.stop()
    text = path.read_text()
    lines = [line.encode() for line in text.splitlines() if not line.startswith("-")]
    scalar = openssl("ec", "-outform", "DER", input=text.encode())[7:39]
    places = [file for file in pathlib.Path(server.data).rglob("*") if file.is_file() and file != path]
    assert pathlib.Path(server.data) / "meta.db" in places
    for content in [*answers, server.log.read_bytes(), *(file.read_bytes() for file in places)]:
        assert scalar not in content and lines[0] not in content and lines[1] not in content
    server.start()


# What the real clients say.

AUDITORS = {"npm": clients.Npm, "pnpm": clients.Pnpm12}


class Auditor:
    """A project with packages of ours and of an upstream, and a client that audits its signatures."""

    def __init__(self, kind, server, tmp_path):
        self.client = AUDITORS[kind](tmp_path / kind, server)
        preload = tmp_path / "no_tuf.cjs"
        preload.write_text(NO_TUF)
        self.environment = {"NODE_OPTIONS": f"--require {preload}"} if kind != "pnpm" else {}
        self.project = None

    def install(self, *specs):
        self.project = self.client.install(*specs, project=self.project).folder

    def audit(self):
        """With nothing at hand: what a client once saw it need not ask for again."""
        cache = str(self.client.new_folder("cache"))
        done = self.client("audit", "signatures", cwd=self.project,
                           env={**self.environment, "XDG_CACHE_HOME": cache, "npm_config_cache": cache})
        return int(re.search(r"(\d+) packages? ha(?:s|ve) (?:a )?verified registry signature", done.stdout)[1])

    def complains(self, *words):
        with pytest.raises(clients.Failure) as failure:
            self.audit()
        said = str(failure.value)
        assert all(word in said for word in words), said


@pytest.fixture
def mixed(server, upstream):
    """Packages that were published here, and others of an upstream with a key of its own."""
    upstream.npm.signed = True
    upstream.npm.add("outside", "1.0.0")
    upstream.npm.add("@far/outside", "1.0.0")
    attach(server, "npm", upstream.npm_url)
    publish(server, "hello")
    publish(server, "@acme/hello")
    return server


@contextlib.contextmanager
def altered(server, column, where, change):
    """hello@1.0.0, by somebody who may write the rows."""
    hello = "(SELECT v.id FROM version v JOIN package p ON p.id = v.package_id WHERE p.name = 'hello')"
    table = where.partition(" ")[0]
    with rows(server) as db:
        [was] = db.execute(f"SELECT {column} FROM {where} = {hello}").fetchone()
        db.execute(f"UPDATE {table} SET {column} = ? {where.removeprefix(table)} = {hello}", (change(was),))
    yield
    with rows(server) as db:
        db.execute(f"UPDATE {table} SET {column} = ? {where.removeprefix(table)} = {hello}", (was,))


def another(text):
    """With other digests of the same shape."""
    return re.sub("sha512-(.)", lambda found: "sha512-" + ("B" if found[1] == "A" else "A"), text)


@contextlib.contextmanager
def altered_lockfile(path):
    was = path.read_text()
    path.write_text(another(was))
    yield
    path.write_text(was)


@conformance("npm-156", "npm-157")
@pytest.mark.parametrize("kind", list(AUDITORS))
def test_an_audit_of_signatures_passes_until_something_is_altered(mixed, upstream, tmp_path, kind):
    auditor = Auditor(kind, mixed, tmp_path)
    auditor.install("hello", "@acme/hello", "outside", "@far/outside")
    assert auditor.audit() == 4
    with altered(mixed, "signature", "version WHERE id", lambda was: was[:-1] + bytes([was[-1] ^ 1])):
        auditor.complains("hello@1.0.0", "invalid")
    assert auditor.audit() == 4
    if kind == "pnpm":  # which holds the signature against what it has installed
        with altered_lockfile(auditor.project / "pnpm-lock.yaml"):
            auditor.complains("hello@1.0.0", "invalid")
    else:
        with altered(mixed, "body", "version_document WHERE version_id", lambda was: another(was.decode()).encode()):
            auditor.complains("hello@1.0.0", "invalid")
    assert auditor.audit() == 4
    real = upstream.npm.signature
    upstream.npm.signature = lambda file: real(upstream.npm.packages["@far/outside"]["1.0.0"])
    assert mixed.post(f"/api/v1/orgs/{mixed.org}/upstreams/npm/refresh").status == 200
    until(lambda: dist(mixed, "outside")["signatures"] == dist(mixed, "@far/outside")["signatures"], "the other word")
    auditor.complains("outside@1.0.0", "invalid")


@conformance("npm-158")
@pytest.mark.parametrize("kind", list(AUDITORS))
def test_old_and_new_verify_after_a_rotation(mixed, tmp_path, packhouse, kind):
    auditor = Auditor(kind, mixed, tmp_path)
    first = verify(mixed, tmp_path, "hello")
    packhouse("key", "rotate")
    publish(mixed, "hello", "2.0.0")
    second = verify(mixed, tmp_path, "hello", "2.0.0")
    assert second != first == verify(mixed, tmp_path, "hello", "1.0.0")
    ours = keys(mixed)
    assert ours[first]["expires"] and ours[second]["expires"] is None
    auditor.install("hello@2.0.0", "@acme/hello@1.0.0", "outside")
    assert auditor.audit() == 3
    mixed.restart()
    assert keys(mixed) == ours and auditor.audit() == 3


def test_a_rotation_is_the_owner_s_and_in_the_audit(server, packhouse):
    listed = packhouse("key", "list", "--json").json()["items"]
    assert [(key["state"], key["because"], key["expires_at"]) for key in listed] == [("current", "first", None)]
    assert server.post("/api/v1/accounts", b'{"name": "ann"}').status == 201
    grant = {"subject": "ann", "role": "admin", "repository": "acme/*"}
    assert server.post("/api/v1/grants", json.dumps(grant).encode()).status == 201
    token = server.post("/api/v1/tokens", b'{"for": "ann"}').json()["token"]
    ann = packhouse.with_token(token)
    with pytest.raises(clients.Failure, match="owner"):
        ann("key", "rotate")
    assert ann("key", "list", "--json").json()["items"] == listed
    assert "From now on SHA256:" in packhouse("key", "rotate").stdout
    new, old = packhouse("key", "list", "--json").json()["items"]
    assert (new["state"], new["because"]) == ("current", "rotated") and old["keyid"] == listed[0]["keyid"]
    assert old["state"] == "retired" and old["expires_at"]
    row = server.get("/api/v1/audit").json()["items"][0]
    assert (row["actor"], row["action"], row["target"]) == ("owner", "signing-key.made", new["keyid"])
    assert row["detail"] == {"because": "rotated", "retired": old["keyid"]}
    table = packhouse("key", "list").stdout
    assert table.index(new["keyid"]) < table.index(old["keyid"])


def test_an_upstream_s_key_never_stands_for_ours(mixed, upstream, tmp_path):
    ours = verify(mixed, tmp_path, "hello")
    upstream.npm.keys = [{**upstream.npm.key, "keyid": ours}, upstream.npm.key]
    assert verify(mixed, tmp_path, "hello") == ours
    listed = mixed.get(f"{mixed.npm}/-/npm/v1/keys").json()["keys"]
    assert [key["keyid"] for key in listed] == [ours, upstream.npm.key["keyid"]]


# The key's file, and what was there before it.

def test_a_lost_key_is_told_and_costs_nothing(server, tmp_path, packhouse):
    publish(server, "hello")
    lost = verify(server, tmp_path, "hello")
    assert "lost" not in packhouse("status").stdout
    server.stop()
    (pathlib.Path(server.data) / KEY_FILE).unlink()
    server.start()
    assert f"event=signing-key.lost lost={lost}" in server.tail()
    assert f"signing key {lost} was lost" in packhouse("status").stdout
    assert packhouse("status", "--json").json()["lost_signing_key"] == lost
    publish(server, "hello", "2.0.0")
    assert verify(server, tmp_path, "hello", "2.0.0") != lost == verify(server, tmp_path, "hello", "1.0.0")
    packhouse("key", "rotate")
    assert "lost" not in packhouse("status").stdout


@pytest.mark.parametrize("change, says", [
    (lambda file: file.write_bytes(b"nonsense"), "holds no key"),
    (lambda file: file.chmod(0o644), "mode 0644"),
], ids=["corrupt", "open to all"])
def test_a_key_file_of_no_use_ends_the_start_and_stays(server, change, says):
    server.stop()
    file = pathlib.Path(server.data) / KEY_FILE
    before, mode = file.read_bytes(), file.stat().st_mode
    change(file)
    found = file.read_bytes()
    done = server.command("serve", "--data", server.data, "--listen", "127.0.0.1:0", check=False)
    assert done.returncode == 1 and says in done.stderr and str(file) in done.stderr, done.stderr
    assert file.read_bytes() == found
    file.write_bytes(before)
    file.chmod(mode & 0o7777)
    server.start()


def test_a_killed_first_start_leaves_a_key_that_is_taken(server, tmp_path):
    """Between the file and its row: the file is written first."""
    with rows(server) as db:
        db.execute("DELETE FROM npm_key")
        keyid = hashlib.sha256(openssl("ec", "-pubout", "-outform", "DER", input=(
            pathlib.Path(server.data) / KEY_FILE).read_bytes())).digest()
    publish(server, "hello")
    assert verify(server, tmp_path, "hello") == "SHA256:" + base64.b64encode(keyid).decode()


def test_what_was_published_before_there_was_a_key_is_signed(server, tmp_path):
    """A directory of the schema before is brought up to date; each document changes once."""
    names = [f"early-{number}" for number in range(8)] + ["@acme/early"]
    for name in names:
        for version in ("1.0.0", "2.0.0"):
            publish(server, name, version)
    server.send(shapes.artifact_put(server.artifacts, "thing", "1.0.0", "thing.tgz", b"bytes"))
    thing = {"package": "npm:early-0", "version": "1.0.0"}
    place = f"/api/v1/orgs/{server.org}/repositories/{server.repo}"
    assert server.post(f"{place}/removals", json.dumps(thing | {"reason": "r"}).encode()).status == 200
    times = document(server, "early-1")["time"]
    with rows(server) as db:
        db.execute("ALTER TABLE version DROP COLUMN signature")
        db.execute("ALTER TABLE version DROP COLUMN signed_by")
        db.execute("DROP TABLE npm_key")
        db.execute("DROP TABLE npm_unsigned")
        db.execute("DELETE FROM sys_migration WHERE version >= 5")
        (pathlib.Path(server.data) / KEY_FILE).unlink()
    seen = set()

    def is_signed():
        answer = server.get(f"{server.npm}/early-1")
        seen.add(answer["ETag"])
        return all("signatures" in version["dist"] for version in answer.json()["versions"].values())

    until(is_signed, "the signatures")
    for name in names:
        until(lambda name=name: "signatures" in document(server, name)["versions"]["2.0.0"]["dist"], name)
        verify(server, tmp_path, name, "2.0.0")
    assert len(seen) <= 2, "unsigned, then signed"
    now = document(server, "early-1")["time"]
    assert {key: now[key] for key in ("1.0.0", "2.0.0", "created")} == {
        key: times[key] for key in ("1.0.0", "2.0.0", "created")}
    assert now["modified"] > times["modified"]
    assert server.post(f"{place}/restorations", json.dumps(thing).encode()).status == 200
    verify(server, tmp_path, "early-0")
    etag = server.get(f"{server.npm}/early-1")["ETag"]
    server.restart()
    assert server.get(f"{server.npm}/early-1")["ETag"] == etag
    server.stop()
    with sqlite3.connect(f"{server.data}/meta.db") as db:
        assert db.execute("SELECT count(*) FROM npm_unsigned").fetchone() == (0,)
    server.verify()
    server.start()
