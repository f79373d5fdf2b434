"""Plans of what is built on PostgreSQL: nothing that they say is lost, in any format."""

from __future__ import annotations

import json

from dbtune.postgres.plans.conditions import Column
from dbtune.postgres.plans.ddl import create_index, table_of
from dbtune.postgres.plans.model import Plan
from dbtune.postgres.plans.read import read_plans
from tests.plan_printer import as_json

CITUS = """\
Custom Scan (Citus Adaptive)  (cost=0.00..0.00 rows=10 width=8) (actual time=43.1..43.2 rows=32 loops=1)
  ->  Distributed Subplan 6_1
        Intermediate Data Size: 14 bytes
        Result destination: Write locally
        ->  Custom Scan (Citus Adaptive)  (cost=0.00..0.00 rows=5 width=8) (actual time=1.1..1.2 rows=6 loops=1)
              Task Count: 6
              Tasks Shown: None, not supported for re-partition queries
              ->  MapMergeJob
                    Map Task Count: 3
                    Merge Task Count: 6
  Task Count: 32
  Tuple data received from nodes: 256 bytes
  Tasks Shown: One of 32
  ->  Task
        Tuple data received from node: 8 bytes
        Node: host=10.0.0.5 port=5432 dbname=shop
        ->  Seq Scan on orders_102008 orders  (cost=0.00..10.00 rows=9 width=4) (actual time=0.1..21.0 rows=9 loops=1)
              Filter: (kind = 3)
            Planning Time: 0.15 ms
            Execution Time: 30.2 ms
Planning Time: 1.5 ms
Execution Time: 43.5 ms
"""  # noqa: E501 -- lines as the server prints them


def counts(*numbers: float) -> dict[str, float]:
    names = [
        *("Startup Cost", "Total Cost", "Plan Rows", "Plan Width"),
        *("Actual Startup Time", "Actual Total Time", "Actual Rows", "Actual Loops"),
    ]
    return dict(zip(names, numbers, strict=True))


def citus_as_json() -> str:
    scan = {
        "Node Type": "Seq Scan",
        "Relation Name": "orders_102008",
        "Alias": "orders",
        "Filter": "(kind = 3)",
        **counts(0.0, 10.0, 9, 4, 0.1, 21.0, 9, 1),
    }
    adaptive = {"Node Type": "Custom Scan", "Custom Plan Provider": "Citus Adaptive"}
    moving = {
        "Task Count": 6,
        "Tasks Shown": "None, not supported for re-partition queries",
        "Dependent Jobs": [{"Map Task Count": 3, "Merge Task Count": 6}],
    }
    inner = {
        **adaptive,
        **counts(0.0, 0.0, 5, 8, 1.1, 1.2, 6, 1),
        "Distributed Query": {"Job": moving},
    }
    remote = {"Plan": scan, "Planning Time": 0.15, "Triggers": [], "Execution Time": 30.2}
    query = {
        "Subplans": [
            {
                "Intermediate Data Size": "14 bytes",
                "Result destination": "Write locally",
                "PlannedStmt": [{"Plan": inner}],
            }
        ],
        "Job": {
            "Task Count": 32,
            "Tuple data received from nodes": "256 bytes",
            "Tasks Shown": "One of 32",
            "Tasks": [
                {
                    "Tuple data received from node": "8 bytes",
                    "Node": "host=10.0.0.5 port=5432 dbname=shop",
                    "Remote Plan": [[remote]],
                }
            ],
        },
    }
    root = {
        **adaptive,
        **counts(0.0, 0.0, 10, 8, 43.1, 43.2, 32, 1),
        "Distributed Query": query,
    }
    return json.dumps([{"Plan": root, "Planning Time": 1.5, "Execution Time": 43.5}])


def one(text: str) -> Plan:
    [plan] = read_plans(text)
    return plan


def test_citus_says_the_same_in_text_and_json() -> None:
    # In JSON, a distributed subplan has no number.
    text = one(CITUS.replace("Distributed Subplan 6_1", "Distributed Subplan"))
    assert not text.truncated
    assert as_json(one(citus_as_json())) == as_json(text)


def test_the_times_of_a_citus_task_are_its_own() -> None:
    plan = one(CITUS)
    [task] = [node for node in plan.nodes if node.type == "Task"]
    assert task.props["Execution Time"] == 30.2
    assert task.props["Node"] == "host=10.0.0.5 port=5432 dbname=shop"
    assert plan.execution_ms == 43.5
    [scan] = [node for node in plan.nodes if node.type == "Seq Scan"]
    assert scan.parent == task.id
    assert scan.conditions == {"Filter": "(kind = 3)"}
    assert not scan.props


def test_a_statement_on_a_shard_names_the_table() -> None:
    plan = one(CITUS)
    [scan] = [node for node in plan.nodes if node.type == "Seq Scan"]
    assert scan.relation == "orders_102008"
    assert create_index(scan, [Column("kind")]) == (
        'CREATE INDEX CONCURRENTLY "orders_kind_idx" ON "orders" ("kind");'
    )
    # Elsewhere a number at the end is the table's own.
    local = one("Seq Scan on orders_202611  (cost=0.00..10.00 rows=9 width=4)\n")
    assert table_of(local.nodes[0]) == '"orders_202611"'


def test_every_line_of_unknown_nodes_is_kept() -> None:
    plan = one(
        "Gather Motion 3:1  (slice1; segments: 3)  (cost=0.00..862.00 rows=3 width=8)\n"
        "  Merge Key: t.a\n"
        "  ->  Dynamic Seq Scan on t  (cost=0.00..431.00 rows=2 width=8)\n"
        "        Number of partitions to scan: 3 (out of 5)\n"
        "Optimizer: GPORCA\n"
    )
    assert [node.type for node in plan.nodes] == [
        "Gather Motion 3:1  (slice1; segments: 3)",
        "Dynamic Seq Scan",
    ]
    assert plan.nodes[0].props == {"Merge Key": "t.a"}
    assert plan.nodes[1].relation == "t"
    assert plan.nodes[1].props == {"Number of partitions to scan": "3 (out of 5)"}
    assert plan.extra == {"Optimizer": "GPORCA"}
