"""A kill in the middle of a first install leaves nothing wrong behind, and the next install is right."""

import cold_kill_rig


def test_a_kill_in_the_middle_of_cold_installs_leaves_nothing_wrong(tmp_path):
    wrong, rig = cold_kill_rig.run(tmp_path, seed=1, kills=5)
    assert not wrong
    assert rig.cut, "no kill came in the middle of an install"
