"""Installs of the recorded application: straight from the upstream, through the server, and through peers.
Each has an empty client cache and an empty folder."""

import contextlib
import os
import pathlib
import shutil
import statistics
import time

import clients
import engines
import pulling
import recorded

# On a busy machine an install may take longer than documents are fresh.
SETTINGS = {"PACKHOUSE_UPSTREAM_ALLOW_ADDRESSES": "127.0.0.0/8", "PACKHOUSE_UPSTREAM_FRESH": "1h"}
TICK = os.sysconf("SC_CLK_TCK")


class Straight:
    """The upstream as clients know a registry."""

    token = "none"

    def __init__(self, upstream):
        self.upstream, self.url, self.npm, self.pypi = upstream, upstream.url, "/npm", "/pypi"

    def index_url(self, _token=None):
        return f"{self.url}/pypi/simple/"

    def pids(self):
        return self.upstream.pids()


class Pulling(engines.Server):
    """A server that has nothing yet and pulls through; upstreams are {format: URL}."""

    def __init__(self, folder, upstreams, settings=None):
        super().__init__(folder, settings={**SETTINGS, **(settings or {})})
        for kind, url in upstreams.items():
            pulling.attach(self, kind, url)

    def pids(self):
        return [self.pid]


class Through(Pulling):
    def __init__(self, folder, upstream):
        super().__init__(folder, {"npm": f"{upstream.url}/npm", "pypi": f"{upstream.url}/pypi/simple"})


def descendants(pid):
    """A process and all that it has started."""
    found = [pid]
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            found += descendants(int(child))
    return found


def cpu_seconds(pids):
    total = 0
    for pid in pids:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / TICK


def settle(place):
    """Until what goes on in the background has been done."""
    for _ in range(60):
        before = cpu_seconds(place.pids())
        time.sleep(1)
        if cpu_seconds(place.pids()) - before <= 2 / TICK:
            return
    raise SystemExit("bench: a server does not come to rest")


class Installer:
    """One client's install of the application; `run(place)` returns its seconds."""

    def __init__(self, folder):
        self.folder, self.count = pathlib.Path(folder) / self.name, 0

    def run(self, place):
        self.count += 1
        home = self.folder / str(self.count)
        run = self.prepare(home, place)
        began = time.monotonic()
        run()
        took = time.monotonic() - began
        self.check(home)
        shutil.rmtree(home)
        return took


class NpmCi(Installer):
    name, kind = "npm ci", "npm"

    def prepare(self, home, place):
        npm = clients.Npm(home, place)
        recorded.copy_project("npm", home / "project", npm.registry)
        return lambda: npm("ci", "--ignore-scripts", "--legacy-peer-deps", cwd=home / "project", timeout=3600)

    def check(self, home):
        count = sum(1 for name in recorded.locked() if (home / "project" / name / "package.json").exists())
        if count < recorded.need()["npm"]:
            raise SystemExit(f"bench: npm installed {count} packages")


class Pip(Installer):
    name, kind = "pip install", "pypi"

    def prepare(self, home, place):
        pip = clients.Pip(home, place)
        pip.command = (engines.clients_python(), "-m", "pip")
        recorded.copy_project("pypi", home / "project", None)
        return lambda: pip("install", "--no-compile", "--only-binary", ":all:", "--target", home / "target",
                           "-r", "requirements.txt", cwd=home / "project", timeout=3600)

    def check(self, home):
        count = sum(1 for _ in (home / "target").glob("*.dist-info"))
        if count < recorded.need()["pypi"]:
            raise SystemExit(f"bench: pip installed {count} packages")


class UvSync(Installer):
    name, kind = "uv sync", "pypi"

    def prepare(self, home, place):
        python = pathlib.Path(engines.clients_python())
        uv = clients.Uv(home, place)
        uv.command = (python.parent / "uv",)
        recorded.copy_project("pypi", home / "project", None)
        env = {"UV_PYTHON": str(python), "UV_NO_CONFIG": "0"}
        return lambda: uv("sync", cwd=home / "project", timeout=3600, env=env)

    def check(self, home):
        count = sum(1 for _ in (home / "project").glob(".venv/lib/python*/site-packages/*.dist-info"))
        if count < recorded.need()["pypi"]:
            raise SystemExit(f"bench: uv installed {count} packages")


