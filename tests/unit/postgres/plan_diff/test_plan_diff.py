"""Two plans compared: made by hand, so that every number is known."""

from __future__ import annotations

import pytest

from dbtune.finding import Finding, load_checks, run_checks
from dbtune.postgres.plan_diff.compare import Comparison, compare
from dbtune.postgres.plans.read import read_plans

CHECKS = load_checks("dbtune.postgres.plan_diff.checks")

SEQ = """\
Seq Scan on orders o  (cost=0.00..7160.00 rows=15 width=8) (actual time=0.100..{ms} rows=15 loops=1)
  Filter: (customer_id = 4711)
  Rows Removed by Filter: {removed}
  Buffers: shared hit=3000 read=410
Planning Time: 0.100 ms
Execution Time: {ms} ms
"""
INDEX = """\
Bitmap Heap Scan on orders o  (cost=4.54..61.74 rows=15 width=8) \
(actual time=0.024..0.900 rows=15 loops=1)
  Recheck Cond: (customer_id = 4711)
  Heap Blocks: exact=15
  Buffers: shared hit=18
  ->  Bitmap Index Scan on orders_customer_id  (cost=0.00..4.54 rows=15 width=0) \
(actual time=0.013..0.013 rows=15 loops=1)
        Index Cond: (customer_id = 4711)
        Buffers: shared hit=3
Planning Time: 0.100 ms
Execution Time: 1.000 ms
"""
JOIN = """\
{join}  (cost=1.00..100.00 rows=10 width=8) (actual time=0.1..9.0 rows=10 loops=1)
  ->  Seq Scan on {outer}  (cost=0.00..10.00 rows=10 width=8) (actual time=0.1..2.0 rows=10 loops=1)
  ->  Seq Scan on {inner}  (cost=0.00..10.00 rows=10 width=8) (actual time=0.1..2.0 rows=10 loops=1)
Execution Time: 10.000 ms
"""


def diff(before: str, after: str) -> Comparison:
    return compare(read_plans(before)[0], read_plans(after)[0])


def seq(ms: float = 60, removed: int = 299_985) -> str:
    return SEQ.format(ms=f"{ms:.3f}", removed=removed)


def findings(comparison: Comparison) -> dict[str, Finding]:
    return {one.rule: one for one in run_checks(CHECKS, {"comparison": comparison})[0]}


def test_an_index_gained_is_faster_and_no_finding() -> None:
    comparison = diff(seq(), INDEX)
    assert comparison.measures["time"].word == "faster"
    assert comparison.measures["time"].text == "faster: 60.0 ms → 1.00 ms, 60.0 times"
    assert comparison.measures["blocks"].text == "less: 3,410 → 18, 189 times"
    assert comparison.measures["rows"].verdict == "same"
    [table] = comparison.tables
    assert (table.gained, table.lost) == (("orders_customer_id",), ())
    assert table.before is not None
    assert table.before.rows_read == 300_000
    assert table.text == "Seq Scan → Bitmap Heap Scan; index gained: orders_customer_id"
    assert findings(comparison) == {}


def test_an_index_lost_is_slower_and_said_so() -> None:
    comparison = diff(INDEX, seq())
    found = findings(comparison)
    assert set(found) == {
        "plan.slower-than-before",
        "plan.index-lost",
        "plan.more-blocks-than-before",
    }
    assert "60.0 times" in found["plan.slower-than-before"].message
    assert "300,000 rows" in found["plan.index-lost"].message
    assert found["plan.index-lost"].level is not None
    assert found["plan.index-lost"].level.name == "warning"


def test_an_index_lost_on_a_small_table_is_no_finding() -> None:
    assert "plan.index-lost" not in findings(diff(INDEX, seq(1, removed=900)))
    assert "plan.index-lost" in findings(diff(INDEX, seq(1, removed=985)))


@pytest.mark.parametrize(
    ("before", "after", "word"),
    [
        (100, 109, "same"),
        (100, 112, "slower"),
        (112, 100, "faster"),
        (0.05, 0.14, "same"),
        (0.05, 0.16, "slower"),
    ],
)
def test_times_within_noise_are_the_same(before: float, after: float, word: str) -> None:
    assert diff(seq(before), seq(after)).measures["time"].word == word


@pytest.mark.parametrize(("after", "found"), [(149, False), (151, True)])
def test_slower_is_a_finding_from_half_as_much_again(after: float, found: bool) -> None:
    assert ("plan.slower-than-before" in findings(diff(seq(100), seq(after)))) is found


def test_rows_averaged_over_loops_are_equal_within_rounding() -> None:
    plan = "Result  (cost=0.00..1.00 rows=1 width=4) (actual time=0.001..0.002 rows={} loops=1)\n"
    assert diff(plan.format(10), plan.format(10)).measures["rows"].verdict == "same"
    comparison = diff(plan.format(10), plan.format(12))
    assert comparison.measures["rows"].verdict == "more"
    assert "10 rows" in findings(comparison)["plan.result-differs"].message


