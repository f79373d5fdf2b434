"""What is said of each node, and what the headline and the bar say of the whole."""

from __future__ import annotations

import pytest

from dbtune.finding import Finding, Level, Remedy
from dbtune.postgres.explain.view import headline, title, tree_of
from dbtune.postgres.plans.model import Node, Plan
from dbtune.postgres.plans.read import read_plans

PLAN = """
Limit  (cost=100.00..200.00 rows=10 width=4) (actual time=1.000..100.000 rows=10 loops=1)
  Buffers: shared hit=100 read=200, temp read=50 written=64
  ->  Sort  (cost=10.00..20.00 rows=1000 width=4) (actual time=1.000..99.000 rows=10 loops=1)
        Sort Key: o.total
        Sort Method: external merge  Disk: 512kB
        Buffers: shared hit=100 read=200, temp read=50 written=64
        ->  Nested Loop  (cost=0.00..10.00 rows=5 width=4) (actual time=0.100..60.000 rows=5000 loops=1)
              Buffers: shared hit=100 read=200
              ->  Seq Scan on public.orders o  (cost=0.00..5.00 rows=5 width=4) (actual time=0.100..50.000 rows=5000 loops=1)
                    Filter: (status = 'open'::text)
                    Rows Removed by Filter: 95000
                    Buffers: shared read=200
              ->  Index Only Scan using c_pk on c  (cost=0.00..1.00 rows=1 width=4) (actual time=0.001..0.001 rows=1 loops=5000)
                    Heap Fetches: 70
                    Buffers: shared hit=100
Planning Time: 2.000 ms
Execution Time: 110.000 ms
"""  # noqa: E501


def plan_of(text: str) -> Plan:
    (plan,) = read_plans(text)
    return plan


def marks(plan: Plan) -> list[tuple[str, ...]]:
    return [node.marks for node in tree_of(plan).nodes]


def test_what_is_remarkable_is_said_once_and_shortly() -> None:
    assert marks(plan_of(PLAN)) == [
        (),
        ("spill 512 KiB",),
        (),
        ("−95,000 rows", "read 1.56 MiB"),
        ("using c_pk", "70 heap fetches"),
    ]


def test_numbers_are_of_all_loops() -> None:
    nodes = tree_of(plan_of(PLAN)).nodes
    assert [node.rows for node in nodes] == [10, 10, 5000, 5000, 5000]
    assert nodes[4].loops == 5000
    assert nodes[4].estimate == 5000
    assert nodes[2].factor == 1000
    assert nodes[2].more


def test_the_bar_has_what_took_most_and_what_no_node_took() -> None:
    parts = tree_of(plan_of(PLAN)).parts
    assert [part.label for part in parts] == ["#3", "#1", "outside the nodes", "#2", "#4"][
        : len(parts)
    ]
    assert sum(part.share for part in parts) <= 1.0001


def test_the_headline_has_the_whole() -> None:
    assert headline(plan_of(PLAN)) == (
        "execution 110 ms · planning 2.00 ms · 10 rows · 800 KiB from cache · 1.56 MiB read · "
        "512 KiB temp written"
    )


def test_an_estimate_shows_costs() -> None:
    tree = tree_of(plan_of("Seq Scan on t  (cost=0.00..12.50 rows=100 width=4)"))
    assert tree.unit == "cost"
    assert tree.headline == "estimated only · cost 12.5 · 100 rows"
    assert tree.nodes[0].amount == 12.5
    assert tree.nodes[0].rows is None
    assert tree.nodes[0].executed


def test_a_plan_without_times_shows_costs_and_real_rows() -> None:
    tree = tree_of(
        plan_of("Seq Scan on t  (cost=0.00..12.50 rows=100 width=4) (actual rows=7 loops=1)")
    )
    assert (tree.unit, tree.nodes[0].rows, tree.nodes[0].share) == ("cost", 7, 1)


def test_a_plan_without_any_number_is_still_a_tree() -> None:
    tree = tree_of(plan_of("Sort\n  Sort Key: a\n  ->  Seq Scan on t\n"))
    assert [node.title for node in tree.nodes] == ["Sort", "Seq Scan on t"]
    assert [node.share for node in tree.nodes] == [None, None]
    assert tree.parts == ()


