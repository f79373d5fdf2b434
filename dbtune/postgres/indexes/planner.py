"""What would a statement cost with these indexes? The one service that an analysis may ask.

Two implementations: HypoPG on the target (``dbtune/postgres/indexes/hypopg.py``), and the planner
lab, a private throw-away server with the target's schema and statistics (``dbtune/postgres/lab``);
and both together, each for what it can judge (``dbtune/postgres/indexes/routed.py``).
"""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, Self

if TYPE_CHECKING:  # PlannerChoice is an option: help needs no more
    from dbtune.postgres.indexes.definition import Definition


class PlannerChoice(StrEnum):
    """What the user wants."""

    auto = "auto"
    hypopg = "hypopg"
    lab = "lab"


class NotPlannable(Exception):
    """The planner refuses a statement; its sentence says why."""


class NotAllowed(NotPlannable):
    """The role lacks the privilege to plan it."""


class Planned(NamedTuple):
    """The plan of a statement under hypothetical indexes.

    Attributes:
        cost: the root's total cost, in the planner's unit.
        used: hypothetical indexes that the plan reads.
        existing: oids on the *target* of existing indexes that it reads.
        plan: the document of EXPLAIN (FORMAT JSON): its ``Plan``, hypothetical indexes under the
            names of their definitions.
    """

    cost: float
    used: frozenset[Definition]
    existing: frozenset[int]
    plan: dict[str, Any]


class Planner(Protocol):
    """Plans statements under indexes that do not exist. A context manager; one thread at a time."""

    @property
    def name(self) -> str:
        """``hypopg`` or ``lab``, for the report."""
        ...

    @property
    def calls(self) -> int:
        """How many plans were asked for so far."""
        ...

    @property
    def can_hide(self) -> bool:
        """Whether :meth:`plan` can leave out existing indexes; if not, ``without`` is empty."""
        ...

    @property
    def notes(self) -> tuple[str, ...]:
        """What the report should tell of how the costs came about: what is missing or differs."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...

    def route(self, statement: str, indexes: Collection[Definition], /) -> bool:
        """Tell which indexes a statement will be asked about.

        Returns:
            Whether another server will answer from now on, so that costs known so far are not
            comparable.
        """
        ...

    def plan(
        self,
        statement: str,
        indexes: Collection[Definition] = (),
        *,
        without: Collection[int] = (),
        search_path: str = "",
    ) -> Planned:
        """Plan one statement.

        Args:
            statement: one SQL statement; with ``$n`` a generic plan is made.
            indexes: the hypothetical indexes that there are, and no others.
            without: oids on the target of existing indexes to plan without.
            search_path: where its names are looked up; "" is the session's.

        Raises:
            NotPlannable: the server refuses the statement, or an index that :meth:`refuses` names.
            TargetError: the connection broke.
        """
        ...

    def parameter_types(self, statement: str, *, search_path: str = "") -> list[str]:
        """Types of a statement's ``$1``, ``$2`` ..., as ``format_type`` writes them without sizes.

        Raises:
            NotPlannable: the server refuses the statement, or can't tell a type.
            TargetError: the connection broke.
        """
        ...

    def refuses(self, index: Definition) -> str:
        """Why the server can't make this index (a sentence), or "" if it can."""
        ...

    def size_bytes(self, index: Definition) -> int:
        """The planner's own idea of the index's size, on which costs depend."""
        ...
