"""What share of a table's rows a partial index's predicate is true for, by the columns' statistics.

As the planner's selectivities (``selfuncs.c``), conditions being taken as independent; but where
nothing is known, the answer is a wide interval and not a guess that looks like a number.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from dbtune.postgres.relations.facts import Column, Table
from dbtune.postgres.sqltext import tree_of

if TYPE_CHECKING:
    from sqlglot import exp


class Part(NamedTuple):
    """A share of the rows, and between which it surely is."""

    likely: float
    fewest: float
    most: float


WHOLE = Part(1.0, 1.0, 1.0)
_UNKNOWN = Part(1 / 3, 0.0, 1.0)
_SHORT = {"true": "t", "false": "f"}
_RANGES = {"LT": (0.0, None), "LTE": (0.0, None), "GT": (None, 1.0), "GTE": (None, 1.0)}


def predicate_share(predicate: str, table: Table) -> Part:
    """The share of a table's rows for which a predicate is true."""
    if not predicate:
        return WHOLE
    tree = parsed(predicate)
    return _UNKNOWN if tree is None else _share(tree, table)


def fixed_columns(predicate: str) -> frozenset[str]:
    """Columns that have the same value in every row for which the predicate is true."""
    from sqlglot import exp

    tree = parsed(predicate) if predicate else None
    found = set()
    for one in _conjuncts(tree):
        side = _column_of(one.this)
        if isinstance(one, exp.EQ | exp.Is) and side and _constant(one.expression) is not None:
            found.add(side)
        if isinstance(one, exp.Is) and side and isinstance(one.expression, exp.Null):
            found.add(side)
        if isinstance(one, exp.Not):
            one = one.this.unnest()
        if isinstance(one, exp.Column):
            found.add(one.name)
    return frozenset(found)


def not_null_columns(predicate: str) -> frozenset[str]:
    """Columns that are NULL in no row for which the predicate is true."""
    from sqlglot import exp

    tree = parsed(predicate) if predicate else None
    found = set()
    for one in _conjuncts(tree):
        compared = isinstance(one, exp.EQ | exp.NEQ | exp.LT | exp.LTE | exp.GT | exp.GTE)
        negated = isinstance(one, exp.Not) and isinstance(one.this.unnest(), exp.Is)
        side = (
            _column_of(one.this.unnest().this if negated else one.this)
            if (compared or negated)
            else ""
        )
        if side:
            found.add(side)
    return frozenset(found)


def _conjuncts(tree: exp.Expr | None) -> list[Any]:
    from sqlglot import exp

    if tree is None:
        return []
    tree = tree.unnest()
    if isinstance(tree, exp.And):
        return _conjuncts(tree.left) + _conjuncts(tree.right)
    return [tree]


@lru_cache(maxsize=2_000)
def parsed(predicate: str) -> exp.Expr | None:
    tree = tree_of(predicate)
    return None if tree is None else tree.transform(_without_negated)


def _without_negated(tree: Any) -> Any:
    """``IS NOT`` is a node of its own in some versions of sqlglot, an argument in others."""
    from sqlglot import exp

    if isinstance(tree, exp.Is) and tree.args.get("negate"):
        tree.set("negate", None)
        return exp.Not(this=tree)
    return tree


def _share(tree: Any, table: Table) -> Part:
    from sqlglot import exp

    tree = tree.unnest()
    if isinstance(tree, exp.And):
        return _both(_share(tree.left, table), _share(tree.right, table))
    if isinstance(tree, exp.Or):
        one, other = _share(tree.left, table), _share(tree.right, table)
        return _not(_both(_not(one), _not(other)))
    if isinstance(tree, exp.Not):
        inner = tree.this.unnest()
        share = _not(_share(inner, table))
        if isinstance(inner, exp.Is):
            return share
        nulls = _nulls(_column(inner, table))
        return Part(*(max(0.0, one - nulls) for one in share))
    if isinstance(tree, exp.Boolean):
        return WHOLE if tree.this else Part(0.0, 0.0, 0.0)
    column = _column(tree, table)
    if column is None or column.statistics is None:
        return _UNKNOWN
    if isinstance(tree, exp.Column):
        return _equals(column, "t", "true")
    return _comparison(tree, column)


