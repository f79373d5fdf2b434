"""Rows made up from column statistics: what their lengths are like, without reading any.

Each column's values are spread over the rows so that its share of NULLs, its mean and its
distribution of lengths are what ANALYZE found; columns are spread independently of each other.
Then the rows are laid out byte by byte as the server does.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections import Counter
from collections.abc import Iterator, Sequence

from dbtune.postgres.bloat.facts import Stored
from dbtune.postgres.bloat.layout import LONGEST_SHORT, align, heap_header

ROWS = 127
"""How many; a prime, so that any step visits all of them."""
_SPREAD = 0.25
NULL = -1
"""The size of NULL."""


def heap_lengths(columns: Sequence[Stored], attributes: int, dropped: int) -> list[int]:
    """Lengths of rows of a table after a rewrite, which sets dropped columns to NULL.

    One length if all rows are alike.
    """
    values = _rows(columns)
    plain = heap_header(attributes, nulls=False)
    with_nulls = heap_header(attributes, nulls=True)
    lengths = [with_nulls if dropped or null else plain for null in _any_null(values)]
    return [header + data for header, data in zip(lengths, _data(values, columns), strict=True)]


def entry_lengths(columns: Sequence[Stored]) -> list[int]:
    """Lengths of entries of an index, header and alignment included; one if all are alike."""
    values = _rows(columns)
    return [
        align((16 if null else 8) + data)
        for null, data in zip(_any_null(values), _data(values, columns), strict=True)
    ]


def _rows(columns: Sequence[Stored]) -> list[Sequence[int]]:
    """Sizes by column, of each row; of one row if all are alike."""
    values = [_values(column, step) for step, column in enumerate(columns)]
    alike = all(one[0] == one[-1] for one in (_sizes(column) for column in columns))
    return [one[:1] for one in values] if alike else values


def _any_null(values: Sequence[Sequence[int]]) -> list[bool]:
    """Of each row whether any of its values is NULL."""
    nullable = [one for one in values if NULL in one]
    if not nullable:
        return [False] * len(values[0]) if values else [False]
    return [NULL in row for row in zip(*nullable, strict=True)]


def _data(values: Sequence[Sequence[int]], columns: Sequence[Stored]) -> list[int]:
    """What the values of each row take: as :func:`data_bytes`, a column of all rows at a time."""
    ends = [0] * (len(values[0]) if values else 1)
    for sizes, column in zip(values, columns, strict=True):
        to, longest_packed = column.alignment - 1, -1
        if column.type_length == -1 and column.storage != "p":
            longest_packed = LONGEST_SHORT
        ends = [
            at
            if size == NULL
            else at + size
            if size <= longest_packed or not to
            else ((at + to) & ~to) + size
            for at, size in zip(ends, sizes, strict=True)
        ]
    return ends


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
        packed = column.type_length == -1 and column.storage != "p" and size <= LONGEST_SHORT
        at = (at if packed else align(at, column.alignment)) + size
    return at


def _values(column: Stored, number: int) -> Sequence[int]:
    """A column's sizes row by row, NULL as -1."""
    sizes = _sizes(column)
    if sizes[0] == sizes[-1]:
        return sizes
    return [sizes[row] for row in _order((number * 67 + 103) % ROWS or 1)]


@functools.lru_cache(512)
def usual_size(column: Stored) -> int:
    """The mean size of a column's values that are not NULL."""
    if column.type_length >= 0:
        return column.type_length
    sizes = list(_spread(column, ROWS))
    return round(sum(sizes) / len(sizes))


@functools.lru_cache(512)
def _sizes(column: Stored) -> tuple[int, ...]:
    """A column's sizes, the shortest first, NULL as -1 last."""
    nulls = round((column.null_ratio or 0.0) * ROWS)
    return (*_spread(column, ROWS - nulls), *[NULL] * nulls)


@functools.lru_cache(ROWS)
def _order(step: int) -> tuple[int, ...]:
    return tuple(row * step % ROWS for row in range(ROWS))


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
        each = rest / len(column.lengths)
        shape += [(length, each * times) for length, times in Counter(column.lengths).items()]
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
    return _tilted(shape, centre, wanted)


def _tilted(
    shape: list[tuple[float, float]], centre: float, wanted: float
) -> list[tuple[float, float]]:
    """Other weights for the same lengths: the least change that makes their mean the wanted one."""
    span = shape[-1][0] - shape[0][0]
    low, high, tilt = -60.0 / span, 60.0 / span, 0.0
    tilted = shape
    for _ in range(40):  # Newton's steps, halving where they leave the bounds
        weights = [weight * math.exp(tilt * (length - centre)) for length, weight in shape]
        total = sum(weights)
        tilted = [(length, one / total) for (length, _), one in zip(shape, weights, strict=True)]
        mean = sum(length * weight for length, weight in tilted)
        if abs(mean - wanted) < 1e-3:
            break
        low, high = (tilt, high) if mean < wanted else (low, tilt)
        variance = sum((length - mean) ** 2 * weight for length, weight in tilted)
        step = tilt + (wanted - mean) / variance if variance > 1e-9 else low
        tilt = step if low < step < high else (low + high) / 2
    return tilted
