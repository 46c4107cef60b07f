"""What people do about policy: set it, ask, approve, deny, take back; and what each may see."""

import datetime
import json
import subprocess

import pytest

import packages
from conformance import conformance
from openapi import Caller
from packhouse_server import binary
from patience import PATIENCE, until
from policies import set_policy
from pulling import attach

pytestmark = pytest.mark.settings(PACKHOUSE_UPSTREAM_ALLOW_ADDRESSES="127.0.0.0/8", PACKHOUSE_UPSTREAM_RETRIES="0",
                                  PACKHOUSE_UPSTREAM_CONNECT_TIMEOUT="1m")
DONE, REFUSED, USAGE, DENIED, ABSENT, TAKEN = range(6)
COOLDOWN = """# Ours.
mode: enforce
default: allow
rules:
  cooldown:
    hold: {younger_than: 7d}
    say: New releases wait seven days
"""
LIST = """# Ours.
default: hold
approved:
  - "npm:known@^1"   # for the shop
# Nothing else yet.
"""


def ago(**time_ago):
    then = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(**time_ago)
    return then.strftime("%Y-%m-%dT%H:%M:%S.000Z")


class Person:
    """Somebody with a token, at a terminal."""

    def __init__(self, server, folder, name, role=None, repository="acme/**"):
        self.server, self.folder = server, folder
        if role:
            self.api("POST", "/accounts", {"name": name})
            self.api("POST", "/grants", {"subject": name, "role": role, "repository": repository})
        self.token = self.api("POST", "/tokens", {"for": name} if role else {})["token"]

    def api(self, method, path, body):
        answer = self.server.http(method, f"/api/v1{path}", json.dumps(body).encode())
        assert answer.status == 201, answer
        return answer.json()

    def __call__(self, *words):
        return subprocess.run([binary(), *words], text=True, capture_output=True, timeout=PATIENCE, stdin=subprocess.DEVNULL,
                              cwd=self.folder,
                              env={"HOME": str(self.folder), "XDG_CONFIG_HOME": str(self.folder), "PATH": "/usr/bin:/bin",
                                   "PACKHOUSE_URL": self.server.url, "PACKHOUSE_TOKEN": self.token,
                                   "PACKHOUSE_REPO": "acme/main"})

    def shown(self, *words):
        done = self(*words, "--json")
        assert done.returncode == DONE and not done.stderr, done
        return json.loads(done.stdout)


@pytest.fixture
def shelf(server, upstream):
    """left-pad 1.3.0 is old, 1.3.1 and 1.3.2 came a moment ago, as did leftpad 1.3.1 for Python."""
    attach(server, "npm", upstream.npm_url)
    attach(server, "pypi", upstream.pypi_url)
    upstream.npm.add("left-pad", "1.3.0", published=ago(days=400))
    upstream.npm.add("left-pad", "1.3.1", published=ago(hours=1))
    upstream.npm.add("left-pad", "1.3.2", published=ago(minutes=30))
    upstream.pypi.add(packages.wheel("leftpad", "1.3.1"), upload_time=ago(hours=1))
    return server


@pytest.fixture
def people(shelf, tmp_path):
    return {name: Person(shelf, tmp_path, name, role) for name, role in
            {"ann": "reader", "bob": "approver", "cleo": "security", "owner": None}.items()}


@pytest.fixture
def held(shelf):
    set_policy(shelf, COOLDOWN)
    return shelf


def tarball(server, version):
    return server.get(f"{server.npm}/left-pad/-/left-pad-{version}.tgz")


