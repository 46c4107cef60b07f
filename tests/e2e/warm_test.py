"""packhouse warm: after it, what a lockfile names installs without the upstream; what it says of URLs is
never followed."""

import hashlib
import json
import os
import pty
import signal
import socket
import subprocess
import threading

import pytest

import clients
import packages
from packhouse_server import binary
from patience import PATIENCE, until
from pulling import attach

SETTINGS = {"PACKHOUSE_UPSTREAM_ALLOW_ADDRESSES": "127.0.0.0/8", "PACKHOUSE_UPSTREAM_RETRIES": "0"}
pytestmark = pytest.mark.settings(**SETTINGS)
DONE, REFUSED, USAGE, DENIED, ABSENT, TAKEN, UNREACHABLE = range(7)


@pytest.fixture
def pulling(server, upstream):
    attach(server, "npm", upstream.npm_url)
    attach(server, "pypi", upstream.pypi_url)
    return server


class Warm:
    """`packhouse warm …` as at a terminal, in a folder with lockfiles."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir()

    def write(self, name, text):
        (self.folder / name).write_text(text)
        return name

    def environment(self, server, **more):
        return {"PATH": os.environ["PATH"], "HOME": str(self.folder), "PACKHOUSE_URL": server.url,
                "PACKHOUSE_TOKEN": server.token, "PACKHOUSE_REPO": "acme/main", "no_proxy": "127.0.0.1", **more}

    def __call__(self, server, *words, **more):
        return subprocess.run([binary(), "warm", *words], cwd=self.folder, text=True, capture_output=True,
                              stdin=subprocess.DEVNULL, timeout=PATIENCE, env=self.environment(server, **more))


@pytest.fixture
def warm(tmp_path):
    return Warm(tmp_path / "warm")


def npm_lock(*versions, **urls):
    """A package-lock.json of "name@version"s."""
    table = {"": {"name": "project"}}
    for number, spec in enumerate(versions):
        name, _, version = spec.rpartition("@")
        table[f"node_modules/x{number}/node_modules/{name}"] = {"version": version, **({"resolved": urls[name]} if name in urls else {})}
    return json.dumps({"lockfileVersion": 3, "packages": table}, indent=2)


def made_by(kind):
    """A project with the lockfile that a client of npm's makes of it."""
    def make(folder, server, lockfile):
        client = kind(folder, server)
        project = client.new_project()
        client.install("needs-outside", project=project)
        assert (project / lockfile).exists()
        return project

    return make


def made_by_uv(folder, server, lockfile):
    client = clients.Uv(folder, server)
    project = client.new_folder("project")
    (project / "pyproject.toml").write_text('[project]\nname = "project"\nversion = "1.0.0"\n'
                                            'requires-python = ">=3.9"\ndependencies = ["needs-outside"]\n')
    client("lock", cwd=project)
    if lockfile == "requirements.txt":
        client("export", "--frozen", "--no-emit-project", "--quiet", "-o", lockfile, cwd=project)
    return project


MAKERS = {"npm": made_by(clients.Npm), "pnpm": made_by(clients.Pnpm), "pip": made_by_uv, "uv": made_by_uv}


@pytest.mark.parametrize("kind, lockfile", [("npm", "package-lock.json"), ("pnpm", "pnpm-lock.yaml"),
                                            ("pip", "requirements.txt"), ("uv", "uv.lock")])
def test_what_a_lockfile_names_installs_without_the_upstream(pulling, upstream, new_server, warm, request, tmp_path,
                                                             kind, lockfile):
    """The lockfile is the client's own, made elsewhere; here nobody has asked for anything yet."""
    elsewhere = new_server(settings=SETTINGS)
    for form, url in (("npm", upstream.npm_url), ("pypi", upstream.pypi_url)):
        attach(elsewhere, form, url)
    client = request.getfixturevalue(kind)
    project = MAKERS[kind](tmp_path / "maker", elsewhere, lockfile)
    text = (project / lockfile).read_text().replace(elsewhere.url, pulling.url)
    (project / lockfile).write_text(text)
    elsewhere.stop()
    upstream.forget()

    done = warm(pulling, str(project / lockfile), "--json")
    assert done.returncode == DONE, done.stderr
    told = json.loads(done.stdout)
    assert told["packages"] == told["warmed"] >= 2 and told["bytes"] > 0 and told["failed"] == []
    upstream.go("down")
    if kind == "pip":
        assert "needs_outside/__init__.py" in client.install("-r", project / lockfile).files
    elif kind == "uv":
        client("sync", "--frozen", cwd=project)
        assert list((project / ".venv").rglob("needs_outside/__init__.py"))
    else:
        client.reinstall(project)
        assert b"needs-outside" in (project / "node_modules" / "needs-outside" / "index.js").read_bytes()


class Listener:
    """Nobody is to come here."""

    def __init__(self):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}"
        self.came = 0
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self):
        try:
            while True:
                self.socket.accept()[0].close()
                self.came += 1
        except OSError:
            pass


