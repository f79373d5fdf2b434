"""The whole is the sum of its parts: nodes, triggers, and what nobody has."""

from __future__ import annotations

from pathlib import Path

import pytest

from dbtune.postgres.plans.model import Plan
from dbtune.postgres.plans.read import read_plans

SAMPLES = sorted((Path(__file__).parent / "samples").glob("*.json"))
INSERT = """\
Insert on t  (cost=0.00..0.03 rows=0 width=0) (actual time=0.105..{inside} rows=0 loops=1)
  ->  Result  (cost=0.00..0.01 rows=1 width=0) (actual time=0.002..0.002 rows=1 loops=1)
Trigger {name}: time={time} calls=3
"""


def plan_of(text: str) -> Plan:
    (plan,) = read_plans(text)
    return plan


@pytest.mark.parametrize("file", SAMPLES, ids=lambda file: file.stem)
def test_parts_add_up_to_the_whole(file: Path) -> None:
    for plan in read_plans(file.read_text()):
        if plan.total_ms is None:
            continue
        parts = [node.self_ms or 0 for node in plan.nodes]
        parts += [one.time_ms or 0 for one in plan.outside_triggers]
        assert sum(parts) + (plan.unaccounted_ms or 0) == pytest.approx(plan.total_ms, abs=0.01)
        assert sum(node.self_ratio or 0 for node in plan.nodes) <= 1.0001


def test_a_log_without_duration_counts_the_triggers_that_ran_after_the_nodes() -> None:
    """auto_explain in FORMAT JSON, YAML or XML, or its text without the log's prefix."""
    plan = plan_of(INSERT.format(inside="0.106", name="audit", time="66.499"))
    assert plan.triggers[0].phase == "after"
    assert plan.total_ms == pytest.approx(66.605)
    constraint = plan_of(INSERT.format(inside="9.000", name="for constraint fk", time="1.000"))
    assert constraint.total_ms == 10


def test_a_trigger_that_may_be_part_of_a_node_does_not_count_twice() -> None:
    plan = plan_of(INSERT.format(inside="70.000", name="audit", time="66.499"))
    assert plan.triggers[0].phase is None
    assert plan.total_ms == 70
