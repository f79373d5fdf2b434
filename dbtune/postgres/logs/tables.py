"""A digest as statements and tables: those of pg_stat_statements, and what a log has beyond."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import replace

from dbtune.logs.clock import moment
from dbtune.logs.tally import Sum, decades, merge, quantile
from dbtune.postgres.logs.digest import Digest
from dbtune.postgres.logs.events import EVENT_TABLES
from dbtune.postgres.logs.statement import Logged
from dbtune.report import Column, Row, Table
from dbtune.statements import Hour, Statement

SHOWN = 5
"""Rows of each of the tables beside the first that people see."""

SLOWEST = Table(
    "slowest",
    "Slowest single executions",
    (
        Column("ms", "time", "ms", "Its time."),
        Column("at", "at", "time", "When it was logged, at its end.", 1),
        Column("user", "user", "text", "Whose.", 3),
        Column("database", "database", "text", "In which database.", 3),
        Column("application", "application", "text", "By which application.", 4),
        Column("host", "host", "text", "From where.", 5),
        Column("statement", "statement", "sql", "The statement; constants with --show-parameters."),
        Column("parameters", "parameters", "text", "Its parameters (--show-parameters).", 2),
    ),
)
SPENT_BY = Table(
    "spent_by",
    "Time by user, database, application, host",
    (
        Column("by", "by", "text", "user, database, application or host."),
        Column("name", "name", "text", "Whose."),
        Column("share_ratio", "share", "share", "Share of the time of all statements."),
        Column("total_ms", "total", "ms", "Execution time."),
        Column("calls", "calls", "int", "Executions."),
        Column("mean_ms", "mean", "ms", "Mean execution time.", 1),
        Column("max_ms", "max", "ms", "Slowest execution.", 2),
    ),
)
HOURS = Table(
    "hours",
    "By hour",
    (
        Column("hour", "hour", "time", "Start of the hour."),
        Column("share_ratio", "share", "share", "Share of the time of all statements."),
        Column("calls", "calls", "int", "Executions."),
        Column("total_ms", "total", "ms", "Execution time."),
        Column("mean_ms", "mean", "ms", "Mean execution time."),
        Column("max_ms", "max", "ms", "Slowest execution.", 1),
        Column("mean_active", "mean active", "float", "Statements running on average."),
    ),
)
LOG = Table(
    "log",
    "Log",
    (
        Column("files", "files", "int", "Files that were read."),
        Column("format", "format", "list", "Format and log_line_prefix."),
        Column("log_bytes", "size", "bytes", "Bytes read, uncompressed."),
        Column("records", "records", "int", "Records read."),
        Column("skipped_lines", "skipped lines", "int", "Lines that are no part of a record."),
        Column("first_at", "first", "time", "Time of the first record."),
        Column("last_at", "last", "time", "Time of the last record."),
    ),
    record=True,
)
TABLES = (SLOWEST, SPENT_BY, HOURS, *EVENT_TABLES, LOG)


def statements_of(digest: Digest) -> list[Statement]:
    """The statements that were logged; if none was, those of auto_explain's plans."""
    return [_statement(key, one) for key, one in _counted(digest).items() if one.calls]


def _counted(digest: Digest) -> dict[str, Logged]:
    return digest.statements if digest.has_durations else digest.plans


def _statement(key: str, one: Logged) -> Statement:
    mean = one.total_ms / one.calls
    variance = max(0.0, one.squares / one.calls - mean * mean)
    p50, p95, p99 = (
        quantile(one.buckets, share, one.min_ms, one.max_ms) for share in (0.5, 0.95, 0.99)
    )
    return Statement(
        text=one.text,
        calls=one.calls,
        total_ms=one.total_ms,
        mean_ms=mean,
        stddev_ms=math.sqrt(variance),
        min_ms=one.min_ms,
        max_ms=one.max_ms,
        p50_ms=p50,
        p95_ms=p95,
        p99_ms=p99,
        histogram=decades(one.buckets),
        hours=tuple(_hours(one.hours)),
        plan_ms=one.plan_ms or None,
        temp_bytes=one.temp_bytes,
        databases=_names(one.databases),
        users=_names(one.users),
        applications=_names(one.applications),
        hosts=_names(one.hosts),
        errors=one.errors,
        ids=(short_id(key),),
    )


