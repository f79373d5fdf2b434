"""Suggestions as a report: tables of indexes and of statements, findings with the SQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dbtune.finding import Confidence, Skipped, load_checks, run_checks
from dbtune.postgres.indexes.advice import Advice, Effect, Suggestion
from dbtune.postgres.indexes.ddl_script import build_class, builds
from dbtune.postgres.indexes.definition import Definition
from dbtune.postgres.indexes.hygiene import HYGIENE
from dbtune.postgres.indexes.planner import Planner
from dbtune.postgres.indexes.workload import Passed, Workload
from dbtune.postgres.sqltext import masked
from dbtune.report import Column, Report, Row, Table, record
from dbtune.text import bytes_text, plain, plural, ratio_text, shorten

CHECKS = "dbtune.postgres.indexes.checks"

SUGGESTIONS = Table(
    "suggestions",
    "Suggested indexes",
    (
        Column("number", "#", "int", "Place, by what is saved."),
        Column("index", "index", "text", "Table, keys, stored columns, predicate."),
        Column("saved_ratio", "saves", "ratio", "Share of the workload's cost that it saves."),
        Column("size_bytes", "size", "bytes", "Estimated size."),
        Column("statements", "helps", "int", "Statements whose plan uses it."),
        Column(
            "harmed",
            "harms",
            "int",
            "Statements that become dearer, by plan or since they write.",
            3,
        ),
        Column("upkeep_ratio", "writes", "ratio", "What writes cost more, same unit.", 2),
        Column("entries", "entries", "int", "Entries that writes make in the time.", None),
        Column("lost_hot_updates", "lost HOT", "int", "Updates that are HOT without it.", None),
        Column(
            "build_duration_class",
            "build",
            "text",
            "How long a build may take: seconds, minutes, up to an hour, hours.",
            3,
        ),
        Column("replaces", "replaces", "list", "Indexes that may then be dropped.", 2),
        Column("name", "name", "text", "Its name.", None),
        Column("method", "method", "text", "Access method.", None),
        Column("table", "table", "text", "Its table.", None),
        Column("keys", "keys", "list", "Its keys.", None),
        Column("include", "include", "list", "Columns that it stores.", None),
        Column("predicate", "predicate", "text", "Which rows it has.", None),
        Column("confidence", "confidence", "text", "Estimated, or a rule of thumb.", 3),
        Column("doubt", "doubt", "text", "Why the saving is no more than a guess.", None),
        Column("writers", "writers", "list", "Statements that have to maintain it.", None),
        Column("sql", "statement", "sql", "The statements that make it.", None),
    ),
    empty="no index would help",
)
STATEMENTS = Table(
    "statements",
    "Statements",
    (
        Column("saved_ratio", "saves", "ratio", "Share of the workload's cost."),
        Column("before_cost", "cost before", "float", "The planner's cost without new indexes."),
        Column("after_cost", "cost after", "float", "With all suggested indexes."),
        Column("calls", "calls", "int", "Executions.", 1),
        Column("total_ms", "time", "ms", "Measured time of all executions.", 1),
        Column("indexes", "by", "list", "Suggested indexes that its plan uses, by number."),
        Column("ids", "id", "list", "The source's identifiers.", None),
        Column("statement", "statement", "sql", "The statement."),
    ),
    empty="no statement would change",
)
NOT_PLANNED = Table(
    "not_planned",
    "Statements that were left out",
    (
        Column("reason", "why", "text", "Why."),
        Column("statement", "statement", "sql", "The statement."),
    ),
    empty="no statement was left out",
)
SUMMARY = (
    Column("source", "workload", "text", "Where the statements come from."),
    Column("window_seconds", "window", "seconds", "Time that they were counted in."),
    Column("statements", "statements", "int", "Statements with a plan."),
    Column("statements_passed", "left out", "int", "Statements left out."),
    Column("planner", "planner", "text", "What answered: HypoPG on the target, or the lab."),
    Column("planner_calls", "plans", "int", "Plans asked for."),
    Column("search_seconds", "search", "seconds", "Time that it took."),
    Column("deadline_reached", "stopped", "bool", "Whether the deadline ended the search.", None),
    Column("saved_ratio", "saves", "ratio", "Of the workload's cost, upkeep deducted."),
    Column("size_bytes", "size", "bytes", "Of all suggested indexes."),
    Column("table_bytes", "tables", "bytes", "Of all tables."),
)
SUMMARY_RECORD = Table("summary", "Summary", SUMMARY, record=True)
TABLES = (SUGGESTIONS, HYGIENE, STATEMENTS, NOT_PLANNED, SUMMARY_RECORD)
_MOST_SHOWN = 20


def report(advice: Advice, workload: Workload, planner: Planner) -> Report:
    """The report of an adviser's answer."""
    numbers = {one.index: n for n, one in enumerate(advice.suggestions, start=1)}
    changed = [one for one in advice.effects if abs(one.after - one.before) > 1e-3 * one.before]
    facts = {"suggestions": advice.suggestions, "unserved": advice.unserved}
    checks = [check for check in load_checks(CHECKS) if set(check.needs) <= facts.keys()]
    findings, skipped = run_checks(checks, facts)
    skipped += _skipped(advice.passed)
    tables = [
        Table(
            SUGGESTIONS.name,
            SUGGESTIONS.title,
            SUGGESTIONS.columns,
            tuple(_index_row(n, one) for n, one in enumerate(advice.suggestions, start=1)),
            footer=_footer(advice),
            empty=_none(advice),
        ),
        Table(
            STATEMENTS.name,
            STATEMENTS.title,
            STATEMENTS.columns,
            tuple(_statement_row(one, numbers) for one in changed),
            empty=STATEMENTS.empty,
        ),
        Table(
            NOT_PLANNED.name,
            NOT_PLANNED.title,
            NOT_PLANNED.columns,
            tuple({"reason": one.reason, "statement": one.text} for one in advice.passed),
            empty=NOT_PLANNED.empty,
        ),
        record("summary", "Summary", SUMMARY, _summary(advice, workload, planner)),
    ]
    return Report(
        "suggest-indexes",
        tuple(tables),
        tuple(findings),
        tuple(skipped),
        (*advice.notes, *planner.notes, *_notes(advice)),
        examined=tuple(check.name for check in checks),
    )


