"""redis.large-keys-unseen"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.errors import Unavailable
from dbtune.finding import Confidence, Finding, Level, Remedy, check
from dbtune.redis.memory.facts import Keyspace
from dbtune.text import bytes_text, count_text, ratio_text


@check("redis.large-keys-unseen", level=Level.info, confidence=Confidence.estimated)
def large_keys_unseen(
    keys: Keyspace, *, min_ratio: float = 0.2, min_bytes: int = 50 << 20
) -> Iterator[Finding]:
    """The keys that were looked at don't explain the memory: rare large ones are elsewhere.

    Why: A few giants in a million keys are outside nearly every sample, and are what stops the
    server when they are read.

    Mistaken when: Modules or scripts hold the data.

    Remedy: Look at all keys, on a replica if there is one.
    """
    if keys.whole:
        return
    missing = keys.unexplained_bytes
    if missing is None:
        raise Unavailable("other databases have keys, too: how much data is theirs is not told")
    if missing < min_bytes or missing < min_ratio * keys.dataset_bytes:
        return
    share = missing / keys.dataset_bytes
    yield Finding(
        subject="keys outside the sample",
        message=(
            f"{bytes_text(missing)} of data ({ratio_text(share)}) are not explained by "
            f"{count_text(keys.seen)} of {count_text(keys.total)} keys"
        ),
        evidence={"unexplained_bytes": round(missing), "seen": keys.seen, "keys": keys.total},
        remedy=Remedy(
            "Look at all keys: redis-cli --memkeys on a replica, or dbtune with more time."
        ),
    )
