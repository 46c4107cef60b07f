"""A policy is tried before it holds: why it says what it says, and what another one would have said."""

import contextlib
import datetime
import json
import os
import re
import sqlite3
import subprocess

import pytest

import packages
from conformance import conformance
from openapi import Caller
from packhouse_server import binary
from patience import PATIENCE
from policies import set_policy
from pulling import attach

pytestmark = pytest.mark.settings(PACKHOUSE_UPSTREAM_ALLOW_ADDRESSES="127.0.0.0/8", PACKHOUSE_UPSTREAM_RETRIES="0",
                                  PACKHOUSE_UPSTREAM_CONNECT_TIMEOUT="1m")
COOLDOWN = """mode: enforce
rules:
  cooldown:
    hold: {younger_than: 7d}
    say: New releases wait seven days
"""
AUDIT = "mode: audit\nrules:\n  big:\n    hold: {larger_than: 1 GiB}\n"
# Of what shelf() has, this holds young and scripted, denies GPL, and lets through what is approved.
STRICT = COOLDOWN + """  scripts:
    hold: {install_scripts: true}
    say: It runs scripts on install
  licence:
    deny: {license_in: [GPL-*]}
"""


def ago(**time_ago):
    then = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(**time_ago)
    return then.strftime("%Y-%m-%dT%H:%M:%S.") + f"{then.microsecond // 1000:03}Z"


@pytest.fixture
def shelf(server, upstream):
    """One package for each thing that a policy may find fault with, all at upstreams."""
    attach(server, "npm", upstream.npm_url)
    attach(server, "pypi", upstream.pypi_url)
    npm = upstream.npm
    npm.add("left-pad", "1.3.0", published=ago(days=400))
    npm.add("left-pad", "1.3.1", published=ago(hours=2))
    npm.add("scripted", "1.0.0", published=ago(days=400), scripts={"postinstall": "node x.js"}, hasInstallScript=True)
    npm.add("copyleft", "1.0.0", published=ago(days=400), license="GPL-3.0-only")
    upstream.pypi.add(packages.wheel("six", "1.16.0"), upload_time=ago(days=400))
    upstream.pypi.add(packages.wheel("six", "1.17.0"), upload_time=ago(hours=2))
    return server


TARBALLS = [("left-pad", "1.3.0"), ("left-pad", "1.3.1"), ("scripted", "1.0.0"), ("copyleft", "1.0.0")]
WHEELS = ["1.16.0", "1.17.0"]


def fetch_all(server, token=None):
    """{(package, version): whether it came}"""
    token = token or server.token
    came = {}
    for name, version in TARBALLS:
        answer = server.get(f"{server.npm}/{name}/-/{name}-{version}.tgz", token=token)
        came[f"npm:{name}", version] = answer.status
    page = server.get(f"{server.pypi}/simple/six/", token=token).body.decode()
    for version in WHEELS:
        href = re.search(rf'href="([^"#]*six-{version}[^"#]*\.whl)', page)[1]
        path = f"{server.pypi}/simple/six/{href}"
        while "/../" in path:
            path = re.sub(r"/[^/]+/\.\./", "/", path, count=1)
        came["pypi:six", version] = server.get(path, token=token).status
    assert set(came.values()) <= {200, 403}, came
    return {key: status == 200 for key, status in came.items()}


DEEDS = {"fetched": "allow", "fetched (would_hold)": "would_hold", "fetched (would_deny)": "would_deny",
         "was held": "hold", "was denied": "deny"}


def verdicts_of(server):
    """{(package, version): verdict} of each fetch, as the server counted it last."""
    found = {}
    for name in ("npm:left-pad", "npm:scripted", "npm:copyleft", "pypi:six"):
        items = server.get(f"/api/v1/orgs/acme/history?package={name}").json()["items"]
        for item in sorted(items, key=lambda item: item["at"]):
            if item["did"] in DEEDS:
                found[name, item["version"]] = DEEDS[item["did"]]
    return found


def ask(server, method, path, body=None, expected=200):
    answer = server.http(method, "/api/v1" + path, None if body is None else json.dumps(body).encode())
    assert answer.status == expected, answer
    return answer.json()


def replay(server, text, days=7, expected=200):
    return Caller(server)("POST", "/orgs/{org}/policy/replay", {"text": text, "days": days}, expected, org="acme")


def explain(server, purl, expected=200, repository="main"):
    return Caller(server)("GET", "/orgs/{org}/policy/explain", None, expected, org="acme",
                          query=f"?purl={purl}&repository={repository}")


