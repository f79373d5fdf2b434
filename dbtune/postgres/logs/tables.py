"""A digest as statements and tables: those of pg_stat_statements, and what a log has beyond."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

from dbtune.logs.clock import moment
from dbtune.logs.tables import (
    HOURS,
    LOG,
    SLOWEST,
    SPENT_BY,
    by_hour,
    hours_of,
    log_table,
    ranked,
    spent_by,
)
from dbtune.logs.tally import Sum, decades, merge, quantile
from dbtune.postgres.logs.digest import Digest
from dbtune.postgres.logs.events import EVENT_TABLES
from dbtune.postgres.logs.statement import Logged
from dbtune.report import Row, Table
from dbtune.statements import Statement

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
        hours=hours_of(one.hours),
        planning_ms=one.planning_ms or None,
        temp_bytes=one.temp_bytes,
        databases=_names(one.databases),
        users=_names(one.users),
        applications=_names(one.applications),
        hosts=_names(one.hosts),
        errors=one.errors,
        ids=(short_id(key),),
    )


def _names(names: dict[str, Sum]) -> tuple[str, ...]:
    """Names, those with most time first."""
    return tuple(name for name, _ in ranked(names) if name)


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
    yield replace(HOURS, rows=tuple(by_hour(_hours(digest), digest.seen)))
    yield from digest.events.tables(limit, seconds)
    yield log_table(digest.seen, files)


def _slowest(digest: Digest, limit: int) -> Iterator[Row]:
    slowest = digest.slowest if digest.has_durations else digest.slowest_plans
    for one in slowest.ranked()[:limit]:
        what = one.what
        yield {
            "duration_ms": one.value,
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
        yield from spent_by(by.removesuffix("s"), names, limit)


def _hours(digest: Digest) -> dict[str, Sum]:
    return digest.hours if digest.has_durations else digest.plan_hours
