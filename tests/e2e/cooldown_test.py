"""Clients that wait for days before they take a new version need not wait for what is the org's own."""

import datetime
import json
import re
import shlex
import subprocess

import pytest

import clients
import packages
import pulling
from desk import PACKAGE_JSON, PYPROJECT, Desk, node
from packhouse_server import Server
from upstream import Upstream

POETRY = PYPROJECT + "\n[tool.poetry]\npackage-mode = false\n"


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    """A server whose upstream has packages that are as new as its own."""
    upstream = Upstream()
    server = Server(tmp_path_factory.mktemp("house"), settings={"PACKHOUSE_UPSTREAM_ALLOW_ADDRESSES": "127.0.0.0/8"})
    server.npm_client = clients.Npm(tmp_path_factory.mktemp("publisher"), server)
    server.twine = clients.Twine(tmp_path_factory.mktemp("twine"), server)
    server.outside = upstream
    now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    upstream.npm.add("theirs", "1.0.0", published=now)
    upstream.pypi.add(packages.wheel("theirs", "1.0"), upload_time=now)
    pulling.attach(server, "npm", upstream.npm_url)
    pulling.attach(server, "pypi", upstream.pypi_url)
    publish(server, "mine")
    yield server
    server.stop()
    upstream.close()


def publish(house, name):
    """A package of the org's own, for npm and for pip."""
    house.npm_client.publish(house.npm_client.make_package(name, "1.0.0"))
    if not name.startswith("@"):
        house.twine.upload(packages.wheel(name, "1.0", {"__init__.py": ""}).write(house.npm_client.new_folder(name)))


@pytest.fixture
def new_desk(house, tmp_path):
    """new_desk(npm=clients.Npm10): where these programs are what a person calls by these names."""
    def make(**programs):
        made = Desk(tmp_path / f"desk-{len(list(tmp_path.iterdir()))}", house)
        folder = made.folder / "programs"
        folder.mkdir()
        for name, kind in programs.items():
            if kind is clients.Npm:
                continue  # the machine's own
            (folder / name).write_text(f'#!/bin/sh\nexec {shlex.join(node(kind))} "$@"\n')
            (folder / name).chmod(0o755)
        made.environment["PATH"] = f"{folder}:{made.environment['PATH']}"
        return made
    return make


# The program; what stands in its files before, one day of waiting among it; what takes a package.
CASES = {
    "npm": (clients.Npm, {"package.json": PACKAGE_JSON, ".npmrc": "min-release-age=1\n"}, ("install",)),
    "pnpm": (clients.Pnpm, {"package.json": PACKAGE_JSON, "pnpm-workspace.yaml": "minimumReleaseAge: 1440\n"}, ("add",)),
    "yarn": (clients.Berry, {"package.json": PACKAGE_JSON, "yarn.lock": "", ".yarnrc.yml": "npmMinimalAgeGate: 1d\n"},
             ("add",)),
    "bun": (clients.Bun, {"package.json": PACKAGE_JSON, "bunfig.toml": "[install]\nminimumReleaseAge = 86400\n"}, ("add",)),
    "uv": (clients.Uv, {"pyproject.toml": PYPROJECT + '\n[tool.uv]\nexclude-newer = "1 day"\n'}, ("add",)),
    "poetry": (clients.Poetry, {"pyproject.toml": POETRY, "poetry.toml": "[solver]\nmin-release-age = 1\n"}, ("add",)),
}


def exempts(desk, name):
    """npm is the machine's own, and may be older than its exemption."""
    if name != "npm":
        return True
    major, minor = desk.run("npm", "--version").stdout.split(".")[:2]
    return (int(major), int(minor)) >= (11, 17)


@pytest.mark.parametrize("name", CASES)
def test_what_is_our_own_is_taken_at_once(house, new_desk, name):
    """Set up, then a new package of the org's own: the client waits. Set up again, and it takes that, and only that."""
    kind, before, take = CASES[name]
    desk = new_desk(**{name: kind})
    for path, text in before.items():
        desk.write(path, text)
    desk.succeed(name, "--write")
    own = f"own-{name}"
    publish(house, own)
    if not exempts(desk, name):
        assert "min-release-age-exclude" not in desk.succeed(name, "--write")
        return
    for package in (own, "theirs"):
        with pytest.raises(clients.Failure):
            desk.run(name, *take, package)
    assert own in desk.succeed(name)
    assert own not in "".join(desk.read(path) for path in before), "it only shows"
    shown = desk.succeed(name, "--write")
    assert own in shown and "Note:" not in shown
    first = desk.files()
    assert "There is nothing to write." in desk.succeed(name, "--write")
    assert desk.files() == first
    desk.run(name, *take, own)
    with pytest.raises(clients.Failure):
        desk.run(name, *take, "theirs")


