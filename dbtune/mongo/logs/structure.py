"""What of a command decides on its shape: a key that is cheaper to make than the shape's text.

Commands of equal structure have equal shapes (:mod:`dbtune.mongo.shape`); the other way round need
not hold. Shapes are made once of each structure, as most operations of a log are of a few.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

_BESIDE = frozenset(
    "lsid $clusterTime $db txnNumber autocommit startTransaction $readPreference readConcern "
    "writeConcern maxTimeMS comment apiVersion apiStrict apiDeprecationErrors $audit $client "
    "$configServerState mayBypassWriteBlocking clientOperationKey databaseVersion shardVersion "
    "cursor batchSize documents".split()
)
"""Fields of a command that are no part of its shape, and that vary."""
_NAMED = frozenset(
    "find aggregate count distinct insert update delete findAndModify findandmodify mapReduce "
    "mapreduce collection key from into localField foreignField as coll db connectFromField "
    "connectToField depthField on whenMatched whenNotMatched options $options $out $unionWith "
    "$lookup $merge $graphLookup".split()
)
"""Fields whose texts are names, not values."""
_PATTERNS = frozenset(("pattern", "$regex"))


def structure(command: Mapping[str, Any]) -> Hashable:
    """The key of a command as JSON has it."""
    return tuple(
        [(name, _of(value, name)) for name, value in command.items() if name not in _BESIDE]
    )


def _of(value: Any, name: str) -> Hashable:
    kind = type(value)
    if kind is dict:
        return tuple([(key, _of(one, key)) for key, one in value.items()])
    if kind is list:
        found: list[Hashable] = [None]
        for one in value:  # runs of what is alike count as one: $in of any length
            inner = _of(one, name)
            if inner != found[-1] or inner is None:
                found.append(inner)
        return tuple(found)
    if kind is str:
        if value[:1] == "$" or name in _NAMED:
            return str(value)
        return value[:1] if name in _PATTERNS and value[:1] in ("^", "\\") else ""
    if value is None:
        return None
    # Signs are directions of a sort, 0 and 1 (and false and true) switches of a projection.
    return int(value) if value in (0, 1) else (2 if value > 0 else -1)
