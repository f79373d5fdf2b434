"""The report on explained operations: each with its stages and findings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from dbtune.finding import Finding, Skipped, load_checks, run_checks, sort_findings
from dbtune.mongo.explain.table import PLANS, SourceData
from dbtune.mongo.explain.view import tree_of
from dbtune.mongo.plans.model import Plan
from dbtune.report import Report, Row

CHECKS = "dbtune.mongo.plans.checks"
Thresholds = Mapping[str, Mapping[str, object]]


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
) -> Report:
    """What there is to say of some explained operations.

    Args:
        given: the plans.
        thresholds: overrides by check name and threshold name.
        notes: what else to say.
        live: dbtune has asked a server for them.
    """
    checks = load_checks(CHECKS)
    rows: list[Row] = []
    trees = []
    every: list[Finding] = []
    skipped: dict[Skipped, None] = {}
    for number, one in enumerate(given, start=1):
        found, not_run = run_checks(checks, {"plan": one.plan}, thresholds or {})
        findings = [_located(finding, one, number) for finding in found]
        rows.append(_row(one, number, findings))
        trees.append(tree_of(one.plan, findings, number if len(given) > 1 else 0))
        every += findings
        skipped |= dict.fromkeys([*not_run, *_untold(one.plan, live=live)])
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
        line=one.plan.line if one.file else 0,
    )


def _row(one: Given, number: int, findings: Sequence[Finding]) -> Row:
    plan = one.plan
    own = {column.name: getattr(plan, column.name, None) for column in PLANS.columns}
    return own | {
        "number": number,
        "source": SourceData(one.file or None, plan.line, "mongodb", plan.version),
        "statement": plan.query or None,
        "query_engine": plan.engine,
        "keys_per_row": _ratio(plan.keys_examined, plan.total_rows),
        "docs_per_row": _ratio(plan.docs_examined, plan.total_rows),
        "findings": tuple(findings),
    }


def _ratio(examined: int | None, rows: int | None) -> float | None:
    """Examined for each one returned; where nothing was returned, all of it for one."""
    return None if examined is None or rows is None else examined / max(1, rows)


def _untold(plan: Plan, *, live: bool) -> Iterator[Skipped]:
    if not plan.analyzed:
        yield Skipped(
            "time, keys and documents",
            "the operation was planned, not executed" + (": --analyze executes it" if live else ""),
            "" if live else 'explain("executionStats")',
        )
    elif not plan.timing:
        yield Skipped(
            "time", "it took less than a millisecond, the finest that the server measures"
        )


def _warnings(one: Given, several: bool) -> Iterator[str]:
    if one.plan.truncated:
        where = f"{one.file or 'the input'}, line {one.plan.line}: " if several else ""
        yield (
            f"{where}the plan is cut off, or the shell did not print all of it: "
            "EJSON.stringify(db.c.find().explain('executionStats'), null, 1) prints everything"
        )
