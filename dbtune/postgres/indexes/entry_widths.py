"""How wide the entries of an index are: samples of what its columns take in it.

Source: ``index_form_tuple`` and ``heap_compute_data_size``: columns are aligned, but short values
of varying length (up to 126 bytes) have a header of one byte and no alignment.
"""

from __future__ import annotations

import math
import random
import re
from collections.abc import Sequence
from typing import NamedTuple

from dbtune.postgres.relations.facts import ColumnStatistics
from dbtune.postgres.relations.index_size import entry_bytes

SAMPLES = 240
"""How many entries are made up."""
_SHORT = 126
_TEXTS = frozenset(("text", "varchar", "bpchar", "citext", "json", "xml"))
_NUMBER = re.compile(r"-?(\d+)(?:\.(\d+))?")
_UNKNOWN_BYTES = 32
"""What the planner assumes of a type of varying length (get_typavgwidth)."""


class Stored(NamedTuple):
    """A column as an index stores it.

    Attributes:
        base_type: name of its type without modifier and domain.
        length_bytes: typlen; below 0 for types of varying length.
        alignment_bytes: 1, 2, 4 or 8.
        plain: whether its storage is plain: values of varying length keep a header of 4 bytes.
        statistics: what is known of its values.
        computed: of an expression: its statistics count a header of 4 bytes for short values.
    """

    base_type: str
    length_bytes: int
    alignment_bytes: int
    plain: bool
    statistics: ColumnStatistics | None
    computed: bool = False


def entry_lengths(columns: Sequence[Stored]) -> list[int]:
    """Lengths of entries, as they are distributed if columns vary independently."""
    drawn = [_drawn(column, seed) for seed, column in enumerate(columns)]
    if all(len(set(widths)) == 1 for widths in drawn):
        drawn = [widths[:1] for widths in drawn]
    return [_length(columns, widths) for widths in zip(*drawn, strict=True)]


def _length(columns: Sequence[Stored], widths: Sequence[int | None]) -> int:
    offset, nulls = 0, False
    for column, width in zip(columns, widths, strict=True):
        if width is None:
            nulls = True
            continue
        varying = column.length_bytes < 0
        if not (varying and not column.plain and width <= _SHORT + 1):
            offset = math.ceil(offset / column.alignment_bytes) * column.alignment_bytes
        offset += width
    return entry_bytes(offset, nulls=nulls)


def _drawn(column: Stored, seed: int) -> list[int | None]:
    """Widths of a column in each made-up entry, in an order of its own; ``None`` is NULL."""
    statistics = column.statistics
    nulls = round((statistics.null_ratio if statistics else 0.0) * SAMPLES)
    found: list[int | None] = [None] * nulls
    widths = _widths(column)
    count = SAMPLES - nulls
    total = sum(share for _, share in widths)
    reached, placed = 0.0, 0
    for width, share in widths:
        reached += share
        upto = round(reached / total * count)
        found += [width] * (upto - placed)
        placed = upto
    random.Random(seed).shuffle(found)  # noqa: S311 - the same answer each time
    return found


def _widths(column: Stored) -> list[tuple[int, float]]:
    """Widths of values that are not NULL, and how often each occurs."""
    if column.base_type == "name":  # an index keeps only as much as there is
        return _of_values(column, lambda value: len(value.encode()) + 1) or [(20, 1.0)]
    if column.length_bytes > 0:
        return [(column.length_bytes, 1.0)]
    statistics = column.statistics
    if statistics is None:
        return _around(_UNKNOWN_BYTES)
    # Long values are in no list: if the mean is another, what is listed is not what there is.
    return _listed(column) or _around(round(_mean(column)))


def is_measured(column: Stored) -> bool:
    """Whether widths come from the column's values, and not from their mean alone."""
    return column.length_bytes > 0 or bool(_listed(column))


def _listed(column: Stored) -> list[tuple[int, float]]:
    measured = _of_values(column, _stored_bytes(column.base_type))
    total = sum(share for _, share in measured)
    if not total:
        return []
    mean = sum(width * share for width, share in measured) / total
    return measured if 0.8 < mean / max(_mean(column), 1) < 1.25 else []


def _mean(column: Stored) -> float:
    average = float(column.statistics.average_width_bytes) if column.statistics else 0.0
    return average - 3 if column.computed and average <= _SHORT + 4 else average


def _of_values(column: Stored, size: object) -> list[tuple[int, float]]:
    statistics = column.statistics
    if statistics is None or not callable(size):
        return []
    common = list(zip(statistics.common_values, statistics.common_ratios, strict=False))
    found = [(int(size(value)), float(ratio)) for value, ratio in common]
    rest = max(0.0, 1 - statistics.null_ratio - sum(statistics.common_ratios))
    bounds = statistics.histogram
    if bounds and rest > 0:
        found += [(int(size(value)), rest / len(bounds)) for value in bounds]
    elif rest > 0.05 and found:
        return []
    return found


def _around(width: int) -> list[tuple[int, float]]:
    """Widths of values of which only the mean is known: any remainder of 8 is as likely."""
    low = max(1, width - 3)
    return [(each, 1.0) for each in range(low, low + 8)]


def _stored_bytes(base_type: str) -> object:
    if base_type in _TEXTS:
        return _text_bytes
    if base_type == "numeric":
        return _numeric_bytes
    if base_type == "bytea":
        return lambda value: _with_header(max(0, len(value) - 2) // 2)
    return None


def _text_bytes(value: str) -> int:
    return _with_header(len(value.encode("utf-8", "replace")))


def _with_header(size: int) -> int:
    return size + (1 if size <= _SHORT else 4)


def _numeric_bytes(value: str) -> int:
    """A numeric: a header of 3 bytes, and 2 for each four decimal digits but zeros at its ends."""
    match = _NUMBER.fullmatch(value)
    if not match:
        return 3
    whole, fraction = match[1].lstrip("0"), (match[2] or "").rstrip("0")
    groups = math.ceil(len(whole) / 4) + math.ceil(len(fraction) / 4)
    if not fraction:
        groups -= (len(whole) - len(whole.rstrip("0"))) // 4
    elif not whole:
        groups -= (len(fraction) - len(fraction.lstrip("0"))) // 4
    return 3 + 2 * max(0, groups)