@conformance("art-107")
def test_what_was_asked_for_is_approved_by_somebody_else_and_comes_at_once(held, people, npm):
    """The story: refused, asked for, seen, approved, installed; ended, refused again."""
    ann, bob, cleo = people["ann"], people["bob"], people["cleo"]
    assert tarball(held, "1.3.1").status == 403
    done = ann("request", "create", "npm:left-pad@1.3.1", "--reason", "fixes our crash")
    assert done.returncode == DONE and "request list" in done.stdout
    listed = bob("request", "list").stdout
    assert "left-pad" in listed and "cooldown" in listed and "fixes our crash" in listed
    assert "sha512-" in bob("request", "show", "1").stdout
    assert ann("request", "approve", "1", "--until", "30d", "--comment", "why not").returncode == DENIED
    done = bob("request", "approve", "1", "--until", "30d", "--comment", "read the diff")
    assert done.returncode == DONE and "left-pad@1.3.1 comes through from now on" in done.stdout, done
    assert tarball(held, "1.3.1").status == 200
    assert b"left-pad 1.3.1" in npm.install("left-pad@1.3.1").files["index.js"]
    assert tarball(held, "1.3.2").status == 403
    [exception] = cleo.shown("exception", "list")["items"]
    assert (exception["covers"], exception["by"], exception["rules"]) == ("npm:left-pad@1.3.1", "bob", ["cooldown"])
    assert cleo("exception", "end", str(exception["id"]), "--reason", "changed my mind").returncode == DONE
    assert tarball(held, "1.3.1").status == 403
    assert cleo("exception", "end", str(exception["id"])).returncode == TAKEN
    assert not cleo.shown("exception", "list")["items"]
    assert cleo.shown("exception", "list", "--all")["items"][0]["ended_by"] == "cleo"


@conformance("art-107")
def test_nobody_approves_his_own_request(held, people):
    """Whichever of his tokens he uses; the owner neither, while others could."""
    bob, owner = people["bob"], people["owner"]
    bob("request", "create", "npm:left-pad@1.3.1", "--reason", "mine")
    again = Person.__new__(Person)
    again.server, again.folder = held, bob.folder
    again.token = again.api("POST", "/tokens", {"for": "bob"})["token"]
    for one in (bob, again):
        done = one("request", "approve", "1", "--until", "1d", "--comment", "c")
        assert done.returncode == DENIED and "nobody approves his own request" in done.stderr
        done = one("request", "approve", "1", "--until", "1d", "--comment", "c", "--alone")
        assert done.returncode == DENIED and "you are not alone" in done.stderr
    assert owner("request", "approve", "1", "--until", "1d", "--comment", "c").returncode == DONE


def test_a_sole_owner_says_that_he_is_alone(held, tmp_path):
    owner = Person(held, tmp_path, "owner")
    owner("request", "create", "npm:left-pad@1.3.1", "--reason", "mine")
    done = owner("request", "approve", "1", "--until", "1d", "--comment", "c")
    assert done.returncode == DENIED and "--alone" in done.stderr
    assert owner("request", "approve", "1", "--until", "1d", "--comment", "c", "--alone").returncode == DONE
    assert owner.shown("exception", "list")["items"][0]["alone"] is True
    audit = held.get("/api/v1/orgs/acme/audit").json()["items"]
    assert [entry["detail"]["alone"] for entry in audit if entry["action"] == "request.approved"] == [True]


@conformance("art-107")
def test_an_exception_is_over_at_its_end(held, people):
    people["ann"]("request", "create", "npm:left-pad@1.3.1", "--reason", "r")
    assert people["bob"]("request", "approve", "1", "--until", "8s", "--comment", "c").returncode == DONE
    until(lambda: tarball(held, "1.3.1").status == 403, "the end of the exception")
    assert not people["bob"].shown("exception", "list")["items"]


def test_one_version_has_one_request_and_one_decision(held, people):
    ann, bob, cleo = people["ann"], people["bob"], people["cleo"]
    for person, reason in ((ann, "first"), (cleo, "me too"), (ann, "still")):
        assert person("request", "create", "npm:left-pad@1.3.1", "--reason", reason).returncode == DONE
    [request] = bob.shown("request", "list")["items"]
    assert (request["requesters"], request["by"]) == (2, "ann")
    assert [r["reason"] for r in bob.shown("request", "show", "1")["reasons"]] == ["still", "me too"]
    assert bob("request", "deny", "1", "--comment", "is not needed").returncode == DONE
    done = people["owner"]("request", "approve", "1", "--until", "1d", "--comment", "c")
    assert done.returncode == TAKEN and "bob has denied the request 1 already" in done.stderr
    assert tarball(held, "1.3.1").status == 403
    assert ann.shown("request", "create", "npm:left-pad@1.3.1", "--reason", "please")["items"][0]["id"] == 2