@pytest.mark.parametrize("name, old", [("npm", clients.Npm10), ("npm", clients.Npm), ("pnpm", clients.Pnpm),
                                       ("yarn", clients.Yarn1)])
def test_older_clients_do_not_stumble(house, new_desk, name, old):
    """A client that cannot exempt is told nothing, and takes what it always took without a word about settings."""
    publish(house, f"plain-{name}-{old.__name__.lower()}")
    desk = new_desk(**{name: old})
    desk.write("package.json", PACKAGE_JSON)
    if name == "yarn":
        desk.write("yarn.lock", "# yarn lockfile v1\n")
    written = desk.succeed(name, "--write")
    assert ("xclude" in written) == (old in (clients.Npm, clients.Pnpm) and exempts(desk, name)), written
    done = desk.run(name, "install" if name == "npm" else "add", f"plain-{name}-{old.__name__.lower()}")
    told = done.stdout + done.stderr
    assert "xclude" not in told and not re.search(r"[Uu]n(known|recognized) project", told), told


def test_a_client_that_is_not_here_is_told_nothing(house, new_desk):
    publish(house, "for-nobody")
    desk = new_desk()
    desk.environment["PATH"] = "/nowhere"
    desk.write("package.json", PACKAGE_JSON)
    said = desk.succeed("pnpm", "--write")
    assert "pnpm does not run here" in said and not (desk.project / "pnpm-workspace.yaml").exists()


def test_the_project_says_which_release_it_is_for(house, new_desk):
    publish(house, "for-a-release")
    for pinned, file, expected in (("yarn@4.9.2", ".yarnrc.yml", False), ("yarn@4.10.0+sha512.x", ".yarnrc.yml", True),
                                   ("pnpm@9.15.0", "pnpm-workspace.yaml", False), ("pnpm@10.17.0", "pnpm-workspace.yaml", True)):
        desk = new_desk()
        desk.environment["PATH"] = "/nowhere"
        desk.write("package.json", PACKAGE_JSON.replace("{", f'{{"packageManager": "{pinned}", '))
        assert "Note:" not in desk.succeed(pinned.split("@")[0], "--write")
        path = desk.project / file
        assert ("for-a-release" in (path.read_text() if path.exists() else "")) == expected, pinned
    desk.write("package.json", PACKAGE_JSON)
    desk.write(".yarnrc.yml", "yarnPath: .yarn/releases/yarn-4.18.1.cjs\n")
    assert "npmPreapprovedPackages" in desk.succeed("yarn")


# A list in a nearer file would hide the one that the person has: what is asked; the person's list; the nearer file.
HIDDEN = {
    "npm": (clients.Npm, "~/.npmrc", "min-release-age=1\nmin-release-age-exclude[]=mine\n", ".npmrc"),
    "pnpm": (clients.Pnpm, "~/.config/pnpm/rc", "minimum-release-age=1440\nminimum-release-age-exclude[]=mine\n",
             "pnpm-workspace.yaml"),
    "bun": (clients.Bun, "~/.bunfig.toml", '[install]\nminimumReleaseAge = 86400\nminimumReleaseAgeExcludes = ["mine"]\n',
            "bunfig.toml"),
    "poetry": (clients.Poetry, "~/.config/pypoetry/config.toml",
               '[solver]\nmin-release-age = 1\nmin-release-age-exclude = ["mine"]\n', "poetry.toml"),
}


@pytest.mark.parametrize("name", HIDDEN)
def test_the_list_that_a_person_has_goes_on(house, new_desk, name):
    """What was exempt before is exempt after."""
    kind, path, text, nearer = HIDDEN[name]
    desk = new_desk(**{name: kind})
    if not exempts(desk, name):
        return
    publish(house, f"ours-{name}")
    desk.write("package.json", PACKAGE_JSON)
    desk.write("pyproject.toml", POETRY)
    desk.write(path, text).chmod(0o600)
    desk.succeed(name, "--write")
    take = "install" if name == "npm" else "add"
    desk.run(name, take, "mine")
    desk.run(name, take, f"ours-{name}")
    nearest = desk.project / nearer
    assert f"ours-{name}" not in (nearest.read_text() if nearest.exists() else "")


