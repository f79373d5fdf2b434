"""The tables of ``cache`` on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from dbtune.postgres.caching.facts import ToCache, ToMaterialise
from dbtune.report import Column, Row, Table

TO_CACHE = Table(
    "to_cache",
    "Statements worth caching before the database (estimated)",
    (
        Column("calls", "calls", "int", "In the window."),
        Column("mean_ms", "mean", "ms", "Of an execution."),
        Column("rows_per_call", "rows/call", "float", "That it returns.", 1),
        Column("share_ratio", "of all time", "ratio", "Its share of all statements' time.", 1),
        Column("writes_per_second", "writes/s", "float", "Rows written to its tables."),
        Column("variants", "variants", "int", "Different answers, by the columns' statistics."),
        Column("ttl_seconds", "TTL", "seconds", "For how long to keep an answer."),
        Column(
            "hit_ratio", "hit ratio", "ratio", "Estimated: if all variants are asked for equally."
        ),
        Column("saved_ms_per_second", "saves a second", "ms", "Execution time, estimated."),
        Column("tables", "tables", "list", "That it reads, by its plan.", 2),
        Column("statement", "statement", "sql", "As pg_stat_statements has it."),
    ),
    empty="no statement is read so often, and changes so seldom, that a cache would serve it",
)
TO_MATERIALISE = Table(
    "to_materialise",
    "Aggregates as materialised views (estimated)",
    (
        Column("view", "view", "text", "Name of the view; null if it can't be one.", 1),
        Column("calls", "calls", "int", "In the window.", 1),
        Column("mean_ms", "mean", "ms", "Of an execution."),
        Column("writes_per_second", "writes/s", "float", "Rows written to its tables.", 1),
        Column("rows", "rows", "int", "Of the view, by the planner.", 1),
        Column(
            "refresh_every_seconds", "refresh each", "seconds", "As often as its tables ask for.", 1
        ),
        Column("refresh_ms", "refresh", "ms", "How long one takes, estimated.", 1),
        Column("saved_ms_per_second", "saves a second", "ms", "Execution time, refreshes paid."),
        Column("reason", "why not", "text", "Why it can't be a view, or is not worth it."),
        Column("tables", "tables", "list", "That it reads, by its plan.", 2),
        Column("statement", "statement", "sql", "As pg_stat_statements has it."),
        Column("create_sql", "create", "sql", "The view, and its unique index.", None),
        Column("read_sql", "read", "sql", "What to read in place of the statement.", None),
        Column("refresh_sql", "refresh by", "sql", "The statement that refreshes it.", None),
        Column("schedules", "schedules", "object", "For pg_cron, cron, systemd.", None),
    ),
    empty="no aggregate takes long, is asked for often, and changes seldom",
)  # fmt: skip
TABLES = (TO_CACHE, TO_MATERIALISE)


def cache_rows(found: Iterable[ToCache]) -> Iterator[Row]:
    """A row of each statement."""
    for one in found:
        read = one.read
        yield {
            "calls": round(read.calls),
            "mean_ms": read.mean_ms,
            "rows_per_call": read.rows_per_call,
            "share_ratio": read.time_ratio,
            "writes_per_second": read.writes_per_second,
            "variants": None if read.variants is None else round(read.variants),
            "ttl_seconds": one.ttl_seconds,
            "hit_ratio": one.hit_ratio,
            "saved_ms_per_second": one.saved_ms_per_second,
            "tables": [source.label for source in read.sources],
            "statement": read.text,
        }


def view_rows(found: Iterable[ToMaterialise], database: str) -> Iterator[Row]:
    """A row of each statement; of those that can't be a view, why."""
    from dbtune.postgres.caching import script  # help and schemas need no driver

    for one in found:
        read, can = one.read, one.view is not None
        yield {
            "view": f"{one.schema}.{one.view.name}" if one.view else None,
            "calls": round(read.calls),
            "mean_ms": read.mean_ms,
            "writes_per_second": read.writes_per_second,
            "rows": round(one.rows) if can else None,
            "refresh_every_seconds": script.nice_seconds(one.refresh_every_seconds)
            if can
            else None,
            "refresh_ms": one.refresh_ms if can else None,
            "saved_ms_per_second": one.saved_ms_per_second if can else None,
            "reason": one.refused or None,
            "tables": [source.label for source in read.sources],
            "statement": read.text,
            "create_sql": script.create(one) if can else None,
            "read_sql": script.read_query(one) if can else None,
            "refresh_sql": script.refresh(one) if can else None,
            "schedules": script.schedules(one, database) if can else None,
        }