def test_a_range_and_a_name_let_through_what_is_yet_to_come(held, people, upstream):
    ann, bob = people["ann"], people["bob"]
    ann("request", "create", "npm:left-pad@1.3.1", "--reason", "r")
    done = bob("request", "approve", "1", "--range", "^2", "--until", "1d", "--comment", "c")
    assert done.returncode == REFUSED and "does not take in 1.3.1" in done.stderr
    assert bob("request", "approve", "1", "--range", "~1.3.1", "--until", "1d", "--comment", "c").returncode == DONE
    assert tarball(held, "1.3.2").status == 200
    ann("request", "create", "pypi:leftpad@1.3.1", "--reason", "r")
    assert bob("request", "approve", "2", "--scope", "name", "--until", "1d", "--comment", "c").returncode == DONE
    assert not [file for file in held.get(f"{held.pypi}/simple/leftpad/", headers={
        "Accept": "application/vnd.pypi.simple.v1+json"}).json()["files"] if file.get("yanked")]


SAID = [
    (("create", "npm:left-pad@1.3.1"), "needs a reason"),
    (("create", "--reason", "r"), "name versions"),
    (("create", "npm:left-pad", "--reason", "r"), ": which version of npm:left-pad? Write npm:left-pad@VERSION"),
    (("create", "cargo:left-pad@1.0.0", "--reason", "r"), "cargo"),
    (("create", "npm:left-pad@1.3.0", "--reason", "r"), "nothing holds npm:left-pad@1.3.0 back"),
    (("approve", "1", "--comment", "c"), "until when"),
    (("approve", "1", "--until", "1d"), "why"),
    (("approve", "1", "--until", "soon", "--comment", "c"), "--until: 'soon' is no duration; write it as 30d"),
    (("approve", "1", "--until", "200d", "--comment", "c"), "180 days"),
    (("approve", "1", "--until", "2020-01-01T00:00:00Z", "--comment", "c"), "in the future"),
    (("approve", "1", "--until", "1d", "--comment", "c", "--rule", "licence"), "no rule that holds it back"),
    (("approve", "9", "--until", "1d", "--comment", "c"), "no request 9"),
    (("approve", "x", "--until", "1d", "--comment", "c"), "nothing with the id"),
    (("deny", "1"), "why"),
    (("list", "--state", "shut"), "open, approved, denied or all"),
]


def test_what_cannot_be_is_said(held, people):
    people["ann"]("request", "create", "npm:left-pad@1.3.1", "--reason", "r")
    for words, told in SAID:
        done = people["owner"]("request", *words)
        assert told in done.stdout + done.stderr, done


def test_what_is_held_is_listed_without_being_fetched(held, people, upstream):
    held.get(f"{held.npm}/left-pad", headers={"User-Agent": "npm/11.2.0 node/v22.0.0"})
    listed = people["ann"].shown("hold", "list")["items"]
    assert [(hold["version"], hold["rules"], hold["verdict"]) for hold in listed] == [
        ("1.3.1", ["cooldown"], "hold"), ("1.3.2", ["cooldown"], "hold")]
    assert listed[0]["until"] > ago(days=-6)
    assert not upstream.asked("*.tgz")
    for version in ("1.3.10", "1.3.9"):
        upstream.npm.add("left-pad", version, published=ago(minutes=5))
    assert held.post("/api/v1/orgs/acme/upstreams/npm/refresh", b"{}").status < 300
    held.get(f"{held.npm}/left-pad", headers={"User-Agent": "npm/11.2.0 node/v22.0.0"})
    each = people["bob"]("hold", "list", "--package", "npm:left-pad", "--versions").stdout.splitlines()
    assert len(each) == 5 and "1.3.10" in each[2], each
    assert people["bob"].shown("hold", "list", "--verdict", "deny")["items"] == []


def test_versions_that_the_same_rules_hold_until_the_same_time_are_one_line(held, people, upstream):
    """Those of a cooldown end each at their own time; what has no end is one line, however many there are."""
    set_policy(held, COOLDOWN + '  old:\n    hold: {name: "npm:many"}\n    say: No\n')
    for minor in (1, 10, 9):
        upstream.npm.add("many", f"1.{minor}.0", published=ago(days=90 - minor))
    held.get(f"{held.npm}/many")
    held.get(f"{held.npm}/left-pad", headers={"User-Agent": "npm/11.2.0 node/v22.0.0"})
    title, *rows = people["bob"]("hold", "list").stdout.splitlines()
    assert title.split() == ["PACKAGE", "VERSIONS", "NEWEST", "REPOSITORY", "VERDICT", "BY", "UNTIL", "LAST", "ASKED"]
    assert [row.split()[:6] for row in rows] == [
        ["npm:left-pad", "1", "1.3.1", "main", "hold", "cooldown"], ["npm:left-pad", "1", "1.3.2", "main", "hold", "cooldown"],
        ["npm:many", "3", "1.10.0", "main", "hold", "old"]]
    assert "until approved" in rows[2]
    assert people["bob"]("hold", "list", "--verdict", "deny").stdout == "There are none.\n"
    assert len(people["bob"].shown("hold", "list")["items"]) == 5


