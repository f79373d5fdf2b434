"""HypoPG for what it can judge, the planner lab for statements that want other kinds of indexes."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Self

from dbtune.errors import UsageError
from dbtune.postgres.indexes.definition import Definition
from dbtune.postgres.indexes.hypopg import HypopgPlanner, is_judged, may_ask
from dbtune.postgres.indexes.planner import Planned, Planner


class RoutedPlanner:
    """A :class:`~dbtune.postgres.indexes.planner.Planner` made of two.

    A statement is planned by one of them from the beginning to the end, so that its costs are of
    one kind. The lab is made when the first statement needs it.
    """

    can_hide = False

    def __init__(self, hypopg: HypopgPlanner, open_lab: Callable[[], Planner]) -> None:
        """
        Args:
            hypopg: on the target.
            open_lab: makes the lab; a UsageError says why there is none.
        """
        self._hypopg = hypopg
        self._open_lab = open_lab
        self._lab: Planner | None = None
        self._no_lab = ""
        self._in_lab: set[str] = set()

    @property
    def name(self) -> str:
        """Who answers."""
        return "hypopg, lab" if self._in_lab else "hypopg"

    @property
    def calls(self) -> int:
        """How many plans both were asked for."""
        return self._hypopg.calls + (self._lab.calls if self._lab else 0)

    @property
    def notes(self) -> tuple[str, ...]:
        """What the report should tell."""
        notes = self._hypopg.notes
        if self._in_lab and self._lab:
            notes += (
                "statements that GIN, GiST, SP-GiST, partial indexes or indexes on expressions may "
                "serve were planned in the planner lab, since HypoPG can't judge these",
                *self._lab.notes,
            )
        return notes

    def __enter__(self) -> Self:
        self._hypopg.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        try:
            if self._lab:
                self._lab.__exit__(*error)
        finally:
            self._hypopg.__exit__(*error)

    def route(self, statement: str, indexes: Collection[Definition], /) -> bool:
        """See :meth:`dbtune.postgres.indexes.planner.Planner.route`."""
        if all(map(is_judged, indexes)):
            return False
        if self._the_lab() is None:
            return self._hypopg.route(statement, indexes)
        self._in_lab.add(statement)
        return True

    def plan(
        self,
        statement: str,
        indexes: Collection[Definition] = (),
        *,
        without: Collection[int] = (),
        search_path: str = "",
    ) -> Planned:
        """See :meth:`dbtune.postgres.indexes.planner.Planner.plan`."""
        if statement in self._in_lab and self._lab:
            return self._lab.plan(statement, indexes, without=without, search_path=search_path)
        known = [one for one in indexes if may_ask(one) and (is_judged(one) or not self._lab)]
        return self._hypopg.plan(statement, known, without=without, search_path=search_path)

    def parameter_types(self, statement: str, *, search_path: str = "") -> list[str]:
        """See :meth:`dbtune.postgres.indexes.planner.Planner.parameter_types`."""
        return self._hypopg.parameter_types(statement, search_path=search_path)

    def refuses(self, index: Definition) -> str:
        """See :meth:`dbtune.postgres.indexes.planner.Planner.refuses`."""
        lab = None if is_judged(index) else self._the_lab()
        if lab is None and not may_ask(index):
            return self._no_lab
        return (lab or self._hypopg).refuses(index)

    def size_bytes(self, index: Definition) -> int:
        """See :meth:`dbtune.postgres.indexes.planner.Planner.size_bytes`."""
        lab = None if is_judged(index) else self._the_lab()
        return (lab or self._hypopg).size_bytes(index)

    def _the_lab(self) -> Planner | None:
        if self._lab is None and not self._no_lab:
            try:
                self._lab = self._open_lab().__enter__()
            except UsageError as error:
                self._no_lab = str(error)
        return self._lab
