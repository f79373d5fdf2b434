"""BSON values in the order in which the server compares and indexes them, and paths into documents.

Strings are compared by code points, as without a collation.
"""

from __future__ import annotations

import math
import re
import uuid
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from bson import (
    Binary,
    Code,
    DatetimeMS,
    Decimal128,
    MinKey,
    ObjectId,
    Regex,
    Timestamp,
)

Key = tuple[int, Any]
MIN_KEY: Key = (-1, 0)
MAX_KEY: Key = (127, 0)
NULL, NUMBER, STRING, OBJECT, ARRAY, BINARY, OBJECT_ID, BOOL, DATE, TIMESTAMP, REGEX, CODE = (
    5, 10, 15, 20, 25, 30, 35, 40, 45, 47, 50, 60,
)  # fmt: skip
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Missing:
    """A field that a document has not."""


MISSING = Missing()


def order_key(value: object) -> Key:
    """A tuple that compares with others as the server compares the values."""
    if value is None or value is MISSING:
        return (NULL, 0)
    if isinstance(value, bool):
        return (BOOL, value)
    if isinstance(value, int | float):
        return (NUMBER, -math.inf if value != value else value)
    if isinstance(value, str) and not isinstance(value, Code):
        return (STRING, value)
    for kind, rank, make in _KINDS:
        if isinstance(value, kind):
            return (rank, make(value))
    if isinstance(value, Mapping):
        return (OBJECT, tuple((order_key(v)[0], str(k), order_key(v)) for k, v in value.items()))
    if isinstance(value, list | tuple):
        return (ARRAY, tuple(map(order_key, value)))
    return MIN_KEY if isinstance(value, MinKey) else MAX_KEY


def _milliseconds(value: datetime) -> int:
    moment = value if value.tzinfo else value.replace(tzinfo=UTC)
    return round((moment - _EPOCH).total_seconds() * 1000)


def _decimal(value: Decimal128) -> Any:
    number = value.to_decimal()
    return -math.inf if number.is_nan() else number


_KINDS: tuple[tuple[Any, int, Any], ...] = (
    (ObjectId, OBJECT_ID, lambda v: v.binary),
    (datetime, DATE, _milliseconds),
    (DatetimeMS, DATE, int),
    (Decimal128, NUMBER, _decimal),
    (Timestamp, TIMESTAMP, lambda v: (v.time, v.inc)),
    ((Regex, re.Pattern), REGEX, lambda v: (str(v.pattern), int(v.flags))),
    (Code, CODE, str),
    (uuid.UUID, BINARY, lambda v: (16, 4, v.bytes)),
    (Binary, BINARY, lambda v: (len(v), v.subtype, bytes(v))),
    (bytes, BINARY, lambda v: (len(v), 0, v)),
)


def terminals(document: object, path: tuple[str, ...]) -> Iterator[Any]:
    """The values at a path, arrays on the way taken apart; ``MISSING`` where there is none.

    An array at the end is one value: whoever asks takes it apart.
    """
    if not path:
        yield document
    elif isinstance(document, Mapping):
        if path[0] in document:
            yield from terminals(document[path[0]], path[1:])
        else:
            yield MISSING
    elif isinstance(document, list):
        if path[0].isdigit() and int(path[0]) < len(document):
            yield from terminals(document[int(path[0])], path[1:])
        for one in document:
            if isinstance(one, Mapping):
                yield from terminals(one, path)
    else:
        yield MISSING


def index_values(document: object, path: tuple[str, ...]) -> tuple[list[Key], str]:
    """The keys that an index on a path has of a document, and the array that makes them several.

    Returns:
        Keys without repetition, and the path of the outermost array; "" if there is none.
    """
    found: dict[Key, None] = {}
    array = _collect(document, path, 0, found)
    return list(found) or [order_key(None)], array


def _collect(document: object, path: tuple[str, ...], at: int, found: dict[Key, None]) -> str:
    if isinstance(document, list) and at < len(path) and path[at].isdigit():
        number = int(path[at])
        if number < len(document):
            return _collect(document[number], path, at + 1, found)
    if isinstance(document, list):
        array = ".".join(path[:at])
        for one in document:
            if at == len(path):
                found.setdefault(order_key(one))
            elif isinstance(one, Mapping):
                _collect(one, path, at, found)
            else:
                found.setdefault(order_key(None))
        if not document:
            found.setdefault((NULL, -1) if at == len(path) else order_key(None))  # undefined
        return array
    if at == len(path):
        found.setdefault(order_key(document))
        return ""
    if isinstance(document, Mapping):
        return _collect(document.get(path[at], MISSING), path, at + 1, found)
    found.setdefault(order_key(None))
    return ""
