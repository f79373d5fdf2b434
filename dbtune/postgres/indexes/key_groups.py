"""How rows share the keys of an index: what deduplication can save.

A column is a list of :class:`Share`: values, each with the same share of the rows. Columns combine
as if they were independent, unless it is known how many combinations there are.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from dbtune.postgres.relations.facts import ColumnStatistics, Frequency
from dbtune.postgres.relations.index_size import Equal, chance_rate

_UNCERTAIN = 1.5
"""Factor by which ANALYZE's number of different values may be off, if many occur but once."""


class Share(NamedTuple):
    """So many values of which each has the same share of all rows."""

    ratio: float
    values: float


class Distinct(NamedTuple):
    """A number of different values, and between which numbers it surely is."""

    likely: float
    fewest: float
    most: float

    def at(self, which: int) -> float:
        """The likely one (0), the fewest (-1) or the most (1)."""
        return (self.likely, self.most, self.fewest)[which]


def unique(rows: float) -> Distinct:
    """Each row has a value of its own."""
    return Distinct(rows, rows, rows)


def distinct_values(
    statistics: ColumnStatistics, rows: float, blocks: float, sampled_rows: float
) -> Distinct:
    """How many different values a column has, NULL being none, by what ANALYZE says.

    Args:
        statistics: of the column.
        rows: of its table.
        blocks: of its table.
        sampled_rows: how many rows ANALYZE looks at: 300 times the statistics target.
    """
    given = statistics.n_distinct
    number = max(1.0, given if given > 0 else -given * rows)
    # ANALYZE leaves NULLs aside, and so does what follows.
    sampled_rows = min(rows, sampled_rows) * (1 - statistics.null_ratio)
    rows *= 1 - statistics.null_ratio
    if number > 0.999 * rows:
        return unique(max(1.0, rows))
    if number <= sampled_rows / 10 or rows <= sampled_rows:
        return Distinct(number, max(1.0, number * 0.98), min(rows, number * 1.02))
    if abs(statistics.correlation or 0) > 0.9 and blocks > sampled_rows:
        number = _together(number, rows, blocks / rows, sampled_rows)
    else:
        number = _by_chance(number, statistics, rows, sampled_rows)
    return Distinct(number, number / _UNCERTAIN, min(rows, number * _UNCERTAIN))


# ANALYZE estimates n d / (n - f + f n / N) from n of N rows with d different values of which f
# occur once (Haas and Stokes' Duj1). How it errs is known for each way in which values may lie:
# the number of values is searched of which it would have made its estimate.


def _together(given: float, rows: float, picked: float, sampled: float) -> float:
    """Equal values lie together: ANALYZE, which looks at as many blocks as rows, meets them again.

    Args:
        given: its estimate.
        rows: of the table.
        picked: the share of rows that it picks of a block that it looks at.
        sampled: rows that it looks at.
    """

    def estimate(values: float) -> float:
        size = rows / values
        once = (1 - picked) ** (size - 1)
        different = -math.expm1(size * math.log1p(-picked)) / (size * picked)
        return float(sampled * different / (1 - once * (1 - sampled / rows)))

    return _searched(estimate, given, given, rows)


def _by_chance(given: float, statistics: ColumnStatistics, rows: float, sampled: float) -> float:
    """Rows fall on values by chance: those that are rarer than the others are missed more often."""
    common = len(statistics.common_ratios)
    present = 1 - statistics.null_ratio
    rest = max(0.0, 1 - sum(statistics.common_ratios) / present)
    if given <= common or rest * rows < 1:
        return given

    def estimate(values: float) -> float:
        # Of so many values that occur, each is drawn so often on average.
        rate = chance_rate(rest * rows / max(1.0, values - common))
        if rate < 1e-4:
            return rows
        places = rest * rows / rate
        drawn = rate * sampled / rows
        once = places * drawn * math.exp(-drawn)
        different = common - places * math.expm1(-drawn)
        return float(sampled * different / (sampled - once * (1 - sampled / rows)))

    return _searched(estimate, given, given, common + rest * rows)


def _searched(estimate: Callable[[float], float], given: float, low: float, high: float) -> float:
    for _ in range(50):
        middle = (low + high) / 2
        if estimate(middle) < given:
            low = middle
        else:
            high = middle
    return low


def shares(
    statistics: ColumnStatistics, distinct: float, rows: float, *, nulls: bool = True
) -> list[Share]:
    """A column's values by how often they occur, NULL among them unless told otherwise.

    Args:
        statistics: of the column.
        distinct: how many different values it has.
        rows: of the table.
        nulls: whether NULLs count.
    """
    kept = 1.0 if nulls else max(1e-9, 1 - statistics.null_ratio)
    found = [Share(ratio / kept, 1) for ratio in statistics.common_ratios]
    if nulls and statistics.null_ratio > 0:
        found.append(Share(statistics.null_ratio, 1))
    rest = 1 - sum(one.ratio for one in found)
    left = distinct - len(statistics.common_ratios)
    if rest > 1e-9 and left >= 1:
        found += evenly(rest, left, rows * kept)
    elif found:
        total = sum(one.ratio for one in found)
        found = [Share(one.ratio / total, one.values) for one in found]
    return merged(found or [Share(1.0, 1)])