def _comparison(tree: Any, column: Column) -> Part:
    from sqlglot import exp

    value = _constant(tree.expression)
    if isinstance(tree, exp.Is):
        if isinstance(tree.expression, exp.Null):
            return _sure(_nulls(column))
        return _equals(column, "t", "true") if value == "true" else _equals(column, "f", "false")
    if isinstance(tree, exp.EQ):
        if isinstance(tree.expression, exp.Any):
            listed = tree.expression.find(exp.Array)
            return _any_of(column, listed.expressions if listed else None)
        return _UNKNOWN if value is None else _equals(column, value, _SHORT.get(value, value))
    if isinstance(tree, exp.In):
        return _any_of(column, tree.expressions or None)
    if isinstance(tree, exp.NEQ):
        if value is None:
            return _UNKNOWN
        nulls = _nulls(column)
        equal = _equals(column, value, _SHORT.get(value, value))
        return Part(*(max(0.0, one - nulls) for one in _not(equal)))
    kind = type(tree).__name__
    if kind in _RANGES and value is not None:
        below = _below(column, value)
        if below is None:
            return _UNKNOWN
        return _sure(below if kind in ("LT", "LTE") else 1 - below - _nulls(column), 0.03)
    return _UNKNOWN


def _any_of(column: Column, listed: Any) -> Part:
    values = [_constant(one) for one in listed or ()]
    if not values or None in values:
        return _UNKNOWN
    each = [_equals(column, value) for value in values if value is not None]
    likely, fewest, most = (min(1.0, sum(part)) for part in zip(*each, strict=True))
    return Part(likely, fewest, most)


def _equals(column: Column, *values: str) -> Part:
    """The share of rows with a value, in any of the ways to write it."""
    statistics = column.statistics
    if statistics is None:
        return _UNKNOWN
    common = dict(zip(statistics.common_values, statistics.common_ratios, strict=False))
    for value in values:
        if value in common:
            return _sure(common[value])
    rest = max(0.0, 1 - sum(statistics.common_ratios) - statistics.null_ratio)
    if not common and statistics.common_ratios:
        return Part(1 / len(statistics.common_ratios), 0.0, max(statistics.common_ratios))
    known = len(statistics.common_ratios)
    left = statistics.n_distinct - known if statistics.n_distinct > 0 else 1000.0
    return Part(rest / max(1.0, left), 0.0, min(rest, min(statistics.common_ratios, default=1.0)))


def _below(column: Column, value: str) -> float | None:
    """The share of rows with a lesser value; ``None`` if the type's order is not known here."""
    statistics = column.statistics
    order = _order(column)
    if statistics is None or order is None:
        return None
    try:
        wanted: Any = order(value)
        common = 0.0
        for one, ratio in zip(statistics.common_values, statistics.common_ratios, strict=False):
            common += ratio if order(one) < wanted else 0.0
        bounds: list[Any] = [order(one) for one in statistics.histogram]
    except ValueError:
        return None
    rest = max(0.0, 1 - sum(statistics.common_ratios) - statistics.null_ratio)
    if rest > 0.01 and len(bounds) < 2:
        return None
    place = bisect_left(bounds, wanted) / len(bounds) if bounds else 0.0
    return common + rest * place


def _order(column: Column) -> Callable[[str], float | str] | None:
    if column.type_category == "N":
        return float
    if column.base_type in ("date", "timestamp", "timestamptz", "uuid"):
        return str  # ISO dates sort as text
    return None


def _column(tree: Any, table: Table) -> Column | None:
    name = _column_of(tree) or _column_of(tree.this)
    return table.column.get(name)


def _column_of(tree: Any) -> str:
    """The column that an expression is, whatever it is cast to, or ""."""
    from sqlglot import exp

    while isinstance(tree, exp.Cast | exp.Paren):
        tree = tree.this
    return tree.name if isinstance(tree, exp.Column) else ""


def _constant(tree: Any) -> str | None:
    """The text of a constant, or ``None`` for anything else."""
    from sqlglot import exp

    while isinstance(tree, exp.Cast | exp.Paren):
        tree = tree.this
    if isinstance(tree, exp.Neg):
        inner = _constant(tree.this)
        return None if inner is None else f"-{inner}"
    if isinstance(tree, exp.Literal):
        return str(tree.this)
    if isinstance(tree, exp.Boolean):
        return "true" if tree.this else "false"
    return None


def _nulls(column: Column | None) -> float:
    return column.statistics.null_ratio if column and column.statistics else 0.0


def _sure(share: float, error: float = 0.01) -> Part:
    share = min(1.0, max(0.0, share))
    return Part(share, max(0.0, share * (1 - error) - 1e-4), min(1.0, share * (1 + error) + 1e-4))


def _both(one: Part, other: Part) -> Part:
    return Part(
        one.likely * other.likely,
        max(0.0, one.fewest + other.fewest - 1),
        min(one.most, other.most),
    )


def _not(one: Part) -> Part:
    return Part(1 - one.likely, 1 - one.most, 1 - one.fewest)
