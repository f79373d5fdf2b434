"""The eviction policy finds hardly anything to evict."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Remedy, check
from dbtune.redis.facts.config import Config
from dbtune.redis.facts.info import Info


@check("redis.policy-evicts-nothing", tags=("memory",))
def policy_evicts_nothing(
    info: Info, config: Config, *, min_keys: int = 1000, min_ratio: float = 0.05
) -> Iterator[Finding]:
    """The eviction policy finds hardly anything to evict.

    Why: volatile-* evicts keys with a TTL only: with few of those, it fills up and refuses
        writes.

    Mistaken when: Keys without a TTL are few and small, however many there are.

    Remedy: allkeys-lfu for a cache; TTLs for what may go.
    """
    policy, (keys, expiring) = config.text("maxmemory-policy"), info.keys
    if not policy.startswith("volatile") or keys < min_keys or expiring >= min_ratio * keys:
        return
    if not info.number("maxmemory"):
        return
    yield Finding(
        "maxmemory-policy",
        f"the policy is {policy}, and {expiring:,} of {keys:,} keys have a TTL",
        Remedy("Use allkeys-lfu if all keys may go.", config="maxmemory-policy allkeys-lfu"),
        {"keys": keys, "expiring": expiring},
    )
