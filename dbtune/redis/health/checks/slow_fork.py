"""Forking to save holds everybody up."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Remedy, check
from dbtune.redis.facts.info import Info
from dbtune.text import bytes_text, ms_text


@check("redis.slow-fork", tags=("persistence", "latency"))
def slow_fork(
    info: Info, *, min_ms: float = 50, critical_ms: float = 200, max_ms_per_gib: float = 20
) -> Iterator[Finding]:
    """Forking to save holds everybody up.

    Why: The server stands still while its page table is copied.

    Mistaken when: Saves happen at night only.

    Remedy: Smaller instances, a replica that saves, huge pages off.
    """
    fork, used = info.number("latest_fork_usec") / 1000, info.number("used_memory")
    per_gib = fork / max(used / 1024**3, 1e-9)
    if fork < min_ms or (fork < critical_ms and per_gib < max_ms_per_gib):
        return
    yield Finding(
        "fork",
        f"the last fork took {ms_text(fork)} for {bytes_text(used)}",
        Remedy(
            "Let a replica save, or split the instance; echo never > "
            "/sys/kernel/mm/transparent_hugepage/enabled"
        ),
        {"fork_ms": fork, "used_memory_bytes": used},
    )
