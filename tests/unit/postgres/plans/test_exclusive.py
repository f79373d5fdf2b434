"""Each node's own time, where a sub-plan is printed away from the node that pulled it."""

from __future__ import annotations

import pytest

from dbtune.postgres.plans.read import read_plans

ROOT_READS_ITS_OWN = """\
CTE Scan on x  (cost=10.00..20.00 rows=100 width=4) (actual time=1.000..80.000 rows=100 loops=1)
  CTE x
    ->  Seq Scan on t  (cost=0.00..10.00 rows=100 width=4) (actual time=0.500..60.000 rows=100 loops=1)
Execution Time: 80.500 ms
"""  # noqa: E501
CHILD_READS_IT = """\
Sort  (cost=30.00..31.00 rows=100 width=4) (actual time=89.000..90.000 rows=100 loops=1)
  CTE x
    ->  Seq Scan on t  (cost=0.00..10.00 rows=100 width=4) (actual time=0.500..60.000 rows=100 loops=1)
  ->  CTE Scan on x  (cost=0.00..20.00 rows=100 width=4) (actual time=1.000..80.000 rows=100 loops=1)
Execution Time: 90.500 ms
"""  # noqa: E501


@pytest.mark.parametrize(
    ("text", "own"),
    [(ROOT_READS_ITS_OWN, [20.0, 60.0]), (CHILD_READS_IT, [10.0, 60.0, 20.0])],
)
def test_a_cte_is_charged_once_to_the_scan_that_pulled_it(text: str, own: list[float]) -> None:
    (plan,) = read_plans(text)
    assert [node.self_ms for node in plan.nodes] == pytest.approx(own)
    assert sum(own) == plan.nodes[0].actual_total_ms
