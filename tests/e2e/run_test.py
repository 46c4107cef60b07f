"""./run on a machine that can build: what it prints can be typed as it stands."""

import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys

import pytest

import packages
from packhouse_server import ROOT
from patience import PATIENCE, until

LAST = "Ctrl-C stops the server."
WATCHES = "Policy careful only records what it would hold back; once logged in, this enforces it"
PROGRAM = ROOT / "build" / "release" / "packhouse"


class Run:
    def __init__(self, folder, *options, **variables):
        self.folder = folder
        self.log = folder / "run.log"
        environment = {key: value for key, value in os.environ.items() if not key.startswith("PACKHOUSE_")}
        environment.update(variables)
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen([ROOT / "run", "--data", folder / "data", *map(str, options)], cwd=ROOT,
                                            stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=environment)
        until(self.is_ready, "the server", within=6 * PATIENCE) # it may have to be built
        self.text = self.log.read_text()
        self.url = re.search(r"Packhouse is ready at (\S+)", self.text)[1]

    def is_ready(self):
        assert self.process.poll() is None, self.log.read_text()
        return LAST in self.log.read_text()

    def lines(self, section):
        """The commands that are printed below a heading."""
        after = self.text.split(f"\n{section}\n")[1]
        return [line.strip() for line in after.split("\n\n")[0].splitlines()]

    def stop(self, how=signal.SIGINT):
        self.process.send_signal(how)
        code = self.process.wait(PATIENCE)
        self.process = None
        return code