def test_costs_are_compared_only_under_equal_settings() -> None:
    dear = "Seq Scan on t  (cost=0.00..9000.00 rows=10 width=4)\n  Filter: (a = 1)\n"
    cheap = "Index Scan using i on t  (cost=0.29..8.00 rows=10 width=4)\n  Index Cond: (a = 1)\n"
    comparison = diff(cheap, dear)
    assert comparison.measures["cost"].word == "dearer"
    assert comparison.measures["time"].verdict == "unknown"
    assert {"plan.dearer-than-before", "plan.index-lost"} == set(findings(comparison))
    other = diff(cheap, dear + "Settings: enable_indexscan = 'off'\n")
    assert other.measures["cost"].verdict == "unknown"
    assert other.settings == {"enable_indexscan": (None, "off")}
    assert "plan.dearer-than-before" not in findings(other)


def test_costs_of_executed_plans_are_no_finding() -> None:
    assert "plan.dearer-than-before" not in findings(diff(INDEX, seq(1)))


def test_joins_are_told_by_order_and_method() -> None:
    comparison = diff(
        JOIN.format(join="Nested Loop", outer="a", inner="b"),
        JOIN.format(join="Nested Loop", outer="b", inner="a"),
    )
    assert comparison.joins == ("(a loop b)", "(b loop a)")
    assert not comparison.same_shape
    assert [one.text for one in comparison.tables] == ["", ""]


def test_every_node_is_aligned_once() -> None:
    before = read_plans(JOIN.format(join="Nested Loop", outer="a", inner="b"))[0]
    after = read_plans(
        "Sort  (cost=1.00..2.00 rows=1 width=4)\n  Sort Key: a.x\n  ->  " + "Hash Join"
        "  (cost=1.00..2.00 rows=1 width=4)\n        Hash Cond: (a.x = c.x)\n"
        "        ->  Seq Scan on a  (cost=0.00..1.00 rows=1 width=4)\n"
        "        ->  Hash  (cost=1.00..1.00 rows=1 width=4)\n"
        "              ->  Seq Scan on c  (cost=0.00..1.00 rows=1 width=4)\n"
    )[0]
    pairs = compare(before, after).pairs
    assert [(one.before and one.before.label, one.after and one.after.label) for one in pairs] == [
        ("Nested Loop", "Hash Join"),
        ("Seq Scan", "Seq Scan"),
        ("Seq Scan", None),
        (None, "Sort"),
        (None, "Hash"),
        (None, "Seq Scan"),
    ]


def test_another_alias_of_the_same_table_is_the_same_table() -> None:
    [table] = diff(seq(), INDEX.replace(" orders o ", " orders x ")).tables
    assert (table.alias, table.gained) == ("x", ("orders_customer_id",))


def test_the_same_alias_of_another_table_is_not() -> None:
    tables = diff(seq(), seq().replace(" orders o ", " customers o ")).tables
    assert [one.text for one in tables] == ["is not read any more", "is read now"]


def test_a_plan_against_itself_differs_in_nothing() -> None:
    comparison = diff(INDEX, INDEX)
    assert comparison.same_shape
    assert {one.verdict for one in comparison.measures.values()} == {"same"}
    assert [one.text for one in comparison.tables] == [""]
    assert all(one.before and one.after for one in comparison.pairs)
    assert findings(comparison) == {}


def test_temporary_files_that_were_not_there() -> None:
    spill = seq().replace("read=410", "read=410, temp read=500 written=500")
    assert "3.91 MiB" in findings(diff(seq(), spill))["plan.spills-now"].message
    assert "plan.spills-now" not in findings(diff(spill, spill))
    few = spill.replace("written=500", "written=127")
    assert "plan.spills-now" not in findings(diff(seq(), few))


def test_findings_are_fixed_only_where_the_plan_after_would_show_them() -> None:
    checks = load_checks("dbtune.postgres.plans.checks")
    before, fast = read_plans(seq())[0], read_plans(INDEX)[0]
    found = run_checks(checks, {"plan": before})[0]
    assert [one.rule for one in compare(before, fast, found, ()).fixed] == [
        "plan.seq-scan-discards-rows"
    ]
    estimate = read_plans("Seq Scan on orders o  (cost=0.00..7160.00 rows=15 width=8)\n")[0]
    assert compare(before, estimate, found, ()).fixed == ()
    assert compare(estimate, before, (), found).new == ()


def test_a_cut_off_plan_is_not_compared() -> None:
    lines = INDEX.split("\n")
    comparison = diff(INDEX, "\n".join(lines[:4]) + "\n  ->  Bitmap Index Sc")
    assert comparison.after.truncated
    assert comparison.measures["blocks"].verdict == "unknown"
    assert comparison.measures["time"].text.endswith("a plan is cut off")
    assert "plan.index-lost" not in findings(comparison)
