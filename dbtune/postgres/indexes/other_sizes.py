"""Sizes of indexes that are no b-trees: roughly, within wide bounds.

Sources: ``hashutil.c`` and ``hashpage.c`` (a bucket of 307 entries a page to begin with, buckets in
powers of two and quarters of them), ``brin_revmap.c`` (1,360 ranges a page).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence

from dbtune.postgres.indexes.entry_widths import Stored
from dbtune.postgres.indexes.gin_sizes import GinKey, gin_bytes
from dbtune.postgres.indexes.index_keys import Heap, KeyFacts
from dbtune.postgres.relations.facts import Column
from dbtune.postgres.relations.index_size import BLOCK_BYTES

_HASH_PER_BUCKET = 307
_HASH_PER_PAGE = 407
_BRIN_MAP = 1360


def other_bytes(
    method: str, facts: Sequence[KeyFacts], rows: float, heap: Heap, options: Mapping[str, str]
) -> tuple[float, float, float]:
    """The least, likely and most bytes of an index that is no b-tree."""
    keys = [one.stored for one in facts]
    if method == "hash":
        likely = _hash(rows)
        return likely * 0.8, likely, likely * 1.3
    if method == "brin":
        likely = _brin(keys, heap, options)
        return likely / 2, likely, likely * 2
    if method == "gin":
        likely = gin_bytes([_gin_key(one, heap) for one in facts], rows, heap.blocks)
        return likely / 3, likely, likely * 3
    width = sum(one.length_bytes if one.length_bytes > 0 else 24 for one in keys)
    likely = rows * (math.ceil((8 + width) / 8) * 8 + 4) / 0.75
    return likely / 2, likely, likely * 2


def _gin_key(facts: KeyFacts, heap: Heap) -> GinKey:
    """A key by the column that it is made of, of an expression the widest whose name it has."""
    source = heap.table.column.get(facts.column)
    if source is None:
        words = re.findall(r"\w+", facts.sql)
        named = [heap.table.column[word] for word in words if word in heap.table.column]
        source = max(named, key=_width, default=None)
    base, statistics = (source.base_type, source.statistics) if source else ("", None)
    return GinKey(facts.column or facts.sql, facts.operator_class, base, statistics)


def _width(column: Column) -> int:
    return column.statistics.average_width_bytes if column.statistics else 0


def _hash(rows: float) -> float:
    buckets = max(2.0, rows / _HASH_PER_BUCKET)
    power = 2 ** math.floor(math.log2(buckets))
    step = power / 4 if power >= 1024 else power
    buckets = power + math.ceil((buckets - power) / step) * step
    overflow = max(0.0, rows / buckets - _HASH_PER_PAGE) / _HASH_PER_PAGE * buckets
    return float(buckets + overflow + 2 + buckets / 30_000) * BLOCK_BYTES


def _brin(keys: Sequence[Stored], heap: Heap, options: Mapping[str, str]) -> float:
    ranges = math.ceil(heap.blocks / int(options.get("pages_per_range", 128))) or 1
    width = sum(2 * (one.length_bytes if one.length_bytes > 0 else 24) for one in keys)
    entry = math.ceil((8 + width) / 8) * 8 + 4
    pages = 1 + math.ceil(ranges / _BRIN_MAP) + math.ceil(ranges * entry / 8100)
    return pages * BLOCK_BYTES
