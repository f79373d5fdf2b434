"""Names of plan nodes: the first line of a node in text format, and the keys that say the same.

PostgreSQL's ExplainNode (explain.c) writes ``Parallel Index Scan Backward using i on s.t x`` where
the other formats have Node Type, Scan Direction, Index Name, Schema, Relation Name and Alias.
"""

from __future__ import annotations

import re
from typing import Any

_AGGREGATES = {
    "Aggregate": "Plain",
    "GroupAggregate": "Sorted",
    "HashAggregate": "Hashed",
    "MixedAggregate": "Mixed",
}
_AGGREGATE_NAMES = {strategy: name for name, strategy in _AGGREGATES.items()}
_OPERATIONS = ("Insert", "Update", "Delete", "Merge")
_TYPES = (
    *("Result", "ProjectSet", "Append", "Merge Append", "Recursive Union", "BitmapAnd", "BitmapOr"),
    *("Nested Loop", "Seq Scan", "Sample Scan", "Gather", "Gather Merge", "Index Scan"),
    *("Index Only Scan", "Bitmap Index Scan", "Bitmap Heap Scan", "Tid Scan", "Tid Range Scan"),
    *("Subquery Scan", "Function Scan", "Table Function Scan", "Values Scan", "CTE Scan"),
    *("Named Tuplestore Scan", "WorkTable Scan", "Materialize", "Memoize", "Sort"),
    *("Incremental Sort", "Group", "WindowAgg", "Unique", "LockRows", "Limit", "Hash"),
)
_JOIN = re.compile(r"(Nested Loop|Merge|Hash)(?: (\w+|Right Anti|Right Semi))? Join|Nested Loop")
_SETOP = re.compile(r"(Hash)?SetOp (\w+(?: All)?)")
_FOREIGN = re.compile(r"Foreign (Scan|Insert|Update|Delete)")
_CUSTOM = re.compile(r"Custom Scan \(((?:[^()]|\([^()]*\))*)\)")
_PARTIAL = re.compile(r"(Partial|Finalize) (?=\w*Aggregate)")

IDENTIFIER = r'(?:"(?:[^"]|"")*"|[^\s".(),]+)'
_TARGET = re.compile(rf"(?:({IDENTIFIER})\.)?({IDENTIFIER})(?: ({IDENTIFIER}))?")
_USING = re.compile(rf" using ({IDENTIFIER})")
_ON = re.compile(rf" on (?={IDENTIFIER})")
_OBJECTS = {
    "Function Scan": "Function Name",
    "Table Function Scan": "Table Function Name",
    "CTE Scan": "CTE Name",
    "WorkTable Scan": "CTE Name",
    "Named Tuplestore Scan": "Tuplestore Name",
}
_WITHOUT_OBJECT = ("Values Scan", "Subquery Scan")


def parse_name(name: str) -> dict[str, Any]:
    """The keys that a node's name in text format stands for; an unknown name is its own type."""
    keys: dict[str, Any] = {}
    for flag, key in (("Parallel ", "Parallel Aware"), ("Async ", "Async Capable")):
        if name.startswith(flag):
            keys[key] = True
            name = name.removeprefix(flag)
    keys, rest = _parse_type(name, keys)
    kind = keys["Node Type"]
    if rest.startswith(" Backward"):
        keys["Scan Direction"] = "Backward"
        rest = rest.removeprefix(" Backward")
    if used := _USING.match(rest):
        keys["Index Name"] = unquote(used[1])
        rest = rest[used.end() :]
    if rest.startswith(" on ") and (target := _TARGET.match(rest, 4)):
        schema, relation, alias = (part and unquote(part) for part in target.groups())
        rest = rest[target.end() :]
        if kind == "Bitmap Index Scan":
            keys["Index Name"] = relation
        elif kind in _WITHOUT_OBJECT:
            keys["Alias"] = relation
        else:
            keys[_OBJECTS.get(kind, "Relation Name")] = relation
            keys["Alias"] = alias or relation
            if schema:
                keys["Schema"] = schema
    if rest.strip():  # something new: better a strange type than lost words
        keys["Node Type"] = kind + rest if kind == name[: len(kind)] else name
    return keys


