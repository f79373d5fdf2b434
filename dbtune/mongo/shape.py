"""A MongoDB command's shape: what stays of it when its values are taken out.

The text reads like mongosh, so that one finds the call in the application's source::

    shop.orders.find({amount: {$gt: ?}, status: ?}).sort({created: -1}).limit(?)
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from dbtune.mongo.masking import (
    conditions,
    expression,
    field,
    filter_text,
    is_mapping,
    pipeline,
    regex_text,
    sort_text,
    update_text,
)
from dbtune.text import shorten

TEXT_LIMIT = 2000
"""Characters of a shape; a longer one is cut."""

_KINDS = frozenset("command getmore insert query remove update".split())
_NAME = re.compile(r"[A-Za-z_]\w{0,60}")
_TRUNCATED_NAME = re.compile(r"\{ (\w{1,40}):")
_EQUALITY = frozenset(("$eq", "$in", "$all"))
_RANGES = frozenset(("$gt", "$gte", "$lt", "$lte"))
_REDUCING = frozenset(
    "$bucket $bucketAuto $count $facet $group $sample $setWindowFields $sortByCount".split()
)
# Stages that pass documents on as they are, so that a sort after them is one of the collection's.
_TRANSPARENT = frozenset(("$match", "$sort", "$limit", "$skip"))
_QUERIES = {
    # command: (where its filter stands, its name in mongosh)
    "find": ("filter", "find"),
    "count": ("query", "count"),
    "distinct": ("query", "distinct"),
    "findAndModify": ("query", "findAndModify"),
    "findandmodify": ("query", "findAndModify"),
    "mapReduce": ("query", "mapReduce"),
    "mapreduce": ("query", "mapReduce"),
}


@dataclass(frozen=True, slots=True)
class Shape:
    """What all operations of one shape have in common.

    Attributes:
        text: the normalised operation; holds no value.
        namespace: ``database.collection``, or the database of a command without a collection.
        filtered: it has a condition.
        branches: it has conditions joined by OR.
        equality: fields that are compared for equality (``$in`` included).
        ranges: fields of which an index can read a range (greater, less, begins with). Conditions
            that no index narrows much (not equal, regular expressions without ``^``, ``$where``)
            are neither.
        sort: the sort key with directions, if documents of the collection are sorted as they are.
        reduces: it returns something else than the documents that it matched (groups, counts), so
            that rows returned do not tell how many matched.
        writes: it changes documents.
        truncated: the server kept only the beginning of the command.
    """

    text: str
    namespace: str
    filtered: bool = False
    branches: bool = False
    equality: tuple[str, ...] = ()
    ranges: tuple[str, ...] = ()
    sort: str = ""
    reduces: bool = False
    writes: bool = False
    truncated: bool = False


Command = Mapping[str, object]


def shape_of(operation: Command) -> Shape:
    """The shape of an operation as system.profile and $currentOp describe it; never raises.

    Args:
        operation: a document with ``op``, ``ns``, ``command`` and perhaps ``originatingCommand``.
    """
    kind = str(operation.get("op", ""))
    kind = kind if kind in _KINDS else "command"
    namespace = _namespace(operation)
    command = operation.get("command")
    origin = operation.get("originatingCommand")
    cursor = operation.get("cursor")
    if origin is None and isinstance(cursor, Mapping):  # $currentOp
        origin = cursor.get("originatingCommand")
    if kind == "getmore" and isinstance(origin, Mapping):
        command = origin
    if not isinstance(command, Mapping) or not command:
        return _other(namespace, kind)
    if "$truncated" in command:
        return _truncated(namespace, kind, operation, str(command["$truncated"]))
    name = str(next(iter(command)))
    if kind in ("update", "remove") and "q" in command:
        return _write(namespace, kind, command)
    if name in ("update", "delete"):
        return _write_command(namespace, name, command)
    if name == "aggregate":
        return _aggregate(namespace, command)
    if name in _QUERIES:
        return _query(namespace, name, command)
    return _other(namespace, kind if kind == "insert" else name)


def _namespace(operation: Command) -> str:
    text = str(operation.get("ns", ""))
    return shorten(text.partition(".$cmd")[0], 300)


def _cut(text: str) -> str:
    return shorten(text, TEXT_LIMIT)


def _other(namespace: str, name: str) -> Shape:
    shown = name if _NAME.fullmatch(name) else "command"
    return Shape(_cut(f"{namespace}.{shown}()"), namespace)


def _truncated(namespace: str, kind: str, operation: Command, beginning: str) -> Shape:
    """Over 50 kB the server keeps the beginning as text, full of values; its hash tells shapes."""
    found = _TRUNCATED_NAME.match(beginning)
    name = found[1] if found else kind
    name = name if _NAME.fullmatch(name) else "command"
    number = query_hash(operation)
    text = f"{namespace}.{name}(over 50 kB, cut by the server{f', {number}' if number else ''})"
    return Shape(_cut(text), namespace, truncated=True)


def query_hash(operation: Command) -> str:
    """The server's own hash of the shape: ``queryHash``, since 8.0 ``planCacheShapeHash``."""
    found = operation.get("planCacheShapeHash") or operation.get("queryHash") or ""
    return found if isinstance(found, str) and re.fullmatch(r"[0-9A-F]{1,64}", found) else ""


