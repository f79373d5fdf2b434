"""Writes wait for the append-only file."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Remedy, check
from dbtune.redis.facts.info import Info
from dbtune.text import ms_text


@check("redis.disk-slows-writes", tags=("persistence", "latency"))
def disk_slows_writes(info: Info, *, min_times: float = 1) -> Iterator[Finding]:
    """Writes wait for the append-only file.

    Why: The disk does not keep up with fsync, and the server waits for it.

    Mistaken when: A rewrite or a backup was running.

    Remedy: A faster disk; no-appendfsync-on-rewrite yes; appendfsync everysec, not always.
    """
    delayed = info.grown("aof_delayed_fsync")
    if delayed >= min_times:
        yield Finding(
            "append-only file",
            f"{delayed:,.0f} writes waited for fsync in {ms_text(info.seconds * 1000)}",
            Remedy("See the disk.", config="no-appendfsync-on-rewrite yes"),
            {"aof_delayed_fsync": delayed, "seconds": info.seconds},
        )
