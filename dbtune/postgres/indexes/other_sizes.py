"""Sizes of indexes that are no b-trees: roughly, within wide bounds.

Sources: ``hashutil.c`` and ``hashpage.c`` (a bucket of 307 entries a page to begin with, buckets in
powers of two and quarters of them), ``brin_revmap.c`` (1,360 ranges a page), ``ginpostinglist.c``
(rows are kept as distances in 7-bit groups).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from dbtune.postgres.indexes.entry_widths import Stored
from dbtune.postgres.indexes.index_keys import Heap
from dbtune.postgres.relations.index_size import BLOCK_BYTES

_HASH_PER_BUCKET = 307
_HASH_PER_PAGE = 407
_BRIN_MAP = 1360
_GIN_PAGE = 8000
_DEFAULT_ELEMENTS = 5.0
_TRIGRAMS = 10_000.0


def other_bytes(
    method: str, keys: Sequence[Stored], rows: float, heap: Heap, options: Mapping[str, str]
) -> tuple[float, float, float]:
    """The least, likely and most bytes of an index that is no b-tree."""
    if method == "hash":
        likely = _hash(rows)
        return likely * 0.8, likely, likely * 1.3
    if method == "brin":
        likely = _brin(keys, heap, options)
        return likely / 2, likely, likely * 2
    if method == "gin":
        likely = _gin(keys, rows, heap)
        return likely / 3, likely, likely * 3
    width = sum(one.length_bytes if one.length_bytes > 0 else 24 for one in keys)
    likely = rows * (math.ceil((8 + width) / 8) * 8 + 4) / 0.75
    return likely / 2, likely, likely * 2


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


def _gin(keys: Sequence[Stored], rows: float, heap: Heap) -> float:
    """Elements' lists of rows, each row as long as its distance from the one before."""
    total = 0.0
    for one in keys:
        statistics = one.statistics
        elements, different = _DEFAULT_ELEMENTS, rows
        if one.base_type in ("text", "varchar") and statistics and not one.computed:
            # gin_trgm_ops: a trigram begins at each character, and two before the first.
            elements = statistics.average_width_bytes + 1.0
            different = min(rows, _TRIGRAMS)
            statistics = None
        if statistics:
            elements = max(1.0, sum(statistics.element_ratios), statistics.average_width_bytes / 12)
            if statistics.element_values:
                different = max(1.0, len(statistics.element_values) * 10.0)
        references = rows * elements
        different = min(different, references)
        places = max(1.0, heap.blocks * 2048)
        distance = max(1.0, places * different / max(1.0, references))
        each = max(1, math.ceil(math.log2(distance) / 7)) if references > different else 0
        total += different * 24 + references * each
    return (total / _GIN_PAGE / 0.9 + 2) * BLOCK_BYTES
