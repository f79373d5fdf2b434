"""How large a hypothetical index is for the planner: HypoPG's formulas, so that costs agree.

Its b-trees are too large since PostgreSQL 13 stores equal keys once; what is told to people comes
from a better model. HypoPG has none for GIN and GiST: those here are rules of thumb.
Source: hypo_estimate_index in hypopg_index.c.
"""

from __future__ import annotations

import re
from math import ceil
from typing import NamedTuple

from dbtune.postgres.lab.storage import BLOCK_BYTES

_HEADER_BYTES = 24
_SPECIAL_BYTES = 16


class Contents(NamedTuple):
    """What is in an index.

    Attributes:
        rows: entries.
        table_pages: blocks of the table.
        width_bytes: sum of the average widths of its columns.
        columns: how many, included ones too.
        elements: keys that GIN makes of a row.
    """

    rows: float
    table_pages: int
    width_bytes: float
    columns: int
    elements: float = 1.0


def index_pages(method: str, contents: Contents, options: str = "") -> int:
    """Blocks of an index, at least 1.

    Args:
        method: of access.
        contents: what it holds.
        options: storage parameters as SQL.
    """
    chosen = {name.lower(): int(value) for name, value in _OPTION.findall(options)}
    model = _MODELS.get(method, _gist)
    return max(1, int(model(contents, chosen)))


_OPTION = re.compile(r"(\w+)\s*=\s*'?(\d+)")


def _btree(contents: Contents, options: dict[str, int]) -> float:
    line = int(contents.width_bytes) + 8 * contents.columns + ceil(contents.columns / 2) * 8
    bloat = (200 - options.get("fillfactor", 90) + 20) / 100
    return contents.rows * line * bloat / (BLOCK_BYTES - _HEADER_BYTES - _SPECIAL_BYTES)


def _brin(contents: Contents, options: dict[str, int]) -> float:
    ranges = contents.table_pages // options.get("pages_per_range", 128) + 1
    summary = 8 + 2 * int(contents.width_bytes)
    return 2 + ranges // 1360 + summary * ranges // (BLOCK_BYTES - _HEADER_BYTES) + 1


def _hash(contents: Contents, options: dict[str, int]) -> float:
    per_page = max(10, BLOCK_BYTES * options.get("fillfactor", 75) // 100 // 20)
    buckets = _buckets(contents.rows / per_page)
    overflow = max(0, int((contents.rows - buckets * per_page) / per_page + 1))
    return buckets + overflow + max(1, overflow // 4096) + 1


def _buckets(wanted: float) -> int:
    """The buckets that a hash index gets: powers of two, above 512 also quarters between."""
    if wanted <= 2:
        return 2
    group = (int(wanted) - 1).bit_length()
    if group < 10:
        return 1 << group
    quarter = (int(wanted) - 1) >> (group - 3) & 3
    half = 1 << (group - 1)
    return half + (half >> 2) * (quarter + 1)


def _gin(contents: Contents, _: dict[str, int]) -> float:
    # Posting lists hold compressed row numbers: 2 bytes if they are close together, up to 6.
    return 2 + contents.rows * contents.elements * 4 / (BLOCK_BYTES - _HEADER_BYTES)


def _gist(contents: Contents, _: dict[str, int]) -> float:
    line = 12 + ceil(contents.width_bytes / 8) * 8
    return 1 + contents.rows * line / (BLOCK_BYTES * 0.7)


def _bloom(contents: Contents, _: dict[str, int]) -> float:
    return 1 + ceil(contents.rows * 16 / (BLOCK_BYTES - _HEADER_BYTES - 8))


_MODELS = {"btree": _btree, "brin": _brin, "hash": _hash, "gin": _gin, "bloom": _bloom}
