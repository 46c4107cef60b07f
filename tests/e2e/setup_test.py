"""packhouse setup: after it a real client, with nothing else said to it, has everything from Packhouse."""

import json
import re
import shutil
import subprocess

import pytest

import clients
import packages
import pulling
from desk import ABSENT, DENIED, PACKAGE_JSON, PYPROJECT, REFUSED, UNREACHABLE, USAGE, Desk, node
from packhouse_server import Server
from upstream import Upstream

OUTSIDE = {"index.js": "module.exports = 'outside as Packhouse has it';\n",
           "__init__.py": "HERE = 'outside as Packhouse has it'\n"}
NODE_NAMES = ("npm", "pnpm", "yarn", "bun")


def publish(upstream):
    """The same bytes from each upstream that is told so."""
    upstream.npm.add("outside", "1.1.0", {"index.js": OUTSIDE["index.js"]})
    upstream.npm.add("@far/scoped", "1.0.0", dependencies={"outside": "^1.0.0"})
    upstream.npm.add("needs-outside", "1.0.0", dependencies={"@far/scoped": "1.0.0"})
    upstream.pypi.add(packages.wheel("outside", "1.1", {"__init__.py": OUTSIDE["__init__.py"]}))
    upstream.pypi.add(packages.wheel("needs-outside", "1.0", requires=["outside>=1"]))


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    """A server that pulls through; nobody else has what its upstream has."""
    upstream = Upstream()
    publish(upstream)
    server = Server(tmp_path_factory.mktemp("house"), settings={"PACKHOUSE_UPSTREAM_ALLOW_ADDRESSES": "127.0.0.0/8"})
    pulling.attach(server, "npm", upstream.npm_url)
    pulling.attach(server, "pypi", upstream.pypi_url)
    yield server
    server.stop()
    upstream.close()


@pytest.fixture
def desk(house, tmp_path):
    return Desk(tmp_path / "desk", house)


# Who is set up; what stands in the project and at home before; what is typed then; what it must bring.
CASES = {
    "npm": ("npm", {"package.json": PACKAGE_JSON, ".npmrc": "save-exact=true\n",
                    "~/.npmrc": "//other.example/:_authToken=kept\n"},
            (*node(clients.Npm), "install", "needs-outside"), "node_modules/outside/index.js"),
    "npm 10": ("npm", {"package.json": PACKAGE_JSON}, (*node(clients.Npm10), "install", "needs-outside"),
               "node_modules/outside/index.js"),
    "pnpm": ("pnpm", {"package.json": PACKAGE_JSON, ".npmrc": "save-exact=true"},
             (*node(clients.Pnpm), "add", "needs-outside", "outside"), "node_modules/outside/index.js"),
    "yarn 1": ("yarn", {"package.json": PACKAGE_JSON, ".yarnrc": "save-prefix \"~\"\n"},
               (*node(clients.Yarn1), "add", "needs-outside"), "node_modules/outside/index.js"),
    "yarn 4": ("yarn", {"package.json": PACKAGE_JSON, "yarn.lock": "", ".yarnrc.yml": "enableScripts: false\n",
                        "~/.yarnrc.yml": "npmRegistries:\n  \"//other.example\":\n    npmAuthToken: kept\n"},
               (*node(clients.Berry), "add", "needs-outside"), "node_modules/outside/index.js"),
    "bun": ("bun", {"package.json": PACKAGE_JSON, "bunfig.toml": "[install]\nexact = true\n"},
            (*node(clients.Bun), "add", "needs-outside"), "node_modules/outside/index.js"),
    "pip": ("pip", {"~/.config/pip/pip.conf": "[global]\ntimeout = 60\n",
                    "~/.netrc": "machine other.example login me password kept\n"},
            (*node(clients.Pip), "install", "--target", "target", "needs-outside"), "target/outside/__init__.py"),
    "uv": ("uv", {"pyproject.toml": PYPROJECT}, (*node(clients.Uv), "add", "needs-outside"),
           ".venv/lib/*/site-packages/outside/__init__.py"),
    "uv without a project": ("uv", {"requirements.in": "needs-outside\n"},
                             (*node(clients.Uv), "pip", "install", "--target", "target", "-r", "requirements.in"),
                             "target/outside/__init__.py"),
    "poetry": ("poetry", {"pyproject.toml": PYPROJECT + "\n[tool.poetry]\npackage-mode = false\n"},
               (*node(clients.Poetry), "add", "needs-outside"), ".venv/lib/*/site-packages/outside/__init__.py"),
}


