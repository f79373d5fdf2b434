"""Checks on memory, sorts, workers, JIT, CTEs, sub-plans, triggers, I/O and what lies around."""

from __future__ import annotations

import copy
import json
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbtune.finding import Check, Confidence, Finding, Level, load_checks
from dbtune.postgres.plans import memory
from dbtune.postgres.plans.limits import not_judged
from dbtune.postgres.plans.model import Plan
from dbtune.postgres.plans.read import read_plans
from tests.unit.postgres.plans.checks_b.builder import Raw, document, node, read, scan
from tests.unit.postgres.plans.checks_b.cases import (
    CASES,
    FK,
    LEADER_IN_MEMORY,
    SPILLED,
    delete,
    groups,
    hash_join,
    jit,
    memoize,
    planned,
    sort,
    subplan,
    top_n,
    uneven,
    with_settings,
)

CHECKS: dict[str, Check] = {
    check.name: check for check in load_checks("dbtune.postgres.plans.checks")
}
BAD = [(rule, plan) for rule, case in CASES.items() for plan in case.bad]
FINE = [(rule, plan) for rule, case in CASES.items() for plan in case.fine]

BOUNDLESS = ("plan.distorting-setting", "plan.large-result")
"""What another plan, or what sending fewer rows would save, no plan tells."""


def found(rule: str, raw: Raw) -> list[Finding]:
    return CHECKS[rule](read(raw))


def only(rule: str, raw: Raw) -> Finding:
    (finding,) = found(rule, raw)
    return finding


@pytest.mark.parametrize(("rule", "plan"), BAD, ids=lambda value: str(value)[:40])
def test_the_defect_is_found(rule: str, plan: Raw) -> None:
    finding = only(rule, plan)
    assert finding.rule == rule
    assert finding.why
    assert finding.mistaken_when
    assert CHECKS[rule].documentation["Remedy"]
    assert finding.remedy.text
    assert "\n" not in finding.message
    assert finding.verify
    bound, share = (finding.evidence[f"saving_at_most_{unit}"] for unit in ("ms", "ratio"))
    assert (bound is None) == (share is None)
    assert bound is not None or rule in BOUNDLESS
    if isinstance(bound, float) and isinstance(share, float):
        assert bound > 0
        assert 0 < share <= 1


@pytest.mark.parametrize(("rule", "plan"), FINE, ids=lambda value: str(value)[:40])
def test_what_lies_beside_the_defect_is_not_called_one(rule: str, plan: Raw) -> None:
    assert found(rule, plan) == []


def test_every_case_has_plans_for_and_against() -> None:
    for rule, case in CASES.items():
        assert len(case.bad) >= 2, rule
        assert case.fine, rule


@pytest.mark.parametrize(("rule", "plan"), BAD, ids=lambda value: str(value)[:40])
def test_the_fingerprint_stays_when_the_numbers_change(rule: str, plan: Raw) -> None:
    other = copy.deepcopy(plan)

    def slower(value: Any) -> None:
        for key in ("Actual Total Time", "Time", "Execution Time", "Planning Time"):
            if isinstance(value, dict) and key in value and value[key]:
                value[key] *= 1.01
        for inner in value.values() if isinstance(value, dict) else value:
            if isinstance(inner, dict | list):
                slower(inner)

    slower(other)
    assert only(rule, plan).fingerprint == only(rule, other).fingerprint


# --- what must hold for every check on every plan ----------------------------------------------


def everything(plan: Plan) -> list[Finding]:
    not_judged(plan)
    return [finding for rule in (*CASES, "plan.truncated") for finding in CHECKS[rule](plan)]


@pytest.mark.parametrize("rule", CASES)
@pytest.mark.parametrize("missing", ["Actual Total Time", "Actual Loops", "Total Cost"])
def test_no_check_raises_on_plans_that_tell_less(rule: str, missing: str) -> None:
    """TIMING OFF, no ANALYZE, COSTS OFF."""
    gone = {
        "Actual Total Time": ("Actual Total Time", "Actual Startup Time"),
        "Actual Loops": ("Actual Total Time", "Actual Startup Time", "Actual Rows", "Actual Loops"),
        "Total Cost": ("Total Cost", "Startup Cost", "Plan Rows", "Plan Width"),
    }[missing]

    def without(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: without(inner) for key, inner in value.items() if key not in gone}
        return [without(inner) for inner in value] if isinstance(value, list) else value

    for raw in (*CASES[rule].bad, *CASES[rule].fine):
        plan = read(without(raw if "Plan" in raw else document(raw)))
        for finding in everything(plan):
            assert finding.message


