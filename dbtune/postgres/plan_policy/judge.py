"""Judging one plan by a policy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from dbtune.errors import Unavailable
from dbtune.finding import Check, Finding, Skipped, run_checks
from dbtune.postgres.explain.report import Given
from dbtune.postgres.plan_diff.access import touched
from dbtune.postgres.plan_diff.compare import compare
from dbtune.postgres.plan_policy.policy import Policy
from dbtune.postgres.plan_policy.sizes import most_rows, uses_large_table
from dbtune.postgres.plans.model import Plan
from dbtune.text import count_text, plain

ANALYZE = "EXPLAIN (ANALYZE, BUFFERS, SETTINGS) <the statement>;"
Verdict = Literal["passed", "failed", "excepted", "not judged"]


@dataclass(frozen=True, slots=True)
class Judged:
    """What a policy says of a plan, before exceptions; ``untold``: the plan can't show it clean."""

    given: Given
    findings: tuple[Finding, ...]
    skipped: tuple[Skipped, ...]
    untold: bool


def judge(
    given: Given,
    policy: Policy,
    checks: Sequence[Check],
    baseline: Plan | Unavailable,
) -> Judged:
    """Run the policy's checks on a plan.

    A plan on near-empty tables, or one that was cut off, can break a rule but never keep one.
    """
    findings, skipped = run_checks(checks, _facts(given.plan, policy, baseline))
    where = f"{plain(given.file) or 'standard input'}, line {given.plan.source.line}"
    located = tuple(
        replace(one, file=given.file, line=given.plan.source.line if given.file else 0)
        for one in findings
    )
    reasons = list(_untold(given.plan, policy))
    told = [Skipped(f"{one.what} on {where}", one.reason, one.remedy) for one in skipped]
    told += [Skipped(where, one.reason, one.remedy) for one in reasons]
    return Judged(given, located, tuple(told), bool(reasons))


def _facts(plan: Plan, policy: Policy, baseline: Plan | Unavailable) -> dict[str, object]:
    not_executed = Unavailable("the plan was not executed", ANALYZE)
    executed = plan if plan.analyzed else not_executed
    buffers = touched(plan.root.buffers) if plan.buffers else None
    measured = plan.total_ms if plan.analyzed else None
    return {
        "plan": plan,
        "policy": policy,
        "executed": executed,
        "comparison": baseline if isinstance(baseline, Unavailable) else compare(baseline, plan),
        "time_ms": not_executed if measured is None else measured,
        "cost": Unavailable("the plan was made with COSTS OFF", "EXPLAIN (COSTS ON) ...")
        if plan.root.total_cost is None
        else plan.root.total_cost,
        "blocks": Unavailable("the plan has no counters of blocks", ANALYZE)
        if buffers is None
        else buffers,
    }


def _untold(plan: Plan, policy: Policy) -> Iterator[Skipped]:
    if plan.truncated:
        yield Skipped("", "the plan is cut off: what is missing may be what is forbidden")
    rows = most_rows(plan)
    if rows < policy.near_empty_rows and not uses_large_table(plan):
        yield Skipped(
            "",
            f"near-empty: no more than {count_text(round(rows))} rows anywhere, and below "
            f"{count_text(policy.near_empty_rows)} (near-empty-rows) a plan tells nothing of real "
            "tables",
            "Load as many rows as production has, then ANALYZE;",
        )
