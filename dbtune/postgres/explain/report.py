"""The report on plans: each with its nodes and findings, and what they could not tell."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from dbtune.finding import Finding, Skipped, load_checks, run_checks, sort_findings
from dbtune.postgres.explain.summary import by
from dbtune.postgres.explain.table import PLANS, SourceData, Summary
from dbtune.postgres.explain.view import tree_of
from dbtune.postgres.plans.limits import not_judged
from dbtune.postgres.plans.model import Plan
from dbtune.report import Report, Row

CHECKS = "dbtune.postgres.plans.checks"
Thresholds = Mapping[str, Mapping[str, object]]
Verify = Callable[[Plan, list[Finding]], list[Finding]]


@dataclass(frozen=True, slots=True)
class Given:
    """A plan, and the file that it is from: "" for none."""

    plan: Plan
    file: str = ""


def report(
    given: Sequence[Given],
    *,
    thresholds: Thresholds | None = None,
    notes: Sequence[str] = (),
    live: bool = False,
    verify: Verify | None = None,
) -> Report:
    """What there is to say of some plans.

    Args:
        given: the plans.
        thresholds: overrides by check name and threshold name.
        notes: what else to say.
        live: dbtune has asked a server for them, with every option that it has.
        verify: puts the indexes that a plan's findings suggest to the planner.
    """
    checks = load_checks(CHECKS)
    rows: list[Row] = []
    trees = []
    every: list[Finding] = []
    skipped: dict[Skipped, None] = {}
    for number, one in enumerate(given, start=1):
        found, not_run = run_checks(checks, {"plan": one.plan}, thresholds or {})
        if verify is not None:
            found = verify(one.plan, found)
        findings = [_located(finding, one, number) for finding in found]
        rows.append(_row(one, number, findings))
        trees.append(tree_of(one.plan, findings, number if len(given) > 1 else 0))
        every += findings
        skipped |= dict.fromkeys([*not_run, *not_judged(one.plan, live=live)])
    warnings = [warning for one in given for warning in _warnings(one, len(given) > 1)]
    return Report(
        "explain",
        (replace(PLANS, rows=tuple(rows), trees=tuple(trees)),),
        findings=tuple(sort_findings(every)),
        skipped=tuple(skipped),
        notes=(*notes, *dict.fromkeys(warnings)),
        examined=tuple(check.name for check in checks),
    )


def _located(finding: Finding, one: Given, number: int) -> Finding:
    return replace(
        finding,
        evidence={"plan": number, **finding.evidence},
        file=one.file,
        line=one.plan.source.line if one.file else 0,
    )


def _row(one: Given, number: int, findings: Sequence[Finding]) -> Row:
    plan, source = one.plan, one.plan.source
    own = {column.name: getattr(plan, column.name, None) for column in PLANS.columns}
    return own | {
        "number": number,
        "source": SourceData(
            one.file or None,
            source.format,
            source.origin,
            source.line,
            source.context,
            source.version_guess,
            source.warnings,
        ),
        # As text: most readers of JSON keep 53 bits of a number.
        "statement": plan.query,
        "query_id": None if plan.query_id is None else str(plan.query_id),
        "total_cost": plan.root.total_cost,
        "summary": Summary(
            by(plan, lambda node: node.type),
            by(plan, lambda node: node.relation),
            by(plan, lambda node: node.index),
        ),
        "findings": tuple(findings),
    }


def _warnings(one: Given, several: bool) -> Iterator[str]:
    where = f"{one.file or 'the input'}, line {one.plan.source.line}: " if several else ""
    for warning in one.plan.source.warnings:
        yield f"{where}{warning}"
