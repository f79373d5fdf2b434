"""Policy files: what they mean, and every mistake with its line."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from dbtune.errors import UsageError
from dbtune.finding import load_checks
from dbtune.postgres.plan_policy.policy import ALL_RULES, SeqScans
from dbtune.postgres.plan_policy.read import parse
from dbtune.profile_file import Location
from dbtune.profile_file import parse as load_profiles


def test_a_whole_policy() -> None:
    policy = parse(
        """
plans:
  sequential-scan: {tables: [orders, "sales.*"], above-rows: 10_000}
  spill: forbid
  cartesian-join: allow
  max-time: 500ms
  max-blocks: 20000
  exceptions:
    - rule: spill
      reason: runs
        at night
      until: 2027-01-31
""",
        "p.yaml",
    )
    assert policy.seq_scans == SeqScans(("orders", "sales.*"), 10_000)
    assert (policy.spill, policy.cartesian_join, policy.max_ms) == (True, False, 500)
    assert policy.rules == (
        "plan.forbidden-seq-scan",
        "plan.forbidden-spill",
        "plan.above-time-limit",
        "plan.above-block-limit",
    )
    [exemption] = policy.exemptions
    assert exemption.rule == "plan.forbidden-spill"
    assert (exemption.plan, exemption.reason) == ("*", "runs at night")
    assert (exemption.until, exemption.line) == (date(2027, 1, 31), 9)


def test_a_policy_may_stand_beside_profiles() -> None:
    text = "default: a\nprofiles:\n  a: {url: 'postgresql://h/d'}\nplans:\n  spill: forbid\n"
    assert parse(text, "dbtune.yaml").spill
    assert load_profiles(text, Location(Path("dbtune.yaml"), own=False), {}).names == ("a",)


def test_names_with_and_without_schema() -> None:
    rule = SeqScans(("orders", "sales.*"))
    assert rule.names("orders")
    assert rule.names("public.orders")
    assert rule.names("sales.lines")
    assert not rule.names("lines")


@pytest.mark.parametrize("text", ["sequential-scan: forbid", "sequential-scan: {tables: all}"])
def test_all_tables(text: str) -> None:
    assert parse(f"plans:\n  {text}\n", "p").seq_scans == SeqScans(("*",))


EXCEPTION = "plans:\n  spill: forbid\n  exceptions:\n    - rule: spill\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "p.yaml, line 1: there is no 'plans'"),
        ("default: x\n", "line 1: there is no 'plans'"),
        ("plan:\n  spill: forbid\n", "line 1: unknown key 'plan'; did you mean 'plans'?"),
        ("plans: [a]\n", "line 1: here must be a mapping"),
        ("plans: {}\n", "line 1: it forbids nothing"),
        ("plans:\n  spill: allow\n", "line 1: it forbids nothing"),
        ("plans:\n  spill: yes\n", "line 2: spill is 'forbid' or 'allow'"),
        ("plans:\n  spill: forbid\n  spil: forbid\n", "line 3: unknown key 'spil'; did you mean"),
        ("plans:\n  spill: forbid\n  spill: forbid\n", "line 3: 'spill' stands here twice"),
        ("plans:\n  max-time: soon\n", "line 2: max-time:"),
        ("plans:\n  max-time: [1]\n", "line 2: max-time:"),
        ("plans:\n  max-cost: much\n", "line 2: max-cost must be a number"),
        ("plans:\n  max-cost: -1\n", "line 2: max-cost must be a number"),
        ("plans:\n  max-cost: nan\n", "line 2: max-cost must be a number"),
        ("plans:\n  sequential-scan:\n    tables: 5\n", "line 3: tables is 'all' or a list"),
        ("plans:\n  sequential-scan:\n    tables: []\n", "line 3: tables is empty"),
        ("plans:\n  sequential-scan:\n    above: 5\n", "line 3: unknown key 'above'"),
        ("plans:\n  spill: forbid\n  exceptions: x\n", "line 3: exceptions must be a list"),
        (EXCEPTION, "line 4: an exception needs 'reason'"),
        (EXCEPTION + "      reason: why\n", "line 4: an exception needs 'until'"),
        (EXCEPTION + "      reason: w\n      until: soon\n", "line 6: until must be a date"),
        (EXCEPTION + "      reason: w\n      util: 2027-01-01\n", "line 6: unknown key 'util'"),
        (
            EXCEPTION.replace("rule: spill", "rule: spil") + "      reason: w\n      until: x\n",
            "line 4: no rule 'spil'; did you mean 'spill'?",
        ),
        ("plans:\n\tspill: forbid\n", "line 2, column 1"),
    ],
)
def test_mistakes_have_a_line(text: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(text, "p.yaml")
    assert message in str(caught.value)


def test_every_rule_of_a_policy_is_a_check() -> None:
    names = {one.name for one in load_checks("dbtune.postgres.plan_policy.checks")}
    assert names == {*ALL_RULES, "plan.exception-expired"}
