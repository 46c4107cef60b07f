"""What is published here passes whatever policy says, until a rule names it; then it is held like anything else."""

import json
import urllib.parse

import pytest

import index_pages
import packages
import shapes
from conformance import conformance
from openapi import Caller
from patience import until
from policies import set_policy
from pulling import attach

pytestmark = pytest.mark.settings(PACKHOUSE_UPSTREAM_ALLOW_ADDRESSES="127.0.0.0/8", PACKHOUSE_UPSTREAM_RETRIES="0",
                                  PACKHOUSE_UPSTREAM_CONNECT_TIMEOUT="1m")
NPM11 = {"User-Agent": "npm/11.2.0 node/v22.0.0 linux x64 workspaces/false"}
EVERYTHING = """
default: hold
rules:
  cooldown: {hold: {younger_than: 7d}}
  licence: {deny: {license_not_in: [MIT]}}
  scripts: {hold: {any: [install_scripts, new_install_scripts, sdist_only]}}
  proof: {deny: {any: [provenance_missing, signature_missing]}}
  size: {deny: {larger_than: 1 B}}
  theirs: {deny: {upstream: ["*"]}}
  other: {deny: {name: ["other-*", "npm:@other/**"]}}
"""
GPL = ["License-Expression: GPL-3.0-only"]


def publish(server, name, version="1.0.0", repository="acme/main", **manifest):
    tarball = packages.npm_tarball(name, version, **manifest)
    done = server.send(shapes.npm_publish(f"/npm/{repository}", name, version, tarball, manifest=manifest))
    assert done.status == 201, done


def upload(server, dist, repository="acme/main"):
    done = server.send(shapes.pypi_upload(f"/pypi/{repository}", dist))
    assert done.status == 200, done
    return dist


def file_path(server, dist):
    return f"{server.pypi}/files/{dist.name}/{dist.sha256}/{dist.filename}"


def page(server, name):
    answer = server.get(f"{server.pypi}/simple/{name}/", headers={"Accept": index_pages.JSON})
    assert answer.status == 200, answer
    return answer.json()


def rule(text, say="Ours waits"):
    return f"rules:\n  ours:\n    {text}\n    say: {say}\n"


def test_rules_that_name_nothing_are_not_about_what_is_published_here(server, upstream, npm, pip):
    attach(server, "npm", upstream.npm_url)
    set_policy(server, EVERYTHING)
    publish(server, "ours", scripts={"postinstall": "node -e 0"}, license="GPL-3.0-only")
    wheel = upload(server, packages.wheel("ours", "1.0", extra=GPL))
    sdist = upload(server, packages.sdist("source", "1.0"))
    documents = [server.get(path).body for path in (f"{server.npm}/ours", f"{server.pypi}/simple/ours/")]
    assert "package.json" in npm.install("ours").files
    assert pip.install("ours").files
    assert server.get(file_path(server, sdist)).status == server.get(file_path(server, wheel) + ".metadata").status == 200
    set_policy(server, "mode: audit\n")
    assert documents == [server.get(path).body for path in (f"{server.npm}/ours", f"{server.pypi}/simple/ours/")]
    assert server.get("/api/v1/orgs/acme/holds").json()["items"] == []