def _parse_type(name: str, keys: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """Keys with the node's type, and what of the name follows it."""
    partial = _PARTIAL.match(name)
    kind, rest = _split(name[partial.end() :] if partial else name)
    if kind in _AGGREGATES:
        mode = partial[1] if partial else "Simple"
        keys |= {"Node Type": "Aggregate", "Strategy": _AGGREGATES[kind], "Partial Mode": mode}
    elif kind in _OPERATIONS and rest.startswith(" on "):
        keys |= {"Node Type": "ModifyTable", "Operation": kind}
    elif found := _FOREIGN.fullmatch(kind):
        operation = "Select" if found[1] == "Scan" else found[1]
        keys |= {"Node Type": "Foreign Scan", "Operation": operation}
    elif found := _CUSTOM.match(name):
        keys |= {"Node Type": "Custom Scan", "Custom Plan Provider": found[1]}
        rest = name[found.end() :]
    elif found := _SETOP.fullmatch(kind):
        strategy = "Hashed" if found[1] else "Sorted"
        keys |= {"Node Type": "SetOp", "Strategy": strategy, "Command": found[2]}
    elif found := _JOIN.fullmatch(kind):
        method = found[1] or "Nested Loop"
        kind = method if method == "Nested Loop" else f"{method} Join"
        keys |= {"Node Type": kind, "Join Type": found[2] or "Inner"}
    else:
        keys["Node Type"] = kind
    return keys, rest


def _split(name: str) -> tuple[str, str]:
    """The type of a node and the rest of its name."""
    ends = [found.start() for found in (_USING.search(name), _ON.search(name)) if found]
    end = min(ends, default=len(name))
    kind = name[:end].removesuffix(" Backward")
    return kind, name[len(kind) :]


def is_node_name(name: str) -> bool:
    """Whether a line without costs is the name of a node that PostgreSQL 9 to 18 has."""
    keys = parse_name(name)
    kind = keys["Node Type"]
    has_target = "Alias" in keys or "Index Name" in keys
    if kind in _TYPES:
        needs_target = kind.endswith("Scan") and kind != "Named Tuplestore Scan"
        return has_target == needs_target and name[0].isupper()
    if kind in ("ModifyTable", "Foreign Scan", "Custom Scan"):
        return True
    return len(keys) > 1 and "Relation Name" not in keys


def label(node: dict[str, Any]) -> str:
    """What the text format calls a node, without its table and index: ``Parallel Hash Left Join``.

    The inverse of :func:`parse_name` as far as the type goes.
    """
    kind = str(node.get("Node Type", "???"))
    strategy, join = node.get("Strategy"), node.get("Join Type")
    if kind == "Aggregate":
        name = _AGGREGATE_NAMES.get(str(strategy), kind)
        mode = node.get("Partial Mode", "Simple")
        name = name if mode == "Simple" else f"{mode} {name}"
    elif kind == "ModifyTable":
        name = str(node.get("Operation", kind))
    elif kind == "Foreign Scan":
        operation = node.get("Operation", "Select")
        name = kind if operation == "Select" else f"Foreign {operation}"
    elif kind == "Custom Scan" and "Custom Plan Provider" in node:
        name = f"Custom Scan ({node['Custom Plan Provider']})"
    elif kind == "SetOp":
        name = f"{'Hash' if strategy == 'Hashed' else ''}SetOp {node.get('Command', '')}".rstrip()
    elif join and join != "Inner":
        name = f"{kind.removesuffix(' Join')} {join} Join"
    else:
        name = kind
    if node.get("Scan Direction") == "Backward":
        name += " Backward"
    for key, flag in (("Async Capable", "Async"), ("Parallel Aware", "Parallel")):
        if node.get(key) in (True, "true"):
            name = f"{flag} {name}"
    return name


def unquote(identifier: str) -> str:
    """An SQL identifier without its quotes."""
    if identifier.startswith('"') and identifier.endswith('"') and len(identifier) > 1:
        return identifier[1:-1].replace('""', '"')
    return identifier
