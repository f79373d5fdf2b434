"""What the parameters of a statement are for: with which column each is compared, and how."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import Any

from sqlglot import exp

from dbtune.postgres.relations.facts import Column

Finder = Callable[[exp.Expr, exp.Expr], Column | None]
"""The column of a table that a column of the tree stands for; the second is where it stands."""


class Kind(Enum):
    """How a parameter is used."""

    EQUAL = auto()
    DIFFERENT = auto()
    LOWER = auto()
    UPPER = auto()
    LIKE = auto()
    NOT_LIKE = auto()
    REGEX = auto()
    ELEMENTS = auto()
    MEMBER = auto()
    CONSTANTS = auto()
    LIMIT = auto()
    OFFSET = auto()
    FIELD = auto()
    NUMBER = auto()
    RESULT = auto()
    FREE = auto()


@dataclass(frozen=True, slots=True)
class Role:
    """What one parameter is for.

    Attributes:
        kind: how it is used; ``ELEMENTS``: the column's arrays hold it, ``MEMBER``: it is one
            element of them, ``CONSTANTS``: it is compared with another parameter, ``FIELD``: of a
            time, ``NUMBER``: a number in some computation, ``RESULT``: what CASE or an array gives
            to the output.
        column: what it is compared with; ``None`` if that is no column.
        folded: ``lower`` or ``upper`` if the column's values are.
        computed: something is made of the column before it is compared.
        paired: there is a bound on the other side.
        addend: it is added to (1) or taken from (-1) the value that is compared; 0: it is that.
        based: something is added to it (1) or taken from it (-1).
        opposite: ``based`` of the bound on the other side.
        place: among those that are compared with the same column in the same way.
        cast: the type that the statement, or what it is compared with, gives it, as
            ``format_type`` writes it, or "".
    """

    kind: Kind
    column: Column | None = None
    folded: str = ""
    computed: bool = False
    paired: bool = False
    addend: int = 0
    based: int = 0
    opposite: int = 0
    place: int = 0
    cast: str = ""


_COMPARED = {
    exp.EQ: Kind.EQUAL, exp.NullSafeEQ: Kind.EQUAL, exp.NEQ: Kind.DIFFERENT,
    exp.NullSafeNEQ: Kind.DIFFERENT, exp.GT: Kind.LOWER, exp.GTE: Kind.LOWER,
    exp.LT: Kind.UPPER, exp.LTE: Kind.UPPER, exp.Like: Kind.LIKE, exp.ILike: Kind.LIKE,
    exp.SimilarTo: Kind.REGEX, exp.RegexpLike: Kind.REGEX, exp.RegexpILike: Kind.REGEX,
    exp.ArrayContainsAll: Kind.ELEMENTS, exp.ArrayOverlaps: Kind.ELEMENTS,
}  # fmt: skip
_MIRRORED = {Kind.LOWER: Kind.UPPER, Kind.UPPER: Kind.LOWER}
_AROUND = (exp.Cast, exp.Paren, exp.Neg, exp.Tuple, exp.Array, exp.Any, exp.Values)
_COMPUTING = (exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Mod)
_NUMBERS = (exp.Sum, exp.Avg, exp.Count, exp.Max, exp.Min, exp.Round)
_PLAIN = (exp.Cast, exp.Paren, exp.Coalesce, exp.Trim, exp.Max, exp.Min, exp.Any)
_STATEMENTS = (exp.Select, exp.Update, exp.Delete, exp.Merge, exp.Insert)


def roles(tree: exp.Expr, find: Finder) -> dict[int, Role]:
    """The role of each parameter, by number; one that occurs more than once has its best.

    Args:
        tree: the statement.
        find: looks columns up.
    """
    found: dict[int, Role] = {}
    bounds: defaultdict[tuple[Any, ...], list[int]] = defaultdict(list)
    places: defaultdict[tuple[Any, ...], int] = defaultdict(int)
    for node in tree.find_all(exp.Parameter, bfs=False):
        number = str(node.this.this) if node.this is not None else ""
        if not number.isdecimal():
            continue
        role = _role(node, find)
        role = replace(role, cast=_cast(node) or role.cast)
        known = found.get(int(number))
        if known is not None and (known.column or not role.column):
            continue
        if role.column is not None and not role.addend:
            name = (role.kind, role.column.name, role.column.type)
            role = replace(role, place=places[name])
            places[name] += 1
        found[int(number)] = role
        if role.column is not None and role.kind in _MIRRORED:
            bounds[(*_branch(node), role.column.name)].append(int(number))
    for together in bounds.values():
        _pair(found, together)
    return found


def _pair(found: dict[int, Role], together: list[int]) -> None:
    kinds = {found[number].kind for number in together}
    if len(kinds) < len(_MIRRORED):
        return
    based = {
        kind: next((found[n].based for n in together if found[n].kind is kind), 0) for kind in kinds
    }
    for number in together:
        role = found[number]
        found[number] = replace(role, paired=True, opposite=based[_MIRRORED[role.kind]])


def _branch(node: exp.Expr) -> tuple[int, ...]:
    """What the conditions have in common that hold together: the query, the side of an OR."""
    inner, outer = node, node.parent
    branch: list[int] = []
    while outer is not None and not isinstance(outer, _STATEMENTS):
        if isinstance(outer, exp.Or):
            branch.append(id(inner))
        inner, outer = outer, outer.parent
    return (id(outer), *branch[:1])


def _role(node: exp.Expr, find: Finder) -> Role:
    inner: exp.Expr = node
    outer = node.parent
    addend = based = 0
    at = 0  # in the innermost tuple
    while isinstance(outer, (*_AROUND, *_COMPUTING)):
        if isinstance(outer, exp.Tuple):
            at = next((n for n, one in enumerate(outer.expressions) if one is inner), 0)
        if isinstance(outer, _COMPUTING):
            if next(_columns(outer), None) is not None or not isinstance(outer, exp.Add | exp.Sub):
                return Role(Kind.NUMBER)
            sign = -1 if isinstance(outer, exp.Sub) else 1
            if outer.this is inner:
                based = based or sign
            else:
                addend = addend or sign
        inner, outer = outer, outer.parent
    if isinstance(inner, exp.Values) and inner.args.get("alias"):
        return _listed(inner, at, find)
    negated = isinstance(outer, exp.Not) or isinstance(getattr(outer, "parent", None), exp.Not)
    if isinstance(outer, exp.Limit | exp.Fetch) or (
        isinstance(outer, exp.GenerateSeries) and outer.args.get("end") is inner
    ):
        return Role(Kind.LIMIT)
    if isinstance(outer, exp.Offset):
        return Role(Kind.OFFSET)
    if (isinstance(outer, exp.TimestampTrunc) and outer.args.get("unit") is inner) or (
        isinstance(outer, exp.Extract) and outer.this is inner
    ):
        return Role(Kind.FIELD)
    if isinstance(outer, exp.Update) or (
        isinstance(outer, exp.EQ) and isinstance(outer.parent, exp.Update)
    ):
        return Role(Kind.FREE)  # SET column = $1
    kind, other = _comparison(outer, inner)
    if kind is None or other is None:
        if _is_number(outer, inner):
            return Role(Kind.NUMBER)
        return Role(Kind.RESULT if _is_result(node) else Kind.FREE)
    if isinstance(other, exp.Tuple):
        other = other.expressions[at] if at < len(other.expressions) else other
    if kind is Kind.LIKE and negated:
        kind = Kind.NOT_LIKE
    if next(_columns(other), None) is None:
        if isinstance(other.unnest(), (*_NUMBERS, *_COMPUTING)):
            return Role(Kind.NUMBER)
        constant = bool(other.find(exp.Parameter)) and not other.find(exp.Func, exp.Query)
        return Role(Kind.CONSTANTS if constant else Kind.FREE)
    column, folded, computed = _compared(other, find)
    if kind is Kind.EQUAL and isinstance(other, exp.Any):
        kind = Kind.MEMBER
    return Role(kind, column, folded, computed, addend=addend, based=based)


def _listed(values: exp.Values, at: int, find: Finder) -> Role:
    """Of a column of a list in FROM: what the statement compares it with, or sets to it."""
    named = values.args["alias"].columns
    name = named[at].name if at < len(named) else f"column{at + 1}"
    whole = values.find_ancestor(*_STATEMENTS)
    for one in whole.find_all(exp.Column) if whole is not None else ():
        pair = one.parent
        if one.name != name or one.table != values.alias or not isinstance(pair, exp.EQ):
            continue
        other = pair.expression if pair.this is one else pair.this
        column = find(other, pair) if isinstance(other, exp.Column) else None
        if column is not None:
            # The server takes a constant in a list for text, whatever the column is.
            kind = Kind.FREE if isinstance(pair.parent, exp.Update) else Kind.EQUAL
            return Role(kind, column, cast=column.type)
    return Role(Kind.FREE)


_TYPES = {
    "INT": "integer", "SMALLINT": "smallint", "BIGINT": "bigint", "DECIMAL": "numeric",
    "FLOAT": "real", "DOUBLE": "double precision", "TEXT": "text", "VARCHAR": "character varying",
    "CHAR": "character", "DATE": "date", "TIMESTAMP": "timestamp without time zone",
    "TIMESTAMPTZ": "timestamp with time zone", "INTERVAL": "interval", "BOOLEAN": "boolean",
    "JSON": "json", "JSONB": "jsonb", "UUID": "uuid", "TIME": "time without time zone",
}  # fmt: skip


def _cast(node: exp.Expr) -> str:
    if not isinstance(node.parent, exp.Cast):
        return ""
    kind = getattr(node.parent.to, "this", None)
    return _TYPES.get(str(getattr(kind, "value", kind)), "")


def _comparison(outer: Any, inner: exp.Expr) -> tuple[Kind | None, exp.Expr | None]:
    """How it is compared, and with what."""
    if isinstance(outer, exp.In):
        return (Kind.EQUAL, outer.this) if outer.this is not inner else (None, None)
    if isinstance(outer, exp.Between):
        kind = Kind.LOWER if outer.args.get("low") is inner else Kind.UPPER
        return (kind, outer.this) if outer.this is not inner else (None, None)
    found = next((k for c, k in _COMPARED.items() if isinstance(outer, c)), None)
    if found is None:
        return None, None
    if outer.this is inner:
        return _MIRRORED.get(found, found), outer.args.get("expression")
    return found, outer.this


def _compared(tree: exp.Expr, find: Finder) -> tuple[Column | None, str, bool]:
    """The column in an expression, how its letters are folded, whether more is made of it."""
    columns = list(_columns(tree))
    column = find(columns[0], tree) if columns else None
    folded, computed = "", len(columns) > 1
    for node in tree.walk():
        if isinstance(node, exp.Lower | exp.Upper):
            folded = type(node).__name__.lower()
        elif not isinstance(node, (exp.Column, exp.Identifier, exp.DataType, *_PLAIN)):
            computed = True
    return column, folded, computed


def _columns(tree: exp.Expr) -> Iterator[exp.Column]:
    for node in tree.walk(prune=lambda one: isinstance(one, exp.Query)):
        if isinstance(node, exp.Column):
            yield node


def _is_number(outer: Any, inner: exp.Expr) -> bool:
    """Whether it is a number for certain: in sums, also as what a CASE gives there."""
    while isinstance(outer, exp.Case | exp.If | exp.Coalesce | exp.Paren):
        if isinstance(outer, exp.If | exp.Case) and outer.this is inner:
            return False
        inner, outer = outer, outer.parent
    return isinstance(outer, (*_NUMBERS, *_COMPUTING, exp.GenerateSeries))


def _is_result(node: exp.Expr) -> bool:
    """Whether it is an output by way of CASE or an array, which the server takes for text."""
    around: list[exp.Expr] = []
    outer = node.parent
    while isinstance(outer, exp.Case | exp.If | exp.Array | exp.Bracket | exp.Paren | exp.Alias):
        around.append(outer)
        outer = outer.parent
    chosen = any(isinstance(one, exp.Case | exp.Array) for one in around)
    return chosen and isinstance(outer, exp.Select)
