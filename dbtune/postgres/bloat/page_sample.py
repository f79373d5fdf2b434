"""How large GIN, GiST and SP-GiST indexes would be if they were built anew, by how full pages are.

What they hold is what their pages hold; how full a fresh one is depends on its data. The shares
were measured on indexes of arrays, jsonb, trigrams, ranges, points and texts: see ``FRESH``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import LiteralString, NamedTuple

from psycopg import sql

from dbtune.postgres.bloat.facts import Estimate, Method, Relation
from dbtune.postgres.bloat.heap_model import Rows
from dbtune.postgres.bloat.heap_sample import choose, count_blocks
from dbtune.postgres.bloat.layout import BLOCK_BYTES
from dbtune.postgres.session import Transaction

BLOCKS = 200
_ROOM = 8152.0
_QUANTILE = 2.3


class Fresh(NamedTuple):
    """How full pages of a fresh index are: at least, usually, at most."""

    low: float
    likely: float
    high: float


FRESH = {
    "gin": Fresh(0.46, 0.56, 0.85),
    "gist": Fresh(0.42, 0.72, 1.0),
    "spgist": Fresh(0.76, 1.2, 3.0),  # a fresh one holds less: no tuples of nodes that were moved
}
_FLAGS: dict[str, LiteralString] = {
    "gin": "SELECT 'deleted' = ANY(f.flags) AS gone FROM {schema}.gin_page_opaque_info(g.page) f",
    "gist": "SELECT 'deleted' = ANY(f.flags) AS gone FROM {schema}.gist_page_opaque_info(g.page) f",
    "spgist": "SELECT false AS gone",
}


@dataclass(frozen=True)
class Sample:
    """Pages that were read.

    Attributes:
        pages: how many the index has, but for the first, which describes it.
        used: bytes in use in each of those that were read; of deleted pages none.
    """

    pages: int
    used: tuple[float, ...]


def read_sample(
    transaction: Transaction, relation: Relation, method: str, schema: str, version: int
) -> Sample:
    """Read pages of an index.

    Raises:
        psycopg.Error: it can't be read.
    """
    name = sql.Identifier(relation.schema, relation.name).as_string(None)
    pages = count_blocks(transaction, relation) - 1
    chosen = [block + 1 for block in choose(pages, BLOCKS, relation.oid)]
    flags = _FLAGS[method if method != "gist" or version >= 140000 else "spgist"]
    query = sql.SQL(
        "SELECT CASE WHEN d.gone THEN 0 ELSE greatest(0, {room} - (h.upper - h.lower)) END AS used"
        " FROM unnest({blocks}::int[]) b(number)"
        " CROSS JOIN LATERAL {schema}.get_raw_page({index}, 'main', b.number) g(page)"
        " CROSS JOIN LATERAL {schema}.page_header(g.page) h"
        " CROSS JOIN LATERAL (" + flags + ") d"
    ).format(
        room=sql.Literal(round(_ROOM)),
        blocks=sql.Literal(chosen),
        schema=sql.Identifier(schema),
        index=sql.Literal(name),
    )
    return Sample(pages, tuple(float(row["used"]) for row in transaction.rows(query)))


def estimate(
    sample: Sample, relation: Relation, method: str, rows: Rows, dead_rows: float
) -> Estimate:
    """The index built anew.

    Args:
        sample: pages of it.
        relation: the index.
        method: its access method.
        rows: rows that it has entries for.
        dead_rows: rows of its table that VACUUM has not removed: it has entries for them, too.
    """
    read = len(sample.used)
    live = rows.number / max(1.0, rows.number + dead_rows)
    mean = sum(sample.used) / max(1, read)
    variance = sum((one - mean) ** 2 for one in sample.used) / max(1, read - 1)
    left = math.sqrt(max(0.0, 1 - read / max(1, sample.pages)))
    error = _QUANTILE * math.sqrt(variance / max(1, read)) * left
    fresh, size = FRESH[method], float(relation.size_bytes)

    def built(used: float, full: float) -> float:
        pages = used / _ROOM * sample.pages * live / full
        return min(size, (pages + 1) * BLOCK_BYTES)

    return Estimate(
        relation,
        Method.sample,
        built(mean, fresh.likely),
        low_bytes=max(0.0, built(max(0.0, mean - error), fresh.high) - 2 * BLOCK_BYTES),
        high_bytes=min(size, built(mean + error, fresh.low) + 2 * BLOCK_BYTES),
        rows=rows.number,
        note=f"how full a fresh {method} index is depends on its data: a rough estimate",
        pages_read=read,
    )
