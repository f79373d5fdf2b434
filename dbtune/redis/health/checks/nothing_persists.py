"""Nothing is saved, and there is no replica."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Remedy, check
from dbtune.redis.facts.config import Config
from dbtune.redis.facts.info import Info


@check("redis.nothing-persists", tags=("persistence",))
def nothing_persists(info: Info, config: Config, *, min_keys: int = 1000) -> Iterator[Finding]:
    """Nothing is saved, and there is no replica.

    Why: A restart loses everything.

    Mistaken when: It is a cache that can be filled again.

    Remedy: appendonly yes for a store; a replica.
    """
    keys, expiring = info.keys
    if keys < min_keys or config.text("save") or config.text("appendonly") == "yes":
        return
    if info.number("connected_slaves") or info.text("role") == "slave":
        return
    policy = config.text("maxmemory-policy")
    if policy.startswith("allkeys") or (policy.startswith("volatile") and expiring > 0.9 * keys):
        return  # a cache says so
    yield Finding(
        "persistence",
        f"{keys:,} keys, no RDB, no AOF, no replica; the policy is {policy}",
        Remedy(
            "Save it, if it is more than a cache.", config="appendonly yes\nappendfsync everysec"
        ),
        {"keys": keys},
    )