def test_what_never_ran_says_so() -> None:
    tree = tree_of(
        plan_of(
            "Nested Loop  (cost=0..1 rows=1 width=1) (actual time=0.1..1 rows=0 loops=1)\n"
            "  ->  Seq Scan on a  (cost=0..1 rows=1 width=1) (actual time=0.1..1 rows=0 loops=1)\n"
            "  ->  Seq Scan on b  (cost=0..1 rows=1 width=1) (never executed)\n"
        )
    )
    assert tree.nodes[2].marks == ("never executed",)
    assert not tree.nodes[2].executed
    assert tree.nodes[2].rows is None


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        (Node(0, None, 0, None, "Seq Scan", "Seq Scan", relation="t"), "Seq Scan on t"),
        (Node(0, None, 0, None, "Seq Scan", "Seq Scan", relation="t", alias="t"), "Seq Scan on t"),
        (
            Node(0, None, 0, None, "Seq Scan", "Seq Scan", relation="t", alias="x"),
            "Seq Scan on t x",
        ),
        (
            Node(0, None, 0, None, "Bitmap Index Scan", "Bitmap Index Scan", index="i"),
            "Bitmap Index Scan on i",
        ),
        (Node(0, None, 0, "InitPlan", "Result", "Result", subplan="CTE x"), "CTE x: Result"),
        (
            Node(0, None, 0, None, "Subquery Scan", "Subquery Scan", alias="s"),
            "Subquery Scan on s",
        ),
    ],
)
def test_titles(node: Node, expected: str) -> None:
    assert title(node) == expected


def test_findings_mark_their_nodes() -> None:
    def found(rule: str, level: Level, node: int) -> Finding:
        evidence = {"node": node}
        return Finding("s", "m", Remedy("r"), evidence, level=level, rule=f"plan.{rule}")

    findings = [found("a", Level.info, 3), found("b", Level.critical, 3), found("b", Level.info, 3)]
    marked = tree_of(plan_of(PLAN), findings).nodes[3]
    assert (marked.level, marked.rules) == (Level.critical, ("b", "a"))


def test_small_nodes_of_a_kind_are_counted_together() -> None:
    scans = "".join(
        f"  ->  Seq Scan on p{n}  (cost=0..1 rows=1 width=1) "
        "(actual time=0.100..1.000 rows=1 loops=1)\n"
        for n in range(100)
    )
    text = "Append  (cost=0..1 rows=1 width=1) (actual time=0.1..101.0 rows=100 loops=1)\n" + scans
    (part,) = tree_of(plan_of(text)).parts
    assert part.label == "100 × Seq Scan"
    assert part.share == pytest.approx(0.99, abs=0.01)


def test_siblings_that_took_about_the_same_are_one_part() -> None:
    scans = "".join(
        f"  ->  Seq Scan on p{n}  (cost=0..1 rows=1 width=1) "
        f"(actual time=0.100..{30 if n == 3 else 5}.000 rows=1 loops=1)\n"
        for n in range(14)
    )
    text = "Append  (cost=0..1 rows=1 width=1) (actual time=0.1..100.0 rows=14 loops=1)\n" + scans
    parts = tree_of(plan_of(text)).parts
    assert [(part.label, part.title) for part in parts[:2]] == [
        ("13 × Seq Scan", "on p0, ..."),
        ("#4", "Seq Scan on p3"),
    ]


LIMITED = """
Limit  (cost=0.00..1.00 rows=10 width=4) (actual time=0.010..1.000 rows=10 loops=1)
  ->  Seq Scan on t  (cost=0.00..5000.00 rows=100000 width=4) (actual time=0.010..0.900 rows=10 loops=1)
"""  # noqa: E501
UPDATE = """
Update on t  (cost=0.00..1.00 rows=100 width=4) (actual time=1.000..1.000 rows=0 loops=1)
  ->  Seq Scan on t  (cost=0.00..1.00 rows=100 width=4) (actual time=0.010..0.900 rows=100 loops=1)
"""


def test_what_was_stopped_early_and_what_returns_nothing_is_no_wrong_estimate() -> None:
    for text in (LIMITED, UPDATE):
        assert [
            node.factor for node in tree_of(plan_of(text)).nodes if (node.factor or 1) > 1
        ] == []


CTE = """
Sort  (cost=30.00..31.00 rows=100 width=4) (actual time=89.000..90.000 rows=100 loops=1)
  CTE x
    ->  Seq Scan on t  (cost=0.00..10.00 rows=100 width=4) (actual time=0.500..60.000 rows=100 loops=1)
  ->  CTE Scan on x  (cost=0.00..20.00 rows=100 width=4) (actual time=1.000..80.000 rows=100 loops=1)
"""  # noqa: E501


def test_who_pays_for_a_sub_plan_is_said_at_both() -> None:
    plan = plan_of(CTE)
    assert plan.nodes[2].pays_for == (1,)
    assert marks(plan) == [(), ("for #2",), ("pays for #1",)]