INSTALLERS = {installer.name: installer for installer in (NpmCi, Pip, UvSync)}


def peak_mb(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise SystemExit("bench: no VmHWM")


class Result:
    def __init__(self, installer):
        self.installer = installer
        self.straight, self.cold, self.warm, self.peaks, self.colds_cpu = [], [], [], [], []
        self.asked_cold, self.asked_warm = [], []  # counters of what the upstream was asked
        self.nginx_cpu, self.cpu = [], []


def measure_one(folder, make, rounds):
    installer = make(folder)
    result = Result(installer)
    upstream = recorded.Upstream(folder / "upstream").start()
    server = None
    try:
        for number in range(rounds):
            if server:
                server.stop()
                shutil.rmtree(server.folder)
            server = Through(folder / "server", upstream)
            upstream.asked()

            def straight():
                result.straight.append(installer.run(Straight(upstream)))
                upstream.asked()

            def cold():
                before = cpu_seconds(server.pids())
                result.cold.append(installer.run(server))
                result.peaks.append(peak_mb(server.pid))
                result.asked_cold.append(upstream.asked())
                settle(server)
                result.colds_cpu.append(cpu_seconds(server.pids()) - before)

            for step in (straight, cold) if number % 2 else (cold, straight):
                step()
        result.warm.append(installer.run(server))
        result.asked_warm.append(upstream.asked())
        upstream.stop()
        upstream = recorded.Upstream(folder / "plain", delay=0, log=False).start()
        settle(server)
        for _ in range(max(rounds, 2)):
            for place, results in ((Straight(upstream), result.nginx_cpu), (server, result.cpu)):
                before = cpu_seconds(place.pids())
                installer.run(place)
                results.append(cpu_seconds(place.pids()) - before)
        return result
    finally:
        with contextlib.ExitStack() as stack:
            stack.callback(upstream.stop)
            if server:
                stack.callback(server.stop)


def measure(folder, rounds, names):
    recorded.need()
    return [measure_one(folder / name.replace(" ", "-"), INSTALLERS[name], rounds) for name in names]


def rows(results):
    facts = recorded.need()
    for result in results:
        name = f"{result.installer.name}, {facts[result.installer.kind]:,} packages"
        median = statistics.median
        ratio = median(ours / theirs for ours, theirs in zip(result.cold, result.straight))
        yield (f"{name}: cold", f"{median(result.straight):.1f} s", f"{median(result.cold):.1f} s",
               f"{ratio:.2f}", "≤ 1.1", ratio <= 1.1)
        yield (f"{name}: warm, server's CPU time", f"{median(result.nginx_cpu):.2f} s",
               f"{median(result.cpu):.2f} s", f"{sum(result.cpu) / sum(result.nginx_cpu):.2f}", "≤ 3",
               sum(result.cpu) <= 3 * sum(result.nginx_cpu))
        yield (f"{name}: cold, server's CPU time", "", f"{median(result.colds_cpu):.2f} s", "", "", True)
        yield (f"{name}: peak memory of the cold install", "", f"{max(result.peaks):.0f} MB", "", "≤ 150 MB",
               max(result.peaks) <= 150)
        worst = max(max(asked.values()) for asked in result.asked_cold)
        total = median(sum(asked.values()) for asked in result.asked_cold)
        yield (f"{name}: upstream requests, cold", "", f"{total:,.0f}, at most {worst} for one thing", "",
               "≤ 1 for one thing", worst <= 1)
        again = sum(sum(asked.values()) for asked in result.asked_warm)
        yield (f"{name}: upstream requests, warm", "", f"{again}", "", "0", again == 0)
