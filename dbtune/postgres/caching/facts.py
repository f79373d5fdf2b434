"""Statements that read, with what decides whether their answers are worth keeping."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dbtune.postgres.caching.rewrite import Rewritten


@dataclass(frozen=True, slots=True)
class Source:
    """A table that a statement reads.

    Attributes:
        schema, name: its name.
        kind: relkind.
        rows: reltuples.
        writes_per_second: rows inserted, updated and deleted; ``None`` if that is not counted.
        row_security: it shows different rows to different roles.
        persistence: ``t`` for temporary.
    """

    schema: str
    name: str
    kind: str
    rows: float
    writes_per_second: float | None
    row_security: bool = False
    persistence: str = "p"

    @property
    def label(self) -> str:
        """Its name for people."""
        return f"{self.schema}.{self.name}"


@dataclass(frozen=True, slots=True)
class Read:
    """A statement that reads.

    Attributes:
        text: as pg_stat_statements has it.
        calls_per_second: how often it ran.
        calls: in the window.
        mean_ms, total_ms: of its executions.
        rows_per_call: what it returns.
        time_ratio: its share of the time of all statements.
        sources: tables that it reads, by its plan.
        cost: the planner's, of a generic plan.
        variants: how many different answers there may be, by the statistics of the columns that
            its parameters are compared with; ``None`` if that can't be told.
        refused: why its answer can't be kept, or "".
        denied: this role may not plan it.
    """

    text: str
    calls: float
    calls_per_second: float
    mean_ms: float
    total_ms: float
    rows_per_call: float
    time_ratio: float
    sources: tuple[Source, ...] = ()
    cost: float = 0.0
    variants: float | None = None
    refused: str = ""
    denied: bool = False

    @property
    def writes_per_second(self) -> float | None:
        """Rows written to its tables; ``None`` if one's are not counted."""
        rates = [one.writes_per_second for one in self.sources]
        return None if None in rates else sum(one or 0.0 for one in rates)


@dataclass(frozen=True, slots=True)
class ToCache:
    """What caching a statement's answers in front of the database would save (estimated).

    Attributes:
        read: the statement.
        ttl_seconds: for how long to keep an answer: about until its tables change once.
        hit_ratio: of the requests, if all variants are asked for equally; more if they are not.
        saved_ms_per_second: execution time of the database that hits save.
    """

    read: Read
    ttl_seconds: float
    hit_ratio: float
    saved_ms_per_second: float


@dataclass(frozen=True, slots=True)
class ToMaterialise:
    """A materialised view in place of a statement.

    Attributes:
        read: the statement.
        view: how it is rewritten; ``None`` if it can't be.
        schema: where the view belongs.
        refused: why it can't be, or is not worth it.
        rows: of the view, estimated by the planner.
        refresh_ms: of one refresh, from the mean time and the costs of both plans.
        refresh_every_seconds: from one refresh to the next.
        read_ms: of reading the view once, a guess.
        saved_ms_per_second: execution time saved, refreshes subtracted.
    """

    read: Read
    view: Rewritten | None = None
    schema: str = ""
    refused: str = ""
    rows: float = 0.0
    refresh_ms: float = 0.0
    refresh_every_seconds: float = 0.0
    read_ms: float = 0.0
    saved_ms_per_second: float = 0.0
