"""What people read of a stage: its label, its conditions, the command as one would type it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from dbtune.mongo.plans.raw import Document, items, mapping, number, text
from dbtune.mongo.shellprint import shell_text
from dbtune.text import count_text, shorten

_WIDTH = 2_000
_SHORT = 60
_CONDITIONS = (
    ("filter", "Filter"),
    ("sortPattern", "Sort Key"),
    ("transformBy", "Projection"),
    ("specification", "Specification"),
    ("parsedTextQuery", "Text"),
    ("localField", "Local Field"),
    ("foreignField", "Foreign Field"),
)


def label_of(kind: str, props: Document) -> str:
    """A stage's name with what it works on, in a few words."""
    detail = ""
    if kind in ("SORT", "SORT_MERGE") or kind.startswith("SORT_"):
        detail = shell_text(mapping(props.get("sortPattern")))
    elif kind == "LIMIT":
        detail = _count(props, "limitAmount", "limit")
    elif kind == "SKIP":
        detail = _count(props, "skipAmount", "skip")
    elif kind.startswith(("EQ_LOOKUP", "$lookup", "$graphLookup", "$unionWith")):
        spec = mapping(props.get("specification"))
        place = text(props.get("foreignCollection")) or text(spec.get("from"))
        place = place or text(spec.get("coll")) or text(props.get("specification"))
        detail = f"from {place}" if place else ""
    elif kind.startswith("$") and "specification" in props:
        detail = shell_text(props["specification"])
    return f"{kind} {shorten(detail, _SHORT)}" if detail and detail != "{}" else kind


def _count(props: Document, *keys: str) -> str:
    found = next((number(props[key]) for key in keys if key in props), None)
    return "" if found is None else count_text(round(found))


def conditions_of(props: Document) -> dict[str, str]:
    """Filter, sort, projection and the like, as mongosh prints them."""
    found = {}
    for key, name in _CONDITIONS:
        value = props.get(key)
        if value not in (None, {}, "", []):
            found[name] = shorten(value if isinstance(value, str) else shell_text(value), _WIDTH)
    return found


def command_text(command: Document) -> str:
    """A command as one would type it: ``orders.find({a: 1}).sort({b: -1}).limit(5)``."""
    name = str(next(iter(command), ""))
    collection = text(command.get(name))
    if not collection:
        return ""
    return shorten(collection + "".join(_call(name, command)), _WIDTH)


def _call(name: str, command: Document) -> Iterator[str]:
    if name == "find":
        arguments = [shell_text(mapping(command.get("filter")))]
        if mapping(command.get("projection")):
            arguments.append(shell_text(command["projection"]))
        yield f".find({', '.join(arguments)})"
    elif name == "aggregate":
        yield f".aggregate({shell_text(items(command.get('pipeline')))})"
    elif name == "count":
        yield f".count({shell_text(mapping(command.get('query')))})"
    elif name == "distinct":
        key = shell_text(text(command.get("key")))
        yield f".distinct({key}, {shell_text(mapping(command.get('query')))})"
    elif name in ("update", "delete"):
        yield from _write(name, command)
    else:
        yield f".{name}()"
    for word in ("sort", "hint", "collation"):
        if isinstance(command.get(word), Mapping | str) and command[word]:
            yield f".{word}({shell_text(command[word])})"
    for word in ("skip", "limit"):
        if number(command.get(word)):
            yield f".{word}({shell_text(command[word])})"


def _write(name: str, command: Document) -> Iterator[str]:
    first: Any = next(iter(items(command.get("updates" if name == "update" else "deletes"))), {})
    first = mapping(first)
    if name == "update":
        many = "Many" if first.get("multi") else "One"
        change = shell_text(first.get("u"))
        yield f".update{many}({shell_text(mapping(first.get('q')))}, {change})"
    else:
        many = "One" if first.get("limit") else "Many"
        yield f".delete{many}({shell_text(mapping(first.get('q')))})"