@pytest.mark.parametrize("name", CASES)
def test_a_client_needs_nothing_else(desk, new_island, house, name):
    """Shown, written, written again; then the client itself, which can reach nobody else, has a public package
    through Packhouse."""
    client, before, command, brought = CASES[name]
    for path, text in before.items():
        desk.write(path, text)
    untouched = desk.files()
    shown = desk.succeed(client)
    assert desk.files() == untouched, "it only shows"
    assert desk.token not in shown and "pkhp_…" in shown and "--write" in shown
    assert desk.token in desk.succeed(client, "--show-token")
    written = desk.succeed(client, "--write")
    assert desk.token not in written
    first = desk.files()
    desk.succeed(client, "--write")
    assert desk.files() == first, "a second time changes nothing"
    for path, text in before.items():
        if path not in ("package.json", "yarn.lock", "requirements.in"):
            assert set(text.splitlines()) <= set(desk.read(path).splitlines()), path
    new_island(house).take(desk)
    desk.run(*command)
    came, = desk.project.glob(brought)
    assert came.read_text() == OUTSIDE[came.name]
    holders = desk.holders_of_the_token()
    assert holders and all(path.startswith("home/") for path in holders), holders
    assert all(desk.files()[path][1] == 0o600 for path in holders if path in first)


@pytest.mark.parametrize("client", NODE_NAMES)
def test_a_scope_alone_comes_from_here(desk, client):
    """The registry of all else stays what it was."""
    desk.write("package.json", PACKAGE_JSON)
    desk.succeed(client, "--scope", "@far", "--write")
    settings = "\n".join(content.decode() for name, (content, _) in desk.files().items()
                         if name.startswith("project/") and "rc" in name or "bunfig" in name)
    assert "far" in settings and "acme/main" in settings
    assert not re.search(r'^"?(registry|npmRegistryServer)\b', settings, re.M), settings
    if client == "npm":
        shown = desk.run("npm", "view", "@far/scoped", "dist.tarball").stdout
        assert shown.startswith(desk.server.url)


def test_an_environment_has_its_own_pip_conf(desk):
    """What is set up in a virtual environment holds there, and for no other pip."""
    subprocess.run([clients.PYTHON, "-m", "venv", "--without-pip", desk.folder / "venv"], check=True)
    desk.succeed("pip", "--write", VIRTUAL_ENV=str(desk.folder / "venv"))
    assert "index-url" in (desk.folder / "venv" / "pip.conf").read_text()
    assert not (desk.home / ".config").exists()
    desk.run(*node(clients.Pip), "--python", str(desk.folder / "venv"), "install", "needs-outside")
    assert list(desk.folder.glob("venv/lib/*/site-packages/outside"))
    assert not (desk.project / "venv").exists()


@pytest.mark.parametrize("client", ["npm", "yarn", "bun", "uv", "pip"])
def test_all_projects_of_a_person(desk, client):
    """With --user nothing is written into the project."""
    desk.write("package.json", PACKAGE_JSON)
    before = {name for name in desk.files() if name.startswith("project/")}
    desk.succeed(client, "--user", "--write")
    assert {name for name in desk.files() if name.startswith("project/")} == before
    if client in ("npm", "bun"):
        desk.run(*node(clients.Npm if client == "npm" else clients.Bun), "install", "needs-outside")
        assert (desk.project / "node_modules" / "outside").is_dir()


