"""Connections were refused."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.redis.facts.info import Info
from dbtune.text import ms_text


@check("redis.connections-rejected", level=Level.critical, tags=("connections",))
def connections_rejected(info: Info) -> Iterator[Finding]:
    """Connections were refused.

    Why: Applications got errors for want of connections.

    Mistaken when: It was before a change that mended it.

    Remedy: maxclients, the limit on open files, smaller pools.
    """
    refused = info.grown("rejected_connections")
    if refused:
        yield Finding(
            "maxclients",
            f"{refused:,.0f} connections were refused in {ms_text(info.seconds * 1000)}",
            Remedy("Raise maxclients, or make pools smaller."),
            {"rejected_connections": refused, "seconds": info.seconds},
        )
