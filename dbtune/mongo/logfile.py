"""Operations in mongod's structured log (version 4.4 and later), a line at a time.

A slow operation is an entry with id 51803, "Slow query". Each is told as the profiler would tell
it, so that whoever reads system.profile can read a log. Entries that are cut (over
``maxLogSizeKB``), or of a user's that only looks like one, are counted and passed over.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from dbtune.mongo import APP_NAME
from dbtune.mongo.shelltext import extended

SLOW_QUERY = 51803
_MARK = '"Slow query"'
_MOST_LINE = 4_000_000
_KINDS = {"find": "query", "getMore": "getmore", "update": "update", "delete": "remove"}
_SAME = (
    "ns command originatingCommand appName planSummary keysExamined docsExamined hasSortStage "
    "usedDisk nreturned nModified ninserted ndeleted nUpserted queryHash planCacheShapeHash "
    "writeConflicts errCode errMsg storage cursorid"
).split()
_DECODER = json.JSONDecoder(object_hook=extended)


@dataclass(slots=True)
class Counts:
    """What a log had.

    Attributes:
        lines: lines read.
        operations: slow operations that were read.
        unreadable: entries of slow operations that can't be read.
    """

    lines: int = 0
    operations: int = 0
    unreadable: int = 0


def operations(lines: Iterable[str], counts: Counts) -> Iterator[dict[str, Any]]:
    """The slow operations of a log as documents of system.profile.

    An update or delete is logged twice, for the statement and for its command: only the statement
    is told. dbtune's own operations are left out.
    """
    for line in lines:
        counts.lines += 1
        if _MARK not in line:
            continue
        found = _operation(line) if len(line) <= _MOST_LINE else None
        if found is None:
            counts.unreadable += 1
        elif found:
            counts.operations += 1
            yield found


def _operation(line: str) -> dict[str, Any] | None:
    """One operation; empty for an entry that is none, ``None`` if it can't be read."""
    try:
        start = line.index("{")
        entry, _ = _DECODER.raw_decode(line, start)
    except (ValueError, RecursionError):
        return None
    if not isinstance(entry, Mapping) or entry.get("id") != SLOW_QUERY:
        return {}
    attributes = entry.get("attr")
    if not isinstance(attributes, Mapping) or attributes.get("appName") == APP_NAME:
        return {}
    command = attributes.get("command")
    if not isinstance(command, Mapping) or not command:
        return {}
    name = str(next(iter(command)))
    twin = entry.get("c") == "COMMAND" and name in ("update", "delete")
    if twin:
        return {}
    found = {key: attributes[key] for key in _SAME if key in attributes}
    kind = str(attributes.get("type", "command"))
    found["op"] = kind if kind in ("update", "remove", "insert") else _KINDS.get(name, "command")
    found["millis"] = attributes.get("durationMillis", 0)
    found["nMatched"] = attributes.get("nMatched")
    found["ts"] = entry.get("t")
    if entry.get("truncated"):  # the command may be cut in the middle
        return None
    return {key: value for key, value in found.items() if value is not None}
