"""Commands made queries: of find, count, distinct, aggregate and the filters of writes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dbtune.mongo.indexes.early import matched_early, references
from dbtune.mongo.indexes.query import Kind, Query, query_of

_PREFIX = ("$match", "$sort", "$limit", "$skip")
_REFERRING = ("$group", "$project", "$count", "$sortByCount")
_FILTERS: dict[str, tuple[str, Kind]] = {
    "find": ("filter", "find"),
    "count": ("query", "count"),
    "distinct": ("query", "distinct"),
    "findAndModify": ("query", "write"),
    "findandmodify": ("query", "write"),
}


class Unknown:
    """A value that is not told: of a normalised shape, or of a document that is joined."""

    def __repr__(self) -> str:
        return "?"


UNKNOWN = Unknown()


@dataclass(frozen=True, slots=True)
class Asked:
    """A query that a command asks.

    Attributes:
        query: the query.
        joined: it is asked once for each document that comes in (``$lookup``).
    """

    query: Query
    joined: bool = False


def asked(namespace: str, command: Mapping[str, Any]) -> Iterator[Asked]:
    """The queries of a command as a log or the profiler keeps it; nothing for others.

    Args:
        namespace: ``database.collection``.
        command: the command, or one statement of an update or delete (``q``, ``u``, ``limit``).
    """
    name = str(next(iter(command), ""))
    if any("$natural" in _mapping(command.get(one)) for one in ("sort", "hint")):
        return  # it asks for a collection scan
    if name in _FILTERS:
        yield from _simple(namespace, name, command)
    elif name == "aggregate" and isinstance(command.get("pipeline"), list):
        yield from _aggregate(namespace, command["pipeline"], _mapping(command.get("collation")))
    elif "q" in command and isinstance(command["q"], Mapping):
        yield from _write(namespace, command)
    elif name in ("update", "delete"):
        given = command.get("updates" if name == "update" else "deletes")
        for one in given if isinstance(given, list) else ():
            if isinstance(one, Mapping) and isinstance(one.get("q"), Mapping):
                yield from _write(namespace, one)


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _number(value: object) -> int:
    return max(0, round(value)) if isinstance(value, int | float) else 0


def _simple(namespace: str, name: str, command: Mapping[str, Any]) -> Iterator[Asked]:
    place, kind = _FILTERS[name]
    key = str(command.get("key", "")) if kind == "distinct" else ""
    limit = _number(command.get("limit"))
    needed = _projected(_mapping(command.get("projection")))
    if kind in ("count", "distinct"):
        needed = frozenset([key] if key else [])
    yield Asked(
        query_of(
            namespace,
            _mapping(command.get(place)),
            sort=_mapping(command.get("sort")),
            limit=(limit + _number(command.get("skip"))) if limit else 0,
            needed=needed,
            kind=kind,
            distinct=key,
            collation=_mapping(command.get("collation")),
        )
    )


def _write(namespace: str, statement: Mapping[str, Any]) -> Iterator[Asked]:
    collation = _mapping(statement.get("collation"))
    yield Asked(query_of(namespace, statement["q"], kind="write", collation=collation))


def _projected(projection: Mapping[str, Any]) -> frozenset[str] | None:
    """The fields that a projection names; ``None`` if whole documents are needed."""
    given = {str(name): value for name, value in projection.items()}
    has_id = given.pop("_id", 1) not in (0, False)
    if not given or not all(value in (1, True) for value in given.values()):
        return None
    return frozenset(given) | ({"_id"} if has_id else set())


# ------------------------------------------------------------------------------------ aggregation


def _aggregate(
    namespace: str, stages: Sequence[Any], collation: Mapping[str, Any]
) -> Iterator[Asked]:
    known = [one for one in stages if isinstance(one, Mapping) and len(one) == 1]
    known = matched_early([_nearest(one) if one is known[0] else one for one in known])
    conditions: list[Any] = []
    sort: Mapping[str, Any] = {}
    limit = skip = taken = 0
    for stage in known:
        name, spec = next(iter(stage.items()))
        if name not in _PREFIX or limit or (name == "$match" and (skip or (sort and limit))):
            break
        if name == "$match":
            conditions.append(spec)
        elif name == "$sort":
            if sort:
                break
            sort = _mapping(spec)
        elif name == "$skip":
            skip += _number(spec)
        else:
            limit = _number(spec) + skip
        taken += 1
    rest = known[taken:]
    given: Mapping[str, Any] = (
        {"$and": conditions}
        if len(conditions) > 1
        else (conditions[0] if conditions and isinstance(conditions[0], Mapping) else {})
    )
    yield Asked(
        query_of(
            namespace, given, sort=sort, limit=limit, needed=_referred(rest), collation=collation
        )
    )
    yield from _joins(namespace, known)


def _nearest(stage: Mapping[str, Any]) -> Mapping[str, Any]:
    """``$geoNear`` as a filter; its field is "" if the stage leaves it to the index."""
    spec = stage.get("$geoNear")
    if not isinstance(spec, Mapping):
        return stage
    near, operator = spec.get("near"), "$nearSphere" if spec.get("spherical") else "$near"
    distances = {f"${one}": spec[one] for one in ("minDistance", "maxDistance") if one in spec}
    condition = (
        {"$near": {"$geometry": near, **distances}}
        if isinstance(near, Mapping)
        else {operator: near, **distances}
    )
    return {"$match": {str(spec.get("key", "")): condition, **_mapping(spec.get("query"))}}


def _referred(rest: Sequence[Mapping[str, Any]]) -> frozenset[str] | None:
    """Fields that the stage after the first ones needs; ``None`` if whole documents."""
    if not rest:
        return None
    name, spec = next(iter(rest[0].items()))
    if name == "$count":
        return frozenset()
    if name == "$project":
        named = _projected({k: v for k, v in _mapping(spec).items() if not _refers(v)})
        if named is None:
            return None
        return named | frozenset(references(spec))
    if name in ("$group", "$sortByCount"):
        found = frozenset(references(spec))
        return None if "" in found else found
    return None


def _refers(value: object) -> bool:
    return isinstance(value, Mapping | list | str)


def _joins(namespace: str, stages: Sequence[Mapping[str, Any]]) -> Iterator[Asked]:
    """What ``$lookup`` and ``$graphLookup`` ask the other collection, once for each document."""
    database = namespace.partition(".")[0]
    for stage in stages:
        name, spec = next(iter(stage.items()))
        if not isinstance(spec, Mapping):
            continue
        other = str(spec.get("from") or spec.get("coll") or "")
        foreign = spec.get("foreignField") or spec.get("connectToField")
        if name in ("$lookup", "$graphLookup") and other:
            given: dict[str, Any] = {foreign: UNKNOWN} if isinstance(foreign, str) else {}
            given |= _mapping(spec.get("restrictSearchWithMatch"))
            inner = spec.get("pipeline")
            given |= _correlated(inner) if isinstance(inner, list) else {}
            if UNKNOWN in given.values():
                yield Asked(query_of(f"{database}.{other}", given), joined=True)
        elif name == "$unionWith" and other:
            yield from _aggregate(f"{database}.{other}", spec.get("pipeline") or [], {})
        elif name == "$facet":
            for inner in spec.values():
                known = [one for one in inner if isinstance(one, Mapping) and len(one) == 1]
                yield from _joins(namespace, known)


def _correlated(stages: Sequence[Any]) -> dict[str, Any]:
    """What the first filters of a ``$lookup``'s pipeline ask; its variables are not known."""
    found: dict[str, Any] = {}
    for stage in stages:
        given = stage.get("$match") if isinstance(stage, Mapping) else None
        if not isinstance(given, Mapping):
            break
        for field, value in given.items():
            if field == "$expr":
                found |= dict.fromkeys(_equal_to_variables(value), UNKNOWN)
            elif not str(field).startswith("$"):
                found.setdefault(field, value)
    return found


def _equal_to_variables(expression: object, depth: int = 0) -> Iterator[str]:
    """Fields that ``$expr`` compares for equality with a variable (``$$name``)."""
    given = _mapping(expression)
    parts = given.get("$and")
    for one in parts if isinstance(parts, list) and depth < 10 else ():
        yield from _equal_to_variables(one, depth + 1)
    sides = given.get("$eq")
    if isinstance(sides, list) and len(sides) == 2 and all(isinstance(one, str) for one in sides):
        variable, field = sorted(sides, key=lambda one: not one.startswith("$$"))
        if variable.startswith("$$") and field.startswith("$") and not field.startswith("$$"):
            yield field[1:]
