"""What was acknowledged is there after kill -9: invariant I1 of the storage."""

import pytest

import kill_rig
from conformance import conformance


@conformance("npm-101", "art-019")
@pytest.mark.parametrize("seed", range(4))
def test_an_acknowledged_publish_survives_kill_9(tmp_path, seed):
    # A rig that published next to nothing has shown next to nothing.
    wrong, _ = kill_rig.run(tmp_path, seed, kills=25, publishes=300, ready_within=None)
    assert not wrong
