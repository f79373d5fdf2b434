"""Plans made by hand, judged by policies."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import pytest

from dbtune.errors import Unavailable
from dbtune.postgres.explain.report import Given
from dbtune.postgres.plan_policy.policy import Policy
from dbtune.postgres.plan_policy.read import parse
from dbtune.postgres.plan_policy.report import report
from dbtune.postgres.plans.model import Plan
from dbtune.postgres.plans.read import read_plans
from dbtune.report import Report

TODAY = date(2026, 11, 21)
SEQ = """\
Seq Scan on orders o  (cost=0.00..7160.00 rows=15 width=8) (actual time=0.1..60.0 rows=15 loops=1)
  Filter: (customer_id = 4711)
  Rows Removed by Filter: {}
  Buffers: shared hit=3000 read=410
Execution Time: 60.000 ms
"""
BIG = SEQ.format(299_985)
INDEX = """\
Index Scan using orders_customer_id on orders o  (cost=0.29..61.74 rows=15 width=8) \
(actual time=0.024..0.900 rows=15 loops=1)
  Index Cond: (customer_id = 4711)
Execution Time: 1.000 ms
"""
BITMAP = """\
Bitmap Heap Scan on orders o  (cost=4.5..61.7 rows=15 width=8) \
(actual time=0.1..0.9 rows=15 loops=1)
  Recheck Cond: {condition}
  Heap Blocks: exact={heap}
  Buffers: shared hit={both}
  ->  Bitmap Index Scan on orders_customer_id  (cost=0.0..4.5 rows=15 width=0) \
(actual time=0.1..0.1 rows=15 loops=1)
        Index Cond: {condition}
        Buffers: shared hit={index}
Execution Time: 1.000 ms
"""
SORT = """\
Sort  (cost=900.00..950.00 rows=9000 width=8) (actual time=50.0..60.0 rows=9000 loops=1)
  Sort Key: total
  Sort Method: {}
  ->  Seq Scan on orders  (cost=0.00..160.00 rows=9000 width=8) \
(actual time=0.1..9.0 rows=9000 loops=1)
Execution Time: 61.000 ms
"""
PRODUCT = """\
Nested Loop  (cost=0.00..9000.00 rows={rows} width=8) (actual time=0.1..60.0 rows={rows} loops=1)
{filter}  ->  Seq Scan on a  (cost=0.00..16.00 rows=1000 width=8) \
(actual time=0.1..1.0 rows=1000 loops=1)
  ->  Materialize  (cost=0.00..20.00 rows=10 width=8) (actual time=0.0..0.1 rows=10 loops=1000)
        ->  Seq Scan on b  (cost=0.00..16.00 rows=10 width=8) (actual time=0.1..1.0 rows=10 loops=1)
