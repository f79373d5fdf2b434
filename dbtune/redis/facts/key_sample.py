"""A bounded sample of keys and how they are used, without their names, for ``cache --from``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dbtune.bloat import Selection
from dbtune.facts import fact
from dbtune.redis.cache.collect import read_uses
from dbtune.redis.cache.facts import Known, Use, Uses
from dbtune.redis.memory.facts import Keyspace
from dbtune.redis.session import Session

_BUDGET_SECONDS = 1.0
_MOST = 10_000


@dataclass(frozen=True, slots=True)
class KeySample:
    """Keys of one database; what is known of each stands at the same place of each list.

    Attributes:
        known: what the server tells of a key's use.
        total, seen: keys of the database, and how many were looked at.
        seconds: how long that took.
        ttl: keys seen by time to live.
        names: the patterns.
        patterns: which of these each key of the sample has.
        sizes: bytes in memory.
        ttls_ms: milliseconds until it expires; -1 for never.
        values, phases, after: as of :class:`~dbtune.redis.cache.facts.Use`.
        log_factor, decay_minutes: lfu-log-factor and lfu-decay-time.
    """

    known: Known
    total: int
    seen: int
    seconds: float
    ttl: Mapping[str, int]
    names: tuple[str, ...] = ()
    patterns: tuple[int, ...] = ()
    sizes: tuple[int, ...] = ()
    ttls_ms: tuple[int, ...] = ()
    values: tuple[int | None, ...] = ()
    phases: tuple[float, ...] = ()
    after: tuple[float, ...] = ()
    log_factor: int = 10
    decay_minutes: int = 1

    @property
    def keyspace(self) -> Keyspace:
        """The keys that were looked at."""
        return Keyspace(
            self.total, self.seen, whole=self.seen >= self.total, seconds=self.seconds,
            ttl=dict(self.ttl),
        )  # fmt: skip

    @property
    def uses(self) -> Uses:
        """How those of the sample are used; they have no names."""
        columns = zip(
            self.patterns, self.sizes, self.ttls_ms, self.values, self.phases, self.after,
            strict=True,
        )  # fmt: skip
        keys = tuple(Use(b"", self.names[pattern], *rest) for pattern, *rest in columns)
        factor = max(1.0, self.total / len(keys)) if keys else 1.0
        return Uses(self.known, keys, factor, self.log_factor, self.decay_minutes)


@fact("key_sample")
def key_sample(session: Session) -> KeySample:
    """Of the session's database. Least privilege: as of :mod:`dbtune.redis.cache.collect`."""
    keys, uses = read_uses(session, Selection(budget_seconds=_BUDGET_SECONDS))
    chosen = uses.keys[:_MOST]
    names = {one: at for at, one in enumerate(dict.fromkeys(one.pattern for one in chosen))}
    return KeySample(
        uses.known,
        keys.total,
        keys.seen,
        keys.seconds,
        keys.ttl,
        tuple(names),
        tuple(names[one.pattern] for one in chosen),
        tuple(one.size for one in chosen),
        tuple(one.ttl_ms for one in chosen),
        tuple(one.value for one in chosen),
        tuple(round(one.phase, 3) for one in chosen),
        tuple(round(one.after, 3) for one in chosen),
        uses.log_factor,
        uses.decay_minutes,
    )
