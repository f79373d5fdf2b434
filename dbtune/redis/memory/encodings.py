"""Which collections are kept compactly (listpack, intset), and how near they are to their limits.

Redis keeps small collections in one piece of memory, and converts one for good when it grows beyond
``hash-max-listpack-entries`` and the like (before 7.0: ``ziplist``): it then takes several times as
much. OBJECT ENCODING touches no last access; lengths (HLEN, SCARD, ZCARD) do, so they are asked
for only where that decides nothing (no LRU or LFU policy), or where the server can be told not to
count it (CLIENT NO-TOUCH, Redis 7.2).

Least privilege beyond :mod:`dbtune.redis.memory.collect`'s::

    ACL SETUSER dbtune +object|encoding +hlen +scard +zcard +client|no-touch
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from dbtune.errors import Unavailable
from dbtune.redis.memory.facts import Patterns
from dbtune.redis.memory.probe import Probe
from dbtune.redis.memory.scan import Key
from dbtune.redis.session import Session

MOST_KEYS = 10_000
_LENGTH = {"hash": "HLEN", "set": "SCARD", "zset": "ZCARD"}
COMPACT = frozenset(("listpack", "ziplist", "intset", "listpackex"))
_LIMITS = {
    ("hash", "listpack"): ("hash-max-listpack-entries", "hash-max-ziplist-entries"),
    ("hash", "listpackex"): ("hash-max-listpack-entries",),
    ("hash", "ziplist"): ("hash-max-ziplist-entries", "hash-max-listpack-entries"),
    ("zset", "listpack"): ("zset-max-listpack-entries", "zset-max-ziplist-entries"),
    ("zset", "ziplist"): ("zset-max-ziplist-entries", "zset-max-listpack-entries"),
    ("set", "intset"): ("set-max-intset-entries",),
    ("set", "listpack"): ("set-max-listpack-entries",),
}


@dataclass(slots=True)
class Encoded:
    """Collections of one pattern and type.

    Attributes:
        pattern: of their names.
        type: ``hash``, ``set``, ``zset``.
        encoding: the compact one that they have, or had.
        setting: the setting that limits it.
        limit: its value; ``None`` if it could not be read.
        compact: how many of the sample are compact.
        converted: how many are not.
        lengths: of compact ones, where they were read.
        converted_lengths: of others.
        compact_bytes, converted_bytes: memory of those whose lengths were read.
    """

    pattern: str
    type: str
    encoding: str = ""
    setting: str = ""
    limit: int | None = None
    compact: int = 0
    converted: int = 0
    lengths: list[int] = field(default_factory=list)
    converted_lengths: list[int] = field(default_factory=list)
    compact_bytes: int = 0
    converted_bytes: int = 0

    @property
    def growth(self) -> float | None:
        """How many times the memory an element takes when it is converted, where both were seen."""
        small, large = sum(self.lengths), sum(self.converted_lengths)
        if not small or not large or not self.compact_bytes:
            return None
        return (self.converted_bytes / large) / (self.compact_bytes / small)


class Encodings:
    """Looks at collections of batches of keys.

    Attributes:
        missing: why nothing, or no lengths, can be read.
    """

    def __init__(self, session: Session, probe: Probe) -> None:
        self._probe = probe
        self._patterns = Patterns()
        self._found: dict[tuple[str, str], Encoded] = {}
        self._seen = 0
        self.missing: Unavailable | None = None
        policy = session.info.get("maxmemory_policy", "")
        self._lengths = not policy.endswith(("lru", "lfu")) or probe.untouched()
        if not self._lengths:
            self.missing = Unavailable(
                f"lengths are not read: under {policy} that counts as a use (CLIENT NO-TOUCH "
                "prevents it from 7.2 on)"
            )

    def look(self, batch: Sequence[Key]) -> None:
        """Look at a batch."""
        keys = [one for one in batch if one.type in _LENGTH]
        if not keys or self._seen >= MOST_KEYS:
            return
        self._seen += len(keys)
        try:
            encodings = self._probe.ask([("OBJECT", "ENCODING", one.name) for one in keys])
            lengths = (
                self._probe.ask([(_LENGTH[one.type], one.name) for one in keys])
                if self._lengths
                else [None] * len(keys)
            )
        except Unavailable as missing:
            self.missing = missing
            self._seen = MOST_KEYS
            return
        for key, encoding, length in zip(keys, encodings, lengths, strict=True):
            if isinstance(encoding, str):
                self._add(key, encoding, length if isinstance(length, int) else None)

    def _add(self, key: Key, encoding: str, length: int | None) -> None:
        name = (self._patterns.of(key.name), key.type)
        one = self._found.setdefault(name, Encoded(*name))
        if encoding in COMPACT:
            one.compact += 1
            one.encoding = encoding
            if length is not None:
                one.lengths.append(length)
                one.compact_bytes += key.size
            return
        one.converted += 1
        if length is not None:
            one.converted_lengths.append(length)
            one.converted_bytes += key.size

    def done(self, settings: Mapping[str, str]) -> list[Encoded]:
        """What was found, with the limits of the settings."""
        for one in self._found.values():
            for setting in _LIMITS.get((one.type, one.encoding), ()):
                if settings.get(setting, "").isdigit():
                    one.setting, one.limit = setting, int(settings[setting])
                    break
        return sorted(self._found.values(), key=lambda one: (one.pattern, one.type))


def read_limits(session: Session) -> dict[str, str]:
    """Settings that limit compact encodings; none where CONFIG is forbidden."""
    found: dict[str, str] = {}
    try:
        for pattern in ("*-max-listpack-*", "*-max-ziplist-*", "set-max-intset-entries"):
            found |= session.config(pattern)
    except Unavailable:
        return {}
    return found
