"""Numbers of a PostgreSQL server for ``dbtune report``: what is limited, and the details."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from dbtune.compare.held import Span
from dbtune.guide.gauge import Gauge, limits, ratios
from dbtune.postgres.facts.checkpoints import checkpoints
from dbtune.postgres.facts.connections import connections
from dbtune.postgres.facts.databases import databases
from dbtune.postgres.facts.locks import lock_table
from dbtune.postgres.facts.replication import replication
from dbtune.postgres.facts.xids import XID_LIMIT, xids
from dbtune.postgres.health.checks.connections_near_limit import connections_near_limit
from dbtune.postgres.health.checks.lock_table_nearly_full import lock_table_nearly_full
from dbtune.postgres.health.checks.xid_wraparound_near import xid_wraparound_near
from dbtune.report import Column, Row, Table

if TYPE_CHECKING:
    from dbtune.compare.health import Thresholds

FACTS = ("server", "connections", "databases", "checkpoints", "replication", "lock_table", "xids")
"""What is read for them, besides what other commands read."""

CONNECTIONS = Table(
    "connections",
    "Connections by role and database",
    (
        Column("user", "role", "text", "The role."),
        Column("database", "database", "text", "The database."),
        Column("total", "connections", "int", "Client connections."),
        Column("active", "active", "int", "Executing."),
        Column("idle", "idle", "int", "Waiting for the client, outside a transaction."),
        Column("idle_in_transaction", "idle in transaction", "int", "Waiting within one."),
    ),
    empty="nobody is connected",
)
DATABASES = Table(
    "databases",
    "By database",
    (
        Column("database", "database", "text", "Its name."),
        Column("transactions", "transactions", "int", "Committed and rolled back."),
        Column("rollback_ratio", "rolled back", "ratio", "Of all transactions."),
        Column("cache_hit_ratio", "in cache", "ratio", "Blocks found in shared buffers."),
        Column("temp_bytes", "temporary files", "bytes", "Written."),
        Column("deadlocks", "deadlocks", "int", "Detected."),
    ),
)
CHECKPOINTS = Table(
    "checkpoints",
    "Checkpoints and write-ahead log",
    (
        Column("timed", "by time", "int", "Checkpoints that checkpoint_timeout asked for."),
        Column("requested", "requested", "int", "That WAL or a person asked for."),
        Column("write_ms", "writing", "ms", "Time spent writing."),
        Column("sync_ms", "syncing", "ms", "Time spent in fsync."),
        Column("wal_bytes", "WAL", "bytes", "Written."),
        Column("max_wal_bytes", "max_wal_size", "bytes", "Forces a checkpoint."),
        Column("timeout_seconds", "checkpoint_timeout", "seconds", "The setting."),
    ),
    record=True,
)
STANDBYS = Table(
    "standbys",
    "Replication: standbys",
    (
        Column("standby", "standby", "text", "application_name."),
        Column("client", "address", "text", "Where it is."),
        Column("state", "state", "text", "As pg_stat_replication says."),
        Column("sync_state", "sync", "text", "async, sync, quorum or potential."),
        Column("replay_lag_bytes", "behind", "bytes", "Not replayed yet."),
        Column("replay_lag_seconds", "behind by", "seconds", "Age of what was replayed last."),
    ),
)
SLOTS = Table(
    "slots",
    "Replication: slots",
    (
        Column("slot", "slot", "text", "Its name."),
        Column("kind", "kind", "text", "physical or logical."),
        Column("active", "active", "bool", "Whether somebody reads from it."),
        Column("retained_bytes", "holds back", "bytes", "Write-ahead log."),
        Column("wal_status", "state of its WAL", "text", "reserved, extended, unreserved, lost."),
    ),
)
TABLES = (CONNECTIONS, DATABASES, CHECKPOINTS, STANDBYS, SLOTS)
_GROUPS = 10


def gauges(span: Span, thresholds: Thresholds) -> Iterator[Gauge]:
    """What there is only so much of."""
    links = span.maybe(connections)
    if links and (room := links.max_connections - links.reserved) > 0:
        shares = ratios(connections_near_limit, thresholds)
        yield Gauge("connections", "connections", links.used, room, "int", *shares)
    ages = span.maybe(xids)
    if ages and ages.databases:
        oldest = max(one.xid_age for one in ages.databases)
        own = limits(xid_wraparound_near, thresholds)
        warns = max(own["warning_age"], own["warning_factor"] * ages.freeze_max_age) / XID_LIMIT
        yield Gauge(
            "oldest_xid_age", "age of the oldest transaction id", oldest, XID_LIMIT, "int",
            warns, own["critical_age"] / XID_LIMIT,
        )  # fmt: skip
    table = span.maybe(lock_table)
    if table and table.room:
        shares = ratios(lock_table_nearly_full, thresholds)
        yield Gauge("locks", "entries of the lock table", table.taken, table.room, "int", *shares)


def tables(span: Span) -> Iterator[Table]:
    """The details, as far as there is something to say."""
    links = span.maybe(connections)
    if links:
        rows = tuple(asdict(one) for one in links.groups[:_GROUPS])
        more = len(links.groups) - _GROUPS
        yield replace(CONNECTIONS, rows=rows, footer=f"{more} more" if more > 0 else "")
    yield replace(DATABASES, rows=tuple(_databases(span)))
    done = span.maybe(checkpoints)
    if done:
        yield replace(CHECKPOINTS, rows=(asdict(done),))
    copies = span.maybe(replication)
    if copies:
        standbys = ({**asdict(one), "standby": one.application} for one in copies.standbys)
        yield replace(STANDBYS, rows=tuple(standbys), empty="no standby is connected")
        slots = tuple({**asdict(one), "slot": one.name} for one in copies.slots)
        if slots:
            yield replace(SLOTS, rows=slots)


def _databases(span: Span) -> Iterator[Row]:
    for one in span.maybe(databases) or ():
        ended = one.commits + one.rollbacks
        blocks = one.blocks_hit + one.blocks_read
        if one.name and ended:
            yield {
                "database": one.name,
                "transactions": ended,
                "rollback_ratio": one.rollbacks / ended,
                "cache_hit_ratio": one.blocks_hit / blocks if blocks else None,
                "temp_bytes": one.temp_bytes,
                "deadlocks": one.deadlocks,
            }