def _index_row(number: int, one: Suggestion) -> Row:
    index = one.index
    harmed = [e for e in one.effects if e.after > e.before * 1.01]
    return {
        "number": number,
        "index": one.label,
        "saved_ratio": one.saved,
        "size_bytes": round(one.size_bytes),
        "statements": len(one.effects),
        "harmed": len(harmed) + len(one.writers),
        "upkeep_ratio": one.upkeep_ratio,
        "entries": round(one.upkeep.entries),
        "lost_hot_updates": round(one.upkeep.lost_hot),
        "build_duration_class": build_class(one.table.size_bytes or 0),
        "replaces": [f"{other.schema}.{other.name}" for other in one.superfluous],
        "name": index.name,
        "method": index.method,
        "table": f"{index.schema}.{index.table}",
        "keys": [key.ddl for key in index.keys],
        "include": list(index.include),
        "predicate": index.predicate,
        "confidence": str(Confidence.rule_of_thumb if one.doubt else Confidence.estimated),
        "doubt": one.doubt,
        "writers": [query.text for query in one.writers],
        "sql": "\n".join(builds(one)),
    }


def _statement_row(one: Effect, numbers: Mapping[Definition, int]) -> Row:
    return {
        "saved_ratio": one.saved,
        "before_cost": one.before,
        "after_cost": one.after,
        "calls": round(one.query.calls),
        "total_ms": one.query.total_ms,
        "indexes": [str(n) for n in sorted(numbers[i] for i in one.indexes if i in numbers)],
        "ids": list(one.query.ids),
        "statement": one.query.text,
    }


def _summary(advice: Advice, workload: Workload, planner: Planner) -> Row:
    return {
        "source": workload.source,
        "window_seconds": workload.seconds,
        "statements": len(advice.effects),
        "statements_passed": len(advice.passed),
        "planner": planner.name,
        "planner_calls": advice.calls,
        "search_seconds": advice.seconds,
        "deadline_reached": advice.stopped,
        "saved_ratio": advice.saved,
        "size_bytes": round(advice.size_bytes),
        "table_bytes": round(advice.table_bytes),
    }


def _footer(advice: Advice) -> str:
    if not advice.suggestions:
        return ""
    share = advice.size_bytes / advice.table_bytes if advice.table_bytes else 0.0
    return (
        f"{plural(len(advice.suggestions), 'index', 'indexes')}, "
        f"{bytes_text(advice.size_bytes)} ({ratio_text(share)} of the tables), would save "
        f"{ratio_text(advice.saved)} of the workload's cost"
    )


def _none(advice: Advice) -> str:
    """What is said where there is no suggestion."""
    if advice.budget_bytes is None:
        return SUGGESTIONS.empty
    return f"no index that fits into {bytes_text(advice.budget_bytes)} would help"


def _notes(advice: Advice) -> list[str]:
    notes = ["costs are the planner's estimates; nothing was executed"]
    if advice.beyond:
        count = plural(advice.beyond, "more index", "more indexes")
        notes.append(f"{count} would help: --max-indexes and --max-per-table leave no room")
    if advice.stopped:
        notes.append("the deadline ended the search: these are the best indexes found so far")
    return notes


def _skipped(passed: Sequence[Passed]) -> list[Skipped]:
    """Statements that should have been examined and could not be."""
    return [
        Skipped(shorten(plain(masked(one.text)), 60), one.reason) for one in passed[:_MOST_SHOWN]
    ]