_VALUES = st.one_of(
    st.none(),
    st.just("x"),
    st.just(0),
    st.just(-1),
    st.just(1e18),
    st.just([]),
    st.just({}),
    st.just("never"),
    st.floats(allow_nan=False, allow_infinity=False),
)


@given(
    st.sampled_from([plan for case in CASES.values() for plan in (*case.bad, *case.fine)]),
    st.lists(st.tuples(st.integers(0, 1 << 30), st.booleans(), _VALUES), max_size=12),
)
def test_no_check_raises_on_any_plan(raw: Raw, changes: list[tuple[int, bool, Any]]) -> None:
    whole = copy.deepcopy(raw if "Plan" in raw else document(raw))
    for seed, drop, value in changes:
        places = [
            (holder, key)
            for holder in _mappings(whole)
            for key in holder
            if key not in ("Plan", "Node Type")
        ]
        holder, key = places[seed % len(places)]
        if drop:
            del holder[key]
        else:
            holder[key] = value
    for plan in read_plans(json.dumps([whole])):
        for finding in everything(plan):
            json.dumps(dict(finding.evidence))


def _mappings(value: Any) -> list[dict[str, Any]]:
    found = [value] if isinstance(value, dict) else []
    for inner in value.values() if isinstance(value, dict) else value:
        if isinstance(inner, dict | list):
            found += _mappings(inner)
    return found


def test_names_in_a_plan_do_not_break_out_of_remedies() -> None:
    evil = "x'\n; DROP TABLE y --"
    fk = only("plan.foreign-key-without-index", delete(100, 900, **{**FK, "Constraint_Name": evil}))
    assert "''" in fk.remedy.sql
    assert all("DROP" not in line or "conname = 'x''" in line for line in fk.remedy.sql.split("\n"))
    table = scan(100, 5, evil, **{"Shared Hit Blocks": 5000, "Shared Dirtied Blocks": 4000})
    (line,) = only("plan.dirtying-read", table).remedy.sql.split("\n")
    assert line.startswith("VACUUM (ANALYZE) U&\"x'\\000a; DROP")
    assert (
        found("plan.distorting-setting", with_settings(**{"enable_x; DROP TABLE y": "off"})) == []
    )


# --- memory --------------------------------------------------------------------------------------

MEASURED = [
    # version, rows, kilobytes on disk, smallest work_mem (kB) that avoids the spill
    (13, 30_000, 600, 2117),
    (13, 100_000, 21_736, 29_171),
    (14, 100_000, 5512, 10_190),
    (15, 100_000, 5504, 10_993),
    (15, 30_000, 27_000, 28_623),
    (16, 100_000, 1976, 6286),
]


@pytest.mark.parametrize(("version", "rows", "disk", "smallest"), MEASURED)
def test_the_memory_of_a_sort_is_what_was_measured(
    version: int, rows: int, disk: int, smallest: int
) -> None:
    need = memory.sort_bytes(rows, disk * 1024, version) / 1024
    assert smallest <= need * memory.MARGIN <= 1.5 * smallest


@given(
    st.integers(1, 10**9),
    st.integers(1, 10**10),
    st.sampled_from([13, 14, 15, 16, 17, 18]),
    st.booleans(),
)
def test_a_sort_takes_more_in_memory_than_on_disk(
    rows: int, disk: int, version: int, bounded: bool
) -> None:
    need = memory.sort_bytes(rows, disk, version, bounded=bounded)
    assert need > disk
    assert need >= memory.sort_bytes(rows, disk, 18, bounded=bounded)


def test_a_sort_that_spilled_gets_its_number() -> None:
    finding = only("plan.sort-spill", SPILLED)
    # 200,000 rows of 55 bytes take 77 on average and 40 besides, before 15.
    assert finding.remedy.sql.startswith("SET LOCAL work_mem = '25MB';")
    assert finding.evidence["work_mem_needed_bytes"] == 25 * memory.MIB
    assert finding.evidence["saving_at_most_ms"] == 400
    assert finding.level is Level.critical
    assert finding.subject == "Sort by t.a"
    assert finding.confidence is Confidence.measured


