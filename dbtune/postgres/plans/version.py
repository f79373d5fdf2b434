"""Which version of PostgreSQL a plan is from, as far as its keys tell."""

from __future__ import annotations

from collections.abc import Iterable

_SINCE = {
    "JIT": 11,
    "Settings": 12,
    "WAL Records": 13,
    "HashAgg Batches": 13,
    "Planning": 13,
    "Full-sort Groups": 13,
    "Async Capable": 14,
    "Cache Mode": 14,
    "Query Identifier": 14,
    "Temp I/O Read Time": 15,
    "Run Condition": 15,
    "Query Parameters": 16,
    "Shared I/O Read Time": 17,
    "Local I/O Read Time": 17,
    "Serialization": 17,
    "Disabled": 18,
    "Index Searches": 18,
    "Storage": 18,
    "Window": 18,
    "WAL Buffers Full": 18,
}


def oldest_version(keys: Iterable[str]) -> int | None:
    """The oldest major version that prints these keys; ``None`` if all are older than 11."""
    return max((_SINCE[key] for key in keys if key in _SINCE), default=None)
