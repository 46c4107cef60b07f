"""What was acknowledged is there after kill -9: invariant I1 of the storage."""

import pytest

import kill_rig
from conformance import conformance


@conformance("npm-101", "art-019")
@pytest.mark.parametrize("seed", range(4))
def test_an_acknowledged_publish_survives_kill_9(tmp_path, seed):
    wrong, rig = kill_rig.run(tmp_path, seed, 25)
    assert not wrong
    # A rig that published next to nothing has shown next to nothing.
    assert rig.kills >= 25 and len(rig.book.acknowledged) > 300