def test_newer_versions_sort_in_less_memory() -> None:
    new = copy.deepcopy(SPILLED)
    new["Actual Rows"] = 200_000.0  # as 18 prints it
    finding = only("plan.sort-spill", {"Plan": new, "Execution Time": 500.1})
    assert finding.remedy.sql.startswith("SET LOCAL work_mem = '17MB';")


def test_of_parallel_processes_the_worst_counts() -> None:
    finding = only("plan.sort-spill", LEADER_IN_MEMORY)
    assert finding.evidence["disk_bytes"] == 5000 * 1024
    assert finding.evidence["processes_on_disk"] == 2
    assert finding.evidence["processes_in_memory"] == 1
    assert "3 processes" in finding.remedy.text
    assert "share the rows differently" in finding.remedy.text


def test_a_sort_that_returns_less_than_it_sorts_is_judged_by_its_input() -> None:
    finding = only("plan.sort-spill", sort(500, 100, "Disk", 9600, input_rows=200_000))
    assert finding.evidence["rows"] == 200_000


def test_no_setting_is_offered_that_no_session_should_have() -> None:
    finding = only("plan.sort-spill", sort(90_000, 20_000_000, "Disk", 2_000_000))
    assert finding.remedy.sql == ""
    assert "too much" in finding.remedy.text


def test_the_advised_memory_is_more_than_there_is() -> None:
    raw = document(SPILLED, Settings={"work_mem": "64MB"})
    advised = only("plan.sort-spill", raw).evidence["work_mem_needed_bytes"]
    assert isinstance(advised, int)
    assert advised >= 80 * memory.MIB


def test_work_mem_counts_for_hashes_by_the_multiplier() -> None:
    once = only("plan.hash-join-spill", hash_join(500, 8))
    assert "1 here unless" in once.remedy.text
    settings = {"hash_mem_multiplier": "4"}
    four = only("plan.hash-join-spill", document(hash_join(500, 8), Settings=settings))
    assert "4 here." in four.remedy.text
    # What the planner reckons with is more here than the eight batches took.
    assert once.evidence["work_mem_needed_bytes"] == 43 * memory.MIB
    assert four.evidence["work_mem_needed_bytes"] == 11 * memory.MIB
    many = only("plan.hash-join-spill", hash_join(500, 64))
    assert many.evidence["hash_table_bytes"] == 64 * 4000 * 1024


def test_the_planner_wants_room_for_what_it_expects() -> None:
    """More rows planned than came: with memory for those that came it would split again."""
    raw = hash_join(500, 8, plan_rows=4_000_000)
    finding = only("plan.hash-join-spill", raw)
    table = finding.evidence["hash_table_bytes"]
    assert isinstance(table, int)
    assert table > 4_000_000 * (32 + 56)


def test_batches_that_were_not_foreseen_ask_for_analyze_first() -> None:
    assert "ANALYZE" in only("plan.hash-join-spill", hash_join(500, 64, planned=2)).remedy.text
    assert "ANALYZE" not in only("plan.hash-join-spill", hash_join(500, 8)).remedy.text
    few = groups(500, 9000, partitions=0, plan_rows=500)
    assert "Only 500 groups" in only("plan.hash-aggregate-spill", few).remedy.text
    right = groups(500, 9000, partitions=0)
    assert "ANALYZE" not in only("plan.hash-aggregate-spill", right).remedy.text


def test_no_less_memory_is_advised_than_there_probably_is() -> None:
    """What the plan's settings do not mention has its default: 4 MB."""
    small = sort(500, 20_000, "Disk", 600)
    assert only("plan.sort-spill", small).remedy.sql.startswith("SET LOCAL work_mem = '5MB'")
    known = document(small, Settings={"work_mem": "1MB"})
    assert only("plan.sort-spill", known).remedy.sql.startswith("SET LOCAL work_mem = '3MB'")


def test_memory_is_not_advised_for_a_list_that_there_was_room_for() -> None:
    raw = subplan(500, 1000, "Materialize")
    roomy = only("plan.subplan-not-hashed", raw)
    assert roomy.remedy.sql == ""
    assert "equal types" in roomy.remedy.text
    tight = only("plan.subplan-not-hashed", document(raw, Settings={"work_mem": "64kB"}))
    assert tight.remedy.sql.startswith("SET LOCAL work_mem = '1MB'")