def test_several_versions_are_asked_for_at_once(held, people):
    ann = people["ann"]
    done = ann("request", "create", "npm:left-pad@1.3.1", "npm:left-pad@1.3.2", "--reason", "r")
    assert done.returncode == DONE and done.stdout.startswith("2 asked for, 0 more"), done
    again = ann("request", "create", "npm:left-pad@1.3.1", "--reason", "r")
    assert again.stdout.startswith("It was asked for already; your reason now stands with it. Whoever"), again


def test_an_approval_of_a_range_decides_what_it_covers(held, people):
    ann, bob = people["ann"], people["bob"]
    for version in ("1.3.1", "1.3.2"):
        ann("request", "create", f"npm:left-pad@{version}", "--reason", "r")
    done = bob("request", "approve", "1", "--range", "^1.3", "--until", "1d", "--comment", "c")
    assert done.returncode == DONE and done.stdout.endswith("(exception 1). It decides these requests too: 2\n"), done
    assert bob.shown("request", "list")["items"] == []
    second = bob.shown("request", "show", "2", "--no-diff")
    assert (second["state"], second["decided_by"], second["exception"]) == ("approved", "bob", 1)
    assert bob.shown("exception", "list")["items"][0]["request"] == 1


def test_a_policy_in_audit_mode_says_that_it_only_records(held, people):
    done = people["cleo"]("policy", "set", "careful", "--mode", "audit")
    assert "is in audit mode: from now on it records what it would hold, and holds nothing." in done.stdout
    assert "holds from now on." in people["cleo"]("policy", "set", "--mode", "enforce").stdout


def test_a_reader_sees_what_concerns_his_repositories(held, people, tmp_path):
    """Of holds and requests; policy and exceptions are for those who decide."""
    people["owner"].api("POST", "/orgs/acme/repositories", {"name": "other"})
    stan = Person(held, tmp_path, "stan", "reader", "acme/other")
    tarball(held, "1.3.1")
    people["ann"]("request", "create", "npm:left-pad@1.3.1", "--reason", "r")
    held.get(f"{held.npm}/left-pad", headers={"User-Agent": "npm/11.2.0 node/v22.0.0"})
    assert stan.shown("request", "list")["items"] == [] and stan.shown("hold", "list")["items"] == []
    assert stan("request", "show", "1").returncode == ABSENT
    assert people["ann"].shown("request", "list")["items"] and people["ann"].shown("hold", "list")["items"]
    for words in (("policy", "show"), ("exception", "list"), ("policy", "set", "careful"), ("exception", "end", "1"),
                  ("audit", "list", "acme", "--package", "npm:left-pad")):
        assert people["ann"](*words).returncode == DENIED, words
    done = stan("request", "create", "npm:left-pad@1.3.2", "--reason", "r")
    assert done.returncode == ABSENT
    part = Person(held, tmp_path, "pat", "approver", "acme/main")  # exceptions count in the whole org
    assert part("request", "approve", "1", "--until", "1d", "--comment", "c").returncode == DENIED


def test_the_history_of_a_package_names_everybody(held, people):
    tarball(held, "1.3.1")
    people["ann"]("request", "create", "npm:left-pad@1.3.1", "--reason", "fixes our crash")
    people["bob"]("request", "approve", "1", "--until", "1d", "--comment", "read it")
    tarball(held, "1.3.1")
    people["cleo"]("exception", "end", "1")
    told = people["cleo"].shown("audit", "list", "acme", "--package", "npm:left-pad")["items"]
    assert {(deed["by"], deed["did"]) for deed in told} == {
        ("owner", "was held"), ("ann", "asked"), ("bob", "approved"), ("owner", "fetched"), ("cleo", "ended")}
    assert "fixes our crash" in people["cleo"]("audit", "list", "--package", "npm:left-pad").stdout
    assert people["cleo"].shown("audit", "list", "acme", "--package", "npm:left-pad@9.9.9")["items"] == []


