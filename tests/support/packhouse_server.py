"""A real server on a free port of the loopback, started as ./run starts it."""

import base64
import json
import os
import pathlib
import re
import signal
import subprocess
import time
import urllib.parse

import wire
from patience import PATIENCE

ROOT = pathlib.Path(__file__).resolve().parents[2]
SANITIZER = re.compile(r"(ERROR|WARNING): \w+Sanitizer|runtime error:|SUMMARY: \w+Sanitizer")
DEFAULT = object()


def binary():
    """The program under test: $PACKHOUSE_BINARY, or the one with the sanitizers."""
    return os.environ.get("PACKHOUSE_BINARY") or str(ROOT / "build" / "dev" / "packhouse")


def is_slow(seconds, limit):
    """Longer than the limit, where the machine has nothing else to do; else in proportion."""
    return seconds > limit * max(1, os.getloadavg()[0] / os.cpu_count())


class Server:
    """`start` is part of making one; `stop` ends it as Ctrl-C does and looks for complaints."""

    def __init__(self, folder, org="acme", repo="main", settings=None, preload=None, environment=None,
                 data=None, start=True, ready_within=PATIENCE):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.data = str(data or self.folder / "data")
        self.org, self.repo = org, repo
        self.log = self.folder / "server.log"
        self.process = None
        self.port = 0
        self.ready_within = ready_within
        self.environment = dict(os.environ)
        # Every setting has such a name (DESIGN 2); a test's own, and none of the person's.
        for name in [n for n in self.environment if n.startswith("PACKHOUSE_")]:
            del self.environment[name]
        # With a sanitizer, 1,280 workers cost every start and stop a quarter of a second.
        self.environment["PACKHOUSE_WORKERS"] = "128"
        # A machine for tests may have a small disk, and their upstreams are on the loopback.
        self.environment["PACKHOUSE_UPSTREAM_REFUSE_BYTES"] = "0"
        self.environment["PACKHOUSE_UPSTREAM_REFUSE_PERCENT"] = "0"
        self.environment.update(settings or {})
        self.environment.update(environment or {})
        if preload:
            self.environment["LD_PRELOAD"] = str(preload)
            self.environment["ASAN_OPTIONS"] = "verify_asan_link_order=0"
        self.token = None
        if not os.path.exists(self.data) or not os.listdir(self.data):
            self.init()
        if start:
            self.start()

    def init(self):
        made = self.command("init", "--data", self.data, "--org", self.org, "--repo", self.repo, "--json")
        self.token = json.loads(made.stdout)["token"]

    def command(self, *arguments, check=True):
        """Runs the program on the data directory itself, without what is injected into the server."""
        environment = {k: v for k, v in self.environment.items() if k != "LD_PRELOAD"}
        done = subprocess.run([binary(), *map(str, arguments)], env=environment, text=True,
                              capture_output=True, timeout=PATIENCE)
        if check and done.returncode:
            raise AssertionError(f"packhouse {' '.join(map(str, arguments))}: exit {done.returncode}\n"
                                 f"{done.stdout}{done.stderr}")
        return done

    def start(self):
        """Returns the seconds until the ready file was there. A port that it had before may have been
        given to somebody else meanwhile, for as long as that takes."""
        end = time.monotonic() + PATIENCE
        while True:
            told = os.path.getsize(self.log) if self.log.exists() else 0
            try:
                return self.start_once()
            except AssertionError:
                is_taken = self.port and b"could not listen" in self.log.read_bytes()[told:]
                if not is_taken or time.monotonic() > end:
                    raise
                time.sleep(0.1)

    def start_once(self):
        ready = self.folder / "ready.json"
        ready.unlink(missing_ok=True)
        with open(self.log, "ab") as log:
            began = time.monotonic()
            self.process = subprocess.Popen(
                [binary(), "serve", "--data", self.data, "--listen", f"127.0.0.1:{self.port}",
                 "--ready-file", str(ready)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.environment,
                cwd=self.folder)
        while not ready.exists():
            if self.process.poll() is not None:
                raise AssertionError(f"the server ended with {self.process.returncode}\n{self.tail()}")
            if time.monotonic() - began > self.ready_within:
                self.kill9()
                raise AssertionError(f"the server was not ready in {self.ready_within} s\n{self.tail()}")
            time.sleep(0.002)
        took = time.monotonic() - began
        said = json.loads(ready.read_text())
        assert said["pid"] == self.process.pid
        self.url = said["url"].rstrip("/")
        parts = urllib.parse.urlsplit(self.url)
        self.host, self.port = parts.hostname, parts.port
        return took

    def tail(self, lines=60):
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    @property
    def pid(self):
        return self.process.pid

    def stop(self, within=PATIENCE):
        """SIGTERM; the server must end with 0 and have nothing on its conscience."""
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(within)
        except subprocess.TimeoutExpired:
            self.kill9()
            raise AssertionError(f"the server did not stop in {within} s\n{self.tail()}") from None
        self.process = None
        self.check_log()
        assert code == 0, f"the server ended with {code}\n{self.tail()}"

    def check_log(self):
        text = self.log.read_text(errors="replace")
        found = SANITIZER.search(text)
        assert not found, text[max(0, found.start() - 500):][:8000]

    def restart(self):
        """Stops and starts on the same address; returns the seconds until it was ready."""
        self.stop()
        return self.start()

    def kill9(self):
        """What a power switch does to the process, and nothing to the disk."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def verify(self, full=True):
        """`packhouse verify` on the directory, in use or not. Returns its report; findings fail."""
        done = self.command("verify", "--data", self.data, *(["--full"] if full else []), "--json",
                            check=False)
        assert done.returncode == 0, f"verify: exit {done.returncode}\n{done.stdout[:4000]}{done.stderr}"
        return json.loads(done.stdout)

    # What tests ask over HTTP.

    def connect(self, timeout=PATIENCE):
        return wire.Connection(self.host, self.port, timeout)

    def socket(self, timeout=PATIENCE):
        return wire.connect(self.host, self.port, timeout)

    def raw(self, data, timeout=PATIENCE, half_close=False):
        return wire.raw(self.host, self.port, data, timeout, half_close)

    def http(self, method, path, body=None, headers=(), token=DEFAULT, timeout=PATIENCE):
        """One request on a connection of its own. With the owner's token, unless `token` is another
        one or None, or `headers` brings an Authorization."""
        pairs = list(headers.items() if isinstance(headers, dict) else headers)
        if token is DEFAULT:
            token = self.token
        if token and not any(name.lower() == "authorization" for name, _ in pairs):
            pairs.append(("Authorization", f"Bearer {token}"))
        with self.connect(timeout) as connection:
            return connection.request(method, path, pairs, body)

    def get(self, path, **more):
        return self.http("GET", path, **more)

    def head(self, path, **more):
        return self.http("HEAD", path, **more)

    def put(self, path, body=b"", **more):
        return self.http("PUT", path, body, **more)

    def post(self, path, body=b"", **more):
        return self.http("POST", path, body, **more)

    def send(self, request, **more):
        """Sends one of the requests of shapes.py."""
        return self.http(request.method, request.path, request.body, request.headers, **more)

    # Where each format lives in the repository that init made; add a path that begins with "/".

    @property
    def npm(self):
        return f"/npm/{self.org}/{self.repo}"

    @property
    def pypi(self):
        return f"/pypi/{self.org}/{self.repo}"

    @property
    def artifacts(self):
        return f"/artifacts/{self.org}/{self.repo}"

    def index_url(self, token=DEFAULT):
        """The index as pip's users write it, with the token in it."""
        token = self.token if token is DEFAULT else token
        return self.url.replace("://", f"://__token__:{token}@") + f"{self.pypi}/simple/"

    def basic(self, user, password):
        pair = base64.b64encode(f"{user}:{password}".encode()).decode()
        return ("Authorization", f"Basic {pair}")

    def rss_kib(self):
        for line in pathlib.Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1])
        raise AssertionError("no VmRSS")
