"""Names in a statement: which table's column a column is, through subqueries, CTEs and correlation.

Conditions are pulled down by the planner the same way, so that a condition on a view's or a CTE's
column counts for the table that the column comes from.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from sqlglot import exp

from dbtune.postgres.indexes.uses import Place, Use


class Source:
    """Something in FROM; this one has no columns that are known."""

    def places(self, _name: str) -> list[Place] | None:
        """Where a column comes from; ``[]`` if it is computed, ``None`` if there is none."""
        return None

    def need(self, name: str) -> None:
        """Note that a column is read; "" means all of them."""


class Base(Source):
    """An occurrence of a table."""

    def __init__(self, use: Use, number: int) -> None:
        self._use, self._number = use, number
        self._names = frozenset(column.name for column in use.table.columns)

    def places(self, name: str) -> list[Place] | None:
        return [(self._number, name)] if name in self._names else None

    def need(self, name: str) -> None:
        if name:
            self._use.needed.add(name)
        else:
            self._use.needed |= self._names


class Output(NamedTuple):
    """An output of a subquery, and where its names are looked up."""

    expression: exp.Expr
    scope: Scope


class Derived(Source):
    """A subquery, CTE or set operation: its outputs are read only if they are asked for.

    Attributes:
        names: of its outputs.
        outputs: for each, the expression; of a set operation one for each side.
        stars: sources all of whose columns are outputs, too.
    """

    def __init__(self) -> None:
        self.names: list[str] = []
        self.outputs: list[list[Output]] = []
        self.stars: list[Source] = []
        self._asked: set[str] = set()

    def _of(self, name: str) -> list[Output] | None:
        return self.outputs[self.names.index(name)] if name in self.names else None

    def places(self, name: str) -> list[Place] | None:
        outputs = self._of(name)
        if outputs is None:
            return next((p for star in self.stars if (p := star.places(name)) is not None), None)
        return [place for one in outputs for place in one.scope.places(one.expression)]

    def need(self, name: str) -> None:
        if name in self._asked:
            return
        self._asked.add(name)
        chosen = self.outputs if not name else [self._of(name) or []]
        for outputs in chosen:
            for one in outputs:
                one.scope.mark(one.expression)
        if not name or self._of(name) is None:
            for star in self.stars:
                if not name or star.places(name) is not None:
                    star.need(name)

    def renamed(self, names: Sequence[str]) -> Derived:
        """The same with other names of its outputs, as ``AS t (a, b)`` gives them."""
        if not names or self.stars:
            return self
        other = Derived()
        other.names = [*names, *self.names[len(names) :]]
        other.outputs = self.outputs
        return other


class Scope:
    """The sources of one SELECT, and the scope that it stands in.

    Attributes:
        parent: where outer references are looked up; ``None`` at the top.
        sources: by alias.
    """

    def __init__(self, parent: Scope | None) -> None:
        self.parent = parent
        self.sources: dict[str, Source] = {}

    def find(self, column: exp.Column) -> tuple[Source | None, list[Place]]:
        """The source of a column, and where it comes from in the end."""
        name, table = folded(column.this), folded(column.args.get("table"))
        scope: Scope | None = self
        while scope is not None:
            named = [scope.sources[table]] if table in scope.sources else []
            for source in named if table else scope.sources.values():
                if (places := source.places(name)) is not None:
                    return source, places
            if named:
                return None, []
            scope = scope.parent
        return None, []

    def places(self, tree: exp.Expr) -> list[Place]:
        """Where a bare column comes from; ``[]`` for anything else."""
        tree = tree.unnest()
        return self.find(tree)[1] if isinstance(tree, exp.Column) else []

    def mark(self, tree: exp.Expr) -> None:
        """Note the columns that an expression reads, without those of queries inside it."""
        for column in columns(tree):
            if isinstance(column.this, exp.Star):
                continue
            source, _ = self.find(column)
            if source is not None:
                source.need(folded(column.this))
            elif whole := self.sources.get(folded(column.this)):
                whole.need("")  # a whole row, by its table's name


def queries(tree: exp.Expr) -> Iterator[exp.Query]:
    """The outermost queries inside an expression."""
    for node in tree.walk(prune=lambda one: isinstance(one, exp.Query)):
        if isinstance(node, exp.Query):
            yield node


def columns(tree: exp.Expr) -> Iterator[exp.Column]:
    """The columns in an expression, without those of queries inside it."""
    for node in tree.walk(prune=lambda one: isinstance(one, exp.Query)):
        if isinstance(node, exp.Column):
            yield node


def folded(identifier: Any) -> str:
    """An identifier as the catalog has it."""
    while isinstance(identifier, exp.Alias | exp.TableAlias | exp.Column):
        identifier = identifier.this
    if not isinstance(identifier, exp.Identifier):
        return identifier.lower() if isinstance(identifier, str) else ""
    name = str(identifier.this)
    return name if identifier.args.get("quoted") else name.lower()
