"""What is not said of short periods."""

from __future__ import annotations

from dbtune.compare.model import use_state


def test_the_end_of_a_burst_of_load_is_no_change_of_plan() -> None:
    assert use_state(1000, 0, 600, 600) == "no longer used"
    assert use_state(0, 1000, 600, 600) == "now used"
    assert use_state(1000, 0, 600, 10) is None
    assert use_state(0, 1000, 10, 600) is None
