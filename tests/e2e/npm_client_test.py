"""npm itself, as a person uses it."""

import json

import pytest

import packages
import shapes
from conformance import conformance


@pytest.fixture(params=["npm", "npm10"])
def any_npm(request):
    return request.getfixturevalue(request.param)


@conformance("npm-006", "npm-077", "npm-080")
def test_a_tree_of_packages_installs_and_locks(server, any_npm):
    npm = any_npm
    leaf = npm.make_package("@acme/leaf", "1.2.3", {"data.txt": "words\n"}, bin="cli.js")
    root = npm.make_package("root", "1.0.0", dependencies={"@acme/leaf": "^1.0.0"})
    npm.publish(leaf)
    npm.publish(root)
    installed = npm.install("root")
    assert installed.files == root.files
    assert packages.read_tree(installed.folder / "node_modules" / "@acme" / "leaf") == leaf.files
    lock = json.loads((installed.folder / "package-lock.json").read_text())
    for path, entry in lock["packages"].items():
        if path:
            assert entry["resolved"].startswith(f"{server.url}{server.npm}/"), entry
            assert entry["integrity"].startswith("sha512-")
    packages_before = packages.read_tree(installed.folder / "node_modules" / "root")
    npm("ci", cwd=installed.folder)
    assert packages.read_tree(installed.folder / "node_modules" / "root") == packages_before


@conformance("npm-084", "npm-088", "npm-089")
def test_a_prerelease_is_for_those_who_ask(server, npm):
    npm.publish(npm.make_package("hello", "1.0.0"))
    npm.publish(npm.make_package("hello", "2.0.0-rc.1-2"), "--tag", "next")
    assert npm.view("hello", "dist-tags") == {"latest": "1.0.0", "next": "2.0.0-rc.1-2"}
    assert b"1.0.0" in npm.install("hello").files["index.js"]
    assert b"2.0.0-rc.1-2" in npm.install("hello@next").files["index.js"]
    assert b"1.0.0" in npm.install("hello@^1").files["index.js"]


@conformance("npm-091", "npm-105")
def test_a_second_publish_is_refused_in_words_that_tools_know(server, any_npm):
    npm = any_npm
    npm.publish(npm.make_package("hello", "1.0.0"))
    # npm 11 looks first and refuses by itself; a publish that it has not seen is refused by us.
    server.send(shapes.npm_publish(server.npm, "hello", "1.0.1"))
    other = npm.make_package("hello", "1.0.1", {"x": "other"})
    with pytest.raises(npm.Failure, match="cannot publish over the previously published versions"):
        npm.publish(other)
    npm.publish(npm.make_package("hello", "1.0.2"))
    assert npm.view("hello", "versions") == ["1.0.0", "1.0.1", "1.0.2"]


@conformance("npm-121")
def test_tags_are_added_listed_and_removed(server, any_npm):
    npm = any_npm
    npm.publish(npm.make_package("@acme/hello", "1.0.0"))
    npm.publish(npm.make_package("@acme/hello", "1.0.1"))
    npm("dist-tag", "add", "@acme/hello@1.0.0", "stable")
    assert npm("dist-tag", "ls", "@acme/hello").stdout.split("\n")[:2] == ["latest: 1.0.1", "stable: 1.0.0"]
    assert b"1.0.0" in npm.install("@acme/hello@stable").files["index.js"]
    npm("dist-tag", "rm", "@acme/hello", "stable")
    assert npm("dist-tag", "ls", "@acme/hello").stdout.split() == ["latest:", "1.0.1"]
    with pytest.raises(npm.Failure):
        npm("dist-tag", "add", "@acme/hello@9.9.9", "stable")


@conformance("npm-125")
def test_npm_knows_who_it_is_and_that_the_registry_lives(server, npm):
    assert npm("whoami").stdout.strip() == server.get(f"{server.npm}/-/whoami").json()["username"]
    assert "PONG" in (lambda done: done.stdout + done.stderr)(npm("ping"))
    with pytest.raises(npm.Failure, match="E401|ENEEDAUTH"):
        npm.with_token("pkhp_" + "0" * 36)("whoami")


@conformance("npm-065")
def test_npm_tells_that_a_token_has_died(server, npm):
    npm.publish(npm.make_package("hello", "1.0.0"))
    with pytest.raises(npm.Failure, match="log in again|E401"):
        npm.with_token("pkhp_" + "0" * 36).install("hello")


