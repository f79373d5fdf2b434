"""Ask a server a page at a time, in smaller pages where a time limit passes."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from dbtune.errors import OutOfTime
from dbtune.postgres.session import Row, Session

_HELD = "held under an exclusive lock at the moment"
_T = TypeVar("_T")
_FAILURES = 40
"""So often a time limit may pass until the rest is left out."""


class Pages:
    """Reads facts about many relations; what can't be read in time is left out and named.

    Attributes:
        names: how to call a relation, by oid.
        lost: relations of which something essential could not be read.
        left_out: a sentence for each relation, or rest of a list, that was not read.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self._failures = 0
        self._locked = self._read_locked()
        self.names: dict[int, str] = {}
        self.lost: set[int] = set()
        self.left_out: list[str] = []

    def about(
        self, fact: str, oids: Sequence[int], *, what: str = "", size: int = 2000
    ) -> Iterator[Row]:
        """Rows of ``sql/<fact>.sql`` for relations, by their parameter ``oids``.

        Args:
            fact: name of the query.
            oids: the relations.
            what: what is missing of a relation that can't be read; "" if it is worth nothing
                without: then it is added to ``lost``.
            size: relations in one statement.
        """

        def ask(part: Sequence[int]) -> tuple[list[Row], list[tuple[int, str]]]:
            free = [oid for oid in part if oid not in self._locked]
            held = [(oid, _HELD) for oid in part if oid in self._locked]
            return (self.session.fact(fact, {"oids": free}) if free else []), held

        wanted = [oid for oid in oids if oid not in self.lost]
        for found, missed in self._rows(wanted, size, ask):
            yield from found
            for oid, reason in missed:
                self.left_out.append(f"{what and what + ' of '}{self.names[oid]}: {reason}")
                if not what:
                    self.lost.add(oid)

    def by_name(
        self, fact: str, names: Sequence[tuple[str, str]], *, full: bool = False
    ) -> Iterator[list[Row]]:
        """Pages of rows of a query on relations' schemas and names."""

        def ask(part: Sequence[tuple[str, str]]) -> tuple[list[Row], list[tuple[Any, str]]]:
            schemas, wanted = zip(*part, strict=True)
            given = {"schemas": list(schemas), "names": list(wanted), "full": full}
            return self.session.fact(fact, given), []

        for found, missed in self._rows(names, 2000, ask):
            yield found
            self.left_out += [f"statistics of {'.'.join(one)}: {why}" for one, why in missed]

    def _rows(
        self,
        items: Sequence[_T],
        size: int,
        ask: Callable[[Sequence[_T]], tuple[list[Row], list[tuple[_T, str]]]],
    ) -> Iterator[tuple[list[Row], list[tuple[_T, str]]]]:
        """Rows of each page, and what of it could not be read and why."""
        pending = deque(items[start : start + size] for start in range(0, len(items), size))
        while pending:
            page = pending.popleft()
            try:
                yield ask(page)
            except OutOfTime as late:
                self._failures += 1
                if len(page) > 1 and self._failures < _FAILURES:
                    self._locked = self._read_locked()
                    half = len(page) // 2
                    pending.extendleft((page[half:], page[:half]))
                else:
                    yield [], [(item, late.reason) for item in page]

    def _read_locked(self) -> frozenset[int]:
        return frozenset(row["oid"] for row in self.session.fact("relations_locked"))
