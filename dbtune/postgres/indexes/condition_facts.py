"""What a condition of a statement says about plain columns of its tables.

An AND is taken apart; of an OR remains what all its branches say of the same column. Comparisons
with what is the same for all rows are conditions, those of two tables' columns are equalities.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from sqlglot import exp

from dbtune.postgres.indexes.definition import column_key
from dbtune.postgres.indexes.scopes import Scope, columns
from dbtune.postgres.indexes.uses import Condition, Kind, Place
from dbtune.postgres.plans.ddl import quote

_RANGES: dict[type[exp.Expr], str] = {exp.LT: "<", exp.LTE: "<=", exp.GT: ">", exp.GTE: ">="}
_TURNED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}


class Fact(NamedTuple):
    """A condition on an occurrence, or (with ``other``) an equality of two columns."""

    number: int
    condition: Condition | None
    mine: str = ""
    other: Place | None = None


def facts(tree: exp.Expr, scope: Scope) -> list[Fact]:
    """What a condition says of rows that meet it."""
    found = []
    for term in terms(tree, exp.And):
        branches = list(terms(term, exp.Or))
        if len(branches) == 1:
            found += _term(term, scope)
        else:
            found += _common([facts(one, scope) for one in branches])
    return found


def alternatives(tree: exp.Expr, scope: Scope) -> Iterator[tuple[int, list[tuple[Condition, ...]]]]:
    """ORs about one occurrence with something to look up in each branch: its number, and those."""
    for term in terms(tree, exp.And):
        parts = list(terms(term, exp.Or))
        branches = [facts(one, scope) for one in parts] if len(parts) > 1 else []
        numbers = {fact.number for branch in branches for fact in branch}
        conditions = [
            tuple(fact.condition for fact in branch if fact.condition) for branch in branches
        ]
        if len(numbers) == 1 and all(conditions):
            yield numbers.pop(), conditions


def _term(term: exp.Expr, scope: Scope) -> list[Fact]:
    negated = isinstance(term, exp.Not)
    inner = term.this.unnest() if negated else term
    if not isinstance(inner, exp.Is):
        negated ^= bool(inner.args.get("negate"))
    if isinstance(inner, exp.Column):
        value = "false" if negated else "true"
        return _on(inner, scope, "boolean", "=", value, "NOT {}" if negated else "{}")
    if isinstance(inner, exp.Is):
        return _is(inner, scope, negated=negated)
    if isinstance(inner, exp.In):
        return _listed(inner, scope, negated=negated)
    if negated:
        return []
    if isinstance(inner, exp.Between):
        free = _free(inner.args["low"], inner.args["high"])
        return _on(inner.this, scope, "range", "BETWEEN") if free else []
    if isinstance(inner, exp.Like | exp.ILike) and _free(inner.expression):
        return _like(inner, scope)
    if isinstance(inner, exp.Binary):
        return _comparison(inner, scope)
    return []


def _listed(term: exp.In, scope: Scope, *, negated: bool) -> list[Fact]:
    values = term.expressions
    if term.args.get("query") is not None or not _free(*values):
        return _on(term.this, scope, "unequal") if negated else []
    constants = [text for text in map(_value, values) if text is not None]
    word = "NOT IN" if negated else "IN"
    text = f"{{}} {word} ({', '.join(constants)})" if len(constants) == len(values) else ""
    return _on(term.this, scope, "unequal" if negated else "list", word, None, text)


def _is(term: exp.Is, scope: Scope, *, negated: bool) -> list[Fact]:
    negated ^= bool(term.args.get("negate"))
    if isinstance(term.expression, exp.Null):
        kind: Kind = "not null" if negated else "null"
        word = "IS NOT NULL" if negated else "IS NULL"
        return _on(term.this, scope, kind, word, None, "{} " + word)
    if isinstance(term.expression, exp.Boolean) and not negated:
        value = "true" if term.expression.this else "false"
        return _on(term.this, scope, "boolean", "=", value, "{} IS " + value.upper())
    return []


def _like(term: exp.Like | exp.ILike, scope: Scope) -> list[Fact]:
    literal = term.expression
    text = str(literal.this) if isinstance(literal, exp.Literal) else ""
    kind: Kind = "pattern"
    if isinstance(term, exp.Like) and (not text or text[0] not in "%_\\"):
        kind = "prefix"
    return _on(term.this, scope, kind, "LIKE", _value(literal))


def _comparison(term: exp.Binary, scope: Scope) -> list[Fact]:
    left, right = term.left.unnest(), term.right.unnest()
    if isinstance(left, exp.Tuple) and isinstance(right, exp.Tuple):
        pairs = zip(left.expressions, right.expressions, strict=False)
        return [
            fact
            for one, other in pairs
            for fact in _comparison(type(term)(this=one, expression=other), scope)
        ]
    operator = "=" if isinstance(term, exp.EQ | exp.NullSafeEQ) else _RANGES.get(type(term), "")
    if not operator:
        value = _value(right)
        text = f"{{}} <> {value}" if value is not None else ""
        return _on(left, scope, "unequal", "<>", value, text) if isinstance(term, exp.NEQ) else []
    if isinstance(right, exp.Any):
        free = operator == "=" and _free(right.this)
        return _on(left, scope, "list", "= ANY", None) if free else []
    found = _compared(left, operator, right, scope)
    if not isinstance(left, exp.Column) or isinstance(right, exp.Column):
        found += _compared(right, _TURNED.get(operator, "="), left, scope)
    return found


def _compared(side: exp.Expr, operator: str, other: exp.Expr, scope: Scope) -> list[Fact]:
    places = scope.places(side)
    others = scope.places(other)
    if operator == "=" and others:
        return [Fact(n, None, name, b) for n, name in places for b in others if b[0] != n]
    numbers = {place[0] for place in places}
    for column in columns(other):
        if any(place[0] in numbers for place in scope.find(column)[1]):
            return _own_row(places, operator, others)
    value = _value(other)
    kind: Kind = "equality" if operator == "=" else "range"
    text = f"{{}} {operator} {value}" if value is not None else ""
    return _on(side, scope, kind, operator, value, text)


def _own_row(places: list[Place], operator: str, others: list[Place]) -> list[Fact]:
    """Two columns of one row compared: the same rows each time, fit for a partial index."""
    return [
        Fact(
            number,
            Condition(
                "own row",
                column_key(name),
                operator,
                None,
                f"{quote(name)} {operator} {quote(other)}",
            ),
        )
        for number, name in places
        for other_number, other in others
        if number == other_number and name < other
    ]


def _on(
    side: exp.Expr,
    scope: Scope,
    kind: Kind,
    operator: str = "",
    value: str | None = None,
    predicate: str = "",
) -> list[Fact]:
    return [
        Fact(
            number,
            Condition(
                kind, column_key(name), operator, value, predicate.replace("{}", quote(name), 1)
            ),
        )
        for number, name in scope.places(side)
    ]


def _common(branches: list[list[Fact]]) -> list[Fact]:
    """What all branches of an OR say: the same equality of columns, or something on a column."""
    joins = [{(f.number, f.mine, f.other) for f in branch if f.other} for branch in branches]
    found = [
        Fact(n, None, mine, other)
        for n, mine, other in joins[0]
        if all((n, mine, other) in one for one in joins[1:])
    ]
    usable = ("equality", "list", "range", "boolean")
    kinds: list[dict[Place, str]] = [
        {
            (f.number, f.condition.column): f.condition.kind
            for f in branch
            if f.condition and f.condition.kind in usable and f.condition.column
        }
        for branch in branches
    ]
    for place in kinds[0]:
        if all(place in one for one in kinds[1:]):
            ranged = any(one[place] == "range" for one in kinds)
            condition = Condition("range" if ranged else "list", column_key(place[1]), "OR")
            found.append(Fact(place[0], condition))
    return sorted(found, key=lambda fact: (fact.number, fact.mine, str(fact.condition)))


def terms(tree: exp.Expr, joined_by: type[exp.Connector]) -> Iterator[exp.Expr]:
    """The parts of an AND or OR, however deep, without recursion."""
    waiting = [tree]
    while waiting:
        one = waiting.pop().unnest()
        if isinstance(one, joined_by):
            waiting += (one.right, one.left)
        else:
            yield one


def _free(*trees: exp.Expr) -> bool:
    """Whether expressions are the same for all rows: no columns, no queries."""
    return not any(tree.find(exp.Column, exp.Query) for tree in trees)


def _value(tree: exp.Expr) -> str | None:
    """A plain constant as SQL; ``None`` for what is computed or not known."""
    inner = tree.this if isinstance(tree, exp.Cast | exp.Neg | exp.Paren) else tree
    if isinstance(inner, exp.Literal | exp.Boolean) or (inner is not tree and _value(inner)):
        return str(tree.sql("postgres"))
    return None