@conformance("art-105")
@pytest.mark.parametrize("before, after", [
    pytest.param(AUDIT, STRICT, id="stricter"),
    pytest.param(STRICT, AUDIT, id="looser"),
    pytest.param(STRICT, STRICT.replace("enforce", "audit"), id="only-watched"),
    pytest.param(COOLDOWN, "default: hold\napproved: ['npm:left-pad@^1', 'pypi:six@1.16.0']\n".replace("@1.16.0", "==1.16.0"),
                 id="approved-only"),
])
def test_replay_predicts_what_changes(shelf, before, after):
    """What the replay names is what is otherwise once the candidate holds and the same is fetched again."""
    set_policy(shelf, before)
    came = fetch_all(shelf)
    was = verdicts_of(shelf)
    told = replay(shelf, after)
    predicted = {(item["package"], item["version"]): (item["from"], item["to"]) for item in told["items"]}
    set_policy(shelf, after)
    comes = fetch_all(shelf)
    now = verdicts_of(shelf)
    assert predicted == {key: (was[key], now[key]) for key in was if was[key] != now[key]}
    assert {key for key, (_, to) in predicted.items() if to in ("hold", "deny") and came[key]} == \
        {key for key in came if came[key] and not comes[key]}
    assert told["decisions"] == len(predicted) and told["fetches"] == len(came)
    assert told["refused"] == sum(came[key] and not comes[key] for key in came)
    assert told["admitted"] == sum(comes[key] and not came[key] for key in came)


def test_replay_says_which_rules_and_who(shelf):
    set_policy(shelf, AUDIT)
    ask(shelf, "POST", "/accounts", {"name": "ann"}, 201)
    ask(shelf, "POST", "/grants", {"subject": "ann", "role": "reader", "repository": "acme/main"}, 201)
    ann = ask(shelf, "POST", "/tokens", {"for": "ann"}, 201)["token"]
    for token in (shelf.token, ann, ann):
        fetch_all(shelf, token)
    items = {(item["package"], item["version"]): item for item in replay(shelf, STRICT)["items"]}
    assert set(items) == {("npm:left-pad", "1.3.1"), ("npm:scripted", "1.0.0"), ("npm:copyleft", "1.0.0"),
                          ("pypi:six", "1.17.0")}
    young = items["npm:left-pad", "1.3.1"]
    assert (young["from"], young["to"], young["rules"]) == ("allow", "hold", ["cooldown"])
    assert young["fetches"] == 3 and sorted(young["by"]) == ["ann", "owner"] and young["accounts"] == 2
    assert items["npm:copyleft", "1.0.0"]["to"] == "deny" and items["npm:scripted", "1.0.0"]["rules"] == ["scripts"]
    watched = replay(shelf, STRICT.replace("enforce", "audit"))["items"]
    assert {item["to"] for item in watched} == {"would_hold", "would_deny"}
    same = replay(shelf, AUDIT)
    assert same["items"] == [] and same["fetches"] == 18


def let_through(server, purl):
    """The exception that makes a held version come."""
    wish = {"purl": purl, "repository": "main", "reason": "fixes our crash"}
    number = ask(server, "POST", "/orgs/acme/requests", wish, 201)["items"][0]["id"]
    approval = {"comment": "looked at it", "scope": "name", "expires_in": 3600, "alone": True}
    ask(server, "POST", f"/orgs/acme/requests/{number}/approve", approval)
    return ask(server, "GET", "/orgs/acme/exceptions")["items"][0]


def test_what_was_approved_is_not_named(shelf):
    """Whom an exception lets through is not hit by a new policy either."""
    set_policy(shelf, COOLDOWN)
    assert shelf.get(f"{shelf.npm}/left-pad").status == 200
    let_through(shelf, "npm:left-pad@1.3.1")
    set_policy(shelf, AUDIT)
    fetch_all(shelf)
    assert [(item["package"], item["version"]) for item in replay(shelf, COOLDOWN)["items"]] == [("pypi:six", "1.17.0")]


def test_a_broken_candidate_is_refused_with_its_line(shelf):
    told = replay(shelf, "mode: enforce\nrules:\n  x:\n    hold: {colour: red}\n", expected=422)
    assert "policy:4:" in told["detail"] and "colour" in told["detail"]
    cases = COOLDOWN + 'cases:\n  - {package: "npm:x@1.0.0", facts: {age: 1h}, expect: allow}\n'
    assert "policy:7" in replay(shelf, cases, expected=422)["detail"]
    replay(shelf, COOLDOWN, days=0, expected=400)
    replay(shelf, COOLDOWN, days=91, expected=400)


