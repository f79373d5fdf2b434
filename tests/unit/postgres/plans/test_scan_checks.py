"""Checks on scans, conditions, joins, loops, estimates, partitions: each fires, and is silent.

The plans beside this file are those that test_plan_checks_scans.py made on PostgreSQL 14 and 18,
before and after the defect was mended, and some made by hand. ``# must: title`` and ``# must not:
title`` stand above each.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbtune.finding import Check, Level, load_checks
from dbtune.postgres.plans.model import Plan
from dbtune.postgres.plans.read import read_plans

PLANS = Path(__file__).with_name("scan_plans")
TRUTH = Path(__file__).resolve().parents[4].parent / "shared/plans/truth"
CHECKS = {
    check.name.removeprefix("plan."): check
    for check in load_checks("dbtune.postgres.plans.checks")
    if (PLANS / f"{check.name.removeprefix('plan.')}.txt").exists()
}


def labelled() -> Iterator[tuple[str, str, str]]:
    """Rule, title, plan of everything in the folder."""
    for path in sorted(PLANS.glob("*.txt")):
        for part in re.split(r"(?m)^# (?=must)", path.read_text())[1:]:
            title, _, text = part.partition("\n")
            yield path.stem, title, text


LABELLED = list(labelled())
MUST = [one for one in LABELLED if one[1].startswith("must:")]
NAMES = [f"{rule} {title}" for rule, title, _ in LABELLED]
MUST_NAMES = [f"{rule} {title}" for rule, title, _ in MUST]
FIELDS = (
    *("plan_rows", "total_cost", "self_ms", "inclusive_ms", "total_rows", "loops", "actual_rows"),
    *("relation", "alias", "total_rows_max", "self_cost", "index"),
)
JUNK = ("", "(", "((a = ", "a", "'", "(x)::", ")", "(a AND (", "NOT ", "= ANY (", "x = ANY (")


def plan_of(text: str) -> Plan:
    return read_plans(text)[0]


def check_of(rule: str) -> Check:
    return CHECKS[rule]


def thresholds(rule: str) -> dict[str, object]:
    """The tables of the plans are small, the machine that ran them may have been fast."""
    return {"min_ms": 0.5} if "min_ms" in check_of(rule).thresholds else {}


def slower(text: str, factor: float) -> str:
    """The plan with all its times multiplied."""

    def times(found: re.Match[str]) -> str:
        return f"{float(found[0]) * factor:.3f}"

    return re.sub(r"(?<=time=)[\d.]+?(?=\.\.)|(?<=\.\.)\d+\.\d{3}|\d+\.\d{3}(?= ms)", times, text)


def test_every_rule_has_plans_of_both_kinds() -> None:
    for rule in CHECKS:
        titles = [title for one, title, _ in LABELLED if one == rule]
        assert sum(title.startswith("must:") for title in titles) >= 2, rule
        assert any(title.startswith("must not:") for title in titles), rule


@pytest.mark.parametrize(("rule", "title", "text"), LABELLED, ids=NAMES)
def test_labelled(rule: str, title: str, text: str) -> None:
    plan = plan_of(text)
    found = check_of(rule)(plan, **thresholds(rule))
    assert len(found) == title.startswith("must:"), found
    for one in found:
        assert one.rule == f"plan.{rule}"
        assert one.why
        assert one.mistaken_when
        assert one.remedy.text
        assert re.search(r"\d", one.message)
        assert "condition" in one.evidence or not re.search(r"\d{4}", one.message), one.message
        assert one.verify
        saving = one.evidence["saving_at_most_ms"]
        assert saving is None or 0 <= float(str(saving)) <= (plan.total_ms or 0) * 1.001
        assert (saving is None) == (not plan.timing or rule == "truncated")
        assert isinstance(one.evidence.get("node"), int) or rule == "truncated"


@pytest.mark.parametrize(("rule", "title", "text"), MUST, ids=MUST_NAMES)
def test_a_small_plan_is_left_alone(rule: str, title: str, text: str) -> None:
    if "actual" in text and rule != "truncated":
        assert check_of(rule)(plan_of(slower(text, 0.0003))) == []


@pytest.mark.parametrize(("rule", "title", "text"), MUST, ids=MUST_NAMES)
def test_nothing_raises_where_numbers_are_missing(rule: str, title: str, text: str) -> None:
    without_times = re.sub(r"actual time=[\d.]+ rows", "actual rows", text)
    without_costs = re.sub(r"  \(cost=[^()]*\)", "", text)
    planned = re.sub(r" \(actual [^()]*\)| \(never executed\)|\n.*(?:Removed by|Time:).*", "", text)
    for changed in (without_times, without_costs, planned):
        for check in CHECKS.values():
            check(plan_of(changed))
    assert not plan_of(without_times).timing
    for one in check_of(rule)(plan_of(without_times)):
        assert one.evidence["saving_at_most_ms"] is None


@given(st.data())
def test_no_damage_makes_a_check_raise(data: st.DataObject) -> None:
    """Conditions, numbers and nodes are missing or changed at random."""
    _, _, text = data.draw(st.sampled_from(LABELLED))
    plan = plan_of(text)
    conditions = st.text(max_size=30) | st.sampled_from(JUNK)
    nodes = []
    for node in plan.nodes:
        kept = dict(node.conditions)
        for key in data.draw(st.sets(st.sampled_from(sorted(kept)))) if kept else ():
            kept[key] = data.draw(conditions)
        gone = data.draw(st.sets(st.sampled_from(FIELDS), max_size=4))
        nodes.append(replace(node, conditions=kept, **dict.fromkeys(gone)))  # type: ignore[arg-type]
    for check in CHECKS.values():
        check(replace(plan, nodes=tuple(nodes)))


@pytest.mark.skipif(not TRUTH.exists(), reason="the corpus is not beside the repository")
def test_the_corpus_raises_nothing() -> None:
    for path in sorted(TRUTH.glob("pg*/*/auto_explain.json")):
        for plan in read_plans(path.read_text()):
            for check in CHECKS.values():
                check(plan)


def test_a_share_of_a_percent_is_no_warning() -> None:
    text = next(text for rule, _, text in MUST if rule == "seq-scan-discards-rows")
    found = check_of("seq-scan-discards-rows")(plan_of(slower(text, 100)))
    assert found[0].level == Level.critical
    longer = replace(plan_of(slower(text, 100)), total_ms=1e9)
    assert check_of("seq-scan-discards-rows")(longer) == []