Execution Time: 61.000 ms
"""


def policy(text: str) -> Policy:
    return parse("plans:\n  " + text.replace("\n", "\n  ") + "\n", "policy.yaml")


def judged(
    rules: Policy | str,
    *plans: str,
    before: Sequence[Plan | Unavailable] = (),
    today: date = TODAY,
) -> Report:
    given = [Given(read_plans(one)[0], f"dir/{at}.txt") for at, one in enumerate(plans)]
    none = [Unavailable("no baseline")] * len(given)
    made = policy(rules) if isinstance(rules, str) else rules
    return report(given, made, before or none, today)


def verdicts(made: Report) -> list[object]:
    return [row["verdict"] for row in made.tables[0].rows]


def rules_of(made: Report) -> list[str]:
    return [one.rule for one in made.findings]


@pytest.mark.parametrize(
    ("rules", "plan", "broken"),
    [
        ("sequential-scan: forbid", BIG, "plan.forbidden-seq-scan"),
        ("sequential-scan: {tables: [orders], above-rows: 299999}", BIG, "plan.forbidden-seq-scan"),
        ("sequential-scan: {tables: [orders], above-rows: 300000}", BIG, ""),
        ("sequential-scan: {tables: [customers]}", BIG, ""),
        ("sequential-scan: forbid", INDEX, ""),
        ("max-cost: 7159", BIG, "plan.above-cost-limit"),
        ("max-cost: 7160", BIG, ""),
        ("max-time: 59ms", BIG, "plan.above-time-limit"),
        ("max-time: 60ms", BIG, ""),
        ("max-blocks: 3409", BIG, "plan.above-block-limit"),
        ("max-blocks: 3410", BIG, ""),
        ("spill: forbid", SORT.format("external merge  Disk: 2000kB"), "plan.forbidden-spill"),
        ("spill: forbid", SORT.format("quicksort  Memory: 2000kB"), ""),
        ("cartesian-join: forbid", PRODUCT.format(rows=10000, filter=""), "cartesian"),
        (
            "cartesian-join: forbid",
            PRODUCT.format(rows=10, filter="  Join Filter: (a.x = b.x)\n"),
            "",
        ),
    ],
)
def test_rules(rules: str, plan: str, broken: str) -> None:
    made = judged(rules, plan)
    assert len(made.findings) == bool(broken)
    assert made.skipped == ()
    if broken:
        [finding] = made.findings
        assert broken in finding.rule
        assert finding.level is not None
        assert finding.level.name == "critical"
        assert (finding.file, finding.line) == ("dir/0.txt", 1)
    assert verdicts(made) == ["failed" if broken else "passed"]


def test_rows_of_a_plan_that_was_not_executed_are_estimated_from_its_cost() -> None:
    plan = "\n".join(line.partition(" (actual")[0] for line in BIG.split("\n")[:2]) + "\n"
    made = judged("sequential-scan: {tables: all, above-rows: 100000}", plan)
    [finding] = made.findings
    assert finding.confidence is not None
    assert finding.confidence.value == "estimated"
    assert 100_000 < int(str(finding.evidence["rows_read"])) < 600_000


def test_what_a_plan_does_not_tell_is_skipped() -> None:
    plan = "\n".join(line.partition(" (actual")[0] for line in BIG.split("\n")[:2]) + "\n"
    made = judged("spill: forbid\nmax-time: 1s\nmax-blocks: 5", plan)
    assert [one.what.partition(" ")[0] for one in made.skipped] == [
        "plan.above-block-limit",
        "plan.above-time-limit",
        "plan.forbidden-spill",
    ]


def test_a_near_empty_table_is_not_judged() -> None:
    tiny = SEQ.format(20)
    made = judged("sequential-scan: {tables: all, above-rows: 1000}", tiny)
    assert verdicts(made) == ["not judged"]
    assert "near-empty: no more than 35 rows" in made.skipped[0].reason
    assert verdicts(judged("max-cost: 9999\nnear-empty-rows: 35", tiny)) == ["passed"]
    # What breaks a rule even there, breaks it.
    assert verdicts(judged("sequential-scan: forbid", tiny)) == ["failed"]


def test_an_index_of_one_level_does_not_tell_a_near_empty_table_from_a_large_one() -> None:
    assert verdicts(judged("sequential-scan: forbid", INDEX)) == ["passed"]
    flat = INDEX.replace("cost=0.29", "cost=0.14")
    assert verdicts(judged("sequential-scan: forbid", flat)) == ["not judged"]


@pytest.mark.parametrize(
    ("heap", "index", "condition", "verdict"),
    [
        (10, 2, "(customer_id = 4711)", "passed"),
        (9, 3, "(customer_id = 4711)", "passed"),
        (9, 2, "(customer_id = 4711)", "not judged"),
        (9, 30, "(customer_id = ANY ('{1,2,3}'::integer[]))", "not judged"),
        (9, 3, "(tags @> '{a}'::text[])", "not judged"),
    ],
)
def test_blocks_of_a_bitmap_tell_a_large_table(
    heap: int, index: int, condition: str, verdict: str
) -> None:
    plan = BITMAP.format(heap=heap, index=index, both=heap + index, condition=condition)
    assert verdicts(judged("sequential-scan: forbid", plan)) == [verdict]


PARTITIONS = """\
Append  (cost=0.00..900.00 rows=900 width=8) (actual time=0.1..60.0 rows=900 loops=1)
  ->  Seq Scan on m_2024 {0}_1  (cost=0.00..400.00 rows=400 width=8) \
(actual time=0.1..9.0 rows=400 loops=1)
  ->  Seq Scan on m_2025 {0}_2  (cost=0.00..500.00 rows=500 width=8) \
(actual time=0.1..9.0 rows=500 loops=1)
Execution Time: 61.000 ms
"""


@pytest.mark.parametrize(
    ("table", "above", "found"),
    [
        ("measurements", 899, True),
        ("measurements", 900, False),
        ("m_2025", 899, True),
        ("m_*", 899, True),
        ("m_2023", 0, False),
    ],
)
def test_partitions_are_one_table(table: str, above: int, found: bool) -> None:
    rules = f"sequential-scan: {{tables: [{table}], above-rows: {above}}}"
    assert len(judged(rules, PARTITIONS.format("measurements")).findings) == found


EXCEPTION = """\
sequential-scan: forbid
exceptions:
  - {{rule: sequential-scan, plan: {plan}, table: {table}, reason: it is so, until: {until}}}"""


@pytest.mark.parametrize(
    ("plan", "table", "verdict"),
    [
        ("0.txt", "orders", "excepted"),
        ("dir/*.txt", "orders", "excepted"),
        ("1.txt", "orders", "failed"),
        ("0.txt", "customers", "failed"),
    ],
)
def test_exceptions(plan: str, table: str, verdict: str) -> None:
    made = judged(EXCEPTION.format(plan=plan, table=table, until="2026-11-21"), BIG)
    assert verdicts(made) == [verdict]
    used = verdict == "excepted"
    assert made.tables[1].rows[0]["state"] == ("used" if used else "unused")
    assert ("let nothing through" in " ".join(made.notes)) is not used


def test_an_expired_exception_lets_nothing_through_and_is_a_finding() -> None:
    made = judged(EXCEPTION.format(plan="0.txt", table="orders", until="2026-11-20"), BIG)
    assert rules_of(made) == ["plan.forbidden-seq-scan", "plan.exception-expired"]
    assert (made.findings[1].file, made.findings[1].line) == ("policy.yaml", 4)
    assert made.tables[1].rows[0]["state"] == "expired"
    assert made.notes == ()


def test_an_index_lost_since_the_baseline() -> None:
    old = read_plans(INDEX)
    made = judged("index-lost: forbid", BIG, before=old)
    assert rules_of(made) == ["plan.index-lost-since-baseline"]
    assert rules_of(judged("index-lost: forbid", INDEX, before=old)) == []
    assert judged("index-lost: forbid", BIG).skipped[0].reason == "no baseline"
