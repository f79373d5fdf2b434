"""stderr: lines with a log_line_prefix; a record's other lines begin with a tab."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from operator import itemgetter
from types import MappingProxyType

from dbtune.logs.blocks import decoded
from dbtune.postgres.logs.infer import COLON, LEVELS
from dbtune.postgres.logs.language import ENGLISH
from dbtune.postgres.logs.prefix import Prefix
from dbtune.postgres.logs.record import FIELDS, Raw, Who

_NO_RECORD = (b"DETAIL", b"HINT", b"STATEMENT", b"CONTEXT")
_MAIN = b"(?:DEBUG[1-5]?|LOG|INFO|NOTICE|WARNING|ERROR|FATAL|PANIC|%s)" % b"|".join(
    word for word, level in ENGLISH.items() if level not in _NO_RECORD
)
DURATION = (
    rb"(?:duration: (?P<duration>\d+\.\d+) ms"
    rb"(?: {1,2}(?P<kind>statement|plan|(?:parse|bind|execute)[^:\n]{0,200}):[ ]?)?)?"
)
"""The words of a message about a duration; those that it has are no part of the message."""


class Stderr:
    """The records of a log with a prefix."""

    name = "stderr"
    escape = b"\n\t"

    def __init__(self, prefix: Prefix) -> None:
        self._given = prefix
        self.prefix = prefix.text
        self.epoch = prefix.epoch
        self._parts = dict(
            zip((one for one in prefix.groups if one.startswith("who")), prefix.who, strict=True)
        )
        have = list(prefix.groups)
        absent = [one for one in FIELDS[:5] if one not in have]
        have += [*absent, "level"]
        after = b"()" * len(absent) + rb"(LOG|" + LEVELS.encode() + rb")" + COLON + rb" {1,2}"
        if "state" in have:
            after += rb"(?:[0-9A-Z]{5}: )?"
        else:  # log_error_verbosity = verbose
            after += rb"(?:([0-9A-Z]{5}): )?"
            have.append("state")
        after += re.sub(rb"\?P<\w+>", b"", DURATION) + rb"([^\n]*(?:\n\t[^\n]*)*)()"
        have += ["duration", "kind", "message", "tail"]
        if "who2" not in have:
            after += b"()"
            have.append("who2")
        have.append("junk")
        self._exact, self._quick = (
            re.compile(rb"^(?:" + one + after + rb"|([^\n]+))\n", re.MULTILINE)
            for one in (prefix.pattern, prefix.quick)
        )
        self._start = re.compile(rb"^" + prefix.pattern + _MAIN + rb": {1,2}", re.MULTILINE)
        self._order = None if have == list(FIELDS) else itemgetter(*map(have.index, FIELDS))
        self.who = lru_cache(10_000)(self._who)

    def records(self, text: bytes) -> Iterable[Raw]:
        found = self._quick.findall(text)
        if self._quick is not self._exact and any(one[-1] for one in found):
            found = self._exact.findall(text)
        return found if self._order is None else map(self._order, found)

    def cut(self, text: bytes) -> int:
        end = len(text)
        while (end := text.rfind(b"\n", 0, end)) >= 0:
            if text[end + 1 : end + 2] not in (b"\t", b""):
                return end + 1
        return 0

    def start(self, text: bytes) -> int:
        found = self._start.search(text)
        return found.start() if found else -1

    def clean(self, message: bytes) -> bytes:
        return message.replace(b"\n\t", b"\n")

    def __reduce__(self) -> tuple[type[Stderr], tuple[Prefix]]:
        return Stderr, (self._given,)

    def _who(self, parts: tuple[bytes, bytes, bytes]) -> Who:
        names: dict[str, str] = {}
        for slot, part in zip(("who0", "who1", "who2"), parts, strict=True):
            pattern = self._parts.get(slot)
            if pattern is not None and (found := pattern.fullmatch(part)):
                names |= {key: decoded(value) for key, value in found.groupdict().items()}
        return Who(**{key: value for key, value in names.items() if value != "[unknown]"})

    def extras(self, tail: bytes) -> Mapping[str, str]:
        return MappingProxyType({})
