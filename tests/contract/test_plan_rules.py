"""Every rule on plans is tried on plans that have the defect and on one that has not.

The plans stand beside the tests in tests/unit/postgres/plans: as text in scan_plans/, labelled
``# must:`` and ``# must not:``, or as code in checks_b/cases.py. That each does what its label says
is tested there.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from dbtune.finding import Check, load_checks
from tests.unit.postgres.plans.checks_b.cases import CASES

PLANS = Path(__file__).parents[1] / "unit/postgres/plans/scan_plans"
CHECKS = load_checks("dbtune.postgres.plans.checks")


def labelled(rule: str) -> Counter[str]:
    """How many plans there are that must make a rule speak, and that must not."""
    found: Counter[str] = Counter()
    file = PLANS / f"{rule.removeprefix('plan.')}.txt"
    if file.exists():
        found.update(re.findall(r"(?m)^# (must(?: not)?):", file.read_text()))
    if case := CASES.get(rule):
        found.update({"must": len(case.bad), "must not": len(case.fine)})
    return found


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_a_rule_has_plans_for_and_against_it(check: Check) -> None:
    plans = labelled(check.name)
    assert plans["must"] >= 2, plans
    assert plans["must not"] >= 1, plans


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_a_rule_says_how_to_see_whether_it_helped(check: Check) -> None:
    assert check.documentation.get("Verify")


def test_every_labelled_plan_is_of_a_rule() -> None:
    names = {check.name for check in CHECKS}
    assert {f"plan.{file.stem}" for file in PLANS.glob("*.txt")} | set(CASES) == names
