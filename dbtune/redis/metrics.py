"""Numbers of a Redis server for ``dbtune report``: what is limited, and the details."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from dbtune.compare.held import Span
from dbtune.guide.gauge import Gauge, ratios
from dbtune.redis.facts.config import config
from dbtune.redis.facts.info import info
from dbtune.redis.health.checks.clients_near_limit import clients_near_limit
from dbtune.redis.health.checks.memory_nearly_full import evicts, memory_nearly_full
from dbtune.report import Column, Table

if TYPE_CHECKING:
    from dbtune.compare.health import Thresholds

FACTS = ("info", "config")
"""What is read for them, besides what other commands read."""

STATE = Table(
    "redis_state",
    "Memory, persistence and replication",
    (
        Column("used_memory_bytes", "memory used", "bytes", "By data and clients."),
        Column("process_bytes", "memory of the process", "bytes", "As the system counts it."),
        Column("peak_bytes", "most ever used", "bytes", "Since it started."),
        Column("policy", "maxmemory-policy", "text", "What happens at maxmemory."),
        Column("keys", "keys", "int", "In all databases."),
        Column("keys_with_ttl", "keys with a TTL", "int", "That go by themselves."),
        Column("changes", "changes since the last save", "int", "Lost by a crash without AOF."),
        Column("append_only", "append-only file", "bool", "Whether it is on."),
        Column("role", "role", "text", "master or slave."),
        Column("replicas", "replicas", "int", "Connected."),
    ),
    record=True,
)
TABLES = (STATE,)


def gauges(span: Span, thresholds: Thresholds) -> Iterator[Gauge]:
    """What there is only so much of."""
    found, settings = span.maybe(info), span.maybe(config)
    if found is None:
        return
    told = settings.number("maxclients") if settings else None
    most = found.number("maxclients") or told or 0
    if most:
        used = found.number("connected_clients")
        shares = ratios(clients_near_limit, thresholds)
        yield Gauge("connections", "connections", used, most, "int", *shares)
    policy = settings.text("maxmemory-policy") if settings else found.text("maxmemory_policy")
    # A cache is full by design.
    if (room := found.number("maxmemory")) and not evicts(found, policy):
        shares = ratios(memory_nearly_full, thresholds)
        used = found.number("used_memory")
        yield Gauge("used_memory_bytes", "memory", used, room, "bytes", *shares)


def tables(span: Span) -> Iterator[Table]:
    """The details."""
    found, settings = span.maybe(info), span.maybe(config)
    if found is None:
        return
    keys, expiring = found.keys
    row = {
        "used_memory_bytes": found.number("used_memory"),
        "process_bytes": found.number("used_memory_rss"),
        "peak_bytes": found.number("used_memory_peak"),
        "policy": settings.text("maxmemory-policy") if settings else None,
        "keys": keys,
        "keys_with_ttl": expiring,
        "changes": found.number("rdb_changes_since_last_save"),
        "append_only": found.number("aof_enabled") == 1,
        "role": found.text("role"),
        "replicas": found.number("connected_slaves"),
    }
    yield replace(STATE, rows=(row,))
