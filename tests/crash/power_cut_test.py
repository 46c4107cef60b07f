"""What was acknowledged is there after a power cut: invariant I2 of the storage. A rig that finds
nothing proves something only where it finds what is planted, so the planted faults stay here."""

import os

import pytest

import disk
import power_cut


@pytest.fixture(scope="module", params=["ext4", "btrfs"])
def file_system(request):
    need(request.param)
    return request.param


def need(file_system):
    reason = disk.why_not(file_system)
    if reason and os.environ.get("CI") == "true":
        pytest.fail(f"no {file_system} on a loop device: {reason}")
    if reason:
        pytest.skip(f"no {file_system} on a loop device: {reason}")


def test_an_acknowledged_publish_survives_a_power_cut(file_system, tmp_path):
    wrong, rig = power_cut.run(tmp_path, file_system, seed=1, cuts=10)
    assert not wrong
    assert rig.cuts == 10 and len(rig.book.acknowledged) > 300


# ext4 hides a missing flush of a directory most of the time: a later commit of its journal carries the
# rename. Btrfs does not.
@pytest.mark.parametrize("on, fault", [
    ("ext4", "skip-file-sync"),
    ("btrfs", "skip-directory-sync"),
    ("ext4", "skip-wal-sync"),
])
def test_the_rig_finds_a_planted_fault(on, fault, tmp_path):
    need(on)
    wrong, rig = power_cut.run(tmp_path, on, seed=1, cuts=25, fault=fault)
    assert wrong, f"{rig.cuts} cuts without {fault} found nothing"
