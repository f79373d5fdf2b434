"""Planned and actual rows, made comparable: loops, and processes that share rows or do not."""

from __future__ import annotations

import pytest

from dbtune.postgres.plans.model import Plan
from dbtune.postgres.plans.read import read_plans

PARALLEL = """\
Finalize Aggregate  (cost=530.73..530.74 rows=1 width=8) (actual time=74.139..81.286 rows=1 loops=1)
  ->  Gather  (cost=530.71..530.72 rows=2 width=8) (actual time=17.521..81.275 rows={processes} loops=1)
        Workers Planned: 2
        Workers Launched: {launched}
        ->  Partial Aggregate  (cost=1.0..2.0 rows=1 width=8) (actual time=5.7..5.8 rows=1 loops={processes})
              ->  Nested Loop  (cost=0.00..506.75 rows=8333 width=0) (actual time=0.004..5.459 rows={each} loops={processes})
                    ->  Parallel Seq Scan on big  (cost=0.00..428.33 rows=8333 width=0) (actual time=0.003..4.8 rows={each} loops={processes})
                    ->  Index Scan using i on small  (cost=0.00..10.17 rows=1 width=0) (actual time=0.0..0.0 rows=1 loops=20000)
"""  # noqa: E501
APPEND = """\
Gather  (cost=0.00..530.72 rows=23000 width=8) (actual time=17.521..81.275 rows=21000 loops=1)
  Workers Planned: 2
  Workers Launched: 2
  ->  Parallel Append  (cost=0.00..506.75 rows=9584 width=0) (actual time=0.004..5.459 rows=7000 loops=3)
        ->  Seq Scan on old  (cost=0.00..428.33 rows=1000 width=0) (actual time=0.003..14.812 rows=1000 loops=1)
        ->  Parallel Seq Scan on big  (cost=0.00..428.33 rows=8333 width=0) (actual time=0.003..14.812 rows=20000 loops=1)
"""  # noqa: E501


def plan_of(text: str) -> Plan:
    (plan,) = read_plans(text)
    return plan


@pytest.mark.parametrize("processes", [1, 2, 3])
def test_processes_share_rows_however_many_there_were(processes: int) -> None:
    """The planner has the leader do four tenths of what a worker does, beside two workers."""
    text = PARALLEL.format(processes=processes, launched=processes - 1, each=20000 // processes)
    nodes = plan_of(text).nodes
    assert nodes[4].planned_total_rows == pytest.approx(20_000, rel=0.001)
    assert nodes[3].planned_total_rows == pytest.approx(20_000, rel=0.001)
    assert nodes[2].planned_total_rows == processes  # each process returns a row of its own
    assert nodes[5].planned_total_rows == 20_000
    assert all((node.row_factor or 1) < 1.6 for node in nodes[2:])


def test_of_a_parallel_append_each_branch_is_run_as_it_was_planned() -> None:
    nodes = plan_of(APPEND).nodes
    assert nodes[1].planned_total_rows == pytest.approx(23_000, rel=0.001)
    assert nodes[2].planned_total_rows == 1000
    assert nodes[3].planned_total_rows == pytest.approx(20_000, rel=0.001)
    assert nodes[3].row_factor == pytest.approx(1, abs=0.001)


def test_loops_without_processes() -> None:
    nodes = plan_of(
        "Nested Loop  (cost=0..1 rows=10 width=4) (actual time=0..9 rows=10 loops=1)\n"
        "  ->  Seq Scan on a  (cost=0..1 rows=10 width=4) (actual time=0..1 rows=10 loops=1)\n"
        "  ->  Seq Scan on b  (cost=0..1 rows=5 width=4) (actual time=0..0.5 rows=50 loops=10)\n"
    ).nodes
    assert (nodes[2].planned_total_rows, nodes[2].total_rows) == (50, 500)
    assert (nodes[2].row_factor, nodes[2].row_direction) == (10, "under")
