"""Statements side by side: what is called a change, and what chance or load is taken for."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbtune.compare.model import StatementChange, Workload
from dbtune.compare.noise import Verdict
from dbtune.compare.statements import align, mentions, per_call, workload_of
from dbtune.compare.verdict import judge
from dbtune.statements import Statement


def statement(
    text: str = "SELECT 1",
    mean: float = 1.0,
    calls: float = 10_000,
    blocks: float = 4.0,
    rows: float = 1.0,
    stddev: float | None = None,
) -> Statement:
    return Statement(
        text,
        calls,
        mean * calls,
        mean,
        mean if stddev is None else stddev,
        rows=round(rows * calls),
        blocks=round(blocks * calls),
        read_bytes=0,
    )


def one(before: Statement, after: Statement) -> StatementChange:
    (found,) = align({"x": before}, {"x": after})
    return found


def test_another_plan_shows_in_blocks_and_time() -> None:
    found = one(statement(mean=0.1), statement(mean=40, blocks=1500, calls=200))
    assert (found.verdict, found.work_verdict) == (Verdict.worse, Verdict.worse)


def test_time_alone_is_believed_from_twice_as_much_on() -> None:
    assert one(statement(mean=1), statement(mean=1.9)).verdict is Verdict.unknown
    assert one(statement(mean=1), statement(mean=2.1)).verdict is Verdict.worse
    assert one(statement(mean=1), statement(mean=1.15)).verdict is Verdict.same


def test_more_rows_explain_more_blocks() -> None:
    found = one(statement(blocks=40, rows=10), statement(blocks=400, rows=100))
    assert found.work_verdict is Verdict.same
    found = one(statement(blocks=40, rows=10), statement(blocks=4000, rows=100))
    assert found.work_verdict is Verdict.worse


def test_what_all_statements_have_in_common_is_the_machines() -> None:
    before = {f"s{n}": statement(f"SELECT {n}", mean=n) for n in range(1, 8)}
    after = {key: statement(s.text, mean=s.mean_ms * 3) for key, s in before.items()}
    assert {change.verdict for change in align(before, after)} == {Verdict.same}
    after["s1"] = statement("SELECT 1", mean=12)  # four times the others' drift
    worse = [change for change in align(before, after) if change.verdict is Verdict.worse]
    assert [change.statement.text for change in worse] == ["SELECT 1"]
    assert worse[0].own_ratio == pytest.approx(4)


def test_a_few_slow_calls_prove_nothing() -> None:
    found = one(statement(calls=8, mean=10, stddev=30), statement(calls=6, mean=40, stddev=60))
    assert found.verdict is Verdict.unknown


def test_what_runs_in_one_period_only_is_not_judged() -> None:
    gone, new = align({"a": statement("A", mean=9)}, {"b": statement("B")})
    assert [(gone.state, gone.verdict), (new.state, new.verdict)] == [("gone", None), ("new", None)]


def test_names_of_tables_are_whole_words() -> None:
    assert mentions("SELECT * FROM shop.Orders o", {"shop.orders"})
    assert not mentions("SELECT * FROM reorders", {"shop.orders"})
    assert not mentions("SELECT 1", [])


positive = st.floats(0.01, 1000)
statements = st.dictionaries(
    st.sampled_from([f"SELECT {n}" for n in range(9)]),
    st.builds(
        statement,
        mean=positive,
        calls=st.integers(1, 100_000).map(float),
        blocks=st.floats(0, 10_000),
        rows=st.floats(0, 1000),
        stddev=st.floats(0, 1000),
    ),
).map(lambda found: {text: replace(one, text=text) for text, one in found.items()})


@given(statements, statements)
def test_swapping_before_and_after_mirrors_everything(
    before: dict[str, Statement], after: dict[str, Statement]
) -> None:
    there = {change.statement.text: change for change in align(before, after)}
    for back in align(after, before):
        change = there[back.statement.text]
        assert {change.state, back.state} in ({"both"}, {"new", "gone"})
        if change.verdict and back.verdict and _clear(change):
            assert change.verdict.mirrored is back.verdict
        if change.work_verdict and back.work_verdict and _clear(change):
            assert change.work_verdict.mirrored is back.work_verdict


def _clear(change: StatementChange) -> bool:
    """Not so near a limit that the rounding of rows and blocks decides."""
    pair = [one for one in (change.before, change.after) if one is not None]
    before, after = ([per_call(one, one.blocks) for one in pair] + [None, None])[:2]
    blocks = after / before if before and after else None
    ratios = (change.own_ratio, change.shift.ratio, blocks, change.rows)
    return all(
        one is None
        or min(abs(one * limit - 1) for limit in (1.2, 1.5, 2, 1 / 1.2, 1 / 1.5, 1 / 2)) > 1e-3
        for one in ratios
    )


@given(statements)
def test_a_period_does_not_differ_from_itself(same: dict[str, Statement]) -> None:
    changes = align(same, same)
    assert {change.state for change in changes} <= {"both"}
    assert {change.verdict for change in changes} <= {Verdict.same, Verdict.unknown}
    assert judge(workload_of(changes)).verdict in (Verdict.same, Verdict.unknown)


@given(statements, statements)
def test_the_verdict_on_the_whole_is_mirrored(
    before: dict[str, Statement], after: dict[str, Statement]
) -> None:
    there, back = workload_of(align(before, after)), workload_of(align(after, before))
    if there.time and all(abs(there.time * x - 1) > 1e-6 for x in (1.1, 2, 1 / 1.1, 1 / 2)):
        assert judge(there).verdict.mirrored is judge(back).verdict


@pytest.mark.parametrize(
    ("workload", "verdict", "sure"),
    [
        (Workload(time=1.05, work=1.0, covered_ratio=1, statements=3, calls=5000), "same", "high"),
        (Workload(time=1.3, work=1.0, covered_ratio=1, statements=3, calls=5000), "unknown", "low"),
        (Workload(time=1.3, work=1.4, covered_ratio=1, statements=3, calls=5000), "worse", "high"),
        (Workload(time=0.7, reads=0.2, covered_ratio=1, statements=3, calls=500), "better", "high"),
        (Workload(time=2.0, work=1.0, covered_ratio=1, statements=3, calls=5000), "worse", "low"),
        (Workload(time=9.0, work=9.0, covered_ratio=0.3, statements=3, calls=50), "unknown", "low"),
        (Workload(), "unknown", "low"),
    ],
)
def test_a_verdict_is_sure_where_time_and_work_agree(
    workload: Workload, verdict: str, sure: str
) -> None:
    found = judge(workload)
    assert (found.verdict, found.sure) == (Verdict[verdict], sure)