@pytest.mark.parametrize("rule_text, held", [
    ("hold: {upstream: [local], license_in: [GPL-*]}", {"npm:copyleft", "pypi:copyleft"}),
    ("hold: {upstream: [local], install_scripts: true}", {"npm:scripted"}),
    ("hold: {upstream: local, sdist_only: true}", {"pypi:source"}),
    ("hold: {upstream: local, younger_than: 7d}", {"npm:copyleft", "npm:scripted", "npm:plain", "pypi:copyleft",
                                                   "pypi:source", "pypi:plain"}),
    ("hold: {upstream: local, license_not_in: [MIT, unknown]}", {"npm:copyleft", "pypi:copyleft"}),
    ("hold: {name: \"npm:p*\"}", {"npm:plain"}),
    ("hold: {name: plain, prerelease: true}", set()),
    ("hold: {any: [{name: \"pypi:*\"}, install_scripts]}", {"pypi:copyleft", "pypi:source", "pypi:plain"}),
    ("hold: {name: \"**\", upstream: \"*\"}", set()),
    ("hold: {upstream: local, larger_than: 100 GiB}", set()),
], ids=lambda value: value if isinstance(value, str) else "")
def test_the_facts_of_what_is_published_here(server, rule_text, held):
    publish(server, "copyleft", license="GPL-3.0-only")
    publish(server, "scripted", license="MIT", scripts={"install": "node -e 0"})
    publish(server, "plain", license="MIT")
    dists = [upload(server, dist) for dist in (packages.wheel("copyleft", "1.0", extra=GPL),
                                               packages.sdist("source", "1.0"), packages.wheel("plain", "1.0"))]
    set_policy(server, rule(rule_text))
    found = {f"npm:{name}" for name in ("copyleft", "scripted", "plain")
             if server.get(f"{server.npm}/{name}/-/{name}-1.0.0.tgz").status == 403}
    assert found | {f"pypi:{dist.name}" for dist in dists if server.get(file_path(server, dist)).status == 403} == held


@pytest.fixture
def shelf(server):
    """Two versions of ours, the second one with a script; in a source repository theirs."""
    for path, body in (("repositories", {"name": "shelf"}), ("repositories/main/sources", {"name": "shelf"})):
        assert server.post(f"/api/v1/orgs/acme/{path}", json.dumps(body).encode()).status == 201
    for name, repository in (("ours", "acme/main"), ("theirs", "acme/shelf")):
        publish(server, name, "1.0.0", repository, license="MIT")
        publish(server, name, "1.1.0", repository, license="MIT", scripts={"postinstall": "node -e 0"})
        upload(server, packages.wheel(name, "1.0"), repository)
        upload(server, packages.wheel(name, "1.1"), repository)
    set_policy(server, rule('hold: {name: [ours, theirs], version: ">1.0"}'))
    return server


@pytest.mark.parametrize("name", ["ours", "theirs"])
def test_a_held_version_looks_as_an_upstreams_does(shelf, name, npm, pip):
    for accept in ("application/json", "application/vnd.npm.install-v1+json"):
        document = shelf.get(f"{shelf.npm}/{name}", headers={"Accept": accept, **NPM11}).json()
        assert list(document["versions"]) == ["1.0.0"] and document["dist-tags"] == {"latest": "1.0.0"}
        told = document["policyRestrictions"]
        assert list(told["versions"]) == ["1.1.0"] and "Ours waits" in told["message"]
        assert f"packhouse request create npm:{name}@1.1.0" in told["message"]
        older = shelf.get(f"{shelf.npm}/{name}", headers={"Accept": accept, "User-Agent": "npm/9.9.4 node/v18"}).json()
        assert "policyRestrictions" not in older and list(older["versions"]) == ["1.0.0"]
    assert shelf.get(f"{shelf.npm}/-/package/{name}/dist-tags").json() == {"latest": "1.0.0"}
    assert shelf.get(f"{shelf.npm}/{name}/latest").json()["version"] == "1.0.0"
    for path in (f"/{name}/1.1.0", f"/{name}/v1.1.0", f"/{name}/-/{name}-1.1.0.tgz"):
        refused = shelf.get(shelf.npm + path)
        assert refused.status == 403 and b"Ours waits" in refused.body, refused
    with pytest.raises(npm.Failure, match="Ours waits"):
        npm.install(f"{name}@1.1.0")
    assert b'"1.0.0"' in npm.install(name).files["package.json"].replace(b" ", b"")
    shown = page(shelf, name)
    yanked = {file["filename"]: file.get("yanked") for file in shown["files"]}
    assert len(yanked) == 2 and not yanked[f"{name}-1.0-py3-none-any.whl"]
    assert "Ours waits" in yanked[f"{name}-1.1-py3-none-any.whl"]
    with pytest.raises(pip.Failure, match="Ours waits"):
        pip.install(f"{name}==1.1")
    assert pip.install(name).files
    # Asked for in the repository that has it, it is held as well.
    if name == "theirs":
        assert shelf.get("/npm/acme/shelf/theirs/-/theirs-1.1.0.tgz").status == 403


