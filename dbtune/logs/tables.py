"""Tables that the logs of every engine have."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import timedelta

from dbtune.logs.clock import moment
from dbtune.logs.seen import Seen
from dbtune.logs.tally import Sum
from dbtune.report import Column, Row, Table
from dbtune.statements import Hour

SHOWN = 5
"""Rows of each of the tables beside the first that people see."""

SLOWEST = Table(
    "slowest",
    "Slowest single executions",
    (
        Column("duration_ms", "time", "ms", "Its time."),
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
CONNECTIONS = Table(
    "connections",
    "Connections",
    (
        Column("received", "received", "int", "Connections that clients made."),
        Column("authorized", "authorized", "int", "Connections that were let in."),
        Column("refused", "refused", "int", "Logins that were refused (MongoDB)."),
        Column("ended", "sessions ended", "int", "Sessions whose end was logged."),
        Column("received_per_second", "received/s", "float", "Connections received in a second."),
        Column("mean_seconds", "mean session", "seconds", "Mean length of a session."),
        Column("p50_seconds", "median session", "seconds", "Median length of a session."),
        Column("max_seconds", "longest session", "seconds", "Length of the longest session."),
        Column(
            "most_open_connections", "most at once", "int", "Most that were open at once (MongoDB)."
        ),
        Column("busiest_hour", "busiest hour", "text", "Hour with most connections.", None),
        Column("busiest_hour_count", "in busiest hour", "int", "Connections in that hour."),
    ),
    record=True,
)
CONNECTIONS_BY = Table(
    "connections_by",
    "Connections by user, database, application, driver, host",
    (
        Column("by", "by", "text", "user, database, application, driver or host."),
        Column("name", "name", "text", "Whose."),
        Column("count", "connections", "int", "Connections let in (of a host: received)."),
        Column("session_seconds", "session time", "seconds", "Length of its ended sessions.", 1),
    ),
)


def for_people(tables: Iterable[Table]) -> Iterator[Table]:
    """Only tables with something in them, and only their first rows."""
    for table in tables:
        if table.record or len(table.rows) <= SHOWN:
            yield table
        else:
            footer = f"{SHOWN} of {len(table.rows):,} (all with --format json)"
            yield replace(table, shown=SHOWN, footer=table.footer or footer)


def by_hour(hours: Mapping[str, Sum], seen: Seen) -> Iterator[Row]:
    """Rows of :data:`HOURS`; milliseconds by the hour's first characters.

    Of the first and the last hour only the part counts that the log is of; a statement is logged
    at its end, so that it is of as long as the slowest took at least.
    """
    total = sum(one.total for one in hours.values())
    first, last = moment(seen.first), moment(seen.last)
    for stamp, one in sorted(hours.items()):
        hour = moment(stamp)
        seconds = 3600.0
        if hour and first and last:
            ends = min(last, hour + timedelta(hours=1))
            seconds = max((ends - max(first, hour)).total_seconds(), one.largest / 1000)
        yield {
            "hour": hour,
            "share_ratio": one.total / total if total else 0.0,
            "calls": one.count,
            "total_ms": one.total,
            "mean_ms": one.mean,
            "max_ms": one.largest,
            "mean_active": one.total / 1000 / seconds if seconds > 0 else None,
        }


def hours_of(hours: Mapping[str, Sum]) -> tuple[Hour, ...]:
    """What a statement did by hour."""
    return tuple(
        Hour(start.isoformat().replace("+00:00", "Z"), one.count, one.total)
        for stamp, one in sorted(hours.items())
        if (start := moment(stamp)) is not None
    )


def spent_by(by: str, names: Mapping[str, Sum], limit: int) -> Iterator[Row]:
    """Rows of :data:`SPENT_BY`; nothing if the log does not tell whose they were."""
    total = sum(one.total for one in names.values())
    for name, one in ranked(names)[:limit]:
        if name or len(names) > 1:
            yield {
                "by": by,
                "name": name or "(not told)",
                "share_ratio": one.total / total if total else 0.0,
                "total_ms": one.total,
                "calls": one.count,
                "mean_ms": one.mean,
                "max_ms": one.largest,
            }


def ranked(names: Mapping[str, Sum]) -> list[tuple[str, Sum]]:
    """Names, those with most time first."""
    return sorted(names.items(), key=lambda item: (-item[1].total, -item[1].count, item[0]))


def log_table(seen: Seen, files: int) -> Table:
    """What was read."""
    row = {
        "files": files,
        "format": tuple(sorted(seen.formats)),
        "log_bytes": seen.bytes,
        "records": seen.records,
        "skipped_lines": seen.skipped_lines,
        "first_at": moment(seen.first),
        "last_at": moment(seen.last),
    }
    return replace(LOG, rows=(row,))