def test_npm_prints_why_an_install_fails(server, npm):
    with pytest.raises(npm.Failure, match="E404"):
        npm.install("never-published")
    npm.publish(npm.make_package("hello", "1.0.0"))
    with pytest.raises(npm.Failure, match="ETARGET|No matching version"):
        npm.install("hello@2")


@pytest.mark.settings(PACKHOUSE_NPM_PUBLISH_MAX="256 KiB")
@conformance("npm-055")
def test_the_limit_is_seen_by_the_user(server, any_npm):
    import os
    npm = any_npm
    with pytest.raises(npm.Failure, match="413") as failed:
        npm.publish(npm.make_package("large", "1.0.0", {"noise": os.urandom(4 << 20)}))
    assert "larger than 262144 bytes, which is a tarball of 196608 bytes" in str(failed.value)
    assert "EPIPE" not in str(failed.value)


@conformance("npm-070", "npm-063")
def test_two_orgs_with_two_tokens_install_together(server, npm, packhouse):
    packhouse("org", "create", "globex")
    packhouse("repo", "create", "globex/private")
    token = packhouse("token", "create", "--repo", "globex/private", "--role", "publisher", "--expires", "1d",
                      "--json").json()["token"]
    base = f"//{server.host}:{server.port}/npm/globex/private/"
    with open(npm.rc, "a", encoding="utf-8") as rc:
        rc.write(f"@globex:registry=http:{base}\n{base}:_authToken={token}\n")
    npm.publish(npm.make_package("ours", "1.0.0"))
    npm.publish(npm.make_package("@globex/theirs", "1.0.0"))
    npm.install("ours", "@globex/theirs")
    assert server.get("/npm/globex/private/@globex%2ftheirs", token=token).status == 200
    assert server.get(f"{server.npm}/ours", token=token).status == 404
    assert server.get(f"{server.npm}/@globex%2ftheirs").status == 404


@conformance("npm-024")
def test_an_install_script_runs(server, npm):
    npm.publish(npm.make_package("scripted", "1.0.0", {"touch.js": "require('fs').writeFileSync('ran','')"},
                                 scripts={"postinstall": "node touch.js"}))
    assert "ran" in npm.install("scripted").files


@conformance("npm-099")
def test_npm_and_we_refuse_what_is_private(server, npm):
    with pytest.raises(npm.Failure, match="EPRIVATE|private"):
        npm.publish(npm.make_package("hidden", "1.0.0", private=True))
    assert server.get(f"{server.npm}/hidden").status == 404


@pytest.fixture
def wait_for_nothing(berry):
    """Yarn 4 leaves alone what was published today."""
    berry.environment["YARN_NPM_MINIMAL_AGE_GATE"] = "0"


@conformance("npm-067", "npm-123")
@pytest.mark.parametrize("client", ["yarn1", "berry", "npm"])
def test_an_open_repository_needs_no_credential_to_install(server, packhouse, npm, wait_for_nothing, client, request):
    npm.publish(npm.make_package("hello", "1.0.0"))
    packhouse("repo", "set", "acme/main", "--anonymous", "read")
    stranger = request.getfixturevalue(client)
    stranger.forget_token()
    assert b"1.0.0" in stranger.install("hello").files["index.js"]


@conformance("npm-068")
@pytest.mark.parametrize("client", ["yarn1", "berry"])
def test_a_closed_repository_needs_yarn_s_setting(server, npm, wait_for_nothing, client, request):
    npm.publish(npm.make_package("hello", "1.0.0"))
    client = request.getfixturevalue(client)
    assert b"1.0.0" in client.install("hello").files["index.js"]


@conformance("npm-085")
@pytest.mark.parametrize("publisher", ["npm", "npm10", "pnpm", "yarn1", "berry", "bun"])
def test_what_one_client_publishes_every_other_installs(server, wait_for_nothing, publisher, request):
    client = request.getfixturevalue(publisher)
    names = ("hello", "@acme/hello")
    for name in names:
        client.publish(client.make_package(name, "1.0.0", {"data.txt": f"of {publisher}\n"}))
    for reader in ("npm", "npm10", "pnpm", "yarn1", "berry", "bun"):
        project = request.getfixturevalue(reader).install(*names).folder
        for name in names:
            assert (project / "node_modules" / name / "data.txt").read_text() == f"of {publisher}\n", (reader, name)
