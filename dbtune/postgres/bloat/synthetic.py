"""Rows made up from column statistics: what their lengths are like, without reading any.

Each column's values are spread over the rows so that its share of NULLs, its mean and its
distribution of lengths are what ANALYZE found; columns are spread independently of each other.
Then the rows are laid out byte by byte as the server does.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence

from dbtune.postgres.bloat.facts import Stored
from dbtune.postgres.bloat.layout import align, heap_header, is_short

ROWS = 251
"""How many; a prime, so that any step visits all of them."""
_SPREAD = 0.25
NULL = -1
"""The size of NULL."""


def heap_lengths(columns: Sequence[Stored], attributes: int, dropped: int) -> list[int]:
    """Lengths of rows of a table after a rewrite, which sets dropped columns to NULL."""
    values = [_values(column, step) for step, column in enumerate(columns)]
    if all(len(set(one)) == 1 for one in values):
        return [_heap_length([one[0] for one in values], columns, attributes, dropped > 0)]
    return [
        _heap_length(row, columns, attributes, dropped > 0) for row in zip(*values, strict=True)
    ]


def entry_lengths(columns: Sequence[Stored]) -> list[int]:
    """Lengths of entries of an index, header and alignment included."""
    values = [_values(column, step) for step, column in enumerate(columns)]
    return [entry_length(row, columns) for row in zip(*values, strict=True)]


def _heap_length(
    sizes: Sequence[int], columns: Sequence[Stored], attributes: int, dropped: bool
) -> int:
    nulls = dropped or NULL in sizes
    return heap_header(attributes, nulls=nulls) + data_bytes(sizes, columns)


def entry_length(sizes: Sequence[int], columns: Sequence[Stored]) -> int:
    """Length of an entry whose values have these sizes; -1 is NULL."""
    header = 16 if NULL in sizes else 8
    return align(header + data_bytes(sizes, columns))


def data_bytes(sizes: Sequence[int], columns: Sequence[Stored]) -> int:
    """What the values of one row take, each at its alignment; a size of -1 is NULL."""
    at = 0
    for size, column in zip(sizes, columns, strict=True):
        if size == NULL:
            continue
        packed = column.type_length == -1 and column.storage != "p" and is_short(size)
        at = (at if packed else align(at, column.alignment)) + size
    return at


def _values(column: Stored, number: int) -> list[int]:
    """A column's sizes row by row, NULL as -1."""
    nulls = round((column.null_ratio or 0.0) * ROWS)
    sizes = list(_spread(column, ROWS - nulls)) + [NULL] * nulls
    step = (number * 67 + 103) % ROWS or 1
    return [sizes[row * step % ROWS] for row in range(ROWS)]


def _spread(column: Stored, count: int) -> Iterator[int]:
    """Sizes of so many values that are not NULL."""
    if column.type_length >= 0:
        yield from [column.type_length] * count
        return
    shape = _fitted(_shape(column), column)
    if not shape:
        yield from [max(1, round(column.average_bytes or 1.0))] * count
        return
    places = itertools.accumulate(weight for _, weight in shape)
    left, place, reached = 0.0, -1, 0.0
    for row in range(count):
        while reached <= (row + 0.5) / count and place < len(shape) - 1:
            place, reached = place + 1, next(places)
        wanted = shape[place][0] + left
        size = max(1, round(wanted))
        left = wanted - size
        yield size


def _shape(column: Stored) -> list[tuple[float, float]]:
    """Lengths with their shares of the values that are not NULL, the shortest first."""
    present = 1.0 - (column.null_ratio or 0.0)
    shape: list[tuple[float, float]] = []
    if len(column.common_lengths) == len(column.common_ratios) and present > 0:
        shape = [
            (length, ratio / present)
            for length, ratio in zip(column.common_lengths, column.common_ratios, strict=True)
        ]
    rest = 1.0 - sum(weight for _, weight in shape)
    if column.lengths:
        shape += [(length, rest / len(column.lengths)) for length in column.lengths]
    elif rest > 0.05 and (column.average_bytes or 0) >= 2:
        mean = column.average_bytes or 0.0
        low, high = mean * (1 - _SPREAD), mean * (1 + _SPREAD)
        shape += [(low + (high - low) * step / 16, rest / 17) for step in range(17)]
    total = sum(weight for _, weight in shape)
    return [(length, weight / total) for length, weight in sorted(shape)] if total > 0 else []


def _fitted(shape: list[tuple[float, float]], column: Stored) -> list[tuple[float, float]]:
    """The lengths with their mean made the one that ANALYZE found, which is cut to whole bytes.

    The mean of an index's ``name`` is of the padded form in the table.
    """
    mean = column.average_bytes
    if mean is None or not shape or column.type_length == -2:
        return shape
    centre = sum(length * weight for length, weight in shape)
    if mean - 0.2 <= centre <= mean + 1.2:
        return shape
    wanted = mean + 0.5
    if not shape[0][0] < wanted < shape[-1][0]:
        # The histogram leaves out the longest values: the mean knows of them.
        return [(length * wanted / centre, weight) for length, weight in shape]
    span = shape[-1][0] - shape[0][0]
    low, high = -60.0 / span, 60.0 / span
    tilted = shape
    for _ in range(40):  # other weights for the same lengths: the least change that fits
        tilt = (low + high) / 2
        weights = [weight * math.exp(tilt * (length - centre)) for length, weight in shape]
        total = sum(weights)
        tilted = [(length, one / total) for (length, _), one in zip(shape, weights, strict=True)]
        if sum(length * weight for length, weight in tilted) < wanted:
            low = tilt
        else:
            high = tilt
    return tilted
