"""Numbers of a MongoDB server for ``dbtune report``: what is limited, and the details."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from dbtune.compare.held import Span
from dbtune.guide.gauge import Gauge, ratios
from dbtune.mongo.facts.members import oplog, replica_set
from dbtune.mongo.facts.profiling import profiling
from dbtune.mongo.facts.status import status
from dbtune.mongo.health.checks.cache_nearly_full import cache_nearly_full
from dbtune.mongo.health.checks.connections_near_limit import connections_near_limit
from dbtune.report import Column, Table

if TYPE_CHECKING:
    from dbtune.compare.health import Thresholds

FACTS = ("status", "replica_set", "oplog", "profiling")
"""What is read for them, besides what other commands read."""

MEMBERS = Table(
    "members",
    "Members of the replica set",
    (
        Column("name", "member", "text", "Host and port."),
        Column("state", "state", "text", "PRIMARY, SECONDARY, ..."),
        Column("healthy", "healthy", "bool", "Whether it answers."),
        Column("lag_seconds", "behind by", "seconds", "Behind the primary."),
    ),
)
OPLOG = Table(
    "oplog",
    "Oplog",
    (
        Column("window_seconds", "reaches back", "seconds", "From the first to the last entry."),
        Column("size_bytes", "size", "bytes", "What it takes."),
        Column("max_bytes", "at most", "bytes", "What it may take."),
    ),
    record=True,
)
SIZES = Table(
    "sizes",
    "Sizes by database",
    (
        Column("database", "database", "text", "Its name."),
        Column("collections", "collections", "int", "How many."),
        Column("indexes", "indexes", "int", "How many."),
        Column("data_bytes", "data", "bytes", "Uncompressed."),
        Column("storage_bytes", "on disk", "bytes", "Files of collections."),
        Column("index_bytes", "indexes take", "bytes", "Files of indexes."),
        Column("level", "profiler level", "int", "0 is off."),
        Column("slow_ms", "slow from", "ms", "slowms of the profiler."),
    ),
)
TABLES = (MEMBERS, OPLOG, SIZES)


def gauges(span: Span, thresholds: Thresholds) -> Iterator[Gauge]:
    """What there is only so much of."""
    found = span.maybe(status)
    if found is None:
        return
    used, free = found.number("connections.current"), found.number("connections.available")
    if used + free:
        shares = ratios(connections_near_limit, thresholds)
        yield Gauge("connections", "connections", used, used + free, "int", *shares)
    most = found.number("wiredTiger.cache.maximum bytes configured")
    if most:
        held = found.number("wiredTiger.cache.bytes currently in the cache")
        shares = ratios(cache_nearly_full, thresholds)
        yield Gauge("cache_bytes", "WiredTiger cache", held, most, "bytes", *shares)


def tables(span: Span) -> Iterator[Table]:
    """The details, as far as there is something to say."""
    members = span.maybe(replica_set)
    if members and members.members:
        yield replace(MEMBERS, rows=tuple(asdict(one) for one in members.members))
    log = span.maybe(oplog)
    if log and log.max_bytes:
        yield replace(OPLOG, rows=(asdict(log),))
    sizes = (asdict(one) for one in span.maybe(profiling) or ())
    known = [one.name for one in SIZES.columns]
    yield replace(SIZES, rows=tuple({name: row[name] for name in known} for row in sizes))
