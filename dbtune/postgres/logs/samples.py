"""Single executions of statements, with their constants: a few of each, in bounded memory.

Which ones are kept is left to a hash of the execution, so that it is as good as by chance, always
the same for the same log, and the same however the log is cut into parts.
"""

from __future__ import annotations

import heapq
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Protocol
from zlib import crc32

from dbtune.logs.blocks import decoded
from dbtune.postgres import TAG
from dbtune.postgres.logs.auto_explain import query_text
from dbtune.postgres.logs.record import FIELDS, Format, Raw
from dbtune.postgres.sqltext import with_parameters

_LONGEST = 8192
"""Bytes of a statement with its parameters; longer executions are no samples."""
_HOUR, _REST, _PID, _LEVEL, _DURATION, _KIND, _MESSAGE, _TAIL = (
    FIELDS.index(one) for one in "hour rest pid level duration kind message tail".split()
)
_VALUE = re.compile(r"\$(\d+) = (NULL|'(?:[^']|'')*')")
_IN_PLAN = re.compile(r"^Query Parameters: (.*)$", re.MULTILINE)
_CUT = "...'"
"""How a value ends that log_parameter_max_length has cut."""


def parameters(detail: str) -> dict[int, str] | None:
    """Values as literals by their numbers; ``None`` if one of them was cut off."""
    found = {int(one[1]): one[2] for one in _VALUE.finditer(detail)}
    return None if any(value.endswith(_CUT) for value in found.values()) else found


@dataclass(slots=True)
class Samples:
    """Executions of one statement: those with the least hash.

    Attributes:
        limit: how many are kept.
        items: hash and text of each, the largest hash first.
    """

    limit: int = 5
    items: list[tuple[int, str]] = field(default_factory=list)

    def wants(self, number: int) -> bool:
        """Whether an execution with that hash is one of those to keep."""
        return len(self.items) < self.limit or number < self.items[0][0]

    def add(self, number: int, text: str) -> None:
        """Keep an execution."""
        self.merge(Samples(self.limit, [(number, text)]))

    def merge(self, other: Samples) -> None:
        """Keep those with the least hash of both; each text once."""
        texts: dict[str, int] = {}
        for number, text in (*self.items, *other.items):
            texts[text] = min(number, texts.get(text, number))
        items = [(number, text) for text, number in texts.items()]
        self.items = heapq.nsmallest(self.limit, items)[::-1]

    @property
    def texts(self) -> tuple[str, ...]:
        """The statements with constants in place of parameters."""
        return tuple(text for _, text in reversed(self.items))


class _Keyed(Protocol):
    key: str


class _Finds(Protocol):
    def of(self, text: bytes, /) -> _Keyed: ...


class Sampler:
    """Takes samples of the records of a log."""

    def __init__(
        self,
        format_: Format,
        kept: dict[str, Samples],
        limit: int,
        accepts: Callable[[Raw], bool],
    ) -> None:
        """Make one.

        Args:
            format_: how the records stand.
            kept: where samples are added, by fingerprint.
            limit: how many of a statement.
            accepts: whether an execution is one of those that are asked for.
        """
        self._format, self._kept, self._limit = format_, kept, limit
        self._accepts = accepts
        self._open: tuple[str, int, str] | None = None
        """An execution whose parameters may follow."""

    def take(self, records: Iterable[Raw], statements: _Finds, plans: _Finds) -> None:
        """Take samples of some records.

        Args:
            records: in the order of the log.
            statements, plans: know the fingerprints of texts.
        """
        for record in records:
            kind = record[_KIND]
            if not kind:
                if record[_LEVEL] == b"DETAIL":
                    self._fill(decoded(self._format.clean(record[_MESSAGE])))
                continue
            self.finish()
            message = record[_MESSAGE]
            if (len(message) > _LONGEST and kind != b"plan") or not self._accepts(record):
                continue
            number = crc32(record[_REST] + record[_PID] + record[_DURATION])
            if kind == b"plan":
                plan = self._format.clean(message)
                found = _IN_PLAN.search(decoded(plan))
                text = query_text(plan)
                self._begin(plans.of(text).key, number, text)
                self._fill(f"parameters: {found[1]}" if found else "")
            elif kind == b"statement" or _is_execution(kind):
                text = self._format.clean(message)
                self._begin(statements.of(text).key, number, text)
                if self._open is not None and record[_TAIL]:
                    self._fill(self._format.extras(record[_TAIL]).get("detail", ""))

    def finish(self) -> None:
        """Keep what was waiting for its parameters: it has none."""
        if self._open is not None:
            self._fill("")

    def _begin(self, key: str, number: int, text: bytes) -> None:
        if key == TAG:
            return
        samples = self._kept.get(key)
        if samples is None or samples.wants(number):
            self._open = (key, number, decoded(text))

    def _fill(self, detail: str) -> None:
        if self._open is None:
            return
        (key, number, text), self._open = self._open, None
        values = parameters(detail) if detail[:11].lower() == "parameters:" else {}
        filled = None if values is None else with_parameters(text, values)
        if filled is not None and len(filled) <= _LONGEST:
            self._kept.setdefault(key, Samples(self._limit)).add(number, filled)


def _is_execution(kind: bytes) -> bool:
    return kind.startswith(b"execute") and not kind.startswith(b"execute fetch from ")