def test_the_urls_of_a_lockfile_and_of_a_document_are_never_asked(new_server, upstream, warm):
    trap = Listener()
    # Documents name public_url, which is another way to the server than the one that warm was told.
    server = new_server(settings={**SETTINGS, "PACKHOUSE_PUBLIC_URL": trap.url})
    attach(server, "npm", upstream.npm_url)
    attach(server, "pypi", upstream.pypi_url)
    wheel = f"{trap.url}/files/outside-1.1-py3-none-any.whl"
    files = [
        warm.write("package-lock.json", npm_lock("outside@1.0.0", outside=f"{trap.url}/outside/-/outside-1.0.0.tgz")),
        warm.write("pnpm-lock.yaml", "lockfileVersion: '9.0'\npackages:\n  outside@1.1.0:\n"
                   f"    resolution: {{tarball: {trap.url}/outside/-/outside-1.1.0.tgz}}\n"),
        warm.write("yarn.lock", '"@far/scoped@^1":\n  version "1.0.0"\n'
                   f'  resolved "{trap.url}/@far/scoped/-/scoped-1.0.0.tgz#00"\n'),
        warm.write("bun.lock", '{"lockfileVersion": 1, "packages": {"x": ["needs-outside@1.0.0", '
                   f'"{trap.url}/needs-outside/-/needs-outside-1.0.0.tgz", {{}}]}}}}'),
        warm.write("requirements.txt", f"--index-url {trap.url}/simple\nneeds-outside==1.0\n"
                   f"elsewhere @ {trap.url}/elsewhere-1.0-py3-none-any.whl\n"),
        warm.write("uv.lock", 'version = 1\n[[package]]\nname = "outside"\nversion = "1.1"\n'
                   f'source = {{ registry = "{trap.url}/simple" }}\nwheels = [{{ url = "{wheel}" }}]\n'),
    ]
    done = warm(server, *files, "--json")
    assert done.returncode == DONE, done.stderr + done.stdout
    assert json.loads(done.stdout)["warmed"] == 6
    assert [one["name"] for one in json.loads(done.stdout)["left_out"]] == ["elsewhere"]
    assert trap.came == 0
    for path in ("*/outside-1.0.0.tgz", "*/outside-1.1.0.tgz", "*/scoped-1.0.0.tgz", "*/needs-outside-1.0.0.tgz",
                 "*/needs_outside-1.0-py3-none-any.whl", "*/outside-1.1-py3-none-any.whl"):
        assert upstream.asked(path), path
    trap.socket.close()


def test_a_package_is_asked_for_once_however_often_it_is_named(pulling, upstream, warm):
    warm.write("package-lock.json", npm_lock("outside@1.0.0", "outside@1.0.0", "@far/scoped@1.0.0"))
    warm.write("npm-shrinkwrap.json", npm_lock("outside@1.0.0"))
    for _ in range(2):
        done = warm(pulling, "package-lock.json", "npm-shrinkwrap.json", "--jobs", "2")
        assert done.returncode == DONE and done.stdout.startswith("warmed 2 of 2 packages, "), done.stderr
        assert [len(upstream.asked(path)) for path in ("/npm/outside", "*/outside-1.0.0.tgz", "*/scoped-1.0.0.tgz")] \
            == [1, 1, 1]


def test_of_a_python_version_those_files_come_that_the_lockfile_has_a_digest_of(pulling, upstream, warm):
    digest = hashlib.sha256(packages.wheel("outside", "1.1").content).hexdigest()
    warm.write("requirements.txt", f"Outside==1.1.0 --hash=sha256:{digest}\n")
    assert warm(pulling, "requirements.txt").returncode == DONE
    assert upstream.asked("*/outside-1.1-py3-none-any.whl")
    assert not upstream.asked("*/outside-1.1.tar.gz") and not upstream.asked("*/outside-1.0*")
    warm.write("requirements.txt", "outside==1.1\n")
    assert warm(pulling, "requirements.txt").returncode == DONE
    assert upstream.asked("*/outside-1.1.tar.gz") and not upstream.asked("*/outside-1.0*")


def test_what_failed_is_listed_with_the_server_s_reason(pulling, upstream, warm):
    warm.write("package-lock.json", npm_lock("outside@1.0.0", "outside@9.9.9", "absent@1.0.0", "@far/scoped@1.0.0"))
    warm.write("requirements.txt", "outside==1.1\noutside==7\nneeds-outside==1.0 --hash=sha256:" + "0" * 64 + "\n")
    done = warm(pulling, "package-lock.json", "requirements.txt")
    assert done.returncode == REFUSED
    assert done.stdout.startswith("warmed 3 of 7 packages, ")
    for name in ("npm:absent@1.0.0", "npm:outside@9.9.9"):
        assert f"packhouse: {name}: " in done.stderr
    assert "packhouse: pypi:outside@7: the server lists no file of this version\n" in done.stderr
    assert "packhouse: pypi:needs-outside@1.0: none of its files is one that the lockfile names\n" in done.stderr
    told = json.loads(warm(pulling, "package-lock.json", "--json").stdout)
    assert (told["packages"], told["warmed"]) == (4, 2)
    assert {one["package"] for one in told["failed"]} == {"npm:absent@1.0.0", "npm:outside@9.9.9"}
    assert all(one["reason"] for one in told["failed"])


