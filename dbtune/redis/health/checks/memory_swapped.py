"""Part of the server's memory is swapped out."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.redis.facts.info import Info
from dbtune.text import bytes_text


@check("redis.memory-swapped", level=Level.critical, tags=("memory",))
def memory_swapped(
    info: Info, *, min_bytes: float = 200 * 1024**2, max_ratio: float = 0.9
) -> Iterator[Finding]:
    """Part of the server's memory is swapped out.

    Why: A command that touches it waits for the disk, and all others with it.

    Mistaken when: The instance is nearly empty, where the ratio means nothing; or a client is
        just sending a very large value, for which memory is set aside and not used yet.

    Remedy: Less maxmemory, or more RAM; vm.overcommit_memory=1 and no swap for the machine.
    """
    resident, used = info.number("used_memory_rss"), info.number("used_memory")
    if used < min_bytes or not resident or resident >= max_ratio * used:
        return
    yield Finding(
        "memory",
        f"{bytes_text(resident)} of {bytes_text(used)} are in RAM",
        Remedy("Make maxmemory fit into the machine."),
        {"rss_bytes": resident, "used_memory_bytes": used},
    )
