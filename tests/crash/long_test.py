"""What is run by hand, at its full number: ./test long. Its table is docs/crash-safety.md."""

import fcntl
import os
import pathlib
import re
import time

import pytest

import cold_kill_rig
import kill_rig
import power_cut
from power_cut_test import need

pytestmark = pytest.mark.long
ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "crash-safety.md"
LOCK = ROOT / "build" / "crash-safety.lock"


def write_row(name, counted, **row):
    """Rows of several workers, and of several days, make one page. What is counted decides the table."""
    LOCK.parent.mkdir(exist_ok=True)
    with open(LOCK, "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        page = PAGE.read_text(encoding="utf-8")
        head = f"| attack | times | {counted} | bad | slowest start |\n| --- | --- | --- | --- | --- |\n"
        before, head, rest = page.partition(head)
        assert head, f"{PAGE} has no table of {counted}"
        table = re.match(r"(\|.*\n)*", rest)[0]
        rows = {line.split(" | ")[0][2:]: line for line in table.splitlines()}
        rows[name] = f"| {name} | {row['times']} | {row['count']} | {row['bad']} | {row['slowest']:.2f} s |"
        table_now = "".join(rows[name] + "\n" for name in sorted(rows))
        PAGE.write_text(before + head + table_now + rest[len(table):], encoding="utf-8")


def acknowledged(rig):
    return len(rig.book.acknowledged)


def repeat(name, total, run_some, times_of, counted="acknowledged publishes", count_of=acknowledged):
    done = count = bad = 0
    slowest, first = 0.0, None
    while done < total:
        wrong, rig = run_some(total - done)
        done += times_of(rig)
        count += count_of(rig)
        bad += bool(wrong)
        slowest = max(slowest, rig.slowest)
        first = first or wrong
    if os.environ.get("PACKHOUSE_WRITE_DOCS") == "1":
        write_row(name, counted, times=done, count=count, bad=bad, slowest=slowest)
    return first, bad


@pytest.mark.parametrize("half", [1, 2])
def test_crash_2000_kills(tmp_path, half):
    def some(left):
        some.seed += 1
        return kill_rig.run(tmp_path / str(some.seed), some.seed, min(25, left))

    some.seed = int(time.time()) * 2 + half
    first, _ = repeat(f"kill -9, {half} of 2", 1000, some, lambda rig: rig.kills)
    assert not first


def test_crash_100_kills_of_cold_installs(tmp_path):
    def some(left):
        some.seed += 1
        return cold_kill_rig.run(tmp_path / str(some.seed), some.seed, min(20, left))

    some.seed = int(time.time())
    first, _ = repeat("kill -9, cold installs", 100, some, lambda rig: rig.kills, "installs cut off", lambda rig: rig.cut)
    assert not first


@pytest.mark.parametrize("file_system, fault, cuts", [
    ("ext4", None, 200), ("btrfs", None, 200),
    ("ext4", "skip-file-sync", 10), ("btrfs", "skip-file-sync", 10),
    ("ext4", "skip-directory-sync", 20), ("btrfs", "skip-directory-sync", 20),
    ("ext4", "skip-wal-sync", 10), ("btrfs", "skip-wal-sync", 10),
])
def test_crash_power_cuts(tmp_path, file_system, fault, cuts):
    need(file_system)

    def some(left):
        some.seed += 1
        # A new disk every so often: names are most easily lost where their folders are new.
        return power_cut.run(tmp_path / str(some.seed), file_system, some.seed, 1 if fault else min(2, left), fault,
                             None if fault else power_cut.READY_WITHIN)

    some.seed = int(time.time())
    first, bad = repeat(f"power cut, {file_system}, {fault or 'as built'}", cuts, some, lambda rig: rig.cuts)
    if fault and not (file_system == "ext4" and fault == "skip-directory-sync"):
        assert bad, "the planted fault was not found"
    if not fault:
        assert not first
