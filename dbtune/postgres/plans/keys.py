"""EXPLAIN's keys: which values stay text, and what may stand for a plan node or a condition.

All four formats are brought to the keys of FORMAT JSON and to the same types. JSON and YAML carry
types, text and XML do not, so that the type of a value is decided by its key, or, for a key that
is not known here, by what the value looks like.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

Value = str | int | float | bool | None | tuple["Value", ...] | Mapping[str, "Value"]
"""A value of a plan, the same whatever format it came from."""

CONDITIONS = (
    "Index Cond",
    "Recheck Cond",
    "TID Cond",
    "Order By",
    "Hash Cond",
    "Merge Cond",
    "Join Filter",
    "Filter",
    "One-Time Filter",
    "Run Condition",
    "Conflict Filter",
    "Cache Key",
    "Function Call",
    "Table Function Call",
    "Window",
    "Remote SQL",
)
"""Keys whose values are expressions; everything else that a node says is a property."""

LISTS = frozenset(
    (
        "Output",
        "Sort Key",
        "Presorted Key",
        "Group Key",
        "Hash Key",
        "Params Evaluated",
        "Sampling Parameters",
        "Conflict Arbiter Indexes",
        "Sort Methods Used",
    )
)
"""Keys whose values are lists of texts; the text format joins them with commas."""

TEXTS = frozenset(CONDITIONS) | frozenset(
    (
        "Node Type",
        "Strategy",
        "Partial Mode",
        "Operation",
        "Command",
        "Parent Relationship",
        "Subplan Name",
        "Custom Plan Provider",
        "Join Type",
        "Scan Direction",
        "Schema",
        "Relation Name",
        "Function Name",
        "Table Function Name",
        "CTE Name",
        "Tuplestore Name",
        "Alias",
        "Index Name",
        "Sampling Method",
        "Repeatable Seed",
        "Cache Mode",
        "Sort Method",
        "Sort Space Type",
        "Storage",
        "Conflict Resolution",
        "Query Text",
        "Query Parameters",
        "Trigger Name",
        "Constraint Name",
        "Relation",
        "Relations",
        "Format",
    )
)
"""Keys whose values are text even when they look like a number: a table may be called ``"1"``."""

DOCUMENT = (
    "Planning Time",
    "Planning time",
    "Execution Time",
    "Execution time",
    "Total runtime",
    "Total Runtime",
    "Planning",
    "Settings",
    "Query Identifier",
    "JIT",
    "Serialization",
    "Triggers",
    "Query Text",
    "Query Parameters",
)
"""Keys that belong to the statement and not to one of its nodes."""

REMOTE = ("Task", "Distributed Subplan")
"""What Citus runs as a statement of its own, with a plan and times."""

_INTEGER = re.compile(r"[+-]?\d{1,30}")
_FLOAT = re.compile(r"[+-]?\d{1,30}\.\d{1,30}")
_SURROGATE = re.compile("[\ud800-\udfff]")


def number(value: object) -> int | float | None:
    """A finite number, or ``None`` for anything else; text is read as PostgreSQL prints numbers."""
    if isinstance(value, str):
        value = value.strip()
        if _INTEGER.fullmatch(value):
            return int(value)
        return float(value) if _FLOAT.fullmatch(value) else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if abs(value) < 1e30 else None  # neither infinite nor NaN


def text(value: object) -> str:
    """A value as text; half characters, which no terminal prints, are replaced."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return _SURROGATE.sub("\ufffd", str(value))


def scalar(value: object) -> Value:
    """A value of a key that is not known: text that looks like a number or a truth is one."""
    if isinstance(value, bool) or value is None:
        return value
    if (found := number(value)) is not None:
        return found
    written = text(value)
    return {"true": True, "false": False}.get(written, written)


def typed(key: str, value: object) -> Value:
    """The value of a key, in the type that it has whatever the format was."""
    if key in TEXTS:
        # A single text is also how XML and YAML show what they take for a list.
        return ", ".join(map(text, value)) if isinstance(value, list) else text(value)
    if key in LISTS and not isinstance(value, list):
        return (text(value),) if value not in (None, "") else ()
    if isinstance(value, Mapping):
        return {text(name): typed(text(name), inner) for name, inner in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        inner_key = key if key in LISTS else ""
        return tuple(text(item) if inner_key else typed("", item) for item in value)
    return scalar(value)


def put(mapping: dict[str, Any], key: str, value: Any) -> None:
    """Add a key that may be there already: PostgreSQL 12 prints ``Workers`` twice in one node.

    Entries of the same worker become one; of anything else, the first counts.
    """
    if key == "Workers" and isinstance(mapping.get(key), list) and isinstance(value, list):
        merged: dict[str, dict[str, Any]] = {}
        for worker in (*mapping[key], *value):
            if isinstance(worker, dict):
                number_ = str(worker.get("Worker Number"))
                merged[number_] = {**worker, **merged.get(number_, {})}
        mapping[key] = list(merged.values())
    else:
        mapping.setdefault(key, value)
