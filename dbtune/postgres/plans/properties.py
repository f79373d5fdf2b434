"""Lines below a node in text format, as the keys and values that FORMAT JSON has for them.

Most lines are ``Key: value``; explain.c packs the rest more densely for people. Each function
here undoes one of its ``show_...`` functions.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from dbtune.postgres.plans.keys import LISTS, TEXTS, number, scalar
from dbtune.postgres.plans.names import IDENTIFIER, unquote

Keys = dict[str, Any]

_LATER = (
    r"(?:(?:Average |Peak )?(?:Memory|Disk)(?: Usage)?|Batches|Misses|Evictions|Overflows"
    r"|Maximum Storage|Sort Methods?): "
)
LATER_PAIR = re.compile(rf"\s*{_LATER}")
"""What may follow another key and its value in the same line."""
_PAIRS = re.compile(rf"(?<!Average)(?<!Peak)(?<!Maximum)\s+(?={_LATER})")
_COUNTERS = re.compile(r"(\w+(?: full)?)=([\d.]+)")
_GROUPS = re.compile(r"(?:([a-z/]+) )?((?:[a-z]+=[\d.]+ ?)+)")
_UNIT = re.compile(r"(-?\d+(?:\.\d+)?) ?(?:ms|kB|b)")
_QUOTED = r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\""
_LIST_PART = re.compile(rf"{_QUOTED}|[(\[{{]|[)\]}}]|, ")
_SETTING = re.compile(r"([\w.]+) = (?:'(.*?)'|NULL)(?=, [\w.]+ = |$)", re.DOTALL)
_SAMPLING = re.compile(r"(\S+) \((.*?)\)(?: REPEATABLE \((.*)\))?", re.DOTALL)
_TRIGGER = re.compile(
    r"Trigger(?: (?!for constraint )(.*?))?(?: for constraint (.*?))?(?: on (.*?))?: "
    r"(?:time=([\d.]+) )?calls=(\d+)"
)
_ACTUAL = re.compile(
    r"actual\s*(?:time=(\d+(?:\.\d+)?)\.\.(\d+(?:\.\d+)?)\s*)?"
    r"rows=(\d+(?:\.\d+)?)\s*loops=(\d+)"
)


def actual(text: str) -> Keys:
    """``actual time=0.010..0.020 rows=1.00 loops=2``, of a node or of one of its workers."""
    found = _ACTUAL.search(text)
    if found is None:
        return {}
    start, total, rows, loops = found.groups()
    times = {"Actual Startup Time": number(start), "Actual Total Time": number(total)}
    return {**(times if total else {}), "Actual Rows": number(rows), "Actual Loops": int(loops)}


def split_list(text: str) -> list[str]:
    """Undo ``", ".join``, leaving commas inside brackets and quotes alone."""
    parts, depth, start = [], 0, 0
    for found in _LIST_PART.finditer(text):
        part = found[0]
        if part in ("(", "[", "{"):
            depth += 1
        elif part in (")", "]", "}"):
            depth -= 1
        elif part == ", " and depth <= 0:
            parts.append(text[start : found.start()])
            start = found.end()
    return [*parts, text[start:]]


def parse_property(node_type: str, key: str, value: str) -> Keys:
    """The keys that one line stands for.

    Args:
        node_type: Node Type of the node that it belongs to, "" for the statement's own lines.
        key: what stands before the colon.
        value: what follows it.
    """
    if dense := _DENSE.get(key):
        return dense(node_type, key, value)
    if key in LISTS:
        return {key: split_list(value)} if value != "()" else {key: []}
    if key in TEXTS:
        return {key: value}
    if found := _UNIT.fullmatch(value):
        value = found[1]
    return {key: scalar(value)}


def _pairs(key: str, value: str) -> dict[str, str]:
    """``Key: value  Other Key: other value`` as a mapping."""
    first, *others = _PAIRS.split(value)
    split = (other.partition(": ") for other in others)
    return {key: first} | {name: rest for name, _, rest in split}


def _kb(text: str) -> int | float | None:
    return number(text.removesuffix("kB"))


def _buffers(_: str, __: str, value: str) -> Keys:
    return {
        f"{where.title()} {name.title()} Blocks": number(count)
        for where, counters in _GROUPS.findall(value)
        for name, count in _COUNTERS.findall(counters)
    }


def _io_timings(_: str, __: str, value: str) -> Keys:
    """``read=`` up to 14, ``shared/local read=, temp read=`` in 15 and 16, then one by one."""
    return {
        f"{'' if where in ('', 'shared/local') else where.title() + ' '}I/O {name.title()} Time": (
            number(ms)
        )
        for where, counters in _GROUPS.findall(value)
        for name, ms in _COUNTERS.findall(counters)
    }


def _wal(_: str, __: str, value: str) -> Keys:
    names = {"records": "Records", "fpi": "FPI", "bytes": "Bytes", "buffers full": "Buffers Full"}
    counters = re.findall(r"(records|fpi|bytes|buffers full)=(\d+)", value)
    return {f"WAL {names[name]}": number(count) for name, count in counters}


def _sort(_: str, key: str, value: str) -> Keys:
    method, *space = _pairs(key, value).items()
    keys: Keys = {key: method[1]}
    for kind, size in space:
        keys |= {"Sort Space Used": _kb(size), "Sort Space Type": kind}
    return keys


def _sort_groups(_: str, key: str, value: str) -> Keys:
    parts = _pairs(key, value)
    methods = parts.get("Sort Method") or parts.get("Sort Methods") or ""
    group: Keys = {"Group Count": number(parts[key]), "Sort Methods Used": methods.split(", ")}
    for space in ("Memory", "Disk"):
        if f"Peak {space}" in parts:
            group[f"Sort Space {space}"] = {
                "Average Sort Space Used": _kb(parts.get(f"Average {space}", "")),
                "Peak Sort Space Used": _kb(parts[f"Peak {space}"]),
            }
    return {key: group}


def _hash(node_type: str, key: str, value: str) -> Keys:
    """Buckets and batches of a Hash, partitions and batches of a hashed Aggregate."""
    parts = _pairs(key, value)
    keys: Keys = {}
    if node_type == "Hash":
        for name in ("Buckets", "Batches"):
            now, _, originally = parts.get(name, "").partition(" (originally ")
            keys[f"Hash {name}"] = number(now)
            keys[f"Original Hash {name}"] = number(originally.rstrip(")") or now)
    else:
        for name, meaning in (("Planned Partitions", ""), ("Batches", "HashAgg Batches")):
            if name in parts:
                keys[meaning or name] = number(parts[name])
    for name, meaning in (("Memory Usage", "Peak Memory Usage"), ("Disk Usage", "Disk Usage")):
        if name in parts:
            keys[meaning] = _kb(parts[name])
    return {name: found for name, found in keys.items() if found is not None}


def _memoize(_: str, key: str, value: str) -> Keys:
    keys: Keys = {}
    for name, count in _pairs(key, value).items():
        usage = name == "Memory Usage"
        keys["Peak Memory Usage" if usage else f"Cache {name}"] = _kb(count)
    return keys


def _heap_blocks(_: str, __: str, value: str) -> Keys:
    return {f"{name.title()} Heap Blocks": number(n) for name, n in _COUNTERS.findall(value)}


def _tuples(_: str, __: str, value: str) -> Keys:
    return {f"Tuples {name.title()}": number(n) for name, n in _COUNTERS.findall(value)}


def _storage(_: str, key: str, value: str) -> Keys:
    parts = _pairs(key, value)
    size = {"Maximum Storage": _kb(parts["Maximum Storage"])} if "Maximum Storage" in parts else {}
    return {key: parts[key], **size}


def _memory(_: str, __: str, value: str) -> Keys:
    """Memory of planning, PostgreSQL 17+."""
    return {f"Memory {name.title()}": number(n) for name, n in _COUNTERS.findall(value)}


def _serialization(_: str, key: str, value: str) -> Keys:
    keys: Keys = {}
    for name, found in re.findall(r"(\w+)=(\S+)", value):
        if name == "time":
            keys["Time"] = number(found)
        elif name == "output":
            keys["Output Volume"] = _kb(found)
        else:
            keys[name.title()] = found
    return {key: keys}


def _sampling(_: str, key: str, value: str) -> Keys:
    found = _SAMPLING.fullmatch(value)
    if found is None:
        return {key: value}
    keys: Keys = {"Sampling Method": found[1], "Sampling Parameters": split_list(found[2])}
    return keys | ({"Repeatable Seed": found[3]} if found[3] else {})


def _settings(_: str, key: str, value: str) -> Keys:
    return {key: dict(_SETTING.findall(value))}


def _jit_options(_: str, key: str, value: str) -> Keys:
    return {key: {name: flag == "true" for name, flag in re.findall(r"(\w+) (true|false)", value)}}


def _jit_timing(_: str, key: str, value: str) -> Keys:
    """``Generation 1.0 ms (Deform 0.5 ms), Inlining 0.0 ms, ...``; Deform since 17."""
    keys: Keys = {name: number(ms) for name, ms in re.findall(r"(\w+) ([\d.]+) ms", value)}
    if "Deform" in keys:
        keys["Generation"] = {"Deform": keys.pop("Deform"), "Total": keys["Generation"]}
    return {key: keys}


_DENSE: dict[str, Callable[[str, str, str], Keys]] = {
    "Buffers": _buffers,
    "I/O Timings": _io_timings,
    "WAL": _wal,
    "Sort Method": _sort,
    "Full-sort Groups": _sort_groups,
    "Pre-sorted Groups": _sort_groups,
    "Buckets": _hash,
    "Batches": _hash,
    "Planned Partitions": _hash,
    "Memory Usage": _hash,
    "Hits": _memoize,
    "Heap Blocks": _heap_blocks,
    "Tuples": _tuples,
    "Storage": _storage,
    "Memory": _memory,
    "Serialization": _serialization,
    "Sampling": _sampling,
    "Settings": _settings,
    "Options": _jit_options,
    "Timing": _jit_timing,
}


def parse_trigger(line: str) -> Keys | None:
    """A line about a trigger, or ``None`` if it is none."""
    found = _TRIGGER.fullmatch(line)
    if found is None:
        return None
    name, constraint, relation, ms, calls = found.groups()
    keys = {"Trigger Name": name, "Constraint Name": constraint, "Relation": relation}
    return {key: value for key, value in keys.items() if value} | {
        **({"Time": number(ms)} if ms else {}),
        "Calls": int(calls),
    }


_TARGET_TABLE = re.compile(
    r"(?:Foreign )?(?:Insert|Update|Delete|Merge) on "
    rf"(?:({IDENTIFIER})\.)?({IDENTIFIER})(?: ({IDENTIFIER}))?"
)


def parse_target_table(line: str) -> Keys | None:
    """A line of ModifyTable that names one of several tables, or ``None``."""
    found = _TARGET_TABLE.fullmatch(line)
    if found is None:
        return None
    schema, relation, alias = (part and unquote(part) for part in found.groups())
    keys = {"Relation Name": relation, "Schema": schema, "Alias": alias or relation}
    return {key: value for key, value in keys.items() if value}
