"""Values of raw keys, as the model has them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dbtune.postgres.plans.keys import number, text

Raw = Mapping[str, Any]
"""What a format gave: the keys and nesting of FORMAT JSON, with values of any type."""

BUFFERS = {
    f"{kind} {what} Blocks": f"{kind}_{what}".lower()
    for kind in ("Shared", "Local", "Temp")
    for what in ("Hit", "Read", "Dirtied", "Written")
    if kind != "Temp" or what in ("Read", "Written")
}
IO = {
    f"{kind}I/O {what} Time": f"{kind.strip() or 'shared'}_{what}_ms".lower()
    for kind in ("", "Shared ", "Local ", "Temp ")
    for what in ("Read", "Write")
}
WAL = {
    "WAL Records": "records",
    "WAL FPI": "fpi",
    "WAL Bytes": "bytes",
    "WAL Buffers Full": "buffers_full",
}


def name(raw: Raw, key: str) -> str | None:
    """A text that is not empty, or ``None``."""
    value = raw.get(key)
    if value is None or value == "":
        return None
    return ", ".join(map(text, value)) if isinstance(value, list) else text(value)


def positive(value: object) -> float | None:
    """A number that is not below 0, or ``None``."""
    found = number(value)
    return None if found is None else max(0.0, found)


def counters(kind: Any, raw: Raw, keys: Mapping[str, str]) -> Any:
    """Counters that are not all zero, or ``None``."""
    found = {field: value for key, field in keys.items() if (value := positive(raw.get(key)))}
    return kind(**found) if found else None


def items(value: object) -> list[Any]:
    """A list; nothing for anything else."""
    return value if isinstance(value, list) else []