def test_explain_names_facts_findings_and_the_time(shelf):
    set_policy(shelf, STRICT)
    told = explain(shelf, "npm:left-pad@1.3.1")
    item, = told["items"]
    assert told["upstream"] == "npm" and told["revision"] == 1 and item["file"] == "left-pad-1.3.1.tgz"
    assert item["verdict"] == "hold" and item["mode"] == "enforce" and item["says"].startswith('held by "cooldown" until')
    finding, = item["findings"]
    assert finding["rule"] == "cooldown" and finding["says"] == "New releases wait seven days"
    assert finding["until"] == item["opens_at"] == item["changes_at"]
    opens = datetime.datetime.fromisoformat(item["opens_at"].replace("Z", "+00:00"))
    counted = datetime.datetime.fromisoformat(item["counts_from"].replace("Z", "+00:00"))
    assert opens - counted == datetime.timedelta(days=7)
    assert item["facts"]["name"] == "left-pad" and item["facts"]["upstream"] == "npm"
    both = explain(shelf, "npm:left-pad")["items"]
    assert [(one["version"], one["verdict"]) for one in both] == [("1.3.0", "allow"), ("1.3.1", "hold")]
    assert explain(shelf, "pkg:pypi/six@1.17.0")["items"][0]["verdict"] == "hold"
    set_policy(shelf, STRICT.replace("enforce", "audit"))
    assert explain(shelf, "npm:left-pad@1.3.1")["items"][0]["mode"] == "audit"


def test_explain_names_the_exception_that_clears(shelf):
    set_policy(shelf, COOLDOWN)
    assert shelf.get(f"{shelf.npm}/left-pad").status == 200
    exception = let_through(shelf, "npm:left-pad@1.3.1")
    item, = explain(shelf, "npm:left-pad@1.3.1")["items"]
    assert item["verdict"] == "allow" and item["says"] == "allowed"
    finding, = item["findings"]
    assert finding["rule"] == "cooldown" and finding["exception"] == exception["id"]
    assert item["changes_at"] == finding["exception_until"] == exception["until"]


def test_explain_of_what_policy_is_not_about_is_a_sentence(shelf, npm):
    told = explain(shelf, "npm:left-pad")
    assert told["items"] == [] and "acme has no policy" in told["says"]
    set_policy(shelf, COOLDOWN)
    npm.publish(npm.make_package("@acme/ui", "1.0.0"))
    told = explain(shelf, "npm:@acme/ui@1.0.0")
    assert told["items"] == [] and "published here, in acme/main" in told["says"]
    assert "nothing is known of npm:nobody" in explain(shelf, "npm:nobody", expected=404)["detail"]
    assert "no version 9.9.9 of npm:left-pad" in explain(shelf, "npm:left-pad@9.9.9", expected=404)["detail"]
    assert "policy is not about them" in explain(shelf, "artifact:web")["says"]
    explain(shelf, "npm:", expected=400)
    explain(shelf, "npm:left-pad", repository="absent", expected=404)


def test_who_may_read_a_package_may_ask_why(shelf):
    """Trying a policy is for those who may set one, for it tells who fetched what."""
    set_policy(shelf, COOLDOWN)
    ask(shelf, "POST", "/accounts", {"name": "ann"}, 201)
    ask(shelf, "POST", "/grants", {"subject": "ann", "role": "reader", "repository": "acme/main", "package": "npm:left-*"},
        201)
    ann = ask(shelf, "POST", "/tokens", {"for": "ann"}, 201)["token"]
    why = "/api/v1/orgs/acme/policy/explain?repository=main&purl="
    assert shelf.get(why + "npm:left-pad@1.3.1", token=ann).json()["items"][0]["verdict"] == "hold"
    hidden, nobody = (shelf.get(why + f"npm:{name}@1.0.0", token=ann) for name in ("scripted", "scripless"))
    assert hidden.status == nobody.status == 404
    assert hidden.json()["detail"].replace("scripted", "") == nobody.json()["detail"].replace("scripless", "")
    body = json.dumps({"text": STRICT}).encode()
    assert shelf.http("POST", "/api/v1/orgs/acme/policy/replay", body, token=ann).status in (403, 404)


