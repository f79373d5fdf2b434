"""MongoDB values printed as mongosh prints them, on one line."""

from __future__ import annotations

import base64
import json
import math
import re
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from bson import DatetimeMS, Decimal128, MaxKey, MinKey, ObjectId, Regex, Timestamp

from dbtune.mongo.shelltext import MAX_DEPTH, Cut


def shell_text(value: object, depth: int = 0) -> str:
    """A value as mongosh would print it, on one line."""
    if depth > MAX_DEPTH:
        return "…"
    if isinstance(value, Mapping):
        pairs = (f"{_key_text(key)}: {shell_text(one, depth + 1)}" for key, one in value.items())
        return "{" + ", ".join(pairs) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(shell_text(one, depth + 1) for one in value) + "]"
    for kind, write in _WRITERS:
        if isinstance(value, kind):
            return write(value)
    return json.dumps(str(value), ensure_ascii=False)


def database_text(name: str) -> str:
    """A database as mongosh names it, whichever it is in."""
    return f"db.getSiblingDB({shell_text(name)})"


def collection_text(namespace: str) -> str:
    """A collection (``database.collection``) as mongosh names it, whichever database it is in."""
    database, _, name = namespace.partition(".")
    return f"{database_text(database)}.getCollection({shell_text(name)})"


def _key_text(key: object) -> str:
    text = str(key)
    if text == "__proto__":  # which would be the object's prototype, and no field
        return '["__proto__"]'
    return text if re.fullmatch(r"[A-Za-z_$][\w$]*", text) else json.dumps(text, ensure_ascii=False)


def _float_text(value: float) -> str:
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)


def _regex_text(value: Any) -> str:
    flags = value.flags if isinstance(value.flags, int) else 0
    options = "".join(
        letter
        for letter, flag in (("i", re.I), ("m", re.M), ("s", re.S), ("x", re.X))
        if flags & flag
    )
    pattern = value.pattern if isinstance(value.pattern, str) else repr(value.pattern)
    return f"/{pattern}/{options}"


_WRITERS: tuple[tuple[type | tuple[type, ...], Callable[[Any], str]], ...] = (
    (type(None), lambda _: "null"),
    (bool, lambda v: "true" if v else "false"),
    (str, lambda v: json.dumps(v, ensure_ascii=False)),
    (int, str),
    (float, _float_text),
    (datetime, lambda v: f'ISODate("{_iso(v)}")'),
    (DatetimeMS, lambda v: f"new Date({int(v)})"),
    (ObjectId, lambda v: f'ObjectId("{v}")'),
    (Decimal128, lambda v: f'NumberDecimal("{v}")'),
    (Timestamp, lambda v: f"Timestamp({v.time}, {v.inc})"),
    ((Regex, re.Pattern), _regex_text),
    (MinKey, lambda _: "MinKey()"),
    (MaxKey, lambda _: "MaxKey()"),
    (uuid.UUID, lambda v: f'UUID("{v}")'),
    (bytes, lambda v: f'BinData({getattr(v, "subtype", 0)}, "{base64.b64encode(v).decode()}")'),
    (Cut, lambda _: "…"),
)


def _iso(moment: datetime) -> str:
    if moment.tzinfo:
        moment = moment.astimezone(UTC)
    return moment.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"
