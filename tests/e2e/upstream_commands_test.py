"""packhouse upstream, source, owner and claim, as an administrator types them."""

import json
import os
import pty
import subprocess

import pytest

import lies
import packages
import shapes
from packhouse_server import binary
from patience import PATIENCE

NOWHERE = "http://127.0.0.1:9"
DONE, REFUSED, USAGE, DENIED, ABSENT, TAKEN = range(6)


@pytest.fixture
def type_in(server, tmp_path):
    """type_in("upstream", "list", CLIENT="…") with the owner's token; programs in bin/ come first."""
    folder = tmp_path / "bin"
    folder.mkdir()

    def call(*words, stdin=subprocess.DEVNULL, token=None, **environment):
        return subprocess.run(
            [binary(), *words], text=True, capture_output=True, timeout=PATIENCE, stdin=stdin,
            env={"PATH": f"{folder}:{os.environ['PATH']}", "HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path),
                 "PACKHOUSE_URL": server.url, "PACKHOUSE_TOKEN": token or server.token, "PACKHOUSE_REPO": "acme/main",
                 **environment})

    def pretend(name, script):
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o755)

    call.pretend = pretend
    return call


def shown(done):
    assert done.returncode == DONE, done.stderr
    return json.loads(done.stdout)


def test_an_upstream_lives_and_ends(type_in):
    """Added, listed, taken offline, removed; it is a source all the while."""
    made = shown(type_in("upstream", "add", "npm", "--url", NOWHERE + "/", "--names", "@partner/*,@Other/*",
                         "--file-host", "files.example", "--json"))
    assert (made["name"], made["url"], made["names"]) == ("npm", NOWHERE, ["@partner/*", "@other/*"])
    assert made["file_hosts"] == ["files.example"]
    assert NOWHERE in type_in("upstream", "list").stdout
    assert shown(type_in("source", "list", "--json"))["items"] == [{"name": "npm", "kind": "upstream"}]
    assert shown(type_in("upstream", "offline", "npm", "--json"))["offline"] is True
    assert shown(type_in("upstream", "online", "npm", "--json"))["offline"] is False
    assert type_in("upstream", "remove", "npm").returncode == DONE
    assert type_in("upstream", "show", "npm").returncode == ABSENT
    assert shown(type_in("source", "list", "--json"))["items"] == []


@pytest.mark.parametrize("wrong", [("gem", "--url", NOWHERE), ("npm",), ("npm", "--url", NOWHERE, "--from-client-config")])
def test_a_wrong_upstream_is_told(type_in, wrong):
    assert type_in("upstream", "add", *wrong).returncode == USAGE


def test_this_server_is_no_upstream_of_itself(type_in, server):
    done = type_in("upstream", "add", "npm", "--url", f"{server.url}/npm/acme/main/")
    assert done.returncode == REFUSED and "is this server itself" in done.stderr


def test_the_client_s_own_registry_is_taken_without_its_credential(type_in):
    """npm's and pip's configuration are read when asked for; a password in a URL is left out."""
    type_in.pretend("npm", "echo http://me:secret@127.0.0.1:9/npm/")
    done = type_in("upstream", "add", "npm", "--from-client-config")
    assert done.returncode == DONE and f"{NOWHERE}/npm " in done.stdout and "secret" not in done.stdout
    type_in.pretend("pip3", "echo 'pip 23 from /usr/lib/pip (python 3)'")
    done = type_in("upstream", "add", "pypi", "--from-client-config", PIP_INDEX_URL=f"{NOWHERE}/simple/")
    assert done.returncode == DONE and f"{NOWHERE}/simple " in done.stdout


def test_the_client_s_own_registry_may_be_this_server(type_in, server):
    type_in.pretend("npm", f"echo {server.url.replace('//', '//__token__:secret@')}/npm/acme/main/")
    done = type_in("upstream", "add", "npm", "--from-client-config")
    assert done.returncode == REFUSED and "is this server itself" in done.stderr


def test_a_machine_without_the_client_says_what_to_type_later(type_in):
    for client in ("npm", "pip", "pip3", "python3"):
        type_in.pretend(client, "exit 127")
    for format, client in (("npm", "npm"), ("pypi", "pip")):
        done = type_in("upstream", "add", format, "--from-client-config")
        assert done.returncode == ABSENT
        assert f"no {client} on this machine" in done.stderr and f"packhouse upstream add {format} --url URL" in done.stderr