def test_what_comes_from_no_registry_is_told_and_left_out(pulling, warm):
    warm.write("requirements.txt", "-r more.txt\noutside \\\n==1.1\n-e .\nloose\nlooser>1\nloosest\nvague\n")
    done = warm(pulling, "requirements.txt")
    assert done.returncode == DONE and done.stdout.startswith("warmed 1 of 1 packages"), done.stderr
    assert "left out: requirements.txt:1: is the file more.txt, which is not read from here\n" in done.stderr
    assert ("left out: requirements.txt:5 loose, requirements.txt:6 looser, requirements.txt:7 loosest and 1 more: "
            "is not locked to one version with ==\n") in done.stderr


@pytest.mark.parametrize("name, text, complaint", [
    ("package.json", "{}", "package.json is no lockfile whose name is known: package-lock.json, "),
    ("bun.lockb", "", "bun's old binary lockfile"),
    ("package-lock.json", '{\n"lockfileVersion": 3,\n"packages": {]', "package-lock.json:3: "),
    ("package-lock.json", "", "package-lock.json:1: "),
    ("poetry.lock", '[[package]]\nname = "a"\nversion = "1"\n', "poetry.lock:4: is no lockfile of poetry, or has been cut off"),
    ("absent/yarn.lock", None, "absent/yarn.lock does not exist"),
])
def test_what_cannot_be_read_is_told_and_nothing_is_asked(server, warm, name, text, complaint):
    """The server here has no upstream, and is not asked."""
    if text is not None:
        warm.write(name, text)
    done = warm(server, name, PACKHOUSE_URL="http://127.0.0.1:9")
    assert done.returncode == USAGE and complaint in done.stderr and not done.stdout


def test_an_empty_list_is_no_failure(server, warm):
    warm.write("requirements.txt", "# nothing yet\n")
    done = warm(server, "requirements.txt")
    assert done.returncode == DONE and done.stdout == "nothing to warm: no package of a registry is named\n"
    assert json.loads(warm(server, "requirements.txt", "--json").stdout)["packages"] == 0


def test_what_would_meet_every_package_ends_it(pulling, warm):
    warm.write("package-lock.json", npm_lock("outside@1.0.0", "@far/scoped@1.0.0", "needs-outside@1.0.0"))
    done = warm(pulling, "package-lock.json", PACKHOUSE_TOKEN="pkhp_wrong")
    assert done.returncode == DENIED and done.stderr.count("packhouse: ") == 1
    done = warm(pulling, "package-lock.json", PACKHOUSE_URL="http://127.0.0.1:9")
    assert done.returncode == UNREACHABLE and "cannot reach http://127.0.0.1:9" in done.stderr
    for wrong in ("0", "65", "many"):
        assert warm(pulling, "package-lock.json", "--jobs", wrong).returncode == USAGE


def read_all(terminal):
    """Until nobody has it open any more, which Linux calls an error."""
    seen = b""
    try:
        while piece := os.read(terminal, 1 << 16):
            seen += piece
    except OSError:
        pass
    return seen


def test_a_terminal_sees_a_bar_and_a_log_sees_lines(pulling, warm):
    warm.write("package-lock.json", npm_lock("outside@1.0.0", "@far/scoped@1.0.0", "needs-outside@1.0.0"))
    ours, theirs = pty.openpty()
    with subprocess.Popen([binary(), "warm", "package-lock.json"], cwd=warm.folder, stdout=subprocess.PIPE, text=True,
                          stdin=subprocess.DEVNULL, stderr=theirs, env=warm.environment(pulling, TERM="xterm")) as done:
        os.close(theirs)
        seen, said = read_all(ours), done.stdout.read()
    os.close(ours)
    assert done.returncode == DONE and said.startswith("warmed 3 of 3 packages")
    assert b"\r[" in seen and b"#] 3 of 3 packages, " in seen and seen.endswith(b"\r\x1b[K")
    log = warm(pulling, "package-lock.json")
    lines = (log.stderr + log.stdout).splitlines()
    assert 1 <= len(lines) <= 10 and all(line.startswith("warmed ") for line in lines)
    assert [line for line in lines if "3 of 3" in line] == [log.stdout.rstrip()], "the end is told once"
    assert not warm(pulling, "package-lock.json", "--json").stderr


def test_it_can_be_stopped_and_goes_on_where_it_was(pulling, upstream, warm):
    warm.write("package-lock.json", npm_lock("outside@1.0.0", "@far/scoped@1.0.0"))
    upstream.go("paused")
    process = subprocess.Popen([binary(), "warm", "package-lock.json"], cwd=warm.folder, text=True,
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               env=warm.environment(pulling))
    until(lambda: upstream.asked("/npm/outside"))
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130 and not out
    assert err == "packhouse: stopped after 0 of 2 packages; the same command goes on\n"
    upstream.go("up")
    assert warm(pulling, "package-lock.json").stdout.startswith("warmed 2 of 2 packages")