@pytest.fixture
def run(tmp_path):
    started = []

    def start(*options, **variables):
        started.append(Run(tmp_path, *options, **variables))
        return started[-1]

    yield start
    for one in started:
        if one.process:
            one.process.kill()
            one.process.wait()


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def type_in(line, folder, home):
    environment = {"PATH": f"{pathlib.Path(sys.executable).parent}:{os.environ['PATH']}", "HOME": str(home), "CI": "1",
                   "LANG": "C.UTF-8", "no_proxy": "127.0.0.1", "npm_config_update_notifier": "false"}
    done = subprocess.run(["bash", "-euc", line], cwd=folder, env=environment, text=True, timeout=PATIENCE,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == 0, f"{line}\n{done.stdout}"
    return done.stdout


def test_the_printed_lines_work_as_printed(run, tmp_path):
    """npm, twine, pip and curl: each line is typed as it stands; the next start finds all of it."""
    started = run("--port", free_port())
    home, project, app = tmp_path / "home", tmp_path / "hello", tmp_path / "app"
    for folder in (home, app):
        folder.mkdir()
    packages.NpmPackage(project, "hello", "1.0.0")
    set_registry, set_token, publish, install = started.lines("npm")
    for line in (set_registry, set_token, publish):
        type_in(line, project, home)
    (app / "package.json").write_text("{}")
    type_in(install, app, home)
    assert (app / "node_modules" / "hello" / "package.json").exists()

    packages.wheel("hello", "1.0").write(project / "dist")
    upload, install = started.lines("Python")
    type_in(upload, project, home)
    venv = tmp_path / "venv"
    type_in(f"{sys.executable} -m venv {venv}", tmp_path, home)
    type_in(f"{venv}/bin/{install}", app, home)
    type_in(f"{venv}/bin/python -c 'import hello'", app, home)

    (project / "web.tgz").write_bytes(os.urandom(100000))
    put, get = started.lines("Build artifacts")
    type_in(put, project, home)
    type_in(get, app, home)
    assert (app / "web.tgz").read_bytes() == (project / "web.tgz").read_bytes()

    login, explain = started.lines("Everything else")
    assert "You are owner" in type_in(login, ROOT, home)
    assert "usage: packhouse" in type_in(explain, ROOT, home)
    assert started.stop() == 0

    built = PROGRAM.stat().st_mtime_ns
    again = run("--port", free_port())
    assert PROGRAM.stat().st_mtime_ns == built and "Building" not in again.text, "the second start builds nothing"
    token = re.search(r"pkhp_\w+", started.text)[0]
    assert token not in again.text and "admin reset-token" in again.text
    got = type_in(again.lines("Build artifacts")[1].replace("$T", token), home, home)
    assert (home / "web.tgz").read_bytes() == (project / "web.tgz").read_bytes(), got
    assert again.stop(signal.SIGTERM) == 0


def test_the_readme_s_picture_is_what_is_printed(run):
    """Line by line, but for address, token and folder."""
    started = run("--port", free_port())
    picture = re.search(r"^```text\n\$ \./run\n(.*?)^```$", (ROOT / "README.md").read_text(), re.M | re.S)[1]
    plain = started.text[started.text.index("Packhouse is ready"):]
    plain = plain.replace(started.url, "http://127.0.0.1:8080").replace(started.url.split("//")[1], "127.0.0.1:8080")
    plain = re.sub(r"pkhp_\w+", "pkhp_4vJq…", plain).replace(f"kept in {started.folder}/data", "kept in data")
    assert plain == picture
    assert started.stop() == 0


def test_the_first_start_adds_what_npm_and_pip_ask(run, tmp_path):
    """One line each: the registry of this machine's client, or what to type where there is no such client."""
    clients = tmp_path / "clients"
    clients.mkdir()
    (clients / "npm").write_text("#!/bin/sh\necho http://me:secret@127.0.0.1:9/npm/\n")
    for name in ("pip", "pip3", "python3"):
        (clients / name).write_text("#!/bin/sh\nexit 127\n")
    for client in clients.iterdir():
        client.chmod(0o755)
    path = f"{clients}:{os.environ['PATH']}"
    first = run("--port", free_port(), PATH=path)
    assert "acme/main now looks at http://127.0.0.1:9/npm for npm packages" in first.text
    assert "packhouse upstream add pypi --url URL" in first.text and "secret" not in first.text
    assert "Revision 1 of the policy of acme is in audit mode" in first.text
    home = tmp_path / "home"
    home.mkdir()
    type_in(first.lines("Everything else")[0], ROOT, home)
    show = f"{PROGRAM} policy show --org acme"
    assert "\nmode: audit\n" in type_in(show, ROOT, home)
    type_in(first.lines(WATCHES)[0], ROOT, home)
    assert "\nmode: enforce\n" in type_in(show, ROOT, home), "as printed"
    assert first.stop() == 0
    second = run("--port", free_port(), PATH=path)
    assert "now looks at" not in second.text and "upstream add" not in second.text
    assert "Revision" not in second.text and WATCHES not in second.text
    assert second.stop() == 0


def test_no_upstreams_leaves_them_out(run):
    started = run("--port", free_port(), "--no-upstreams")
    assert "now looks at" not in started.text and "upstream add" not in started.text
    assert "policy" not in started.text
    assert started.stop() == 0


def test_a_port_that_is_taken_is_passed_over(run):
    """Without --port: 8080, or the next that nobody listens on."""
    with socket.socket() as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if one.connect_ex(("127.0.0.1", 8080)):
            one.close()
            taken = socket.create_server(("127.0.0.1", 8080))
        else:
            taken = None
    try:
        started = run()
        assert int(started.url.rsplit(":", 1)[1]) > 8080
        assert started.stop() == 0
    finally:
        if taken:
            taken.close()


def test_a_named_port_that_is_taken_is_told_before_there_is_a_token(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        for port in taken.getsockname()[1], 65536:
            done = subprocess.run([ROOT / "run", "--port", str(port), "--data", "data"], cwd=tmp_path, text=True,
                                  capture_output=True, timeout=6 * PATIENCE)
            assert done.returncode == 1 and f"cannot listen on port {port}" in done.stderr, done.stderr
    assert not (tmp_path / "data").exists()


def test_data_is_named_from_where_one_stands(tmp_path):
    """Also where it is called what the default is called."""
    with open(tmp_path / "run.log", "wb") as log:
        process = subprocess.Popen([ROOT / "run", "--no-upstreams", "--port", "0", "--data", "data"], cwd=tmp_path,
                                   stdout=log, stderr=log, stdin=subprocess.DEVNULL)
    try:
        until(lambda: process.poll() is not None or LAST in (tmp_path / "run.log").read_text(), "the server",
              within=6 * PATIENCE)
        assert f"kept in {tmp_path / 'data'}. " in (tmp_path / "run.log").read_text()
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 0
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("options", [["--port"], ["--port", "x"], ["--colour"], ["extra"]])
def test_a_wrong_option_is_told(options):
    done = subprocess.run([ROOT / "run", *options], text=True, capture_output=True, timeout=PATIENCE)
    assert done.returncode == 2 and "usage: ./run" in done.stderr


def test_missing_packages_without_root_are_one_line_to_run(tmp_path):
    """Nothing is installed: the line is printed, and the command ends."""
    (tmp_path / "dpkg-query").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "id").write_text("#!/bin/sh\necho 1000\n")
    (tmp_path / "apt-get").write_text("#!/bin/sh\necho apt-get was called >&2; exit 9\n")
    for tool in ("dpkg-query", "id", "apt-get"):
        (tmp_path / tool).chmod(0o755)
    done = subprocess.run([ROOT / "cmake" / "install_packages.sh", "build"], text=True, capture_output=True,
                          env={"PATH": f"{tmp_path}:{os.environ['PATH']}"})
    assert done.returncode == 1
    line, = [line for line in done.stderr.splitlines() if "apt-get" in line]
    assert "install -y --no-install-recommends" in line and "libcivetweb-dev" in line and "libcmocka-dev" not in line
    assert shutil.which("apt-get") and "was called" not in done.stderr
