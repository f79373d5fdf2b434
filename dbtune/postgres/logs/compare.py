"""What of PostgreSQL's logs is compared with a baseline."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from dbtune.logs.sides import Rate, Side
from dbtune.postgres.logs.digest import Digest
from dbtune.postgres.logs.tables import statements_of
from dbtune.statements import Selection, narrow

RATES = (
    Rate("calls", "executions"),
    Rate("total_ms", "execution time", kind="ms"),
    Rate("errors", "errors", "less", 10.0),
    Rate("fatals", "FATAL and PANIC", "less", 5.0),
    Rate("deadlocks", "deadlocks", "less", 1.0),
    Rate("lock_wait_ms", "waiting for locks", "less", 10_000.0, "ms"),
    Rate("cancelled", "cancelled", "less", 5.0),
    Rate("temp_bytes", "temporary files", "less", 100e6, "bytes"),
    Rate("forced_checkpoints", "checkpoints by WAL", "less", 2.0),
    Rate("connections", "connections received"),
)


def side(digest: Digest, selection: Selection) -> Side:
    """What logs of a period say of the chosen statements and of what else was logged."""
    # Database and user were chosen when the log was read.
    chosen = replace(selection, database="", user="", min_calls=0)
    statements = {one.ids[0]: one for one in narrow(statements_of(digest), chosen)}
    return Side(digest.seen, statements, dict(_counted(digest)))


def _counted(digest: Digest) -> Iterator[tuple[str, float]]:
    events = digest.events
    statements = statements_of(digest)
    yield "calls", sum(one.calls for one in statements)
    yield "total_ms", sum(one.total_ms for one in statements)
    classes = events.errors.classes.values()
    yield "errors", sum(one.count for one in classes if one.level == "ERROR")
    yield "fatals", sum(one.count for one in classes if one.level in ("FATAL", "PANIC"))
    yield "deadlocks", sum(one.count for one in events.deadlocks.found.values())
    yield "lock_wait_ms", sum(one.total_ms for one in events.lock_waits.waits.values())
    yield "cancelled", sum(one.count for one in events.cancelled.found.values())
    yield "temp_bytes", sum(one.total for one in events.temp_files.statements.values())
    yield "forced_checkpoints", events.checkpoints.causes.get("wal", 0)
    yield "connections", events.connections.received
