"""kill -9 while sixteen publish, again and again on one data directory.

    python tests/crash/kill_rig.py 2000        # by hand; every 25 kills a new data directory

After each kill: it is ready again (by hand: in less than two seconds), nothing acknowledged is missing, nothing half is
visible, stage/ is empty, and `packhouse verify --full` is clean."""

import os
import pathlib
import random
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "support"))

import publishers
from packhouse_server import Server, binary, is_slow

READY_WITHIN = 2.0


class Rig:
    def __init__(self, folder, seed, ready_within=None):
        self.rng = random.Random(seed)
        self.seed, self.ready_within = seed, ready_within
        self.server = Server(folder, start=False, settings={"PACKHOUSE_WORKERS": "1280"})
        self.book = publishers.Book()
        self.kills = 0
        self.slowest = 0.0

    def start(self):
        took = self.server.start()
        self.slowest = max(self.slowest, took)
        return took

    def kill_while_starting(self):
        """Recovery must survive the next crash, too."""
        with open(self.server.log, "ab") as log:
            starting = subprocess.Popen(
                [binary(), "serve", "--data", self.server.data, "--listen", "127.0.0.1:0"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.server.environment)
        time.sleep(self.rng.uniform(0, 0.15))
        starting.kill()
        starting.wait()

    def run(self, kills, publishes):
        """Until there were so many of both. Returns sentences about what was wrong; the first kill that
        finds something is the last."""
        self.start()
        while self.kills < kills or len(self.book.acknowledged) < publishes:
            publishing = publishers.Publishers(self.server, self.book, self.rng.randrange(1 << 30))
            time.sleep(self.rng.uniform(0.01, 0.35))
            publishing.wait_for(self.rng.choice((0, 1, 16, 40))) # has begun long since where the machine is quick
            self.server.kill9()
            publishing.stop()
            self.kills += 1
            if self.rng.random() < 0.1:
                self.kill_while_starting()
                self.kills += 1
            wrong = self.look()
            if wrong:
                return [f"seed {self.seed}, after {self.kills} kills and {len(self.book.all)} publishes: {one}"
                        for one in wrong]
        self.server.stop()
        return []

    def look(self):
        took = self.start()
        wrong = [f"ready only after {took:.2f} s"] if self.ready_within and is_slow(took, self.ready_within) else []
        left = os.listdir(os.path.join(self.server.data, "stage"))
        wrong += [f"stage/ still has {len(left)} files"] if left else []
        wrong += publishers.check(self.server, self.book, sample=50)
        wrong += publishers.retry(self.server, self.book)
        try:
            self.server.verify(full=True)
            self.server.check_log()
        except AssertionError as complaint:
            wrong.append(str(complaint))
        return wrong


def run(folder, seed, kills, publishes=0, ready_within=READY_WITHIN):
    rig = Rig(folder, seed, ready_within)
    try:
        return rig.run(kills, publishes), rig
    finally:
        rig.server.kill9()


def main(total, each=25):
    done = publishes = 0
    slowest = 0.0
    began = time.monotonic()
    while done < total:
        seed = random.SystemRandom().randrange(1 << 30)
        with tempfile.TemporaryDirectory(prefix="kill-rig-") as folder:
            wrong, rig = run(folder, seed, min(each, total - done))
        done += rig.kills
        publishes += len(rig.book.acknowledged)
        slowest = max(slowest, rig.slowest)
        print(f"{done} kills, {publishes} acknowledged publishes, slowest start {slowest:.2f} s, "
              f"{time.monotonic() - began:.0f} s", flush=True)
        if wrong:
            print("\n".join(wrong))
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 100))
