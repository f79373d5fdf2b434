"""Events held the whole server up."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Remedy, check
from dbtune.redis.facts.latency import Event


@check("redis.server-stands-still", tags=("latency",))
def server_stands_still(latency: tuple[Event, ...], *, min_ms: int = 200) -> Iterator[Finding]:
    """Events held the whole server up.

    Why: While one lasts, every client waits.

    Mistaken when: They were long ago: LATENCY RESET forgets them.

    Remedy: By name of the event: fork and aof-* the disk and memory, command a slow command,
        expire-cycle keys that expire together.
    """
    for one in latency:
        if one.max_ms >= min_ms:
            yield Finding(
                f"event {one.name}",
                f"{one.name} took {one.max_ms:,} ms at the most, {one.last_ms:,} ms the last time",
                Remedy(
                    "See what happens then: dbtune slow-queries for command, the disk for aof-*."
                ),
                {"max_ms": one.max_ms, "last_ms": one.last_ms},
            )