def test_all_of_it_held_and_denied(shelf):
    set_policy(shelf, rule("hold: {name: [ours, theirs]}"))
    refused = shelf.get(f"{shelf.npm}/theirs")
    assert refused.status == 403 and b"all versions of theirs are held back" in refused.body
    shown = page(shelf, "theirs")
    assert shown["files"] == [] and shown["versions"] == []
    assert shown["project-status"]["status"] == "quarantined" and "Ours waits" in shown["project-status"]["reason"]
    set_policy(shelf, rule('deny: {name: [ours, theirs], version: "1.1.0"}'))
    shown = page(shelf, "theirs")
    assert shown["versions"] == ["1.0"] and [file["filename"] for file in shown["files"]] == ["theirs-1.0-py3-none-any.whl"]


def test_ask_for_it_and_get_it_until_that_ends(shelf):
    ask, place = Caller(shelf), {"org": "acme"}
    for form, version in (("npm", "1.1.0"), ("pypi", "1.1")):
        package, purl = f"{form}:theirs", f"{form}:theirs@{version}"
        path = f"{shelf.npm}/theirs/-/theirs-1.1.0.tgz" if form == "npm" else file_path(
            shelf, packages.wheel("theirs", "1.1"))
        assert shelf.get(path).status == 403
        until(lambda: (package, version) in {
            (hold["package"], hold["version"]) for hold in ask("GET", "/orgs/{org}/holds", expected=200, **place)["items"]},
            "the hold")
        explained = ask("GET", "/orgs/{org}/policy/explain", query=f"?purl={purl}&repository=main", expected=200, **place)
        [item] = explained["items"]
        assert item["verdict"] == "hold" and item["findings"][0]["rule"] == "ours" and not explained["upstream"]
        made = ask("POST", "/orgs/{org}/requests", {"purl": purl, "repository": "main", "reason": "r"}, 201, **place)
        number = made["items"][0]["id"]
        approved = ask("POST", "/orgs/{org}/requests/{id}/approve",
                       {"scope": "version", "expires_in": 86400, "comment": "fine", "alone": True}, 200, id=number, **place)
        assert shelf.get(path).status == 200
        ask("POST", "/orgs/{org}/exceptions/{id}/end", {"reason": "over"}, 200, id=approved["exception"], **place)
        assert shelf.get(path).status == 403


def test_the_commands_tell_that_it_is_published_here(shelf, packhouse):
    told = packhouse("policy", "explain", "npm:ours@1.1.0", "--repo", "acme/main").stdout
    assert told.startswith("npm:ours@1.1.0 for acme/main, published here, by revision 1 of the policy\n"), told
    Caller(shelf)("POST", "/orgs/{org}/requests", {"purl": "npm:ours@1.1.0", "repository": "main", "reason": "r"}, 201,
                  org="acme")
    told = packhouse("request", "show", "1", "--org", "acme").stdout
    assert "  + postinstall: node -e 0 (runs when it is installed)\n" in told and "<>" not in told, told


def test_what_no_rule_is_about_is_not_held(shelf):
    ask, place = Caller(shelf), {"org": "acme"}
    publish(shelf, "free")
    refused = ask("POST", "/orgs/{org}/requests", {"purl": "npm:free@1.0.0", "repository": "main", "reason": "r"}, 409, **place)
    assert "nothing holds" in refused["detail"]
    explained = ask("GET", "/orgs/{org}/policy/explain", query="?purl=npm:free&repository=main", expected=200, **place)
    assert "published here" in explained["says"] and explained["items"] == []
    ask("GET", "/orgs/{org}/policy/explain", query="?purl=npm:ours@9.9.9&repository=main", expected=404, **place)


def test_fetches_are_counted_where_a_rule_is_about_it(shelf):
    ask, place = Caller(shelf), {"org": "acme"}
    publish(shelf, "free")
    for path in ("ours/-/ours-1.0.0.tgz", "ours/-/ours-1.1.0.tgz", "free/-/free-1.0.0.tgz"):
        shelf.get(f"{shelf.npm}/{path}")

    def replay():
        return ask("POST", "/orgs/{org}/policy/replay", {"text": rule("hold: {upstream: local}")}, 200, **place)

    until(lambda: replay()["items"], "the count")
    [change] = replay()["items"]
    assert (change["package"], change["version"], change["to"]) == ("npm:ours", "1.0.0", "hold")


