"""mongo.unused-index"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from dbtune.errors import Unavailable
from dbtune.finding import Finding, check
from dbtune.mongo.indexes.checks import retire, subject
from dbtune.mongo.indexes.facts import Collection, Index
from dbtune.text import bytes_text


@check("mongo.unused-index", tags=("indexes",))
def unused_index(
    collections: Sequence[Collection], now: datetime, *, min_days: float = 7
) -> Iterator[Finding]:
    """No member has used an index since it has counted.

    Why: Each write maintains it, and it takes memory and disk.

    Mistaken when: Something seldom needs it (the end of the month), or a hidden member that
    applications reach by its address does. Counts start anew when a member restarts, and when the
    index is made or hidden.

    Remedy: Hide it, and drop it when nothing has become slower. What forbids duplicates (unique),
    deletes documents (TTL) or is the shard key's is never meant.
    """
    for collection in collections:
        if collection.unread_members:
            continue
        for one in collection.indexes:
            days = _days(one, now)
            if one.ops != 0 or days is None or days < min_days or _needed(one):
                continue
            size = f"{bytes_text(one.size_bytes)}, " if one.size_bytes is not None else ""
            yield Finding(
                subject=subject(one),
                message=f"{size}not used once in the {days:.0f} days that all members have counted",
                evidence={"size_bytes": one.size_bytes, "ops": 0, "days": round(days, 1)},
                remedy=retire(one, "Nothing has used it."),
            )
    unread = sorted({one for collection in collections for one in collection.unread_members})
    if unread:
        remedy = next((one.unread_remedy for one in collections if one.unread_remedy), "")
        raise Unavailable(f"use of indexes is not known of {', '.join(unread[:3])}", remedy)


def _days(index: Index, now: datetime) -> float | None:
    return None if index.since is None else (now - index.since).total_seconds() / 86_400


def _needed(index: Index) -> bool:
    return (
        index.name == "_id_"
        or index.unique
        or index.expire_seconds is not None
        or index.shard_key
        or index.hidden
    )
