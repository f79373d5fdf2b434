"""How large hash and BRIN indexes would be if they were built anew, from statistics alone."""

from __future__ import annotations

import math

from dbtune.postgres.bloat.facts import Estimate, IndexShape, Method, Relation
from dbtune.postgres.bloat.heap_model import Rows
from dbtune.postgres.bloat.layout import BLOCK_BYTES

_PER_BUCKET = 307  # fillfactor 75 of a page of entries of 20 bytes (hashpage.c, _hash_init)
_PER_PAGE = 407
_SPLIT_IN_PHASES = 1024
"""From so many buckets on they grow by quarters of a power of two (hashutil.c)."""


def estimate_hash(relation: Relation, shape: IndexShape, rows: Rows) -> Estimate:
    """A hash index: buckets for its rows, and pages for what is too much for one."""
    column = shape.columns[0]
    number = rows.number * (1 - (column.null_ratio or 0.0))
    distinct = column.n_distinct
    keys = number
    if distinct is not None:
        keys = distinct if distinct > 0 else -distinct * rows.number
    fill = relation.fillfactor(75)
    per_bucket = _PER_BUCKET * fill / 75
    likely = min(hash_pages(number, keys, per_bucket) * BLOCK_BYTES, float(relation.size_bytes))
    known = distinct is not None or shape.unique
    error = rows.error + (0.03 if keys > 0.5 * number and known else 0.25)
    return Estimate(
        relation,
        Method.statistics,
        likely,
        low_bytes=max(0.0, likely * (1 - error) - 2 * BLOCK_BYTES),
        # One row more may double the number of buckets.
        high_bytes=min(float(relation.size_bytes), likely * (1 + error) + 2 * BLOCK_BYTES),
        rows=number,
        note=rows.note or ("" if known else "how often its keys repeat is not known"),
    )


def hash_pages(rows: float, keys: float, per_bucket: float = _PER_BUCKET) -> float:
    """Pages of a fresh hash index of so many rows with so many different keys."""
    wanted = max(2.0, rows / per_bucket)
    power = 2.0 ** math.floor(math.log2(wanted))
    step = power / 4 if power >= _SPLIT_IN_PHASES else power
    buckets = power + math.ceil((wanted - power) / step) * step
    each = rows / max(1.0, keys)
    # How many keys fall into a bucket is left to chance; more than a page of rows overflows.
    mean = keys / buckets
    spread = math.sqrt(mean)
    overflow, total = 0.0, 0.0
    for place in range(-40, 41):
        held, weight = mean + place / 8 * spread, math.exp(-((place / 8) ** 2) / 2)
        overflow += weight * math.ceil(max(0.0, held * each - _PER_PAGE) / _PER_PAGE)
        total += weight
    return buckets * (1 + overflow / total) + 2 + buckets / 30_000


def estimate_brin(relation: Relation, rows: Rows) -> Estimate:
    """A BRIN index has one entry for many pages, and reuses its places."""
    size = float(relation.size_bytes)
    return Estimate(
        relation,
        Method.statistics,
        size,
        low_bytes=max(0.0, size / 2 - 2 * BLOCK_BYTES),
        high_bytes=size,
        rows=rows.number,
        note="a BRIN index hardly bloats",
    )
