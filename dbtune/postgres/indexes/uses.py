"""What a statement does with a table's columns: the material that candidate indexes are made of."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from typing import Literal

from dbtune.postgres.indexes.definition import Key, column_key
from dbtune.postgres.indexes.plan_text import without_constants
from dbtune.postgres.relations.facts import Table

Kind = Literal[
    "equality",  # = one value
    "list",  # IN (...), = ANY (...), the same column in each branch of an OR
    "range",  # < <= > >= BETWEEN
    "null",  # IS NULL
    "not null",
    "boolean",  # the column itself, NOT column
    "prefix",  # LIKE 'x%'
    "pattern",  # LIKE '%x%', ILIKE, ~
    "contains",  # what GIN and GiST have operators for: @> && ? @@ <@
    "similar",  # what pg_trgm takes for alike: % <%
    "element",  # a constant = ANY (an array's column): no index serves that
    "nearest",  # ORDER BY key <-> a constant
    "unequal",
    "own row",  # two columns of the same row
    "incomplete",  # an expression with a constant that is not known
]


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition on one table that compares something of its rows with something else.

    Attributes:
        kind: what an index can do with it.
        key: the column or the expression that is compared.
        operator: as it is written in SQL.
        value: the constant as SQL; ``None`` if it is not known (a parameter, another's column).
        predicate: the condition as SQL for a partial index; "" where it is not always the same.
    """

    kind: Kind
    key: Key
    operator: str = ""
    value: str | None = None
    predicate: str = ""

    @property
    def column(self) -> str:
        """The column, or "" if it is an expression."""
        return self.key.column


@dataclass(slots=True)
class Use:
    """One occurrence of a table in a statement.

    Attributes:
        table: the table.
        conditions: those that all rows have to meet.
        branches: for each OR whose branches are all about this table, the conditions of each.
        alone: conditions of branches of an OR: an index can serve one of these at a time.
        joins: columns that are compared with columns of another occurrence, by its number.
        orders: the beginning of each wanted order, as far as it is made of this table.
        groups: columns that rows are grouped by or made distinct by.
        needed: every column that the statement reads.
        written: whether this is the target of an UPDATE or DELETE: its rows are visited anyway.
    """

    table: Table
    conditions: list[Condition] = field(default_factory=list)
    branches: list[tuple[tuple[Condition, ...], ...]] = field(default_factory=list)
    alone: list[Condition] = field(default_factory=list)
    joins: dict[int, list[str]] = field(default_factory=dict)
    orders: list[tuple[Key, ...]] = field(default_factory=list)
    groups: list[tuple[str, ...]] = field(default_factory=list)
    needed: set[str] = field(default_factory=set)
    written: bool = False

    def set_aside(self, unknown: Collection[str]) -> None:
        """Make no keys of expressions with constants that nobody has written.

        Args:
            unknown: values that parameters were given for want of better ones.
        """

        def told(one: Condition) -> Condition:
            text = without_constants(one.key.sql, unknown)
            if one.column or text == one.key.sql:
                return one
            return Condition("incomplete", Key(text), one.operator)

        self.conditions = list(dict.fromkeys(map(told, self.conditions)))
        self.alone = list(dict.fromkeys(map(told, self.alone)))
        self.orders = [
            order
            for order in self.orders
            if all(without_constants(key.sql, unknown) == key.sql for key in order)
        ]

    def add(self, condition: Condition) -> None:
        """Note a condition, once."""
        if condition not in self.conditions:
            self.conditions.append(condition)


Place = tuple[int, str]
"""A column of an occurrence: the occurrence's number in its statement, the column's name."""


class Equalities:
    """Columns that a statement says are equal, and what follows from that."""

    def __init__(self) -> None:
        self._parent: dict[Place, Place] = {}

    def add(self, one: Place, other: Place) -> None:
        """Two columns are equal."""
        self._parent[self._root(one)] = self._root(other)

    def _root(self, place: Place) -> Place:
        root = self._parent.setdefault(place, place)
        while root != self._parent[root]:
            root = self._parent[root]
        self._parent[place] = root
        return root

    def classes(self) -> list[list[Place]]:
        """Sets of equal columns, each in the order in which they were met."""
        found: dict[Place, list[Place]] = {}
        for place in self._parent:
            found.setdefault(self._root(place), []).append(place)
        return [members for members in found.values() if len(members) > 1]

    def apply(self, uses: list[Use]) -> None:
        """Note the joins of all pairs, and constants for every column that equals one."""
        for members in self.classes():
            constants = [
                condition
                for number, name in members
                for condition in uses[number].conditions
                if condition.column == name and condition.kind in ("equality", "list")
            ]
            for number, name in members:
                for other, _ in members:
                    columns = uses[number].joins.setdefault(other, [])
                    if other != number and name not in columns:
                        columns.append(name)
                have = {one.column for one in uses[number].conditions if one.kind == "equality"}
                for constant in constants if name not in have else ():
                    uses[number].add(replace(constant, key=column_key(name), predicate=""))
        for use in uses:
            use.joins = {number: columns for number, columns in use.joins.items() if columns}