@pytest.fixture
def packhouse(shelf, tmp_path):
    """The command as the owner's terminal has it; returns what it printed."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PACKHOUSE_")}
    environment.update(HOME=str(tmp_path), PACKHOUSE_URL=shelf.url, PACKHOUSE_TOKEN=shelf.token, PACKHOUSE_REPO="acme/main")

    def run(*words, code=0):
        done = subprocess.run([binary(), *words], text=True, capture_output=True, timeout=PATIENCE, env=environment,
                              cwd=tmp_path, stdin=subprocess.DEVNULL)
        assert done.returncode == code, done
        return done.stdout + done.stderr

    return run


def test_the_commands_tell_it_to_people(shelf, packhouse, tmp_path):
    (tmp_path / "new.yaml").write_text(STRICT)
    assert "Nothing was fetched under a policy" in packhouse("policy", "diff", "new.yaml")
    assert "acme has no policy" in packhouse("policy", "explain", "npm:left-pad")
    set_policy(shelf, AUDIT)
    fetch_all(shelf)
    told = packhouse("policy", "diff", "--replay", "7d", "new.yaml", "--org", "acme")
    lines = {tuple(line.split()[:5]) for line in told.splitlines()}
    assert ("npm:left-pad", "1.3.1", "allow", "hold", "cooldown") in lines
    assert ("npm:copyleft", "1.0.0", "allow", "deny", "licence") in lines
    assert "4 decisions would change, about 4 of the 6 fetches of the last 7 days: 4 would be refused, 0 would be let in." in told
    (tmp_path / "same.yaml").write_text(AUDIT)
    assert "Nothing would change: same.yaml decides all 6 fetches" in packhouse("policy", "diff", "same.yaml")
    assert json.loads(packhouse("policy", "diff", "new.yaml", "--json"))["decisions"] == 4
    (tmp_path / "one.yaml").write_text('rules:\n  one:\n    deny: {name: "npm:copyleft"}\n    say: No\n')
    assert "\n1 decision would change, about 1 of" in packhouse("policy", "diff", "one.yaml")
    (tmp_path / "bad.yaml").write_text("mode: enforce\nrule: {}\n")
    assert "bad.yaml:2:1" in packhouse("policy", "diff", "bad.yaml", code=1)
    packhouse("policy", "diff", "new.yaml", "--replay", "1h", code=2)

    packhouse("policy", "set", "new.yaml", "--mode", "audit")
    told = packhouse("policy", "explain", "npm:left-pad@1.3.1")
    assert 'left-pad-1.3.1.tgz: held by "cooldown" until' in told and "only recorded" in told
    assert re.search(r"\n  cooldown \(hold\): New releases wait seven days; until 20", told)
    assert re.search(r"\nchanges: 20\S+Z\n", told) and re.search(r"\n  published: 20\S+Z\n", told)
    told = packhouse("policy", "explain", "pypi:six")
    assert re.search(r"^1\.16\.0 +allow", told, re.M) and re.search(r"^1\.17\.0 +hold", told, re.M)
    assert "nothing is known of npm:nobody" in packhouse("policy", "explain", "npm:nobody", code=4)


def test_set_changes_the_mode_alone(shelf, packhouse, tmp_path):
    (tmp_path / "own.yaml").write_text("# ours\ndefault: allow\nmode:  enforce # for now\nrules: {}\n")
    packhouse("policy", "set", "own.yaml", "--mode", "audit")
    assert packhouse("policy", "show") == "# ours\ndefault: allow\nmode: audit # for now\nrules: {}\n"
    packhouse("policy", "set", "--mode", "enforce")
    assert "\nmode: enforce # for now\n" in packhouse("policy", "show")
    (tmp_path / "none.yaml").write_text("default: allow\n")
    packhouse("policy", "set", "none.yaml", "--mode", "audit")
    assert packhouse("policy", "show") == "mode: audit\ndefault: allow\n"
    (tmp_path / "flow.yaml").write_text("{mode: enforce}\n")
    packhouse("policy", "set", "flow.yaml", "--mode", "audit", code=1)
    packhouse("policy", "set", "own.yaml", "--mode", "loud", code=1)


def test_each_fetch_is_judged_at_its_own_time(shelf, upstream):
    """What has ripened since was too young when it was fetched, and days that are not asked for are left out."""
    upstream.npm.add("ripe", "1.0.0", published=ago(days=8))
    set_policy(shelf, AUDIT)
    assert shelf.get(f"{shelf.npm}/ripe/-/ripe-1.0.0.tgz").status == 200
    assert replay(shelf, COOLDOWN)["items"] == []
    shelf.stop()
    with contextlib.closing(sqlite3.connect(f"{shelf.data}/meta.db")) as rows, rows:
        assert rows.execute("UPDATE fetch SET day = day - 3, last_us = last_us - 3 * 86400000000").rowcount == 1
    shelf.start()
    item, = replay(shelf, COOLDOWN)["items"]
    assert (item["package"], item["to"], item["rules"]) == ("npm:ripe", "hold", ["cooldown"])
    assert replay(shelf, COOLDOWN, days=3)["fetches"] == 0 and replay(shelf, COOLDOWN, days=4)["fetches"] == 1