def test_only_the_instance_s_owner_names_private_hosts_and_files(type_in, server):
    """DESIGN 4: an org's administrator could have a file of the server's machine sent to himself."""
    server.post("/api/v1/accounts", json.dumps({"name": "ann"}).encode())
    server.post("/api/v1/grants", json.dumps({"subject": "ann", "role": "org-admin", "repository": "acme/**"}).encode())
    ann = server.post("/api/v1/tokens", json.dumps({"for": "ann"}).encode()).json()["token"]
    for url in (NOWHERE, "http://localhost/", "http://10.1.2.3/", "http://[::1]:8080/"):
        done = type_in("upstream", "add", "npm", "--url", url, token=ann)
        assert done.returncode == DENIED and "private address" in done.stderr, url
    done = type_in("upstream", "add", "npm", "--url", "https://registry.example", "--credential-file", "/etc/passwd", token=ann)
    assert done.returncode == DENIED and "credential file" in done.stderr
    made = shown(type_in("upstream", "add", "npm", "--url", "https://registry.example", "--json", token=ann))
    assert made["may_be_private"] is False
    assert shown(type_in("upstream", "add", "npm", "--url", NOWHERE, "--json"))["may_be_private"] is True


def test_a_name_is_moved_after_what_is_lost_was_listed(type_in, server):
    server.send(shapes.npm_publish(server.npm, "hello", "1.0.0"))
    server.send(shapes.npm_publish(server.npm, "hello", "1.1.0"))
    type_in("upstream", "add", "npm", "--url", NOWHERE)
    assert shown(type_in("owner", "show", "npm:hello", "--json"))["owner"] == "org"
    assert type_in("owner", "set", "npm:hello", "npm").returncode == USAGE  # without a reason
    done = type_in("owner", "set", "npm:hello", "npm", "--reason", "theirs")
    assert done.returncode == DONE and "2 versions" in done.stderr and "1.1.0" in done.stderr
    assert shown(type_in("owner", "show", "npm:hello", "--json"))["owner"] == "npm"
    assert server.http("GET", "/api/v1/orgs/acme/audit").json()["items"][0]["detail"]["reason"] == "theirs"
    again = server.http("PUT", "/npm/acme/main/hello", shapes.npm_publish(server.npm, "hello", "1.2.0").body)
    assert again.status == 403 and again.json()["code"] == "name-owned-by-upstream"
    assert "packhouse owner set npm:hello org" in again.json()["detail"]


@pytest.mark.parametrize("kind", ["npm", "pypi"])
def test_what_an_upstream_shows_is_listed_before_its_name_is_moved(type_in, server, upstream, new_upstream, kind):
    """Versions that were never fetched are seen as well; nobody is asked for the list."""
    second = new_upstream()
    for made, versions in ((upstream, ("1.0.0", "1.1.0")), (second, ("1.1.0", "3.0.0"))):
        for version in versions:
            if kind == "npm":
                made.npm.add("moving", version)
            else:
                made.pypi.add(packages.wheel("moving", version))
                made.pypi.add(packages.sdist("moving", version))
    page = "/npm/acme/main/moving" if kind == "npm" else "/pypi/acme/main/simple/moving/"
    urls = [getattr(made, f"{kind}_url") for made in (upstream, second)]
    type_in("upstream", "add", kind, "--url", urls[0], "--name", "first")
    type_in("upstream", "add", kind, "--url", urls[1], "--name", "second")
    assert server.http("GET", page).status == 200
    upstream.forget()

    def preview(owner):
        body = {"package": f"{kind}:moving", "owner": owner, "reason": "why"}
        answer = server.http("PUT", "/api/v1/orgs/acme/owners", json.dumps(body).encode())
        assert answer.status == 200 and answer.json()["done"] is False
        return answer.json()["versions_no_longer_seen"], answer.json()["versions_seen_instead"]

    assert preview("first") == ([], [])
    assert preview("org") == (["1.0.0", "1.1.0"], [])
    assert preview("second") == (["1.0.0", "1.1.0"], []), "nothing is known of the second"
    done = type_in("owner", "set", f"{kind}:moving", "second", "--reason", "theirs")
    assert done.returncode == DONE and "2 versions" in done.stderr and "no longer be seen" in done.stderr
    assert server.http("GET", page).status == 200
    assert preview("first") == (["1.1.0", "3.0.0"], ["1.0.0", "1.1.0"])
    done = type_in("owner", "set", f"{kind}:moving", "first", "--reason", "back", "--yes")
    assert "3.0.0" in done.stderr and "be seen instead" in done.stderr and "1.0.0" in done.stderr
    assert not upstream.requests


