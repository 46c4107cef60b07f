"""An application of a thousand npm packages, and one of a hundred Python's, from the registries that this machine's
npm and pip are set to, by clients that reach Packhouse alone: ./test long -k application. Its table is
docs/applications.md."""

import json
import os
import re
import shutil
import subprocess
import sys

import pytest

import clients
from packhouse_server import ROOT, binary

pytestmark = pytest.mark.long
PROJECT = ROOT / "tests" / "bench" / "project"
PAGE = ROOT / "docs" / "applications.md"
HOURS = 3600
THIS_PYTHON = f">={sys.version_info[0]}.{sys.version_info[1]},<{sys.version_info[0]}.{sys.version_info[1] + 1}"
# The tools of this application do not agree about each other's versions; what is installed does not run here.
NODE_ENVIRONMENT = {"npm_config_legacy_peer_deps": "true", "npm_config_ignore_scripts": "true",
                    "YARN_ENABLE_SCRIPTS": "0"}

HEAD = """# An application through Packhouse, measured

An application made of a few well-known frameworks, installed by each client where it could reach nothing but
Packhouse, whose upstreams were the registries that the machine's npm and pip were set to. *Again* is what its
lockfile says (pip: what was installed), from an empty cache, with the upstreams switched offline.
`./test long -k application` writes this page.

| client | version | packages | exit | again | exit |
| --- | --- | --- | --- | --- | --- |
"""


def wanted():
    return [line for line in (PROJECT / "requirements.txt").read_text().splitlines() if line and line[0] != "#"]


class Desk:
    """One client and its project, of which the second desk gets what is in version control."""

    def __init__(self, kind, folder, server, island, taken_over=None):
        self.client = kind(folder, server)
        self.client.environment.update(NODE_ENVIRONMENT)
        island.take(self.client)
        self.project = self.client.new_folder("application")
        for file in taken_over or self.first_files():
            shutil.copy(file, self.project)

    def version(self):
        return re.search(r"\d+(\.\d+)+", self.client("--version").stdout)[0]

    def files(self):
        return [path for path in self.project.iterdir() if path.is_file() and path.name not in (".npmrc", ".pdm-python")]


class NodeDesk(Desk):
    install = {clients.Npm: ("install",), clients.Pnpm: ("install", "--no-frozen-lockfile"),
               clients.Yarn1: ("install", "--ignore-scripts", "--ignore-engines"), clients.Berry: ("install",),
               clients.Bun: ("install", "--ignore-scripts")}
    reinstall = {clients.Npm: ("ci",), clients.Pnpm: ("install", "--frozen-lockfile"),
                 clients.Yarn1: ("install", "--ignore-scripts", "--ignore-engines", "--frozen-lockfile"),
                 clients.Berry: ("install", "--immutable"),
                 clients.Bun: ("install", "--ignore-scripts", "--frozen-lockfile")}
    least = 1000

    def first_files(self):
        return [PROJECT / "package.json"]

    def run(self, arguments):
        shutil.copy(self.client.rc, self.project / ".npmrc")
        (self.project / "yarn.lock").touch() if type(self.client) is clients.Berry else None
        self.client(*arguments[type(self.client)], cwd=self.project, timeout=HOURS)

    def packages(self):
        """What is in a folder of modules, or in one of its scopes, and says its name and version."""
        found = set()
        for path in (self.project / "node_modules").rglob("package.json"):
            folder = path.parent.parent
            if "node_modules" in (folder.name, folder.parent.name if folder.name.startswith("@") else ""):
                said = json.loads(path.read_text(errors="replace"))
                found.add((said.get("name"), said.get("version")))
        return len(found)


class PythonDesk(Desk):
    install = {clients.UvProject: ("sync",), clients.Poetry: ("install",), clients.Pdm: ("install", "--no-self")}
    reinstall = {kind: kind.sync for kind in install}
    least = 100

    def first_files(self):
        made = self.client.new_project() / "pyproject.toml"
        made.write_text(made.read_text().replace(">=3.9", THIS_PYTHON).replace(
            "dependencies = []", f"dependencies = {json.dumps(wanted(), indent=4)}"))
        return [made]

    def run(self, arguments):
        self.client(*arguments[type(self.client)], cwd=self.project, timeout=HOURS)

    def packages(self):
        return len(list(clients.Environment(self.project).folder.glob("*.dist-info")))


class PipDesk(Desk):
    install, reinstall = PROJECT / "requirements.txt", "frozen.txt"
    least = 100

    def first_files(self):
        return []

    def run(self, requirements):
        target = self.project / "lib"
        self.client("install", "--no-compile", "--target", target, "-r", requirements, cwd=self.project, timeout=HOURS)
        frozen = self.client("freeze", "--path", target).stdout
        (self.project / "frozen.txt").write_text(frozen)

    def packages(self):
        return len(list((self.project / "lib").glob("*.dist-info")))


DESKS = [("npm", NodeDesk, clients.Npm), ("pnpm", NodeDesk, clients.Pnpm), ("Yarn 1", NodeDesk, clients.Yarn1),
         ("Yarn", NodeDesk, clients.Berry), ("bun", NodeDesk, clients.Bun), ("pip", PipDesk, clients.Pip),
         ("uv", PythonDesk, clients.UvProject), ("Poetry", PythonDesk, clients.Poetry), ("PDM", PythonDesk, clients.Pdm)]


def attempt(desk, arguments):
    """How many packages there are then, and the exit status."""
    try:
        desk.run(arguments)
        return desk.packages(), 0
    except clients.Failure as failure:
        print(failure)
        return 0, failure.code


def write_page(rows):
    """The rows of a format's clients, and those of the other's as they are."""
    page = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
    lines = {line.split(" | ")[0][2:]: line for line in re.findall(r"^\| .*$", page, re.M)[2:]}
    for name, *cells in rows:
        lines[name] = f"| {' | '.join(map(str, [name, *cells]))} |"
    ordered = [lines[name] for name, *_ in DESKS if name in lines]
    PAGE.write_text(HEAD + "\n".join(ordered) + "\n", encoding="utf-8")


@pytest.mark.parametrize("form", ["npm", "pypi"])
def test_application_of_many_packages(form, new_server, new_island, tmp_path):
    server = new_server()
    there, rows, desks = new_island(server), [], []
    # With the person's own environment: what npm and pip are set to is what is asked.
    person = {**os.environ, "PACKHOUSE_URL": server.url, "PACKHOUSE_TOKEN": server.token}

    def upstream(*arguments):
        subprocess.run([binary(), "upstream", *arguments, "--repo", "acme/main"], check=True, env=person)

    upstream("add", form, "--from-client-config")
    for name, make, kind in DESKS:
        if (make is NodeDesk) == (form == "npm"):
            desk = make(kind, tmp_path / name, server, there)
            desks.append((name, desk, *attempt(desk, desk.install)))
    upstream("offline", form)
    for name, desk, packages, code in desks:
        second = type(desk)(type(desk.client), tmp_path / f"{name} again", server, there, desk.files())
        rows.append((name, desk.version(), packages, code, *attempt(second, desk.reinstall)))
    server.verify()
    if os.environ.get("PACKHOUSE_WRITE_DOCS") == "1":
        write_page(rows)
    for (_, desk, *_), row in zip(desks, rows):
        _, _, packages, code, again, code_again = row
        assert (code, code_again) == (0, 0) and packages >= desk.least and again == packages, rows