WRONG = [
    ("mood: enforce\n", "FILE:1:1"),
    ("mode: enforce\nrules:\n  a:\n    hold: {younger_then: 7d}\n", "FILE:4:"),
    ("mode: [\n", "FILE:"),
    (COOLDOWN + 'cases:\n  - {package: "npm:x@1.0.0", facts: {age: 2h}, expect: allow}\n', "FILE:9"),
]


@conformance("art-104")
def test_a_wrong_policy_is_not_taken(shelf, people):
    """Not by the command, and not by the server: 422 with the line, and the revision stays."""
    set_policy(shelf, COOLDOWN)
    owner = people["owner"]
    for text, told in WRONG:
        (owner.folder / "policy.yaml").write_text(text)
        done = owner("policy", "set", "policy.yaml")
        assert done.returncode == REFUSED and told.replace("FILE", "policy.yaml") in done.stderr
        answer = shelf.put("/api/v1/orgs/acme/policy", json.dumps({"text": text}).encode())
        assert answer.status == 422 and told.replace("FILE", "policy") in answer.json()["detail"], answer
    assert owner.shown("policy", "show")["revision"] == 1


def test_a_policy_is_set_on_the_revision_that_was_seen(shelf, people):
    owner = people["owner"]
    assert "has no policy" in owner("policy", "show").stdout
    assert owner("policy", "set", "--org", "acme", "careful", "--reason", "to begin with").returncode == DONE
    (owner.folder / "policy.yaml").write_text(COOLDOWN)
    done = owner("policy", "set", "policy.yaml", "--reason", "only the cooldown")
    assert done.returncode == DONE and "Revision 2" in done.stdout
    assert owner("policy", "show").stdout == COOLDOWN
    assert [(p["revision"], p["reason"], p["by"]) for p in owner.shown("policy", "list")["items"]] == [
        (2, "only the cooldown", "owner"), (1, "to begin with", "owner")]
    assert "no new install scripts" not in owner("policy", "show").stdout
    assert owner.shown("policy", "show", "--revision", "1")["text"] != COOLDOWN
    wish = json.dumps({"text": COOLDOWN}).encode()
    for seen, status in (('"1"', 412), ("nonsense", 412), ('"2"', 201)):
        answer = shelf.http("PUT", "/api/v1/orgs/acme/policy", wish, headers={"If-Match": seen})
        assert answer.status == status, answer
    assert shelf.get("/api/v1/orgs/acme/policy")["ETag"] == '"3"'


@conformance("art-108")
def test_a_team_s_lockfile_is_approved_in_one_step(shelf, people, upstream, npm):
    """Allow-list mode: what nobody named is held as not-approved; the list grows, the text stays as it was."""
    locked = npm.install("left-pad@1.3.0")
    owner = people["owner"]
    (owner.folder / "policy.yaml").write_text(LIST)
    lockfile = str(locked.folder / "package-lock.json")
    assert owner("policy", "set", "policy.yaml").returncode == DONE
    answer = tarball(shelf, "1.3.0")
    assert answer.status == 403 and "not-approved" in answer.json()["detail"]
    done = owner("policy", "set", "--accept-lockfile", lockfile)
    assert done.returncode == DONE and "1 version of the lockfile is approved" in done.stdout, done
    text = owner("policy", "show").stdout
    assert text.startswith(LIST.split("# Nothing")[0]) and text.endswith("# Nothing else yet.\n")
    assert '\n  - "npm:left-pad@1.3.0"\n' in text
    assert tarball(shelf, "1.3.0").status == 200 and tarball(shelf, "1.3.1").status == 403


@conformance("art-108")
def test_an_approval_makes_a_name_of_no_list_installable(shelf, people, npm):
    set_policy(shelf, LIST)
    ann, bob = people["ann"], people["bob"]
    with pytest.raises(npm.Failure, match="not-approved"):
        npm.install("left-pad@1.3.0")
    ann("request", "create", "npm:left-pad@1.3.0", "--reason", "r")
    assert bob("request", "approve", "1", "--scope", "name", "--until", "1d", "--comment", "c").returncode == DONE
    assert b"left-pad 1.3.0" in npm.install("left-pad@1.3.0").files["index.js"]