def test_what_wins_over_the_files_is_said(desk):
    desk.write("package.json", PACKAGE_JSON)
    assert "npm_config_registry is set" in desk.succeed("npm", npm_config_registry="https://npm.example.com/")
    assert "is set in this shell" not in desk.succeed("npm")


def test_a_folder_that_is_no_project_is_said(desk):
    """npm would read the files of a folder above, which is not the one that was written to."""
    assert "there is no package.json here" in desk.succeed("npm", "--write")
    desk.write("package.json", PACKAGE_JSON)
    assert "Note:" not in desk.succeed("npm", "--write")
    assert "Note:" not in desk.succeed("uv")


def test_a_script_is_told_the_same(desk):
    desk.write("package.json", PACKAGE_JSON)
    told = json.loads(desk.succeed("npm", "--write", "--json"))
    assert (told["client"], told["written"], told["lockfiles"], told["notes"]) == ("npm", True, [], [])
    assert told["url"] == f"{desk.server.url}/npm/acme/main/"
    assert [(file["path"], file["secret"], file["changed"]) for file in told["files"]] == [
        (f"{desk.home}/.npmrc", True, True), (".npmrc", False, True)]
    assert not any(file["changed"] for file in json.loads(desk.succeed("npm", "--json"))["files"])


def test_a_file_that_others_could_read_is_closed(desk):
    desk.write("~/.npmrc", f"//{desk.server.host}:{desk.server.port}/npm/acme/main/:_authToken={desk.token}\n").chmod(0o644)
    desk.write(".npmrc", "save-exact=true\n").chmod(0o640)
    desk.succeed("npm", "--write")
    files = desk.files()
    assert files["home/.npmrc"][1] == 0o600
    assert files["project/.npmrc"][1] == 0o640
    assert [name for name in files if name.startswith("home/") or ".npmrc" in name] == ["home/.npmrc", "project/.npmrc"]


def test_a_repository_for_everybody_needs_no_token(desk, house):
    desk.succeed("npm", "--anonymous", "--write", PACKHOUSE_TOKEN=house.token)
    assert not desk.holders_of_the_token() and "registry=" in desk.read(".npmrc")


