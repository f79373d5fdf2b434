"""Nothing limits the server's memory."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.redis.facts.config import Config
from dbtune.redis.facts.info import Info
from dbtune.text import bytes_text


@check("redis.maxmemory-unset", tags=("memory",))
def maxmemory_unset(
    info: Info, config: Config, *, critical_ratio: float = 0.75
) -> Iterator[Finding]:
    """Nothing limits the server's memory.

    Why: It grows until the kernel ends it, or the machine swaps and every command takes
        milliseconds.

    Mistaken when: A container's limit and monitoring of the memory stand in for it.

    Remedy: maxmemory at 75 % of the machine for a cache, 60 % with persistence, and a policy
        that fits.
    """
    if config.text("maxmemory") != "0" or info.text("maxmemory") not in ("", "0"):
        return
    total, used = info.number("total_system_memory"), info.number("used_memory")
    share = used / total if total else 0.0
    yield Finding(
        "maxmemory",
        f"maxmemory is 0; {bytes_text(used)} of the machine's {bytes_text(total)} are used",
        Remedy(
            "Set a limit, for good in redis.conf; of a cache the policy, too (maxmemory-policy "
            "allkeys-lfu): by default writes are refused at the limit.",
            config=f"maxmemory {round(max(0.6 * total, 1.2 * used) / 1024**2)}mb",
            effect="CONFIG SET works at once; a limit below what is used evicts or refuses writes",
        ),
        {"used_memory_bytes": used, "total_system_memory_bytes": total},
        level=Level.critical if share > critical_ratio else Level.warning,
    )
