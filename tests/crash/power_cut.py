"""Power cuts while sixteen publish: the server is stopped in its tracks, the image of its file system is
copied as the device has it, and the copy must hold everything that was acknowledged.

    python tests/crash/power_cut.py ext4 200                       # by hand
    python tests/crash/power_cut.py btrfs 50 skip-directory-sync   # a planted fault: must be found

A drive is assumed to be honest: what it was told to flush, it has."""

import os
import pathlib
import random
import signal
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "support"))

import disk
import faults
import publishers
from packhouse_server import Server, is_slow

READY_WITHIN = 2.0


def state_of(task):
    try:
        return task.joinpath("stat").read_text().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError): # it has ended just now
        return "T"


class Rig:
    """`fault` is a word of fault_preload.c, or None for the server as it is built."""

    def __init__(self, folder, file_system, seed, fault=None, ready_within=None):
        self.folder = pathlib.Path(folder)
        self.images = disk.fast_folder(self.folder / "disk")
        self.disk = disk.Disk(self.images, file_system)
        self.rng = random.Random(seed)
        self.book = publishers.Book()
        self.fault, self.ready_within = fault, ready_within
        self.cuts = 0
        self.slowest = 0.0
        planted = faults.Faults(self.folder / "faults", under=self.disk.point, words=fault) if fault else None
        try:
            self.server = Server(self.folder / "server", data=self.disk.point / "data", start=False,
                                 settings={"PACKHOUSE_WORKERS": "1280"},
                                 preload=planted and planted.preload,
                                 environment=planted and planted.environment)
            self.server.start()
        except BaseException:
            self.disk.remove()
            raise

    def stop_in_its_tracks(self):
        """Returns when no thread runs; one that waits for the disk stops when it comes back."""
        os.kill(self.server.pid, signal.SIGSTOP)
        tasks = pathlib.Path(f"/proc/{self.server.pid}/task")
        while any(state_of(task) not in "TD" for task in tasks.iterdir()):
            time.sleep(0.001)

    def cut(self):
        """One cut. Returns sentences about what the copy lacks."""
        publishing = publishers.Publishers(self.server, self.book, self.rng.randrange(1 << 30))
        time.sleep(self.rng.uniform(0.1, 0.6))
        publishing.wait_for(1) # there is something to lose, also where the machine is slow
        self.stop_in_its_tracks()
        self.disk.cut_power(self.server.kill9)
        # An answer that was on its way when the server stopped is an answer, too.
        publishing.stop()
        self.cuts += 1
        try:
            took = self.server.start()
            self.slowest = max(self.slowest, took)
            wrong = [f"ready only after {took:.2f} s"] if self.ready_within and is_slow(took, self.ready_within) else []
            wrong += publishers.check(self.server, self.book, sample=200)
            self.server.verify(full=True)
            return wrong + (publishers.retry(self.server, self.book) if not wrong else [])
        except (AssertionError, OSError) as complaint:
            return [str(complaint)]

    def run(self, cuts):
        """Ends with the first cut that finds something."""
        for _ in range(cuts):
            wrong = self.cut()
            if wrong:
                return [f"cut {self.cuts}, {len(self.book.acknowledged)} acknowledged: {one}" for one in wrong]
        return []

    def close(self):
        self.server.kill9()
        self.disk.remove()


def run(folder, file_system, seed, cuts, fault=None, ready_within=None):
    rig = Rig(folder, file_system, seed, fault, ready_within)
    try:
        return rig.run(cuts), rig
    finally:
        rig.close()


def main(file_system, total, fault=None, each=2):
    done = found = publishes = 0
    slowest = 0.0
    while done < total:
        with tempfile.TemporaryDirectory(prefix="power-cut-") as folder:
            wrong, rig = run(folder, file_system, random.SystemRandom().randrange(1 << 30),
                             1 if fault else min(each, total - done), fault, None if fault else READY_WITHIN)
        done += rig.cuts
        found += bool(wrong)
        publishes += len(rig.book.acknowledged)
        slowest = max(slowest, rig.slowest)
        print(f"{file_system} {fault or 'as built'}: {done} cuts, {publishes} acknowledged publishes, {found} bad, "
              f"slowest start {slowest:.2f} s", flush=True)
        if wrong:
            print("\n".join(wrong[:5]))
    return bool(found) != bool(fault)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2]), *sys.argv[3:4]))