WRONG = {
    "no such client": (("deno",), {}, USAGE, "npm, pnpm, yarn, bun, pip, uv or poetry"),
    "no server": (("npm",), {"PACKHOUSE_URL": ""}, USAGE, "which server? Give --url"),
    "no token": (("npm",), {"PACKHOUSE_TOKEN": ""}, USAGE, "which token? Give --token, set PACKHOUSE_TOKEN"),
    "no repository": (("npm",), {"PACKHOUSE_REPO": ""}, USAGE, "which repository? Give --repo"),
    "a wrong token": (("npm",), {"PACKHOUSE_TOKEN": "pkhp_nobody"}, DENIED, "token"),
    "another repository": (("npm", "--repo", "acme/absent"), {}, ABSENT, "absent"),
    "nobody there": (("npm",), {"PACKHOUSE_URL": "http://127.0.0.1:9"}, UNREACHABLE, "127.0.0.1:9"),
    "a scope for pip": (("pip", "--scope", "@far"), {}, USAGE, "pip has no scopes"),
    "no scope": (("npm", "--scope", "far"), {}, USAGE, "write it as @acme"),
    "no project of Poetry's": (("poetry",), {}, REFUSED, "there is no pyproject.toml here"),
    "a source for all projects": (("poetry", "--user"), {}, REFUSED, "leave --user out"),
    "a secret in the project": (("npm",), {"npm_config_userconfig": ".npmrc"}, REFUSED, "no token is written"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_said_in_a_sentence(desk, name):
    words, environment, code, sentence = WRONG[name]
    before = desk.files()
    done = desk.setup(*words, "--write", **environment)
    assert (done.returncode, done.stdout) == (code, ""), done.stderr
    assert sentence in done.stderr and done.stderr.count("\n") <= 2
    assert desk.files() == before


def test_the_home_folder_is_no_project(desk):
    done = desk.setup("npm", "--write", cwd=desk.home)
    assert done.returncode == REFUSED and "--user" in done.stderr
    desk.setup("npm", "--write", "--user", cwd=desk.home)
    assert {"registry", f"//{desk.server.host}:{desk.server.port}/npm/acme/main/:_authToken"} == {
        line.split("=")[0] for line in desk.read("~/.npmrc").splitlines()}


BROKEN = {
    "a link": ("npm", lambda desk: (desk.project / ".npmrc").symlink_to("elsewhere"), "symbolic link"),
    "a folder": ("npm", lambda desk: (desk.project / ".npmrc").mkdir(), "is no file"),
    "a secret's link": ("npm", lambda desk: (desk.home / ".npmrc").symlink_to("elsewhere"), "symbolic link"),
    "a loop": ("uv", lambda desk: (desk.project / "uv.toml").symlink_to("uv.toml"), "symbolic link"),
    "bytes": ("npm", lambda desk: (desk.project / ".npmrc").write_bytes(b"a\0b"), "is no text"),
    "an open string": ("uv", lambda desk: desk.write("pyproject.toml", '[project]\nname = """x\n'), "pyproject.toml is broken"),
    "another form": ("yarn", lambda desk: desk.write("~/.yarnrc.yml", "npmRegistries: {}\n"), "npmRegistries"),
    "another account": ("pip", lambda desk: desk.write("~/.netrc", "machine 127.0.0.1 login ann password x\n"),
                        "another account for 127.0.0.1"),
    "another default": ("uv", lambda desk: desk.write(
        "uv.toml", '[[index]]\nname = "corp"\nurl = "https://pypi.example.com/simple"\ndefault = true\n'),
        'another index the default: "corp"'),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_cannot_be_edited_is_left_alone(desk, name):
    client, spoil, sentence = BROKEN[name]
    spoil(desk)
    before = desk.files()
    done = desk.setup(client, "--write")
    assert done.returncode == REFUSED and sentence in done.stderr, done.stderr
    assert desk.files() == before


def test_an_index_that_has_our_address_already_is_kept(desk):
    """By whatever name; so what a colleague wrote stays as it is."""
    text = f'[[index]]\nname = "corp"\nurl = "{desk.server.url}/pypi/acme/main/simple/"\ndefault = true\n'
    desk.write("uv.toml", text)
    desk.succeed("uv", "--write")
    assert desk.read("uv.toml") == text



@pytest.fixture
def other(new_upstream):
    """A registry that projects were locked to before; it has the same bytes."""
    made = new_upstream("127.0.0.2")
    publish(made)
    return made


# How a project came to be locked to another host; what reads the lockfile afterwards; what must be there.
LOCKED = {
    "npm": ("npm", "package-lock.json", 3, {"package.json": PACKAGE_JSON},
            lambda o: (*node(clients.Npm), "install", "needs-outside", "--registry", o.npm_url),
            (*node(clients.Npm), "ci"), "node_modules/outside/index.js"),
    "yarn 1": ("yarn", "yarn.lock", 3, {"package.json": PACKAGE_JSON},
               lambda o: (*node(clients.Yarn1), "add", "needs-outside", "--registry", o.npm_url),
               (*node(clients.Yarn1), "install", "--frozen-lockfile"), "node_modules/outside/index.js"),
    "bun": ("bun", "bun.lock", 3, {"package.json": PACKAGE_JSON},
            lambda o: (*node(clients.Bun), "add", "needs-outside", "--registry", o.npm_url),
            (*node(clients.Bun), "install", "--frozen-lockfile"), "node_modules/outside/index.js"),
    "uv": ("uv", "uv.lock", 4, {"pyproject.toml": PYPROJECT.replace("[\n]", '["needs-outside"]')},
           lambda o: (*node(clients.Uv), "lock", "--default-index", o.pypi_url),
           (*node(clients.Uv), "sync", "--locked"), ".venv/lib/*/site-packages/outside/__init__.py"),
    "pip": ("pip", "requirements.txt", 1, {"requirements.in": "needs-outside\n"},
            lambda o: (*node(clients.Uv), "pip", "compile", "--generate-hashes", "--emit-index-url", "--no-header",
                       "--default-index", o.pypi_url, "requirements.in", "-o", "requirements.txt"),
            (*node(clients.Pip), "install", "--target", "target", "--require-hashes", "-r", "requirements.txt"),
            "target/outside/__init__.py"),
}


def forget_what_was_installed(desk, but=None):
    """Another machine, to which the project was copied, and `but` of what is at home."""
    kept = desk.read(f"~/{but}") if but else ""
    for folder in (desk.folder / "cache", desk.folder / "tmp", desk.home, *desk.project.glob("node_modules"),
                   *desk.project.glob(".venv"), *desk.project.glob(".yarn")):
        shutil.rmtree(folder, ignore_errors=True)
        if folder.parent == desk.folder:
            folder.mkdir()
    if but:
        desk.write(f"~/{but}", kept).chmod(0o600)


@pytest.mark.parametrize("name", LOCKED)
def test_a_lockfile_comes_through_packhouse(desk, other, new_island, house, name):
    """Listed, rewritten once, and then installed where the host that it named cannot be reached."""
    client, lockfile, count, before, lock, install, brought = LOCKED[name]
    for path, text in before.items():
        desk.write(path, text)
    desk.run(*lock(other))
    host = other.npm_url.split("/")[2]
    locked = desk.read(lockfile)
    assert locked.count(host) == count
    forget_what_was_installed(desk)
    noun = "address" if count == 1 else "addresses"
    assert f"{lockfile}: {count} {noun} on {host} would go round Packhouse\n" in desk.succeed(client, "--write")
    assert desk.read(lockfile) == locked, "only --fix changes it"
    assert json.loads(desk.succeed(client, "--json"))["lockfiles"] == [
        {"path": lockfile, "host": host, "count": count, "fixable": count}]
    (desk.project / lockfile).chmod(0o640)
    assert f"{lockfile}: {count} {noun} on {host} now on Packhouse\n" in desk.succeed(client, "--fix")
    fixed = desk.read(lockfile)
    assert host not in fixed and desk.token not in fixed
    assert [line for line in fixed.splitlines() if "http" not in line] == [
        line for line in locked.splitlines() if "http" not in line]
    assert (desk.project / lockfile).stat().st_mode & 0o777 == 0o640
    assert "lock" not in desk.succeed(client, "--fix").replace("netrc", "")
    assert desk.read(lockfile) == fixed
    new_island(house).take(desk)
    desk.run(*install)
    came, = desk.project.glob(brought)
    assert came.read_text() == OUTSIDE[came.name]
    assert desk.read(lockfile) == fixed, "the client agrees with it"


def test_poetry_ends_it_itself(desk, other, new_island, house):
    """The lockfile's sources are renamed; Poetry then takes them with the same versions."""
    source = f'\n[[tool.poetry.source]]\nname = "corp"\nurl = "{other.pypi_url}"\npriority = "primary"\n'
    project = PYPROJECT.replace("[\n]", '["needs-outside"]') + "\n[tool.poetry]\npackage-mode = false\n"
    desk.write("pyproject.toml", project + source)
    desk.run(*node(clients.Poetry), "lock")
    host = other.pypi_url.split("/")[2]
    assert desk.read("poetry.lock").count(host) == 2
    assert 'names another source, too: "corp"' in desk.succeed("poetry")
    assert "packhouse setup poetry is for them" in desk.succeed("uv", "--fix")
    desk.write("pyproject.toml", project)
    said = desk.succeed("poetry", "--write", "--fix")
    assert f"poetry.lock: 2 addresses on {host} now on Packhouse\n" in said and "poetry lock" in said
    assert host not in desk.read("poetry.lock") and "corp" not in desk.read("poetry.lock")
    new_island(house).take(desk)
    forget_what_was_installed(desk, but=".netrc")
    desk.run(*node(clients.Poetry), "lock")
    desk.run(*node(clients.Poetry), "sync")
    assert host not in desk.read("poetry.lock") and list(desk.project.glob(".venv/lib/*/site-packages/outside"))
    assert "poetry lock" not in desk.succeed("poetry", "--write", "--fix")


def lock_of(**packages_of):
    return json.dumps({"name": "p", "lockfileVersion": 3, "packages": {"": {"name": "p"}, **{
        f"node_modules/{name.replace('__', '/')}": entry for name, entry in packages_of.items()}}}, indent=2)


def test_what_no_registry_has_is_told_and_stays(desk):
    far = {"version": "1.0.0", "resolved": "https://a.example.com/@far/scoped/-/scoped-1.0.0.tgz", "integrity": "sha512-AA=="}
    near = {"version": "2.0.0", "resolved": "https://b.example.com/near/-/near-2.0.0.tgz", "integrity": "sha512-AA=="}
    text = lock_of(**{"@far__scoped": far, "near": near, "g": {
        "version": "1.0.0", "resolved": "git+ssh://git@git.example.com/g.git#0123456789012345678901234567890123456789"}})
    desk.write("package-lock.json", text)
    shown = desk.succeed("npm")
    assert "package-lock.json: 1 address on a.example.com would go round Packhouse\n" in shown
    assert "package-lock.json: 1 package not through Packhouse: comes from git\n" in shown
    desk.succeed("npm", "--scope", "@far", "--fix")
    registry = f"{desk.server.url}/npm/acme/main/"
    fixed = text.replace("https://a.example.com/", registry)
    assert desk.read("package-lock.json") == fixed, "the scope alone"
    desk.succeed("npm", "--fix")
    assert desk.read("package-lock.json") == fixed.replace("https://b.example.com/", registry)


def test_other_families_are_left_to_themselves(desk):
    desk.write("requirements.txt", "--index-url https://pypi.example.com/simple\nsix==1.17.0\n")
    desk.write("notes.txt", "--index-url https://pypi.example.com/simple\n")
    assert "requirements.txt" not in desk.succeed("npm", "--fix")
    assert "requirements.txt: 1 address on pypi.example.com" in desk.succeed("uv")
    assert "notes.txt" not in desk.succeed("uv", "--fix")
    assert "pypi.example.com" in desk.read("notes.txt")


BROKEN_LOCKS = {
    "broken": (lambda desk: desk.write("package-lock.json", '{"lockfileVersion": 3,'), "package-lock.json:1"),
    "unknown": (lambda desk: desk.write("package-lock.json", '{"lockfileVersion": 9}'), "lockfileVersion 9"),
    "a link": (lambda desk: (desk.project / "package-lock.json").symlink_to("elsewhere"), "symbolic link"),
}


@pytest.mark.parametrize("name", BROKEN_LOCKS)
def test_a_broken_lockfile_is_no_reason_to_stop(desk, name):
    """The client is set up all the same; only --fix has to give up."""
    spoil, sentence = BROKEN_LOCKS[name]
    spoil(desk)
    said = desk.succeed("npm", "--write")
    assert "Not looked at: " in said and sentence in said
    told, = json.loads(desk.succeed("npm", "--json"))["lockfiles"]
    assert told["path"] == "package-lock.json" and sentence in told["trouble"]
    done = desk.setup("npm", "--fix")
    assert done.returncode == REFUSED and sentence in done.stderr
