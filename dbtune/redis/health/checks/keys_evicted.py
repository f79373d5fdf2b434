"""Keys are evicted."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.redis.facts.info import Info
from dbtune.text import ms_text


@check("redis.keys-evicted", level=Level.warning, tags=("cache", "memory"))
def keys_evicted(info: Info, *, min_per_second: float = 0.1) -> Iterator[Finding]:
    """Keys are evicted.

    Why: What applications stored goes before its time; for a store that is loss of data.

    Mistaken when: It is a cache, and its hit ratio is good.

    Remedy: More maxmemory, shorter TTLs, smaller values.
    """
    evicted = info.grown("evicted_keys")
    rate = evicted / info.seconds
    if evicted < 1 or rate < min_per_second:
        return
    yield Finding(
        "maxmemory",
        f"{evicted:,.0f} keys evicted in {ms_text(info.seconds * 1000)}, {rate:,.1f} a second",
        Remedy("Give it more memory, or see what fills it: dbtune bloat."),
        {"evicted_keys": evicted, "seconds": info.seconds},
    )
