"""Reading how keys are used: a scan within a budget, and of each key what the server remembers.

Least privilege beyond :mod:`dbtune.redis.memory.collect`'s::

    ACL SETUSER dbtune +object|idletime +object|freq      (before 7.0: +object)
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from dbtune.bloat import Selection
from dbtune.errors import Unavailable
from dbtune.redis.cache.facts import HotKey, Known, Use, Uses
from dbtune.redis.memory.collect import read_keys
from dbtune.redis.memory.facts import Keyspace, Patterns
from dbtune.redis.memory.probe import Probe
from dbtune.redis.memory.scan import Key
from dbtune.redis.session import Session

MOST_USES = 100_000
_LOOKS = 4
_CANDIDATES = 500
Wait = Callable[..., None]


def read_uses(session: Session, selection: Selection) -> tuple[Keyspace, Uses]:
    """Keys of the session's database, and how they are used.

    Raises:
        Unavailable: this user may not.
        TargetError: the connection broke.
    """
    known = _known(session)
    patterns = Patterns()
    found: list[Use] = []
    with Probe(session) as probe:
        clock = _phase(session)
        began = time.monotonic()

        def each(batch: Sequence[Key]) -> None:
            if len(found) >= MOST_USES:
                return
            word = "FREQ" if known is Known.counter else "IDLETIME"
            phase, after = clock(), time.monotonic() - began
            values = probe.ask([("OBJECT", word, key.name) for key in batch])
            for key, value in zip(batch, values, strict=True):
                told = value if isinstance(value, int) else None
                pattern = patterns.of(key.name)
                found.append(Use(key.name, pattern, key.size, key.ttl_ms, told, phase, after))

        keys = read_keys(session, selection, each)
    settings = _settings(session) if known is Known.counter else {}
    factor = max(1.0, keys.total / len(found)) if found else 1.0
    return keys, Uses(
        known,
        tuple(found),
        factor,
        int(settings.get("lfu-log-factor", "10")),
        int(settings.get("lfu-decay-time", "1")),
    )


def hot_by_idle(session: Session, uses: Uses, wait: Wait, most: int) -> list[HotKey]:
    """Keys that were used within the last second at each of some looks, a second apart.

    Raises:
        Unavailable: this user may not.
        TargetError: the connection broke.
    """
    left = [one for one in uses.keys if one.value is not None and one.value <= 1]
    left = left[:_CANDIDATES]
    with Probe(session) as probe:

        def look() -> None:
            nonlocal left
            values = probe.ask([("OBJECT", "IDLETIME", one.name) for one in left])
            left = [
                one
                for one, idle in zip(left, values, strict=True)
                if isinstance(idle, int) and idle <= 1
            ]

        if left:
            wait(_LOOKS - 0.5, "looking for hot keys", 1.0, look)
    return [HotKey(one.name, one.pattern, one.size, 1.0, at_least=True) for one in left[:most]]


def _known(session: Session) -> Known:
    """By the policy; INFO tells it, since managed services forbid CONFIG."""
    return Known.counter if "lfu" in session.info.get("maxmemory_policy", "") else Known.idle


def _settings(session: Session) -> dict[str, str]:
    try:
        found = session.config("lfu-*")
    except Unavailable:
        return {}
    return {name: value for name, value in found.items() if value.isdigit()}


def _phase(session: Session) -> Callable[[], float]:
    """What tells the fraction of a second of the server's clock, as far as it is known."""
    asked = time.monotonic()
    told = session.read_info("server").get("server_time_usec", "")
    if not told.isdigit():
        return lambda: 0.5
    answered = time.monotonic()
    offset = int(told) / 1e6 - (asked + answered) / 2
    return lambda: (time.monotonic() + offset) % 1.0