def evenly(ratio: float, distinct: float, rows: float) -> list[Share]:
    """So many values that occur in a share of all rows, none more often than by chance.

    Rows fall on some more values than those that do occur; if each row has a value of its own, on
    any number of them.
    """
    each = ratio * rows / max(1.0, distinct)
    values = ratio * rows / max(1e-6, chance_rate(each))
    return [Share(ratio / values, values)]


def merged(found: Iterable[Share]) -> list[Share]:
    """The same with values of about the same share put together."""
    buckets: defaultdict[int, list[Share]] = defaultdict(list)
    for one in found:
        if one.ratio > 0 and one.values > 0:
            buckets[round(math.log2(one.ratio) * 1.5)].append(one)
    made = []
    for bucket in buckets.values():
        count = sum(one.values for one in bucket)
        made.append(Share(sum(one.ratio * one.values for one in bucket) / count, count))
    return sorted(made, reverse=True)


def product(columns: Sequence[list[Share]]) -> list[Share]:
    """Combinations of independent columns."""
    combined = [Share(1.0, 1.0)]
    for column in columns:
        combined = merged(
            Share(one.ratio * other.ratio, one.values * other.values)
            for one in combined
            for other in column
        )
    return combined


def occurring(found: Sequence[Share], rows: float) -> float:
    """How many of the combinations have at least one row, if rows fall on them by chance."""
    return sum(one.values * -math.expm1(-one.ratio * rows) for one in found)


def narrowed(found: Sequence[Share], rows: float, distinct: float) -> list[Share]:
    """The combinations thinned out until so many occur: the columns depend on each other."""
    distinct = max(1.0, min(distinct, rows))

    def thinned(part: float) -> list[Share]:
        return [Share(one.ratio / part, one.values * part) for one in found]

    low, high = 1e-12, 1e12
    for _ in range(100):
        part = math.sqrt(low * high)
        if occurring(thinned(part), rows) < distinct:
            low = part
        else:
            high = part
    return thinned(math.sqrt(low * high))


def groups(found: Sequence[Share], rows: float) -> list[Equal]:
    """How many rows share a key, of the keys that occur."""
    made = []
    for one in found:
        expected = one.ratio * rows
        keys = one.values * -math.expm1(-expected)
        if keys > 0:
            made.append(Equal(one.values * expected / keys, keys, exact=False))
    return made


def sampled_groups(sample: Sequence[Frequency], share: float, which: int = 0) -> list[Equal]:
    """How rows share keys in a table of which a share of the blocks was read.

    Blocks are drawn by chance: pairs of key and block are a sample without bias, whether equal keys
    lie together or not. Keys that were met often are as frequent in the table as in the sample. Of
    those met once to three times, more are rare ones than it seems; they are taken as if rows fell
    on them by chance, unless more of them were met thrice than that allows for: then some are
    frequent and the others have few rows each, of which it is not known how many.

    Args:
        sample: keys by the number of blocks that they were met in.
        share: of the table's blocks that were read.
        which: the likely number of keys (0), or the fewest (-1) or most (1) there may be.
    """
    few = [one for one in sample if one.blocks <= 3]
    units = sum(one.keys * one.blocks for one in few)
    together = sum(one.rows for one in few) / max(1.0, units)
    if share >= 1:
        return [Equal(one.rows / one.keys, one.keys, exact=one.blocks <= 8) for one in sample]
    found = [
        Equal(one.rows / one.keys / share, one.keys, exact=False)
        for one in sample
        if one.blocks > 3
    ]
    met = {round(one.blocks): one.keys for one in few}
    once, twice, thrice = (met.get(blocks, 0.0) for blocks in (1, 2, 3))
    rare = 0.0
    if once and twice and thrice:
        drawn, frequent = 2 * twice / once, 3 * thrice / twice
        error = frequent * math.sqrt(1 / thrice + 1 / twice)
        if frequent - 2 * error > drawn:
            rare = once - min(once, 2 * twice / frequent)
    if which > 0:
        rare += (once - rare) / 4
    elif which < 0:
        rare /= 2
    rest = once - rare
    if rare:
        found.append(Equal(together, rare / share, exact=False))
    if rest + twice + thrice > 0:
        low = rest + 2 * twice + 3 * thrice
        drawn = 2 * twice / rest if rest else 3 * thrice / max(twice, 1.0)
        if drawn > 1e-4:
            keys = low / drawn * -math.expm1(-drawn / share)
            found.append(Equal(low / share / keys * together, keys, exact=False))
        else:
            found.append(Equal(together, low / share, exact=False))
    return found