def test_a_lockfile_is_asked_for_in_one_step(shelf, people, npm):
    locked = npm.install("left-pad@1.3.1")
    set_policy(shelf, COOLDOWN)
    ann, lockfile = people["ann"], str(locked.folder / "package-lock.json")
    made = ann.shown("request", "create", "--lockfile", lockfile, "--reason", "what we use")
    assert [(item["package"], item["version"]) for item in made["items"]] == [("npm:left-pad", "1.3.1")]
    assert ann("request", "create", "--lockfile", "nowhere/package-lock.json", "--reason", "r").returncode == ABSENT
    assert ann("request", "create", "--lockfile", "notes.md", "--reason", "r").returncode == REFUSED


def test_bytes_that_changed_since_it_was_asked_for_are_not_approved(held, people, upstream):
    """An upstream that shows one thing to the reviewer and another to the client."""
    people["ann"]("request", "create", "npm:left-pad@1.3.1", "--reason", "r")
    upstream.npm.add("left-pad", "1.3.1", files={"evil.js": "1"}, published=ago(hours=1))
    held.post("/api/v1/orgs/acme/upstreams/npm/refresh", b"")
    held.get(f"{held.npm}/left-pad", headers={"Cache-Control": "no-cache"})
    done = people["bob"]("request", "approve", "1", "--until", "1d", "--comment", "c")
    assert done.returncode == TAKEN and "has other bytes by now" in done.stderr, done
    assert tarball(held, "1.3.1").status == 403


def test_answers_are_as_the_page_describes(held, people):
    """With something in each list."""
    ask = Caller(held)
    tarball(held, "1.3.1")
    held.get(f"{held.npm}/left-pad", headers={"User-Agent": "npm/11.2.0 node/v22.0.0"})
    wish = {"repository": "main", "reason": "r"}
    ask("POST", "/orgs/{org}/requests", wish | {"purl": "pkg:npm/left-pad@1.3.1"}, 201, org="acme", token=people["ann"].token)
    ask("POST", "/orgs/{org}/requests", wish | {"purls": ["npm:left-pad@1.3.1"]}, 200, org="acme", token=people["ann"].token)
    ask("POST", "/orgs/{org}/requests", wish | {"purls": ["npm:left-pad@1.3.2", "npm:left-pad@1.3.0", "npm:left-pad@7.0.0"]}, 201, org="acme")
    ask("POST", "/orgs/{org}/requests", wish | {"purl": "npm:left-pad@7.0.0"}, 404, org="acme")
    assert ask("GET", "/orgs/{org}/requests", query="?limit=1", org="acme", expected=200)["next"]
    assert ask("GET", "/orgs/{org}/holds", query="?limit=1&repo=main", org="acme", expected=200)["next"]
    ask("POST", "/orgs/{org}/requests/{id}/approve", {"comment": "c", "expires_in": 3600, "rules": ["cooldown"]}, 200, org="acme", id=1)
    ask("GET", "/orgs/{org}/requests/{id}", org="acme", id=1, expected=200)
    assert ask("GET", "/orgs/{org}/requests/{id}/diff", org="acme", id=1, expected=200)["against"]["version"] == "1.3.0"
    ask("GET", "/orgs/{org}/requests/{id}/diff", query="?files=0", org="acme", id=1, expected=400)
    ask("GET", "/orgs/{org}/requests/{id}/diff", org="acme", id=1, expected=403, token=people["ann"].token)
    ask("POST", "/orgs/{org}/requests/{id}/deny", {"comment": "c"}, 409, org="acme", id=1)
    ask("POST", "/orgs/{org}/requests/{id}/deny", {"comment": "c"}, 200, org="acme", id=2)
    ask("GET", "/orgs/{org}/requests", query="?state=denied&package=npm:left-pad", org="acme", expected=200)
    assert len(ask("GET", "/orgs/{org}/exceptions", org="acme", expected=200)["items"]) == 1
    ask("POST", "/orgs/{org}/exceptions/{id}/end", {"reason": "r"}, 200, org="acme", id=1)
    ask("GET", "/orgs/{org}/exceptions", query="?all=true", org="acme", expected=200)
    ask("GET", "/orgs/{org}/history", query="?package=npm:left-pad", org="acme", expected=200)
