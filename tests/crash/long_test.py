"""What is run by hand, at its full number: ./test long. Its table is docs/crash-safety.md."""

import fcntl
import json
import pathlib
import time

import pytest

import kill_rig
import power_cut
from power_cut_test import need

pytestmark = pytest.mark.long
ROOT = pathlib.Path(__file__).resolve().parents[2]
ROWS = ROOT / "build" / "crash-safety.json"


def write_row(name, **row):
    """Rows of several workers, and of several days, make one table."""
    ROWS.parent.mkdir(exist_ok=True)
    with open(ROWS, "a+", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        rows = json.loads(file.read() or "{}")
        rows[name] = row
        file.truncate(0)
        file.write(json.dumps(rows, indent=1))
        file.flush()
        lines = ["# Crash safety, measured", "",
                 "Sixteen publishers of npm packages, wheels and artifacts, over HTTP, while the process is killed or the",
                 "power is cut. *Bad* is a run after which something acknowledged was missing, something half was visible, or",
                 "`packhouse verify --full` had a finding. `./test long -k crash` writes this page; `tests/crash/` says how.", "",
                 "| attack | times | acknowledged publishes | bad | slowest start |", "| --- | --- | --- | --- | --- |"]
        lines += [f"| {name} | {row['times']} | {row['acknowledged']} | {row['bad']} | {row['slowest']:.2f} s |"
                  for name, row in sorted(rows.items())]
        lines += ["", "A planted fault (a flush that says that it was done, and was not) has to be found: there, *bad* is right.", ""]
        (ROOT / "docs").mkdir(exist_ok=True)
        (ROOT / "docs" / "crash-safety.md").write_text("\n".join(lines), encoding="utf-8")


def repeat(name, total, run_some, times_of):
    done = acknowledged = bad = 0
    slowest, first = 0.0, None
    while done < total:
        wrong, rig = run_some(total - done)
        done += times_of(rig)
        acknowledged += len(rig.book.acknowledged)
        bad += bool(wrong)
        slowest = max(slowest, rig.slowest)
        first = first or wrong
    write_row(name, times=done, acknowledged=acknowledged, bad=bad, slowest=slowest)
    return first, bad


@pytest.mark.parametrize("half", [1, 2])
def test_crash_2000_kills(tmp_path, half):
    def some(left):
        some.seed += 1
        return kill_rig.run(tmp_path / str(some.seed), some.seed, min(25, left))

    some.seed = int(time.time()) * 2 + half
    first, _ = repeat(f"kill -9, {half} of 2", 1000, some, lambda rig: rig.kills)
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