def _hours(hours: dict[str, Sum]) -> Iterator[Hour]:
    for stamp, one in sorted(hours.items()):
        if (start := moment(stamp)) is not None:
            yield Hour(start.isoformat().replace("+00:00", "Z"), one.count, one.total)


def _names(names: dict[str, Sum]) -> tuple[str, ...]:
    """Names, those with most time first."""
    return tuple(name for name, _ in _ranked(names) if name)


def _ranked(names: dict[str, Sum]) -> list[tuple[str, Sum]]:
    return sorted(names.items(), key=lambda item: (-item[1].total, -item[1].count, item[0]))


def short_id(key: str) -> str:
    """A short name of a statement that stays the same from log to log."""
    import hashlib

    return hashlib.sha256(key.encode(errors="replace")).hexdigest()[:16]


def tables_of(digest: Digest, limit: int, seconds: float, files: int) -> Iterator[Table]:
    """What a log has beyond statements.

    Args:
        digest: what was read.
        limit: most rows of each.
        seconds: length of the observed time; 0 if it is not known.
        files: how many files were read.
    """
    yield replace(SLOWEST, rows=tuple(_slowest(digest, limit)))
    yield replace(SPENT_BY, rows=tuple(_spent_by(digest, limit)))
    yield replace(HOURS, rows=tuple(_by_hour(digest)))
    yield from digest.events.tables(limit, seconds)
    seen = digest.seen
    row = {
        "files": files,
        "format": tuple(sorted(seen.formats)),
        "log_bytes": seen.bytes,
        "records": seen.records,
        "skipped_lines": seen.skipped_lines,
        "first_at": moment(seen.first),
        "last_at": moment(seen.last),
    }
    yield replace(LOG, rows=(row,))


def for_people(tables: Iterable[Table]) -> Iterator[Table]:
    """Only tables with something in them, and only their first rows."""
    for table in tables:
        if table.record or len(table.rows) <= SHOWN:
            yield table
        else:
            footer = f"{SHOWN} of {len(table.rows):,} (all with --format json)"
            yield replace(table, shown=SHOWN, footer=table.footer or footer)


def _slowest(digest: Digest, limit: int) -> Iterator[Row]:
    slowest = digest.slowest if digest.has_durations else digest.slowest_plans
    for one in slowest.ranked()[:limit]:
        what = one.what
        yield {
            "ms": one.value,
            "at": moment(what.get("at", "")),
            **{key: what.get(key) or None for key in ("user", "database", "application", "host")},
            "statement": what.get("statement", ""),
            "parameters": what.get("parameters"),
        }


def _spent_by(digest: Digest, limit: int) -> Iterator[Row]:
    statements = _counted(digest).values()
    for by in ("users", "databases", "applications", "hosts"):
        names: dict[str, Sum] = {}
        for logged in statements:
            for name, spent in getattr(logged, by).items():
                merge(names.setdefault(name, Sum()), spent)
        total = sum(one.total for one in names.values())
        for name, one in _ranked(names)[:limit]:
            if name or len(names) > 1:
                yield {
                    "by": by.removesuffix("s"),
                    "name": name or "(not told)",
                    "share_ratio": one.total / total if total else 0.0,
                    "total_ms": one.total,
                    "calls": one.count,
                    "mean_ms": one.mean,
                    "max_ms": one.largest,
                }


def _by_hour(digest: Digest) -> Iterator[Row]:
    hours = digest.hours if digest.has_durations else digest.plan_hours
    total = sum(one.total for one in hours.values())
    for stamp, one in sorted(hours.items()):
        yield {
            "hour": moment(stamp),
            "share_ratio": one.total / total if total else 0.0,
            "calls": one.count,
            "total_ms": one.total,
            "mean_ms": one.mean,
            "max_ms": one.largest,
            "mean_active": one.total / 3_600_000,
        }
