"""redis.keys-without-ttl"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from dbtune.finding import Confidence, Finding, Level, Remedy, check
from dbtune.redis.memory.facts import OTHER, Keyspace
from dbtune.text import bytes_text, count_text, plain, ratio_text, shorten


@check("redis.keys-without-ttl", confidence=Confidence.estimated)
def keys_without_ttl(
    keys: Keyspace,
    info: Mapping[str, str],
    *,
    min_keys: int = 100,
    min_ratio: float = 0.01,
    max_ratio: float = 0.9,
    min_size_ratio: float = 0.01,
) -> Iterator[Finding]:
    """Some keys of a pattern never expire, although others of it do.

    Why: A path of the code forgot the expiry (SET takes an old one away, too), and what it writes
    stays for ever: the memory grows until keys that are needed are evicted.

    Mistaken when: Some of them are meant to stay.

    Remedy: SET with EX in every path; KEEPTTL where a value is replaced; EXPIRE ... NX over the
    ones that are there.
    """
    for one in keys.patterns.values():
        ratio = one.no_ttl / one.keys
        if one.name == OTHER or one.keys < min_keys or not min_ratio <= ratio <= max_ratio:
            continue
        if one.no_ttl_bytes < min_size_ratio * max(1, keys.size):
            continue
        count = round(one.no_ttl * keys.factor)
        size = one.no_ttl_bytes * keys.factor
        policy = info.get("maxmemory_policy", "")
        evicted = (
            " The policy evicts only keys with a TTL, so these can't be."
            if policy.startswith("volatile-")
            else ""
        )
        yield Finding(
            subject=shorten(plain(one.name), 200),
            message=(
                f"{count_text(count)} keys ({ratio_text(ratio)} of the pattern) never expire, "
                f"{bytes_text(size)}; the others do"
            ),
            evidence={
                "keys_without_ttl": count,
                "ratio": ratio,
                "size_bytes": round(size),
                "policy": policy or None,
            },
            remedy=Remedy(
                "Find the path that writes them without EX (or replaces them with SET and no "
                f"KEEPTTL), and give those that are there a time.{evicted}"
            ),
            level=Level.warning if policy.startswith("volatile-") else None,
        )
