"""What an adviser is asked for, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from dbtune.postgres.indexes.definition import Definition
from dbtune.postgres.indexes.forms import Form
from dbtune.postgres.indexes.obstacles import Unserved
from dbtune.postgres.indexes.workload import Passed, Query
from dbtune.postgres.indexes.writes import Upkeep
from dbtune.postgres.relations.facts import Index, Table


@dataclass(frozen=True, slots=True)
class Options:
    """What a person asks for.

    Attributes:
        budget_bytes: space for all new indexes; ``None`` for no limit.
        budget_ratio: the same as a share of the tables' size; ``None`` for no limit.
        least_gain: share of the workload's cost that an index has to save.
        least_improvement: share of a statement's cost that an index has to save; of several
            statements that it serves, a part of that.
        slack: share of an index's gain that is given up for one that is simpler or smaller.
        most_indexes, most_per_table: how many.
        seconds: after which the search stops with the best so far.
        search_path: where statements' names are looked up; "" for the role's own.
        prefixes: suggest an index even if it is the beginning of an existing one. The planner
            takes an index of several columns for less correlated with the table than its first
            column alone, so that it may see a gain where there is none.
        copies: suggest an index that would only be read in whole, in place of a wider table.
    """

    budget_bytes: int | None = None
    budget_ratio: float | None = None
    least_gain: float = 0.001
    least_improvement: float = 0.2
    slack: float = 0.05
    most_indexes: int = 100
    most_per_table: int = 20
    seconds: float = 60.0
    search_path: str = ""
    prefixes: bool = False
    copies: bool = False


class FormEffect(NamedTuple):
    """What becomes of one form of a statement: the planner's cost before and after."""

    form: Form
    before: float
    after: float


@dataclass(frozen=True, slots=True)
class Effect:
    """What becomes of a statement.

    Attributes:
        query: the statement.
        before, after: its cost by the planner, and with all suggested indexes.
        indexes: the suggested indexes that its plan uses.
        saved: share of the workload's cost that this saves.
        forms: as the planner was asked, with values in place of parameters; costs are their mean.
    """

    query: Query
    before: float
    after: float
    indexes: tuple[Definition, ...]
    saved: float
    forms: tuple[FormEffect, ...] = ()


@dataclass(frozen=True, slots=True)
class Suggestion:
    """An index to create.

    Attributes:
        index: the index.
        table: its table.
        size_bytes: estimate.
        saved: share of the workload's cost that is lost again without this one alone.
        upkeep: what writers pay for it.
        upkeep_ratio: the same as a share of the workload's cost.
        effects: statements that use it, those that gain most first.
        superfluous: existing indexes that it makes so.
        writers: the workload's statements that have to maintain it.
        leaves: partitions of its table: on these it is built first, since on a partitioned table
            that can't be done concurrently.
        doubt: why what it saves is a guess, a sentence; "" if it is the planner's estimate.
        beside: the wider index that begins with its column, if there is one.
    """

    index: Definition
    table: Table
    size_bytes: float
    saved: float
    upkeep: Upkeep
    upkeep_ratio: float
    effects: tuple[Effect, ...]
    superfluous: tuple[Index, ...] = ()
    writers: tuple[Query, ...] = ()
    leaves: tuple[Table, ...] = ()
    doubt: str = ""
    beside: Index | None = None

    @property
    def label(self) -> str:
        """The index for people: ``public.orders (customer_id) INCLUDE (total)``."""
        return self.index.ddl(name="x").partition(" ON ")[2].replace('"', "")


@dataclass(frozen=True, slots=True)
class Advice:
    """What came of it.

    Attributes:
        suggestions: those that save most first.
        effects: of every statement that has a plan.
        passed: statements that were left out, and why.
        saved: share of the workload's cost that all suggestions save, upkeep deducted.
        size_bytes: of all suggestions.
        table_bytes: of all tables.
        calls: plans asked for.
        seconds: time that it took.
        stopped: whether the deadline ended the search.
        notes: sentences for the report.
        unserved: conditions that no index can serve, the dearest first.
        relied: oids of the existing indexes that statements' plans read.
        budget_bytes: what all suggestions had to fit into; ``None`` for no limit.
        beyond: how many more indexes would help, but for the limits of their number.
    """

    suggestions: tuple[Suggestion, ...]
    effects: tuple[Effect, ...]
    passed: tuple[Passed, ...] = ()
    saved: float = 0.0
    size_bytes: float = 0.0
    table_bytes: float = 0.0
    calls: int = 0
    seconds: float = 0.0
    stopped: bool = False
    notes: tuple[str, ...] = ()
    unserved: tuple[Unserved, ...] = ()
    relied: frozenset[int] = frozenset()
    budget_bytes: float | None = None
    beyond: int = 0
