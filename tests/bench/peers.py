"""Other servers that pull Python packages through, from where this machine's own pip gets packages: into an
environment of their own beside the recording."""

import base64
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import time
import urllib.request

import engines
import installs
import recorded

FOLDER = recorded.CACHE / "bench-peers"


def environment():
    """Their bin folder; None where pip cannot get them."""
    if not (FOLDER / "complete").exists():
        print("installing proxpi and devpi …", file=sys.stderr)
        shutil.rmtree(FOLDER, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", str(FOLDER)], check=True)
        done = subprocess.run([str(FOLDER / "bin" / "pip"), "install", "--quiet", "proxpi", "gunicorn", "devpi-server"],
                              stdout=sys.stderr)
        if done.returncode:
            return None
        (FOLDER / "complete").touch()
    return FOLDER / "bin"


class Peer:
    token, pypi = "none", ""

    def __init__(self, folder, bin, upstream):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True)
        self.port = engines.free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = self.folder / "log"
        self.start(bin, f"{upstream.url}/pypi/simple/")

    def spawn(self, *command, **environment):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([*map(str, command)], cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log, env={**os.environ, **environment})
        for _ in range(6000):
            if engines.is_taken(self.port):
                return
            if self.process.poll() is not None:
                break
            time.sleep(0.01)
        raise SystemExit(f"bench: {command[0]} does not start\n{self.log.read_text()[-2000:]}")

    def pids(self):
        return installs.descendants(self.process.pid)

    def stop(self):
        self.process.terminate()
        self.process.wait(60)


class Proxpi(Peer):
    name = "proxpi"

    def start(self, bin, index):
        self.spawn(bin / "gunicorn", "--bind", f"127.0.0.1:{self.port}", "--workers", "1", "--threads", "8",
                   "proxpi.server:app", PROXPI_INDEX_URL=index, PROXPI_CACHE_DIR=str(self.folder / "cache"),
                   PROXPI_CACHE_SIZE=str(5 << 30))

    def index_url(self, _token=None):
        return f"{self.url}/index/"


class Devpi(Peer):
    name = "devpi"

    def start(self, bin, index):
        data = self.folder / "data"
        subprocess.run([str(bin / "devpi-init"), "--serverdir", str(data), "--no-root-pypi"], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.spawn(bin / "devpi-server", "--serverdir", data, "--host", "127.0.0.1", "--port", self.port,
                   "--threads", "8")
        token = self.ask("POST", "/+login", {"user": "root", "password": ""})["result"]["password"]
        login = base64.b64encode(f"root:{token}".encode()).decode()
        self.ask("PUT", "/root/mirror", {"type": "mirror", "mirror_url": index, "volatile": True}, {"X-Devpi-Auth": login})

    def ask(self, method, path, body, more=None):
        headers = {"Content-Type": "application/json", "Accept": "application/json", **(more or {})}
        request = urllib.request.Request(self.url + path, json.dumps(body).encode(), headers, method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read())

    def index_url(self, _token=None):
        return f"{self.url}/root/mirror/+simple/"


def measure(folder, rounds):
    """Each install cold, and then warm with the servers' CPU time: {name: {server: [(cold, warm, CPU), …]}}."""
    bin = environment()
    found = {}
    for number in range(rounds):
        for make in (installs.Through, *((Proxpi, Devpi) if bin else ())):
            for installer in (installs.Pip(folder / "clients"), installs.UvSync(folder / "clients")):
                upstream = recorded.Upstream(folder / "upstream").start()
                server = None
                try:
                    server = (make(folder / "server", upstream) if make is installs.Through
                              else make(folder / "server", bin, upstream))
                    cold = installer.run(server)
                    installs.settle(server)
                    before = installs.cpu_seconds(server.pids())
                    warm = installer.run(server)
                    cpu = installs.cpu_seconds(server.pids()) - before
                finally:
                    if server:
                        server.stop()
                    upstream.stop()
                    shutil.rmtree(folder / "server", ignore_errors=True)
                name = getattr(make, "name", "Packhouse")
                found.setdefault(installer.name, {}).setdefault(name, []).append((cold, warm, cpu))
    return found


def rows(found):
    for name, servers in found.items():
        for index, what in enumerate(("cold", "warm", "warm, server's CPU time")):
            medians = {server: statistics.median(run[index] for run in runs) for server, runs in servers.items()}
            ours, others = medians["Packhouse"], [medians.get(peer.name) for peer in (Proxpi, Devpi)]
            best = min([value for value in others if value is not None], default=ours)
            yield (f"{name}, {recorded.need()['pypi']} packages: {what}",
                   *("not installed" if value is None else f"{value:.2f} s" for value in others), f"{ours:.2f} s",
                   f"{ours / best:.2f}", "", True)