def test_a_person_is_asked_before_a_name_is_moved(type_in, server):
    server.send(shapes.npm_publish(server.npm, "hello", "1.0.0"))
    type_in("upstream", "add", "npm", "--url", NOWHERE)
    for answer, code, owner in ((b"n\n", REFUSED, "org"), (b"y\n", DONE, "npm")):
        ours, theirs = pty.openpty()
        os.write(ours, answer)
        done = type_in("owner", "set", "npm:hello", "npm", "--reason", "theirs", stdin=theirs)
        os.close(theirs)
        os.close(ours)
        assert done.returncode == code and "[y/N]" in done.stderr
        assert shown(type_in("owner", "show", "npm:hello", "--json"))["owner"] == owner


def test_claims_are_added_many_at_once_and_taken_only_when_told(type_in):
    type_in("upstream", "add", "npm", "--url", NOWHERE)
    type_in("owner", "set", "npm:acme-web", "npm", "--reason", "theirs")
    done = type_in("claim", "add", "@acme/*", "acme-*")
    assert done.returncode == TAKEN and "npm:acme-web" in done.stderr and "--take" in done.stderr
    assert [c["pattern"] for c in shown(type_in("claim", "list", "--json"))["items"]] == ["@acme/*"]
    assert type_in("claim", "add", "acme-*", "--take").returncode == DONE
    assert shown(type_in("owner", "show", "pypi:Acme_Web", "--json"))["claim"] == "acme-*"
    assert type_in("claim", "remove", "acme-*").returncode == DONE
    assert shown(type_in("owner", "show", "npm:acme-web", "--json"))["owner"] == "org"
    assert type_in("claim", "add", "*").returncode != DONE


def test_show_tells_how_an_upstream_does(type_in, server, upstream):
    assert shown(type_in("upstream", "add", "npm", "--url", upstream.npm_url, "--json"))["state"] == "not-asked"
    assert server.http("GET", "/npm/acme/main/outside").status == 200
    seen = shown(type_in("upstream", "show", "npm", "--json"))
    assert seen["state"] == "up" and seen["requests"] >= 1 and seen["last_success_at"] and seen["last_error"] is None
    asked = len(upstream.asked("*/outside"))
    assert server.http("GET", "/npm/acme/main/outside").status == 200
    assert len(upstream.asked("*/outside")) == asked
    assert type_in("upstream", "refresh", "npm").returncode == DONE
    assert server.http("GET", "/npm/acme/main/outside").status == 200
    upstream.go("down")
    assert server.http("GET", "/npm/acme/main/absent").status in (502, 503, 504)
    seen = shown(type_in("upstream", "show", "npm", "--json"))
    assert seen["last_error"] and seen["last_error_at"] and seen["errors"] >= 1


@pytest.mark.settings(PACKHOUSE_UPSTREAM_FRESH="24h")
def test_show_tells_what_is_kept_and_how_old_it_is(type_in, server, upstream):
    fresh = shown(type_in("upstream", "add", "npm", "--url", upstream.npm_url, "--json"))
    assert (fresh["documents"], fresh["stale_documents"], fresh["oldest_checked_at"], fresh["answers"]) == (0, 0, None, 0)
    assert fresh["hits_percent"] is None
    for name in ("outside", "needs-outside", "@far%2fscoped"):
        assert server.http("GET", f"/npm/acme/main/{name}").status == 200
    for _ in range(97):  # kept rendered: those are hits too
        assert server.http("GET", "/npm/acme/main/outside").status == 200
    seen = shown(type_in("upstream", "show", "npm", "--json"))
    assert seen["documents"] == 3 and seen["stale_documents"] == 0 and seen["hits_percent"] == 97
    assert seen["oldest_checked_at"] <= seen["newest_checked_at"]
    upstream.npm.add("wrong", "1.0.0")
    lie = upstream.lie("*/wrong", lies.broken_json())
    assert server.http("GET", "/npm/acme/main/wrong").status == 502
    lie.stop()
    seen = shown(type_in("upstream", "show", "npm", "--json"))
    assert "wrong" in seen["last_error"] or "JSON" in seen["last_error"], "an answer of no use is an error too"
    assert seen["last_error_at"]
    server.stop()
    server.environment.update(PACKHOUSE_UPSTREAM_FRESH="0s")
    server.start()
    seen = shown(type_in("upstream", "show", "npm", "--json"))
    assert seen["documents"] == seen["stale_documents"] == 3
    assert "DOCUMENTS" in type_in("upstream", "show", "npm").stdout
    assert "documents" not in shown(type_in("upstream", "list", "--json"))["items"][0]
