"""Reads what a server's counters say about its configuration, live or from a snapshot."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from dbtune.errors import Unavailable
from dbtune.facts import Fact, Source, gather
from dbtune.postgres.bloat.autovacuum import is_off, threshold
from dbtune.postgres.bloat.facts import Kind, Sizes
from dbtune.postgres.config.measured import Measured
from dbtune.postgres.facts.bloat import relation_sizes
from dbtune.postgres.facts.checkpoints import Checkpoints, checkpoints
from dbtune.postgres.facts.connections import Connections, connections
from dbtune.postgres.facts.databases import Database, databases
from dbtune.postgres.facts.waits import Waits, waits
from dbtune.postgres.session import Session
from dbtune.postgres.statements.collect import read_setup, read_statements
from dbtune.postgres.statements.facts import Reading

LEAST_SECONDS = 3600.0
"""Counters of a shorter time tell a moment, not a load."""
_LEAST_BLOCKS = 1_000_000
_LEAST_MS = 600_000.0
"""Execution time from which on the share of JIT compilation is told."""
_LATE = 2.0
"""Dead rows, as a multiple of what makes autovacuum come, at which it is late."""
_JIT = ("jit_generation_time", "jit_inlining_time", "jit_optimization_time", "jit_emission_time")
_TEMPLATES = ("", "template0", "template1")


def _statements(session: Session) -> Reading:
    """As the fact of that name, but without texts, which can be many megabytes."""
    return read_statements(session, read_setup(session), texts=False)


FACTS: tuple[Fact[Any, Any], ...] = (
    checkpoints,
    databases,
    connections,
    relation_sizes,
    Fact("statements", _statements),
    waits,
)


def measure(source: Source) -> Measured:
    """What can be told from a server or a snapshot; what it lacks stays ``None``."""
    return measured_of(gather(source, FACTS))


def measured_of(facts: Mapping[str, object]) -> Measured:
    """As :func:`measure`, from facts by name."""
    values: dict[str, object] = {}
    for name, make in _PARTS.items():
        found = facts.get(name)
        if found is not None and not isinstance(found, Unavailable):
            values |= make(found)
    if values.get("temp_seconds") is None and "temp_files" in values:
        # Since 15 a database whose statistics were never reset does not tell since when it counts:
        # since the server's own began, or since it was made.
        values["temp_seconds"] = values.get("wal_seconds")
        if values["temp_seconds"] is None:
            values |= {"temp_files": None, "temp_file_bytes": None, "hit_ratio": None}
    return Measured(**values)  # type: ignore[arg-type] # each part names fields of its own


def _of_checkpoints(found: Checkpoints) -> dict[str, object]:
    seconds = found.seconds
    values: dict[str, object] = {}
    if seconds is None or seconds < LEAST_SECONDS:
        return values
    count = found.timed + found.requested
    values = {"wal_seconds": seconds, "checkpoints": count}
    if count > 0:
        values["requested_ratio"] = found.requested / count
    # Before 14 log is counted from the cluster's beginning, for which no time is known.
    if found.wal_bytes is not None and found.wal_full_pages is not None:
        values["wal_bytes_per_second"] = found.wal_bytes / seconds
    if found.wal_buffers_full is not None:
        values["wal_buffers_full_per_second"] = found.wal_buffers_full / seconds
    return values


def _of_databases(found: tuple[Database, ...]) -> dict[str, object]:
    known = [one for one in found if one.name not in _TEMPLATES]
    hit = sum(one.blocks_hit for one in known)
    blocks = hit + sum(one.blocks_read for one in known)
    files, size = sum(one.temp_files for one in known), sum(one.temp_bytes for one in known)
    values: dict[str, object] = {}
    times = [one.seconds for one in known if one.seconds is not None]
    if not times or max(times) >= LEAST_SECONDS:
        values |= {"temp_files": files, "temp_seconds": max(times, default=None)}
        if blocks >= _LEAST_BLOCKS:
            values["hit_ratio"] = hit / blocks
        if files:
            values["temp_file_bytes"] = size / files
    return values


def _of_connections(found: Connections) -> dict[str, object]:
    return {"connections_used": found.used}


def _of_sizes(found: Sizes) -> dict[str, object]:
    if found.standby:
        return {}
    tables = [one for one in found.relations.values() if one.kind in (Kind.TABLE, Kind.TOAST)]
    if not any(one.counters.counted for one in tables):
        return {}
    late = [
        one
        for one in tables
        if not is_off(one, found) and one.counters.dead > _LATE * threshold(one, found).rows
    ]
    most = max((threshold(one, found).rows for one in tables), default=0.0)
    return {"tables_late": len(late), "tables": len(tables), "largest_vacuum_rows": most}


def _of_statements(found: Reading) -> dict[str, object]:
    total = sum(one.total_ms for one in found.entries)
    known = [one for one in found.entries if all(name in one.counters for name in _JIT)]
    if total < _LEAST_MS or not known:
        return {}
    return {"jit_ratio": sum(one.counters[name] for one in known for name in _JIT) / total}


def _of_waits(found: Waits) -> dict[str, object]:
    return {"waits": tuple(sorted(found.sessions.items(), key=lambda one: (-one[1], one[0]))[:5])}


_PARTS: dict[str, Callable[[Any], dict[str, object]]] = {
    "checkpoints": _of_checkpoints,
    "databases": _of_databases,
    "connections": _of_connections,
    "relation_sizes": _of_sizes,
    "statements": _of_statements,
    "waits": _of_waits,
}
