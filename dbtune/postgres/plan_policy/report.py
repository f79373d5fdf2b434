"""The report on plans that a policy judges."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date

from dbtune.errors import Unavailable
from dbtune.finding import Finding, load_checks, run_checks, sort_findings
from dbtune.postgres.explain.report import Given
from dbtune.postgres.plan_diff.access import touched
from dbtune.postgres.plan_policy.judge import Judged, Verdict, judge
from dbtune.postgres.plan_policy.policy import Exemption, Policy
from dbtune.postgres.plan_policy.sizes import most_rows
from dbtune.postgres.plan_policy.table import EXCEPTIONS, PLANS
from dbtune.postgres.plans.model import Plan
from dbtune.report import Report, Row

CHECKS = "dbtune.postgres.plan_policy.checks"
_EXPIRED = "plan.exception-expired"
_Used = dict[Exemption, int]


def report(
    given: Sequence[Given],
    policy: Policy,
    before: Sequence[Plan | Unavailable],
    today: date,
    notes: Sequence[str] = (),
) -> Report:
    """Judge plans.

    Args:
        given: the plans.
        policy: what they must not do.
        before: the baseline's plan for each.
        today: the day on which exceptions are looked at.
        notes: what else to say.
    """
    every = load_checks(CHECKS)
    binding = [one for one in every if one.name in policy.rules]
    judged = [judge(one, policy, binding, old) for one, old in zip(given, before, strict=True)]
    used: _Used = dict.fromkeys(policy.exemptions, 0)
    rows: list[Row] = []
    findings: list[Finding] = []
    for one, old in zip(judged, before, strict=True):
        left = [finding for finding in one.findings if not _excepted(finding, policy, today, used)]
        findings += left
        rows.append(_row(one, left, has_baseline=not isinstance(old, Unavailable)))
    dated = [one for one in every if one.name == _EXPIRED] if policy.exemptions else []
    findings += run_checks(dated, {"policy": policy, "today": today})[0]
    exceptions = tuple(_exception(one, used[one], today) for one in policy.exemptions)
    return Report(
        "explain check",
        (
            replace(PLANS, rows=tuple(rows)),
            *((replace(EXCEPTIONS, rows=exceptions),) if exceptions else ()),
        ),
        findings=tuple(sort_findings(findings)),
        skipped=tuple(dict.fromkeys(skipped for one in judged for skipped in one.skipped)),
        notes=(*notes, *_unused(policy, used, today)),
        examined=tuple(one.name for one in (*binding, *dated)),
    )


def _excepted(finding: Finding, policy: Policy, today: date, used: _Used) -> bool:
    for one in policy.exemptions:
        if one.until >= today and one.covers(finding):
            used[one] += 1
            return True
    return False


def _row(one: Judged, left: Sequence[Finding], *, has_baseline: bool) -> Row:
    plan = one.given.plan
    return {
        "verdict": _verdict(one, left),
        "file": one.given.file or None,
        "line": plan.source.line,
        "broken": list(dict.fromkeys(finding.rule for finding in one.findings)),
        "total_ms": plan.total_ms if plan.analyzed else None,
        "blocks": touched(plan.root.buffers) if plan.buffers else None,
        "cost": plan.root.total_cost,
        "most_rows": most_rows(plan),
        "baseline": has_baseline,
    }


def _verdict(one: Judged, left: Sequence[Finding]) -> Verdict:
    if left:
        return "failed"
    if one.untold:
        return "not judged"
    return "excepted" if one.findings else "passed"


def _exception(one: Exemption, count: int, today: date) -> Row:
    return {
        "state": "expired" if one.until < today else "used" if count else "unused",
        "rule": one.rule,
        "plan": one.plan,
        "table": one.table or None,
        "until": one.until.isoformat(),
        "reason": one.reason,
        "line": one.line,
        "let_through": count,
    }


def _unused(policy: Policy, used: _Used, today: date) -> Iterator[str]:
    for one in policy.exemptions:
        if not used[one] and one.until >= today:
            yield (
                f"{policy.file}, line {one.line}: the exception for {one.rule} on {one.plan} let "
                "nothing through; remove it unless its plans were not checked now"
            )