def test_what_is_suspected_only_is_never_critical() -> None:
    for rule, case in CASES.items():
        for raw in case.bad:
            finding = only(rule, raw)
            if finding.confidence is Confidence.rule_of_thumb:
                assert finding.level is not Level.critical, rule


def test_evictions_need_memory_for_the_evicted() -> None:
    finding = only("plan.memoize-evictions", memoize(500, 5000, 9000, 8000))
    need = finding.evidence["work_mem_needed_bytes"]
    assert isinstance(need, int)
    assert need >= 9 * 4097 * 1024


# --- the rest --------------------------------------------------------------------------------


def test_without_times_large_spills_are_still_found_and_no_saving_is_claimed() -> None:
    large, small = sort(500, 200_000, "Disk", 9600), sort(500, 2000, "Disk", 96)
    for raw in (large, large["Plans"][0], small, small["Plans"][0]):
        del raw["Actual Total Time"], raw["Actual Startup Time"]
    finding = only("plan.sort-spill", {"Plan": large})
    assert finding.evidence["saving_at_most_ms"] is None
    assert finding.level is Level.warning
    assert found("plan.sort-spill", {"Plan": small}) == []


def test_the_index_for_few_rows_has_equality_first() -> None:
    plain = only("plan.sort-for-few-rows", top_n(200, 100_000, 10))
    assert '"t" ("a", "id")' in plain.remedy.sql
    filtered = top_n(200, 100_000, 1, Filter="(customer = 5)")
    assert '("customer", "a", "id")' in only("plan.sort-for-few-rows", filtered).remedy.sql


def test_compiling_in_workers_counts_once() -> None:
    plan = node(
        "Gather", 900, 10,
        scan(2400, 30, loops=3, Workers=[
            {"Worker Number": number, "JIT": {"Functions": 5, "Timing": {"Total": 200.0}}}
            for number in range(2)
        ]),
        Workers_Planned=2, Workers_Launched=2,
    )  # fmt: skip
    raw = document(plan, JIT=jit(600, 900)["JIT"])
    assert only("plan.jit-dominates", raw).evidence["saving_at_most_ms"] == 200
    del plan["Plans"][0]["Workers"]
    assert only("plan.jit-dominates", raw).evidence["saving_at_most_ms"] == 200


def test_the_threshold_for_compiling_is_above_the_cost_of_the_statement() -> None:
    assert "SET jit_above_cost = 300000;" in only("plan.jit-dominates", jit(600, 1000)).remedy.sql
    optimized = only("plan.jit-dominates", jit(300, 1000, optimizing=250))
    assert "jit_optimize_above_cost" in optimized.remedy.sql


def test_the_leader_is_one_of_the_processes() -> None:
    evidence = only("plan.uneven-workers", uneven(50, 60, leader=1000)).evidence
    assert evidence["processes"] == 3
    assert evidence["longest_ms"] == pytest.approx(1000)


def test_slow_planning_of_a_short_statement_is_only_worth_a_note() -> None:
    assert only("plan.planning-dominates", planned(9, 2)).level is Level.info
    assert only("plan.planning-dominates", planned(80, 3)).level is Level.warning


def test_a_truncated_plan_says_so() -> None:
    text = json.dumps([document(SPILLED)], indent=2)
    (plan,) = read_plans(text[: text.index('"Relation Name"')])
    assert plan.truncated
    (finding,) = CHECKS["plan.truncated"](plan)
    assert "2 nodes" in finding.message
    assert CHECKS["plan.truncated"](read(SPILLED)) == []
    assert not_judged(plan)[0].what == "what is missing of a plan"


def test_a_small_statement_gets_no_findings() -> None:
    quick = node(
        "Limit", 0.9, 10,
        node("Sort", 0.8, 10, scan(0.5, 500, Filter="(a = 5)", **{"Rows Removed by Filter": 500}),
             Sort_Key=["t.a"], Sort_Method="top-N heapsort", Sort_Space_Type="Memory",
             Sort_Space_Used=25),
    )  # fmt: skip
    assert everything(read(quick)) == []


def test_findings_do_not_depend_on_chance() -> None:
    plans = [plan for case in CASES.values() for plan in case.bad]
    random.Random(1).shuffle(plans)
    for raw in plans:
        assert everything(read(raw)) == everything(read(copy.deepcopy(raw)))