def _made(
    namespace: str,
    text: str,
    given: object,
    *,
    sort: str = "",
    reduces: bool = False,
    writes: bool = False,
) -> Shape:
    """A shape with the fields of its filter by the way that they are compared."""
    found = list(_indexable(given))
    equality = {name for name, operator, operand in found if _is_equality(operator, operand)}
    ranges = {name for name, operator, operand in found if _is_range(operator, operand)}
    return Shape(
        text=_cut(f"{namespace}.{text}"),
        namespace=namespace,
        filtered=bool(found),
        branches=any(name == "$or" for name, _, _ in found),
        equality=tuple(sorted(equality)),
        ranges=tuple(sorted(ranges - equality)),
        sort=sort,
        reduces=reduces,
        writes=writes,
    )


def _indexable(given: object) -> Iterator[tuple[str, str, object]]:
    """Conditions; of ``$elemMatch`` those on the element, which an index on its fields serves."""
    for name, operator, operand in conditions(given):
        inner = list(conditions(operand)) if operator == "$elemMatch" else []
        if any(deeper for _, deeper, _ in inner):
            yield from ((f"{name}.{one}", deeper, value) for one, deeper, value in inner)
        else:
            yield name, operator, operand


def _is_equality(operator: str, operand: object) -> bool:
    return operator in _EQUALITY and not regex_text(operand)


def _is_range(operator: str, operand: object) -> bool:
    return operator in _RANGES or regex_text(operand) == "/^?/"


def _query(namespace: str, name: str, command: Command) -> Shape:
    place, shown = _QUERIES[name]
    given = command.get(place)
    arguments = [filter_text(given) if is_mapping(given) else "{}"]
    if name == "distinct":
        arguments.insert(0, field(command.get("key", "")))
    if is_mapping(command.get("projection")) and command["projection"]:
        arguments.append(expression(command["projection"], flags=True))
    if "update" in command:
        arguments.append(update_text(command["update"]))
    elif command.get("remove"):
        arguments.append("remove")
    if len(arguments) == 1 and arguments[0] == "{}":
        arguments = []
    sort = sort_text(command.get("sort"))
    text = f"{shown}({', '.join(arguments)})" + (f".sort({sort})" if sort else "")
    text += "".join(f".{word}(?)" for word in ("skip", "limit", "hint") if command.get(word))
    return _made(
        namespace,
        text,
        given,
        sort=sort,
        reduces=shown in ("count", "distinct", "mapReduce"),
        writes=shown == "findAndModify",
    )


def _aggregate(namespace: str, command: Command) -> Shape:
    stages = command.get("pipeline")
    known = [one for one in stages if isinstance(one, Mapping)] if isinstance(stages, list) else []
    given: dict[str, object] = {}
    sort = ""
    for one in known:
        name = str(next(iter(one), ""))
        if name not in _TRANSPARENT:
            break
        if name == "$match" and not sort:
            given = {"$and": [given, one[name]]} if given else one[name]
        sort = sort or (sort_text(one[name]) if name == "$sort" else "")
    reduces = any(_REDUCING & one.keys() for one in known)
    return _made(namespace, f"aggregate({pipeline(stages)})", given, sort=sort, reduces=reduces)


def _write_command(namespace: str, name: str, command: Command) -> Shape:
    """The whole command, as $currentOp shows it; its first statement stands for all."""
    several = command.get("updates" if name == "update" else "deletes")
    first = several[0] if isinstance(several, list) and several else None
    if not isinstance(first, Mapping):  # between two statements, only the collection is told
        collection = command[name]
        known = isinstance(collection, str) and "." not in namespace
        return _other(f"{namespace}.{collection}" if known else namespace, name)
    return _write(namespace, "update" if name == "update" else "remove", first)


def _write(namespace: str, kind: str, statement: Command) -> Shape:
    """One statement of an update or delete, as system.profile keeps it."""
    given = statement.get("q")
    if kind == "update":
        name = "updateMany" if statement.get("multi") else "updateOne"
        change = update_text(statement.get("u"))
        upsert = ", {upsert: true}" if statement.get("upsert") else ""
        text = f"{name}({filter_text(given)}, {change}{upsert})"
        return _made(namespace, text, given, writes=True)
    name = "deleteOne" if statement.get("limit") else "deleteMany"
    return _made(namespace, f"{name}({filter_text(given)})", given, writes=True)
