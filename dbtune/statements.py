"""Statements and what they cost: one row model and one table for every engine.

A collector of an engine makes :class:`Statement` objects; this module ranks, filters and lays them
out, so that ``slow-queries`` looks and reads the same on PostgreSQL, MongoDB and Redis.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from dbtune.errors import UsageError
from dbtune.report import Column, Row, Table, record
from dbtune.text import ms_text, plain, plural, ratio_text


class Order(StrEnum):
    """What statements are ranked by, largest first."""

    total = "total"
    mean = "mean"
    p95 = "p95"
    max = "max"
    calls = "calls"
    rows = "rows"
    io = "io"
    temp = "temp"
    wal = "wal"
    planning = "planning"
    jit = "jit"


@dataclass(frozen=True, slots=True)
class Hour:
    """What a statement did in an hour.

    Attributes:
        start: when it began, RFC 3339.
        calls: executions.
        total_ms: their time.
    """

    start: str
    calls: int
    total_ms: float


@dataclass(frozen=True, slots=True)
class Statement:
    """One normalised statement (or command, or query shape) over the observed window.

    ``None`` means that the source does not tell; 0 means that it was zero.

    Attributes:
        text: the normalised statement, constants replaced by placeholders.
        calls: executions (estimated where the source is sampled).
        total_ms: execution time of all calls, planning not included.
        mean_ms: ``total_ms / calls``.
        stddev_ms: standard deviation of the execution time.
        min_ms: fastest execution.
        max_ms: slowest execution.
        p50_ms, p95_ms, p99_ms: times that so many per cent of the executions did not exceed
            (sources that know single executions).
        histogram: executions by power of ten of their time (likewise).
        hours: executions and their time by hour (likewise).
        rows: rows (documents, elements) returned or changed by all calls.
        planning_ms: planning time of all calls.
        io_ms: time spent reading and writing blocks, all calls.
        hit_ratio: blocks found in the server's cache, of all blocks asked for.
        read_bytes: bytes that came from outside the server's cache.
        blocks: blocks asked for, in the cache or not.
        temp_bytes: bytes written to temporary files.
        wal_bytes: write-ahead log produced.
        wal_full_page_bytes: part of it that is full-page images, before compression.
        jit_ms: time spent compiling.
        docs_examined: documents looked at (MongoDB).
        keys_examined: index keys looked at (MongoDB).
        collection_scans, memory_sorts: calls that read the whole collection, that sorted what no
            index had in order (MongoDB).
        yields: how often they let others go first (MongoDB's logs).
        plan_summary: how it was executed (MongoDB: COLLSCAN, IXSCAN {...}).
        waits: wait events seen while it ran, most frequent first (sampled sources).
        databases: databases (or namespaces) it ran in.
        users: roles that ran it.
        applications, hosts: whose sessions ran it (logs).
        errors: how often it failed (logs).
        nested: it ran inside a function; its time is counted in the caller's, too.
        variants: entries of the source that were folded into this one.
        ids: the source's own identifiers (queryid, queryHash).
    """

    text: str
    calls: float
    total_ms: float
    mean_ms: float
    stddev_ms: float | None = None
    min_ms: float | None = None
    max_ms: float | None = None
    p50_ms: float | None = None
    p95_ms: float | None = None
    p99_ms: float | None = None
    histogram: Mapping[str, int] | None = None
    hours: tuple[Hour, ...] = ()
    rows: int | None = None
    planning_ms: float | None = None
    io_ms: float | None = None
    hit_ratio: float | None = None
    read_bytes: int | None = None
    blocks: int | None = None
    temp_bytes: int | None = None
    wal_bytes: int | None = None
    wal_full_page_bytes: int | None = None
    jit_ms: float | None = None
    docs_examined: int | None = None
    keys_examined: int | None = None
    collection_scans: int | None = None
    memory_sorts: int | None = None
    yields: int | None = None
    plan_summary: str = ""
    waits: tuple[str, ...] = ()
    databases: tuple[str, ...] = ()
    users: tuple[str, ...] = ()
    applications: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    errors: int | None = None
    nested: bool = False
    variants: int = 1
    ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Window:
    """What the numbers of a table of statements stand for.

    Attributes:
        source: where they were read (``pg_stat_statements``, ``pg_stat_activity (sampled)``, ...).
        seconds: length of the observed time; ``None`` if unknown.
        since: its start; ``None`` if unknown.
        sampled: whether times and calls are estimates from samples.
    """

    source: str
    seconds: float | None = None
    since: datetime | None = None
    sampled: bool = False


@dataclass(frozen=True, slots=True)
class Selection:
    """Which statements a person wants to see.

    Attributes:
        order: what to rank by.
        limit: most rows to show.
        min_calls: fewest calls.
        database: only this database (or namespace), exactly.
        user: only this role, exactly.
        grep: only texts that match this regular expression.
        interval_seconds: observe for so long and report only what happened meanwhile; 0 takes the
            totals that the server has kept.
    """

    order: Order = Order.total
    limit: int = 20
    min_calls: float = 0
    database: str = ""
    user: str = ""
    grep: str = ""
    interval_seconds: float = 0


class Wait(Protocol):
    """Lets time pass, telling a person why, and does something at regular times meanwhile."""

    def __call__(
        self,
        seconds: float,
        description: str,
        every: float = 0.2,
        do: Callable[[], None] | None = None,
    ) -> None:
        """Wait ``seconds``; call ``do`` at once and then each ``every`` seconds."""


_KEYS: dict[Order, Callable[[Statement], float | None]] = {
    Order.total: lambda s: s.total_ms,
    Order.mean: lambda s: s.mean_ms,
    Order.p95: lambda s: s.p95_ms,
    Order.max: lambda s: s.max_ms,
    Order.calls: lambda s: s.calls,
    Order.rows: lambda s: s.rows,
    Order.io: lambda s: s.io_ms if s.io_ms else s.read_bytes,
    Order.temp: lambda s: s.temp_bytes,
    Order.wal: lambda s: s.wal_bytes,
    Order.planning: lambda s: s.planning_ms,
    Order.jit: lambda s: s.jit_ms,
}

STATEMENTS = Table(
    "statements",
    "Statements",
    (
        Column("rank", "#", "int", "Place in the chosen order."),
        Column("share_ratio", "share of time", "share", "Share of the time of all statements."),
        Column("total_ms", "total", "ms", "Execution time of all calls."),
        Column("calls", "calls", "int", "Executions."),
        Column("calls_per_second", "calls/s", "float", "Executions in a second.", 3),
        Column("mean_ms", "mean", "ms", "Mean execution time."),
        Column("stddev_ms", "± stddev", "ms", "Standard deviation of the execution time.", 1),
        Column("min_ms", "min", "ms", "Fastest execution.", None),
        Column("max_ms", "max", "ms", "Slowest execution.", 2),
        Column("p50_ms", "p50", "ms", "Median execution time, within 2.5 %.", 4),
        Column("p95_ms", "p95", "ms", "95 % of the executions took no longer, within 2.5 %.", 1),
        Column("p99_ms", "p99", "ms", "99 % of the executions took no longer, within 2.5 %.", 3),
        Column(
            "histogram", "histogram", "object", "Executions by power of ten of their time.", None
        ),
        Column("hours", "hours", "object", "Executions by hour.", None, tuple[Hour, ...]),
        Column("rows", "rows", "int", "Rows returned or changed by all calls.", None),
        Column("rows_per_call", "rows/call", "float", "Rows returned or changed by one call.", 1),
        Column("hit_ratio", "hit", "ratio", "Blocks found in the server's cache.", 2),
        Column("read_bytes", "read", "bytes", "Bytes from outside the server's cache.", 4),
        Column("blocks", "blocks", "int", "Blocks asked for, in the cache or not.", None),
        Column("io_ms", "I/O time", "ms", "Time reading and writing blocks, all calls.", 3),
        Column("temp_bytes", "temp", "bytes", "Bytes written to temporary files.", 2),
        Column("wal_bytes", "WAL", "bytes", "Write-ahead log produced.", 3),
        Column(
            "wal_full_page_bytes",
            "full pages",
            "bytes",
            "Part of the WAL that is full-page images, before compression.",
            None,
        ),
        Column("planning_ms", "planning", "ms", "Planning time of all calls.", 4),
        Column("jit_ms", "JIT", "ms", "Time spent compiling.", 4),
        Column("docs_examined", "docs", "int", "Documents looked at (MongoDB).", 1),
        Column("keys_examined", "keys", "int", "Index keys looked at (MongoDB).", 2),
        Column("docs_per_row", "docs/row", "float", "Documents looked at for one returned.", 2),
        Column("keys_per_row", "keys/row", "float", "Index keys looked at for one returned.", 4),
        Column("collection_scans", "COLLSCAN", "int", "Calls that read the whole collection.", 3),
        Column("memory_sorts", "sorts", "int", "Calls that sorted in memory (MongoDB).", 4),
        Column("yields", "yields", "int", "How often they let others go first (MongoDB).", 5),
        Column("plan_summary", "plan", "text", "How it was executed (MongoDB).", 1),
        Column("waits", "waits", "list", "Wait events seen, most frequent first (sampled).", 1),
        Column("databases", "database", "list", "Databases it ran in.", 4),
        Column("users", "user", "list", "Roles that ran it.", 5),
        Column("applications", "application", "list", "Applications that ran it (logs).", 6),
        Column("hosts", "host", "list", "Hosts that it came from (logs).", 6),
        Column("errors", "errors", "int", "How often it failed (logs).", 5),
        Column("nested", "nested", "bool", "Ran inside a function: its time counts twice.", 5),
        Column("variants", "variants", "int", "Entries of the source folded into this row.", 6),
        Column("ids", "id", "list", "The source's own identifiers.", None),
        Column("statement", "statement", "sql", "The normalised statement."),
    ),
    empty="no statement matches",
)

SUMMARY = (
    Column("source", "source", "text", "Where the numbers were read."),
    Column("sampled", "sampled", "bool", "Whether they are estimates from samples.", None),
    Column("window_seconds", "window", "seconds", "Length of the observed time."),
    Column("since", "since", "time", "Start of the observed time."),
    Column("order", "order", "text", "What the statements are ranked by.", None),
    Column("statements_seen", "statements", "int", "Distinct statements seen, after filters."),
    Column("statements_shown", "shown", "int", "Statements in the table.", None),
    Column("total_ms", "total time", "ms", "Execution time of all statements seen."),
    Column("shown_share_ratio", "shown share", "ratio", "Share of that time that is shown.", None),
    Column("calls", "calls", "int", "Executions of all statements seen."),
    Column("mean_active", "mean active", "float", "Statements running on average."),
)
SUMMARY_RECORD = Table("summary", "Summary", SUMMARY, record=True)


def check_grep(expression: str) -> str:
    """The expression itself, if it is a regular expression.

    Raises:
        UsageError: it is none.
    """
    try:
        re.compile(expression)
    except re.error as error:
        raise UsageError(f"{plain(expression)!r} is not a regular expression: {error}") from None
    return expression


def narrow(statements: Iterable[Statement], selection: Selection) -> list[Statement]:
    """Only the statements that a selection asks for: by calls, text, database and user."""
    pattern = re.compile(selection.grep, re.IGNORECASE)
    return [
        one
        for one in statements
        if one.calls >= selection.min_calls
        and pattern.search(one.text)
        and (not selection.database or selection.database in one.databases)
        and (not selection.user or selection.user in one.users)
    ]


def ranked(statements: Iterable[Statement], order: Order) -> list[Statement]:
    """Largest first by the chosen measure; ties by total time, then text."""
    key = _KEYS[order]
    return sorted(statements, key=lambda s: (-(key(s) or 0), -s.total_ms, s.text, s.ids))


def tables(
    statements: Sequence[Statement], window: Window, selection: Selection
) -> tuple[Table, Table]:
    """The table of the first statements in order, and the summary of all of them."""
    order, limit = selection.order, selection.limit
    total = sum(one.total_ms for one in statements if not one.nested)
    total = total or sum(one.total_ms for one in statements)
    calls = sum(one.calls for one in statements)
    shown = ranked(statements, order)[:limit]
    shown_ms = sum(one.total_ms for one in shown if not one.nested)
    summary = {
        "source": window.source,
        "sampled": window.sampled,
        "window_seconds": window.seconds,
        "since": window.since,
        "order": order.value,
        "statements_seen": len(statements),
        "statements_shown": len(shown),
        "total_ms": total,
        "shown_share_ratio": shown_ms / total if total else None,
        "calls": round(calls),
        "mean_active": total / 1000 / window.seconds if window.seconds else None,
    }
    rows = tuple(_row(n, one, total, window) for n, one in enumerate(shown, start=1))
    footer = ""
    if shown:
        footer = (
            f"{len(shown)} of {plural(len(statements), 'statement')}, "
            f"{ms_text(shown_ms)} of {ms_text(total)} "
            f"({ratio_text(shown_ms / total if total else 0)} of the time), "
            f"{plural(round(calls), 'call')} in all"
        )
    narrowed = selection.grep or selection.database or selection.user or selection.min_calls
    empty = STATEMENTS.empty if narrowed else "no statement ran"
    title = f"Statements by {order.value}" + (" (sampled: estimates)" if window.sampled else "")
    table = Table(STATEMENTS.name, title, STATEMENTS.columns, rows, footer=footer, empty=empty)
    return table, record("summary", "Summary", SUMMARY, summary)


_PLAIN_FIELDS = tuple(
    field.name
    for field in fields(Statement)
    if field.name in {column.name for column in STATEMENTS.columns}
)


def _row(rank: int, one: Statement, total_ms: float, window: Window) -> Row:
    return {
        **{name: getattr(one, name) for name in _PLAIN_FIELDS},
        "rank": rank,
        "calls": round(one.calls),
        "share_ratio": one.total_ms / total_ms if total_ms else 0.0,
        "calls_per_second": one.calls / window.seconds if window.seconds else None,
        "rows_per_call": one.rows / one.calls if one.rows is not None and one.calls else None,
        "docs_per_row": _per_row(one.docs_examined, one.rows),
        "keys_per_row": _per_row(one.keys_examined, one.rows),
        "statement": one.text,
    }


def _per_row(examined: int | None, rows: int | None) -> float | None:
    """Looked at for one that is returned; if none is, all of them were looked at for nothing."""
    return None if examined is None or rows is None else examined / max(1, rows)
