"""Many keys expire at once."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Remedy, check
from dbtune.redis.facts.info import Info


@check("redis.many-keys-expire-at-once", tags=("cache",))
def many_keys_expire_at_once(
    info: Info, *, min_per_second: float = 500, min_stale_percent: float = 10
) -> Iterator[Finding]:
    """Many keys expire at once.

    Why: The server spends its only thread on deleting them, and what they cached is computed by
        all clients together.

    Mistaken when: A batch of one-time keys has just run out.

    Remedy: Add some jitter to TTLs.
    """
    expired = info.grown("expired_keys")
    stale = info.number("expired_stale_perc")
    if expired / info.seconds < min_per_second or stale < min_stale_percent:
        return
    yield Finding(
        "expiry",
        f"{expired / info.seconds:,.0f} keys expire a second and {stale:.0f} % of those with a "
        "TTL are "
        "over it already",
        Remedy("Let TTLs differ: ttl * (0.9 + 0.2 * random())."),
        {"expired_keys": expired, "seconds": info.seconds, "stale_percent": stale},
    )
