"""A query as index advice sees it: conditions, sort key, limit, what is needed of documents."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from dbtune.mongo.indexes.collation import normal
from dbtune.mongo.indexes.match import is_operators
from dbtune.mongo.indexes.places import GEO

Kind = Literal["find", "count", "distinct", "write"]
_MOST_BRANCHES = 10
_MOST_CONDITIONS = 40


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition on a field.

    Attributes:
        path: the field, with dots; "" for conditions on no field (``$where``, ``$text``).
        operator: ``$eq``, ``$in``, ``$gt``, ...
        operand: what it is compared with.
        siblings: the operators beside it (``$options``); ``$expr`` if it is an expression, which
            no index over arrays serves.
        element: the array whose one element must meet all conditions of the same name: of
            ``$elemMatch``; "" for conditions that any element may meet.
    """

    path: str
    operator: str
    operand: Any
    siblings: Mapping[str, Any] = field(default_factory=dict)
    element: str = ""


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked of a collection.

    Attributes:
        namespace: ``database.collection``.
        conditions: all of them must be met.
        branches: and of these, one; empty if there is no ``$or``.
        undecided: the filter has more, which only the document (or nothing) decides.
        filter: the whole filter.
        sort: fields and directions.
        limit: documents that are wanted, with those skipped; 0 is all.
        needed: fields that are returned or used after it; ``None``: whole documents.
        kind: what it does with them.
        distinct: the field whose values are asked for.
        collation: its collation.
    """

    namespace: str
    conditions: tuple[Condition, ...] = ()
    branches: tuple[tuple[Condition, ...], ...] = ()
    undecided: bool = False
    filter: Mapping[str, Any] = field(default_factory=dict)
    sort: tuple[tuple[str, int], ...] = ()
    limit: int = 0
    needed: frozenset[str] | None = None
    kind: Kind = "find"
    distinct: str = ""
    collation: Mapping[str, Any] = field(default_factory=dict)

    @property
    def paths(self) -> set[str]:
        """Every field that it has anything to do with."""
        every = [*self.conditions, *(one for branch in self.branches for one in branch)]
        found = {one.path for one in every} | {name for name, _ in self.sort}
        return (found | set(self.needed or ()) | {self.distinct}) - {""}


def query_of(
    namespace: str,
    given: Mapping[str, Any],
    *,
    sort: Mapping[str, Any] | Sequence[tuple[str, int]] = (),
    limit: int = 0,
    needed: frozenset[str] | None = None,
    kind: Kind = "find",
    distinct: str = "",
    collation: Mapping[str, Any] | None = None,
) -> Query:
    """A query from a filter and what comes with it."""
    conditions, branches, undecided = _split(given)
    pairs = sort.items() if isinstance(sort, Mapping) else sort
    known = [
        (str(name), -1 if way < 0 else 1) for name, way in pairs if isinstance(way, int | float)
    ]
    return Query(
        namespace,
        tuple(conditions[:_MOST_CONDITIONS]),
        tuple(branches),
        undecided,
        given,
        tuple(known) if len(known) == len(list(pairs)) else (),
        limit,
        needed,
        kind,
        distinct,
        normal(collation),
    )


def _split(
    given: Mapping[str, Any],
) -> tuple[list[Condition], list[tuple[Condition, ...]], bool]:
    """Conditions, the branches of one ``$or``, and whether there is more."""
    found: list[Condition] = []
    branches: list[tuple[Condition, ...]] = []
    undecided = False
    for key, value in _flat(given):
        if key == "$or" and isinstance(value, list) and value:
            inner = [_split(one) for one in value if isinstance(one, Mapping)]
            same = _as_in(inner)
            if same is not None:
                found.append(same)
            elif len(inner) == 1:
                found += inner[0][0]
                undecided |= inner[0][2]
            elif branches or len(inner) > _MOST_BRANCHES or any(one[1] for one in inner):
                undecided = True
            else:
                branches = [tuple(one[0]) for one in inner]
                undecided |= any(one[2] for one in inner)
        elif key.startswith("$"):
            if key == "$expr":
                parts = [_of_expression(one) for one in _all_of(value)]
                found += [one for one in parts if one is not None]
                undecided |= None in parts
            elif key == "$text":
                found.append(Condition("", "$text", value))
            elif key != "$comment":
                undecided = True
        else:
            found += _conditions(key, value)
    return found, branches, undecided


def _flat(given: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, value in given.items():
        if key == "$and" and isinstance(value, list):
            for one in value:
                if isinstance(one, Mapping):
                    yield from _flat(one)
        else:
            yield str(key), value


def _as_in(inner: Sequence[tuple[list[Condition], Any, bool]]) -> Condition | None:
    """``$or`` of the same field compared for equality is ``$in``."""
    if len(inner) < 2 or any(len(one[0]) != 1 or one[1] or one[2] for one in inner):
        return None
    alone = [one[0][0] for one in inner]
    if len({one.path for one in alone}) != 1 or any(one.operator != "$eq" for one in alone):
        return None
    return Condition(alone[0].path, "$in", [one.operand for one in alone])


_EXPRESSED = {"$eq": "$eq", "$gt": "$gt", "$gte": "$gte", "$lt": "$lt", "$lte": "$lte"}
_TURNED = {"$eq": "$eq", "$gt": "$lt", "$gte": "$lte", "$lt": "$gt", "$lte": "$gte"}


def _all_of(value: Any) -> Iterator[Any]:
    """An expression, or all that its ``$and`` has."""
    inner = value.get("$and") if isinstance(value, Mapping) and len(value) == 1 else None
    if not isinstance(inner, list):
        yield value
        return
    for one in inner:
        yield from _all_of(one)


def _of_expression(value: Any) -> Condition | None:
    """``$expr`` that compares a field with a constant, which an index serves."""
    if not isinstance(value, Mapping) or len(value) != 1:
        return None
    operator, operands = next(iter(value.items()))
    told = {"$expr": value}
    if operator not in _EXPRESSED or not isinstance(operands, list) or len(operands) != 2:
        return None
    left, right = operands
    if isinstance(left, str) and left.startswith("$") and not _is_expression(right):
        return Condition(left[1:], _EXPRESSED[operator], right, told)
    if isinstance(right, str) and right.startswith("$") and not _is_expression(left):
        return Condition(right[1:], _TURNED[operator], left, told)
    return None


def _is_expression(value: Any) -> bool:
    return isinstance(value, Mapping | list) or (isinstance(value, str) and value.startswith("$"))


def _conditions(path: str, value: Any, element: str = "") -> list[Condition]:
    if not is_operators(value):
        return [Condition(path, "$eq", value, element=element)]
    found = []
    for operator, operand in value.items():
        if operator in ("$options", "$comment", "$maxDistance", "$minDistance"):
            continue
        if operator == "$elemMatch" and isinstance(operand, Mapping):
            found += _of_element(path, operand)
        elif operator == "$all" and isinstance(operand, list) and operand:
            found += _of_all(path, operand, element)
        else:
            found.append(Condition(path, str(operator), operand, value, element))
    return found


def _of_element(path: str, operand: Mapping[str, Any]) -> list[Condition]:
    """Conditions that one element must meet, each on its own field; the whole stays beside them."""
    whole = Condition(path, "$elemMatch", operand)
    if is_operators(operand):
        inner = [
            Condition(path, str(op), one, operand, path)
            for op, one in operand.items()
            if op not in ("$options", "$and", "$or", "$nor", "$not")
        ]
    else:
        inner = [
            deeper
            for key, one in operand.items()
            if not str(key).startswith("$")
            for deeper in _conditions(f"{path}.{key}", one, path)
        ]
    return [whole, *inner]


def _of_all(path: str, operand: list[Any], element: str) -> list[Condition]:
    whole = Condition(path, "$all", operand)
    if any(isinstance(one, Mapping) for one in operand):
        return [whole]
    return [whole, *(Condition(path, "$eq", one, element=element or f"{path} {n}")
                     for n, one in enumerate(operand[:5]))]  # fmt: skip


def branch_queries(query: Query) -> list[Query]:
    """The queries that a ``$or`` is made of, each with the common conditions."""
    return [
        replace(query, conditions=(*query.conditions, *branch), branches=())
        for branch in query.branches
    ]


def has_text(query: Query) -> bool:
    """Whether it searches a text index."""
    return any(one.operator == "$text" for one in query.conditions)


def geo_condition(query: Query) -> Condition | None:
    """Its condition on places, if it has one."""
    return next((one for one in query.conditions if one.operator in GEO), None)
