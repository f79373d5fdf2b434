"""A configuration as a report: settings, memory, inputs, findings, and the file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from dbtune.finding import Skipped, load_checks, run_checks
from dbtune.postgres.config.budget import Budget, budget
from dbtune.postgres.config.forms import Form, artifact, facts, verdict
from dbtune.postgres.config.guc import Value
from dbtune.postgres.config.measured import lines
from dbtune.postgres.config.plan import Decision, Plan
from dbtune.postgres.config.rules.logging import MODULE
from dbtune.postgres.config.services import OWNED
from dbtune.postgres.config.services import notes as service_notes
from dbtune.report import Column, Report, Row, Table
from dbtune.text import plural, ratio_text

if TYPE_CHECKING:
    from dbtune.postgres.config.trial import Trial


CHECKS = "dbtune.postgres.config.checks"
CHANGES = Table(
    "changes",
    "Settings",
    (
        Column("setting", "setting", "text", "Name of the setting."),
        Column("old_value", "before", "text", "What the target has, or the version's default."),
        Column("value", "after", "text", "The value, as in a configuration file."),
        Column("apply", "needs", "text", "What makes it count: restart or reload."),
        Column("formula", "because", "text", "How the value came about.", 1),
        Column("old_source", "set by", "text", "Who set what the target has.", 2),
        Column("reason", "why", "text", "Why it matters.", None),
        Column("document", "documentation", "text", "Where the setting is documented.", None),
        Column("group", "group", "text", "Which part of the server it is about.", None),
        Column("number", "number", "float", "Bytes, milliseconds or the number itself.", None),
        Column("unit", "unit", "text", "Unit of the number: bytes, ms, or none.", None),
    ),
    empty="nothing should change",
)
MEMORY = Table(
    "memory",
    "Memory budget",
    (
        Column("part", "what for", "text", "What the memory is for."),
        Column("certain_bytes", "certain", "bytes", "In use once the server is warm."),
        Column("expected_bytes", "expected", "bytes", "In normal operation."),
        Column("worst_bytes", "worst", "bytes", "When everything happens at once."),
        Column("formula", "worst case", "text", "How the worst case is computed.", 1),
    ),
)
INPUTS = Table(
    "inputs",
    "Made from",
    (
        Column("input", "what", "text", "Name of the input."),
        Column("value", "value", "text", "Its value."),
        Column("source", "from", "text", "Where it came from."),
    ),
)
MEASURED = Table(
    "measured",
    "Measured there",
    (
        Column("what", "what", "text", "What was measured."),
        Column("value", "value", "text", "With its unit."),
        Column("decides", "decides", "text", "Settings that hang on it."),
    ),
    empty="nothing was measured: no target, or too little was counted",
)
TABLES = (CHANGES, MEMORY, INPUTS, MEASURED)


def report(
    plan: Plan,
    form: Form,
    *,
    thresholds: Mapping[str, Mapping[str, object]] | None = None,
    target: Mapping[str, object] | None = None,
    collected_at: datetime | None = None,
    trial: Trial | None = None,
) -> Report:
    """Everything about a plan.

    Raises:
        UsageError: the target does not take that form, or a threshold is unknown.
    """
    memory = budget(plan)
    checks = load_checks(CHECKS)
    examined: dict[str, object] = {"plan": plan, "budget": memory, "form": form, "trial": trial}
    if trial is None:
        checks = [one for one in checks if "trial" not in one.needs]
    findings, skipped = run_checks(checks, examined, thresholds or {})
    server = plan.server
    return Report(
        command="gen-config postgresql",
        tables=(
            _filled(CHANGES, [_setting(one, plan) for one in plan.changes]),
            _filled(MEMORY, _memory(memory), footer=verdict(memory)),
            _filled(INPUTS, [_input(*one) for one in facts(plan.inputs)]),
            *_measured(plan),
        ),
        findings=tuple(findings),
        skipped=(*(server.skipped if server else ()), *skipped, *_unavailable(plan)),
        notes=(
            *_tried(plan, trial),
            *(service_notes(form.value, plan) if form.value in OWNED else ()),
            *_notes(plan),
        ),
        target=target,
        collected_at=collected_at,
        artifacts=(artifact(form, plan, memory, findings),),
        examined=tuple(check.name for check in checks),
    )


def _measured(plan: Plan) -> Iterator[Table]:
    rows: list[Row] = [line._asdict() for line in lines(plan.measured)]
    if rows:
        yield _filled(MEASURED, rows)


def _tried(plan: Plan, trial: Trial | None) -> Iterator[str]:
    if trial is None:
        return
    if not trial.problems:
        count = plural(len(plan.changes), "setting")
        yield f"verified: {trial.server} started with it and reads all {count} as meant"
    yield from trial.notes


def _filled(table: Table, rows: list[Row], footer: str = "") -> Table:
    return Table(
        table.name, table.title, table.columns, tuple(rows), footer=footer, empty=table.empty
    )


def _setting(decision: Decision, plan: Plan) -> Row:
    guc, rule, advice = decision.guc, decision.rule, decision.advice
    assert rule is not None
    assert advice is not None
    return {
        "setting": decision.name,
        "old_value": guc.text(decision.old),
        "value": guc.text(decision.value),
        "apply": guc.apply,
        "formula": advice.formula,
        "old_source": decision.current.setter if decision.current else None,
        "reason": advice.why or rule.why,
        "document": rule.document(plan.inputs.version),
        "group": rule.group,
        "number": _number(decision.value),
        "unit": "bytes" if guc.is_memory else "ms" if guc.is_time else None,
    }


def _number(value: Value) -> float | None:
    return None if isinstance(value, bool | str) else value


def _memory(memory: Budget) -> list[Row]:
    rows: list[Row] = [
        {
            "part": part.name,
            "certain_bytes": round(part.certain),
            "expected_bytes": round(part.expected),
            "worst_bytes": round(part.worst),
            "formula": part.formula,
        }
        for part in memory.parts
    ]
    rows.append(
        {
            "part": "together",
            "certain_bytes": round(memory.certain),
            "expected_bytes": round(memory.expected),
            "worst_bytes": round(memory.worst),
            "formula": f"{ratio_text(memory.worst / memory.ram_bytes)} of RAM",
        }
    )
    return rows


def _input(name: str, value: str, source: str) -> Row:
    return {"input": name, "value": value, "source": source}


def _unavailable(plan: Plan) -> Iterator[Skipped]:
    server = plan.server
    if server and server.extensions is not None and MODULE not in server.extensions:
        yield Skipped(
            MODULE,
            "not installed on that server, so it is not loaded: the server would not start",
            "Install the contrib package (RHEL: postgresqlNN-contrib), then generate again.",
        )


def _notes(plan: Plan) -> Iterator[str]:
    server = plan.server
    if server is None:
        return
    kept = [f"{one.name} = {one.guc.text(one.value)}" for one in plan.decisions if one.kept]
    if kept:
        yield f"Good enough as it is, so left alone: {', '.join(kept)}."
    restart = [one.name for one in plan.changes if one.guc.apply == "restart"]
    if restart:
        yield f"Only after a restart: {', '.join(restart)}."
    if server.provider:
        yield (
            f"That server is managed by {server.provider}: configuration files and ALTER SYSTEM "
            "are out of reach. Set the values in the service's parameter group or flags "
            "(--form json lists them); the service reserves some for itself."
        )
    if server.standby:
        yield "That server is a standby: raise max_connections and workers here before the primary."