def test_patterns_stand_for_names_where_a_client_takes_them(house, new_desk):
    """A claim covers what nobody has published yet; bun, which takes names alone, gets those that there are."""
    answer = house.post("/api/v1/orgs/acme/claims", json.dumps({"pattern": "@claimed/*"}).encode())
    assert answer.status == 201, answer
    publish(house, "@claimed/thing")
    desk = new_desk(pnpm=clients.Pnpm, bun=clients.Bun)
    desk.write("package.json", PACKAGE_JSON)
    desk.write("pnpm-workspace.yaml", "minimumReleaseAge: 1440\n")
    desk.succeed("pnpm", "--write")
    assert '- "@claimed/*"' in desk.read("pnpm-workspace.yaml") and "@claimed/thing" not in desk.read("pnpm-workspace.yaml")
    desk.run("pnpm", "add", "@claimed/thing")
    desk.succeed("bun", "--write")
    assert '"@claimed/thing"' in desk.read("bunfig.toml") and "*" not in desk.read("bunfig.toml")


def test_a_scope_exempts_its_own_names(house, new_desk):
    publish(house, "@ours/thing")
    publish(house, "not-of-a-scope")
    desk = new_desk(pnpm=clients.Pnpm)
    desk.write("package.json", PACKAGE_JSON)
    desk.succeed("pnpm", "--scope", "@ours", "--write")
    assert "@ours/thing" in desk.read("pnpm-workspace.yaml") and "not-of-a-scope" not in desk.read("pnpm-workspace.yaml")


def test_a_workspace_stays_whole(house, new_desk):
    """A member's own pnpm-workspace.yaml would cut it out."""
    publish(house, "of-a-workspace")
    desk = new_desk(pnpm=clients.Pnpm)
    desk.write("pnpm-workspace.yaml", "packages:\n  - member\n")
    desk.write("member/package.json", PACKAGE_JSON)
    said = desk.succeed("pnpm", "--write", cwd=desk.project / "member")
    assert f"{desk.project} has the workspace's settings" in said
    assert not (desk.project / "member/pnpm-workspace.yaml").exists()
    assert desk.read("pnpm-workspace.yaml") == "packages:\n  - member\n"


def test_for_all_projects_of_a_person(house, new_desk):
    publish(house, "for-all")
    desk = new_desk(pnpm=clients.Pnpm, yarn=clients.Berry, bun=clients.Bun, uv=clients.Uv)
    desk.write("package.json", PACKAGE_JSON)
    for name, path in (("pnpm", "~/.config/pnpm/rc"), ("yarn", "~/.yarnrc.yml"), ("bun", "~/.bunfig.toml"),
                       ("uv", "~/.config/uv/uv.toml")):
        desk.succeed(name, "--user", "--write")
        assert "for-all" in desk.read(path)
    assert not list(desk.project.glob("*.yaml")) and not list(desk.project.glob("*.toml"))
    desk.write("~/.config/pnpm/rc", "minimum-release-age=1440\n" + desk.read("~/.config/pnpm/rc"))
    desk.run("pnpm", "add", "for-all")


def test_a_lockfile_is_not_made_wrong_for_nothing(house, new_desk):
    """uv.lock remembers what was exempt: where nobody waits, setup leaves it right."""
    publish(house, "locked")
    desk = new_desk(uv=clients.Uv)
    desk.write("pyproject.toml", PYPROJECT)
    desk.write("uv.lock", "version = 1\n")
    assert "exclude-newer" not in desk.succeed("uv")
    assert "exclude-newer-package" in desk.succeed("uv", UV_EXCLUDE_NEWER="1 day")


def test_another_form_is_said_and_left_alone(house, new_desk):
    publish(house, "in-another-form")
    desk = new_desk(pnpm=clients.Pnpm)
    desk.write("package.json", PACKAGE_JSON)
    desk.write("pnpm-workspace.yaml", "minimumReleaseAgeExclude: one\n")
    said = desk.succeed("pnpm", "--write")
    assert "minimumReleaseAgeExclude" in said and "Note: " in said
    assert desk.read("pnpm-workspace.yaml") == "minimumReleaseAgeExclude: one\n"
    assert "acme/main" in desk.read(".npmrc")


def test_pip_is_said_to_wait(house, new_desk):
    """It can exempt nothing, so nothing is written; what setup says for one install is so."""
    publish(house, "for-pip")
    desk = new_desk()
    assert "uploaded-prior-to" not in desk.succeed("pip")
    desk.write("~/.config/pip/pip.conf", "[global]\nuploaded-prior-to = P1D\n")
    said = desk.succeed("pip", "--write")
    assert "pip can exempt no name" in said and "--uploaded-prior-to P0D" in said
    pip = (*node(clients.Pip), "install", "--target", "target", "for-pip")
    with pytest.raises(clients.Failure):
        desk.run(*pip)
    desk.run(*pip, "--uploaded-prior-to", "P0D")
