"""What of MongoDB's logs is compared with a baseline."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from dbtune.logs.sides import Rate, Side
from dbtune.mongo.logs.digest import Digest
from dbtune.statements import Selection, narrow

RATES = (
    Rate("calls", "slow operations"),
    Rate("total_ms", "time of slow operations", kind="ms"),
    Rate("collection_scans", "slow collection scans", "less", 5.0),
    Rate("memory_sorts", "slow sorts in memory", "less", 5.0),
    Rate("write_conflicts", "write conflicts", "less", 100.0),
    Rate("failures", "operations that failed", "less", 5.0),
    Rate("errors", "errors", "less", 10.0),
    Rate("warnings", "warnings", "less", 20.0),
    Rate("elections", "elections", "less", 1.0),
    Rate("refused", "logins refused", "less", 5.0),
    Rate("connections", "connections received"),
)


def side(digest: Digest, selection: Selection) -> Side:
    """What logs of a period say of the chosen operations and of what else was logged."""
    # The database was chosen when the log was read.
    chosen = replace(selection, database="", user="", min_calls=0)
    found = narrow([one.statement() for one in digest.shapes.values()], chosen)
    return Side(digest.seen, {one.text: one for one in found}, dict(_counted(digest)))


def _counted(digest: Digest) -> Iterator[tuple[str, float]]:
    shapes = digest.shapes.values()
    for name in ("calls", "total_ms", "collection_scans", "memory_sorts", "write_conflicts"):
        yield name, sum(getattr(one, name) for one in shapes)
    yield "failures", sum(one.failures for one in shapes)
    yield "errors", digest.messages.count("error", "fatal")
    yield "warnings", digest.messages.count("warning")
    yield "elections", digest.happened.counts.get("election", 0)
    yield "refused", digest.connections.refused
    yield "connections", digest.connections.received
