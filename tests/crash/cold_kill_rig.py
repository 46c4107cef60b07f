"""kill -9 while bun and uv install, for the first time, what the server has to fetch.

    python tests/crash/cold_kill_rig.py 100

Each install is of names that nobody has asked for before, so that documents, owners, pins and files are all
on their way into the store when the server dies. After each kill: stage/ is empty, `packhouse verify --full` is
clean, and installs of the same names by clients that have nothing yet are right and complete."""

import os
import pathlib
import random
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "support"))

import clients
import packages
import trees
from packhouse_server import Server
from patience import PATIENCE
from pulling import attach
from upstream import Upstream

KINDS = (clients.Bun, clients.UvProject)
PACKAGES = 12  # of each format, in one install
SETTINGS = {"PACKHOUSE_UPSTREAM_ALLOW_ADDRESSES": "127.0.0.1/32",
            # Files below and above it go different ways.
            "PACKHOUSE_UPSTREAM_VERIFY_FIRST_MAX": "1 MiB"}


class Installing:
    """One client, on its way; ends when the server does, or is ended."""

    def __init__(self, client, top):
        self.process = subprocess.Popen([*map(str, client.command), "add", top], cwd=client.new_project(),
                                        env=client.environment, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def is_over(self):
        return self.process.poll() is not None

    def end(self):
        """True where it had come to its end."""
        over = self.process.poll() == 0
        self.process.kill()
        self.process.wait()
        return over


class Rig:
    def __init__(self, folder, seed):
        self.folder, self.seed, self.rng = pathlib.Path(folder), seed, random.Random(seed)
        self.upstream = Upstream(seed=seed)
        self.server = Server(self.folder / "server", settings=SETTINGS)
        attach(self.server, "npm", self.upstream.npm_url)
        attach(self.server, "pypi", self.upstream.pypi_url)
        self.kills = self.cut = self.desks = 0
        self.slowest = 0.0

    def close(self):
        self.server.kill9()
        self.upstream.close()

    def plant(self):
        """A package of each format that needs all others of it; returns its name, and what an install leaves."""
        top = f"top-{self.seed}-{self.kills}"
        names = [f"{top}-{number}" for number in range(PACKAGES - 1)]
        self.upstream.npm.packages.clear()
        self.upstream.pypi.projects.clear()
        for name in [*names, top]:
            noise = self.rng.randbytes(self.rng.choice((1000, 20_000, 300_000, 1_500_000)))
            files = {"who.txt": f"{name} 1.0.0", "noise": noise}
            needed = names if name == top else []
            self.upstream.npm.add(name, "1.0.0", files, dependencies=dict.fromkeys(needed, "^1.0.0"))
            self.upstream.pypi.add(packages.wheel(name, "1.0.0", files, requires=needed))
        return top, {f"{name} 1.0.0" for name in [*names, top]}

    def new_client(self, kind):
        self.desks += 1
        return kind(self.folder / "desks" / str(self.desks), self.server)

    def run(self, kills):
        """Sentences about what was wrong; the first kill that finds something is the last."""
        while self.kills < kills:
            top, expected = self.plant()
            self.kill(top)
            if wrong := self.look(top, expected):
                return [f"seed {self.seed}, after {self.kills} kills: {one}" for one in wrong]
        self.server.stop()
        return []

    def kill(self, top):
        """After so many of the requests that a whole install makes, or a moment later."""
        self.upstream.forget()
        self.upstream.delay_s = self.rng.choice((0, 0, 0.01))
        installing = [Installing(self.new_client(kind), top) for kind in KINDS]
        wanted, until = self.rng.randrange(5 * PACKAGES), time.monotonic() + PATIENCE
        while len(self.upstream.requests) < wanted and not all(one.is_over() for one in installing):
            assert time.monotonic() < until
            time.sleep(0.001)
        time.sleep(self.rng.choice((0, 0, self.rng.uniform(0, 0.02), self.rng.uniform(0, 0.25))))
        self.server.kill9()
        self.kills += 1
        self.cut += sum(not one.end() for one in installing)
        self.upstream.delay_s = 0

    def look(self, top, expected):
        self.slowest = max(self.slowest, self.server.start())
        left = os.listdir(os.path.join(self.server.data, "stage"))
        wrong = [f"stage/ still has {len(left)} files"] if left else []
        try:
            self.server.verify(full=True)
            for kind in KINDS:
                found = trees.found(self.new_client(kind).install(top).folder)
                if found != expected:
                    wrong.append(f"{kind.__name__} lacks {sorted(expected - found)}")
            self.server.verify(full=True)
            self.server.check_log()
        except (AssertionError, clients.Failure) as complaint:
            wrong.append(str(complaint))
        return wrong


def run(folder, seed, kills):
    rig = Rig(folder, seed)
    try:
        return rig.run(kills), rig
    finally:
        rig.close()


def main(total, each=20):
    done = cut = 0
    while done < total:
        seed = random.SystemRandom().randrange(1 << 30)
        with tempfile.TemporaryDirectory(prefix="cold-kill-rig-") as folder:
            wrong, rig = run(folder, seed, min(each, total - done))
        done, cut = done + rig.kills, cut + rig.cut
        print(f"{done} kills, {cut} installs cut", flush=True)
        if wrong:
            print("\n".join(wrong))
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 100))
