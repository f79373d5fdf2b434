"""How large a b-tree would be if it were built anew, from statistics alone."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from dbtune.postgres.bloat.facts import Estimate, IndexShape, Kind, Method, Relation, Sizes, Stored
from dbtune.postgres.bloat.heap_model import HIDDEN, Rows, stale, unknown
from dbtune.postgres.bloat.layout import BLOCK_BYTES
from dbtune.postgres.bloat.synthetic import NULL, entry_length, entry_lengths, usual_size
from dbtune.postgres.relations.index_size import Equal, btree_bytes

SAMPLED_ROWS = 30_000
"""Rows that ANALYZE looks at, with default_statistics_target at 100."""
_DISTINCT_FACTOR = 1.6
_REFUTED = 1.1
"""An index that should be larger than it is by so much has fewer keys than was thought."""
_WIDE = 0.2
DEPENDENT = (
    "its columns depend on each other, so its bloat is guessed by the table's other indexes; "
    "extended statistics (ndistinct) on them would tell"
)
_MAY_DEPEND = "its columns may depend on each other: extended statistics (ndistinct) would tell"
_COMPRESSED_FROM = 510  # TOAST_INDEX_TARGET: longer values are compressed in an index


_ALIKE, _APART = 0.03, 8.0
"""Numbers of rows that count as the same: within 3 %, or a hundredth if there are few."""
_ENOUGH, _FEW = 20, 0.05
_EXPONENTIAL = (0.11, 0.37, 0.71, 1.24, 2.57)  # means of its fifths, where the mean is 1


class Keys(NamedTuple):
    """How rows share keys, at best and within bounds."""

    likely: list[Equal] | None
    fewest: list[Equal] | None
    most: list[Equal] | None


def estimate_btree(relation: Relation, sizes: Sizes, table: Rows | None) -> Estimate:
    """A b-tree, by its columns' statistics and the rows of its table.

    Args:
        relation: the index.
        sizes: everything that was read.
        table: live rows of its table, from wherever they are known best.
    """
    shape = sizes.indexes[relation.oid]
    rows = entries(relation, shape, sizes, table)
    if isinstance(rows, str):
        return unknown(relation, rows)
    owner = sizes.relations[relation.owner]
    columns = shape.columns
    if owner.kind is Kind.TOAST:
        columns = tuple(replace(one, may_be_null=False) for one in columns)
    reason = _missing(columns, sizes, relation)
    if reason and rows.number >= 1:
        return unknown(relation, reason, rows)
    keys = shared_keys(shape, rows.number, table.number if table else rows.number)
    if isinstance(keys, str):
        return unknown(relation, keys, rows)
    # The lengths of the most common values go with these values, where there is one key.
    single = shape.deduplicates and not shape.unique and len(columns) == 1
    lengths = entry_lengths([rarer(columns[0])] if single else columns)
    fillfactor = relation.fillfactor(90)

    def built(equal: list[Equal] | None) -> float:
        return btree_bytes(lengths, rows.number, equal, fillfactor=fillfactor)

    size = float(relation.size_bytes)
    fresh = built(keys.likely)
    likely = min(fresh, size)
    error = math.hypot(rows.error, width_error(columns, owner))
    low = fresh if keys.fewest == keys.likely else built(keys.fewest)
    high = fresh if keys.most == keys.likely else built(keys.most)
    low *= (1 - error) * _compressible(columns)
    high *= 1 + error
    note = rows.note or stale(owner)
    if keys.likely and shape.keys > 1 and shape.distinct is None:
        if fresh * (1 - error) > _REFUTED * size:
            note = DEPENDENT
        elif min(high, size) - low > _WIDE * size:
            note = note or _MAY_DEPEND
    return Estimate(
        relation,
        Method.statistics,
        likely,
        low_bytes=max(0.0, min(low, likely) - 2 * BLOCK_BYTES),
        high_bytes=min(size, max(high, likely) + 2 * BLOCK_BYTES),
        reserve_bytes=likely * (100 - fillfactor) / 100,
        rows=rows.number,
        note=note,
    )


def as_its_siblings(
    estimate: Estimate, estimates: Mapping[int, Estimate], sizes: Sizes
) -> Estimate:
    """An index whose columns turned out to depend on each other: as bloated as the others are.

    Args:
        estimate: of any index; others are returned as they are.
        estimates: of all relations, so far.
        sizes: everything that was read.
    """
    if estimate.note != DEPENDENT:
        return estimate
    relation, size = estimate.relation, float(estimate.relation.size_bytes)
    ratios = [
        one.bloat_ratio
        for oid, one in estimates.items()
        if one.relation.owner == relation.owner
        and oid != relation.oid
        and one.bloat_ratio is not None
        and one.note not in (DEPENDENT, _MAY_DEPEND)
        and (one.relation.kind is not Kind.INDEX or not sizes.indexes[oid].predicate)
        and one.relation.kind is not Kind.TOAST
    ]
    likely = max(estimate.low_bytes, size * (1 - min(ratios, default=0.0)))
    return replace(estimate, rewritten_bytes=min(likely, estimate.high_bytes))


def entries(relation: Relation, shape: IndexShape, sizes: Sizes, table: Rows | None) -> Rows | str:
    """Rows that the index has entries for, or why that is not known."""
    if table is None:
        return "the number of its table's rows is not known"
    if not shape.predicate:
        return table
    before = sizes.relations[relation.owner].rows
    if relation.rows is None or not before:
        return "partial, and never vacuumed or analysed: how many rows it is for is not known"
    share = min(1.0, relation.rows / before)
    return Rows(table.number * share, table.error + 0.05, table.note)


def shared_keys(shape: IndexShape, rows: float, table_rows: float) -> Keys | str:
    """How many rows share keys, or why that is not known."""
    if not shape.deduplicates or shape.unique or rows < 1:
        return Keys(None, None, None)
    keys = shape.columns[: shape.keys]
    if any(one.n_distinct is None for one in keys):
        return "how often its keys repeat is not known: no statistics"
    alone = len(keys) == 1
    counts = [_distinct(one, table_rows) for one in keys]
    factors = [_uncertainty(one, count) for one, count in zip(keys, counts, strict=True)]
    likely = _groups(keys, counts, rows, table_rows)
    if not alone and shape.distinct is not None:
        count = shape.distinct if shape.distinct > 0 else -shape.distinct * table_rows
        bounds = (count, count / _DISTINCT_FACTOR, min(rows, count * _DISTINCT_FACTOR))
        return Keys(*(_scattered(rows, number) for number in bounds))
    if alone:
        fewest = _groups(keys, [counts[0] / factors[0]], rows, table_rows)
    else:  # columns may depend on each other: then there are no more keys than in one of them
        widest = max(range(len(keys)), key=lambda n: counts[n])
        fewest = _groups([keys[widest]], [counts[widest] / factors[widest]], rows, table_rows)
    most = _groups(keys, [c * f for c, f in zip(counts, factors, strict=True)], rows, table_rows)
    return Keys(likely, fewest, most)


def _scattered(rows: float, distinct: float) -> list[Equal]:
    distinct = max(1.0, min(distinct, rows))
    return [Equal(rows / distinct, distinct, False)]


class _Part(NamedTuple):
    """A part of a column's rows.

    Attributes:
        share: of all rows.
        values: how many values they have.
        stored: length of such a value; -1 if it is NULL, ``None`` if they differ.
    """

    share: float
    values: float
    stored: int | None = None


def _parts(column: Stored, distinct: float, most: int, rows: float) -> list[_Part]:
    """NULL, each of the most common values, the other common ones together, and the rest."""
    common = list(column.common_ratios)
    lengths = column.common_lengths if len(column.common_lengths) == len(common) else None
    parts = [
        _Part(ratio, 1.0, lengths[place] if lengths else None)
        for place, ratio in enumerate(common[:most])
    ]
    if common[most:]:
        parts.append(_Part(sum(common[most:]), len(common) - most))
    if column.null_ratio:
        parts.append(_Part(column.null_ratio, 1.0, NULL))
    rest = 1.0 - sum(part.share for part in parts)
    left = distinct - len(common)
    if rest > 1e-6 and left > 0:
        apart = _unlike_common(column)
        if apart:
            return parts + _repeated_and_single(column, apart, rest, distinct, rows)
        parts += _uncommon(rest, left, rows, common[-1] if common else 0.0)
    return parts


class _Apart(NamedTuple):
    """Values that are much longer than all others, the most common ones among these.

    Attributes:
        share: their share of the rows without common values.
        size: their mean length.
        other_size: that of the others without the common ones.
    """

    share: float
    size: int
    other_size: int


def _unlike_common(column: Stored) -> _Apart | None:
    common, lengths = column.common_lengths, column.lengths
    if min(len(common), len(lengths)) < _ENOUGH:
        return None
    limit = max(common) * 2 + 8
    unlike = [size for size in lengths if size > limit]
    alike = [size for size in lengths if size <= limit]
    share = len(unlike) / len(lengths)
    if not _FEW < share < 1 - _FEW or min(unlike) < 2 * max(alike):
        return None
    return _Apart(share, round(sum(unlike) / len(unlike)), round(sum(alike) / len(alike)))


def _repeated_and_single(
    column: Stored, apart: _Apart, rest: float, distinct: float, rows: float
) -> list[_Part]:
    """Two kinds of values: like the common ones and about as frequent, or unlike them and rare.

    ANALYZE takes both for one kind, and finds too few (n d / (n - f1 + f1 n / N), analyze.c): with
    the frequent ones known, that tells f1, the values that it saw once.
    """
    each = max(2.0, 0.7 * column.common_ratios[-1] * rows)
    alike = rest * (1 - apart.share) * rows / each
    part = min(1.0, SAMPLED_ROWS / rows)
    sampled = part * rows * (1 - (column.null_ratio or 0.0))
    seen = len(column.common_ratios) - alike * math.expm1(-each * part)
    once = max(1.0, sampled * (distinct - seen) / (sampled + distinct * (1 - part)))
    singles = min(rest * apart.share * rows, once / part)
    return [
        _Part(rest * apart.share, singles, apart.size),
        _Part(rest * (1 - apart.share), alike, apart.other_size),
    ]


def _size(part: _Part, key: Stored) -> int:
    """Length of a value of a part; -1 is NULL."""
    if part.stored == NULL or key.type_length >= 0:
        return NULL if part.stored == NULL else key.type_length
    return usual_size(key) if part.stored is None else part.stored


def _uncommon(share: float, values: float, rows: float, least_common: float) -> list[_Part]:
    """Values beside the common ones, which differ in frequency if those run down to them."""
    if least_common <= 1.5 * share / values:
        return [_Part(share, values)]
    once = min(share, values / rows)  # each value has one row at least
    return [
        _Part((once + (share - once) * scale) / len(_EXPONENTIAL), values / len(_EXPONENTIAL))
        for scale in _EXPONENTIAL
    ]


def _groups(
    keys: Sequence[Stored], distinct: Sequence[float], rows: float, table_rows: float
) -> list[Equal]:
    """How many rows share a key, if columns are independent of each other."""
    most = {1: 100, 2: 8, 3: 4}.get(len(keys), 2)
    parts = [
        _parts(key, count, most, table_rows) for key, count in zip(keys, distinct, strict=True)
    ]
    kept = min(1.0, rows / max(1.0, table_rows))
    found: list[Equal] = []
    for combination in itertools.product(*parts):
        share = cells = 1.0
        for part in combination:
            share *= part.share
            cells *= part.values
        if share * rows < 0.5:
            continue
        length: int | None = None
        if len(keys) == 1:
            each = share * table_rows / cells  # in the table; a partial index has some of them
            count = cells if kept > 0.999 else cells * -math.expm1(-each * kept)
            stored = combination[0].stored
            if stored is not None and keys[0].type_length < 0:
                length = entry_length([stored], keys)
        else:  # so many rows fall on so many cells by chance
            count = cells * -math.expm1(-share * rows / cells)
            length = entry_length(
                [_size(part, key) for part, key in zip(combination, keys, strict=True)], keys
            )
        count = max(1.0, min(count, share * rows))
        found.append(Equal(share * rows / count, count, cells == 1, length))
    return _alike_together(found)


def _alike_together(groups: Sequence[Equal]) -> list[Equal]:
    """Groups whose keys have about as many rows each as one: there may be hundreds otherwise."""
    sums: dict[tuple[int, bool, int | None], list[float]] = {}
    for rows, keys, exact, length in groups:
        step = round(math.log(rows) / _ALIKE) if rows > _APART else round(-100 * rows)
        found = sums.setdefault((step, exact, length), [0.0, 0.0])
        found[0] += rows * keys
        found[1] += keys
    return [
        Equal(total / keys, keys, exact, length)
        for (_, exact, length), (total, keys) in sums.items()
    ]


def _uncertainty(column: Stored, distinct: float) -> float:
    """By which factor ANALYZE may be off in the number of distinct values."""
    seen_often = distinct <= SAMPLED_ROWS / 10
    return 1.02 if seen_often or column.n_distinct == -1 else _DISTINCT_FACTOR


def _distinct(column: Stored, table_rows: float) -> float:
    given = column.n_distinct or -1.0
    return max(1.0, given if given > 0 else -given * table_rows)


def rarer(column: Stored) -> Stored:
    """The column without its NULLs and its most common values."""
    common = zip(column.common_lengths, column.common_ratios, strict=False)
    share = 1.0 - (column.null_ratio or 0.0) - sum(column.common_ratios)
    mean = column.average_bytes
    if mean is not None and share > 0.05 and column.common_lengths:
        known = 1.0 - (column.null_ratio or 0.0)
        mean = max(1.0, (mean * known - sum(size * ratio for size, ratio in common)) / share)
    return replace(column, null_ratio=0.0, average_bytes=mean, common_ratios=(), common_lengths=())


def _missing(columns: tuple[Stored, ...], sizes: Sizes, relation: Relation) -> str:
    missing = [
        one for one in columns if not one.analysed and (one.type_length < 0 or one.may_be_null)
    ]
    if not missing:
        return ""
    table = sizes.tables.get(relation.table)
    if table is not None and not table.readable:
        return HIDDEN
    if any(one.name == "" for one in missing):
        return "no statistics on its expression: ANALYZE its table"
    return "its table was never analysed"


def width_error(columns: tuple[Stored, ...], owner: Relation) -> float:
    """Relative error of the mean length of entries."""
    varying = [one for one in columns if one.type_length < 0]
    if not varying and not any(one.null_ratio for one in columns):
        return 0.005
    total = sum(one.average_bytes or 8.0 for one in columns) + 12
    known = sum(one.average_bytes or 0.0 for one in varying if one.lengths)
    guessed = sum(one.average_bytes or 0.0 for one in varying if not one.lengths)
    live = max(1, owner.counters.live)
    drift = min(1.0, owner.counters.modified / live) if owner.counters.counted else 0.1
    return 0.01 + 0.02 * known / total + 0.1 * guessed / total + 0.1 * drift


def _compressible(columns: tuple[Stored, ...]) -> float:
    """The part that may be left of long values, which an index compresses."""
    longest = max((one.average_bytes or 0.0 for one in columns if one.storage in "xm"), default=0)
    return 0.3 if longest >= _COMPRESSED_FROM else 1.0