def test_audit_mode_only_records(shelf):
    paths = [f"{shelf.npm}/ours/-/ours-1.1.0.tgz", f"{shelf.npm}/ours/1.1.0", f"{shelf.npm}/ours", f"{shelf.pypi}/simple/ours/"]
    assert shelf.get(paths[0]).status == 403
    set_policy(shelf, "mode: audit\n" + rule('hold: {name: [ours, theirs], version: ">1.0"}'))
    document = shelf.get(paths[2], headers=NPM11).json()
    assert list(document["versions"]) == ["1.0.0", "1.1.0"] and "policyRestrictions" not in document
    answers = [shelf.get(path) for path in paths]
    assert all(answer.status == 200 for answer in answers)
    set_policy(shelf, "mode: audit\n")
    assert [shelf.get(path).body for path in paths] == [answer.body for answer in answers]


@conformance("npm-115")
def test_an_unpublish_takes_no_held_version_along(shelf, npm):
    """npm reads the package, leaves one version out, and sends the rest back."""
    publish(shelf, "ours", "1.2.0")
    set_policy(shelf, rule('hold: {name: ours, version: "1.1.0"}'))
    npm("unpublish", "ours@1.2.0")
    set_policy(shelf, "mode: audit\n")
    assert list(shelf.get(f"{shelf.npm}/ours").json()["versions"]) == ["1.0.0", "1.1.0"]
    # Who may only read is shown no more by asking as if to write.
    set_policy(shelf, rule('hold: {name: ours, version: "1.1.0"}'))
    made = shelf.post("/api/v1/tokens", json.dumps({"repositories": ["acme/main"], "role": "reader"}).encode()).json()
    assert list(shelf.get(f"{shelf.npm}/ours?write=true", token=made["token"]).json()["versions"]) == ["1.0.0"]
    assert list(shelf.get(f"{shelf.npm}/ours?write=true").json()["versions"]) == ["1.0.0", "1.1.0"]


def test_what_is_published_next_is_judged_at_once(shelf):
    """Documents that were read before know of it, here and through a source."""
    for name, repository in (("ours", "acme/main"), ("theirs", "acme/shelf")):
        for version in ("2.0.0", "3.0.0"):
            assert list(shelf.get(f"{shelf.npm}/{name}").json()["versions"]) == ["1.0.0"]
            page(shelf, name)
            publish(shelf, name, version, repository)
            dist = upload(shelf, packages.wheel(name, version), repository)
            assert shelf.get(f"{shelf.npm}/{name}/-/{name}-{version}.tgz").status == 403
            assert shelf.get(file_path(shelf, dist)).status == 403
            assert version in shelf.get(f"{shelf.npm}/{name}", headers=NPM11).json()["policyRestrictions"]["versions"]
            assert all(file.get("yanked") for file in page(shelf, name)["files"] if version in file["filename"])


def test_a_cooldown_for_what_is_published_here_ends_by_itself(server):
    set_policy(server, rule("hold: {upstream: local, younger_than: 20s}"))
    publish(server, "ripe", "1.0.0")
    dist = upload(server, packages.wheel("ripe", "1.0"))
    tarball = f"{server.npm}/ripe/-/ripe-1.0.0.tgz"
    if server.get(f"{server.npm}/ripe").status == 200 or server.get(tarball).status == 200:
        pytest.skip("the machine took longer than the cooldown")
    page(server, "ripe")
    until(lambda: server.get(f"{server.npm}/ripe").status == 200, "the packument")
    assert server.get(tarball).status == 200
    until(lambda: page(server, "ripe")["files"] and not page(server, "ripe")["files"][0].get("yanked"), "the page")
    assert server.get(file_path(server, dist)).status == 200


def test_provenance_of_what_is_held_is_refused_in_words(shelf):
    for version, status in (("1.0", 404), ("1.1", 403)):
        path = f"{shelf.pypi}/integrity/ours/{version}/ours-{version}-py3-none-any.whl/provenance"
        assert shelf.get(urllib.parse.quote(path)).status == status
