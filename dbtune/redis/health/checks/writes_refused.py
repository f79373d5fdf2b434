"""Writes are refused for want of memory."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.redis.facts.info import Info
from dbtune.text import ms_text


def _count(info: Info) -> float:
    """INFO writes ``errorstat_OOM:count=3``; differences are of plain numbers only."""
    count = info.text("errorstat_OOM").partition("count=")[2]
    return float(count) if count.isdigit() and not info.before else 0.0


@check("redis.writes-refused", level=Level.critical, tags=("memory",))
def writes_refused(info: Info) -> Iterator[Finding]:
    """Writes are refused for want of memory.

    Why: Applications get OOM errors: what they wanted to store is lost.

    Mistaken when: It was once, and has been mended since.

    Remedy: More maxmemory, TTLs, or an eviction policy.
    """
    refused = info.grown("errorstat_OOM") or _count(info)
    if refused:
        yield Finding(
            "maxmemory",
            f"{refused:,.0f} commands were refused with OOM in {ms_text(info.seconds * 1000)}",
            Remedy("Raise maxmemory, or let keys be evicted (maxmemory-policy)."),
            {"refused": refused, "seconds": info.seconds},
        )
