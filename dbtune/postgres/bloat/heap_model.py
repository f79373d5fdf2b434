"""How large a table would be if it were rewritten, from statistics alone."""

from __future__ import annotations

import math
from typing import NamedTuple

from dbtune.postgres.bloat.facts import Estimate, Method, Relation, Sizes, Stored, TableShape
from dbtune.postgres.bloat.layout import BLOCK_BYTES, POINTER_BYTES, Run, align, pages
from dbtune.postgres.bloat.synthetic import heap_lengths
from dbtune.text import ratio_text

HIDDEN = "this role may not see its statistics"
_ANALYSED_PAGES = 30_000  # of a table as large ANALYZE sees all pages
_CHUNK, _PAGE = 2036.0, 8144.0  # a whole row of a TOAST table, and the four that fill a page


class Rows(NamedTuple):
    """How many live rows a table has, and how sure that is.

    Attributes:
        number: how many.
        error: relative; 0.01 is one per cent.
        note: what is wrong with it, or "".
    """

    number: float
    error: float
    note: str = ""


def rows_now(relation: Relation, *, standby: bool) -> Rows | None:
    """Live rows by what the server counted; ``None`` if it knows none."""
    counters = relation.counters
    known, live = relation.rows, float(max(0, counters.live))
    if counters.counted and not standby:
        if known is None:
            return Rows(live, 0.02)
        if counters.last_analyze is not None and counters.modified == 0:
            return Rows(known, 0.003 if relation.pages <= _ANALYSED_PAGES else 0.01)
        if _began_late(relation):
            note = "rows as of the last VACUUM or ANALYZE: what was counted since was reset"
            return Rows(known + live, 0.1, note)
        drift = max(0, counters.modified) / max(1.0, live)
        return Rows(live, 0.01 + 0.05 * min(1.0, drift))
    if known is None:
        return None
    if relation.pages == 0:
        return Rows(0.0, 0.0) if relation.size_bytes == 0 else None
    why = "a standby does not count changes" if standby else "no changes were counted since"
    note = f"rows as of the last VACUUM or ANALYZE: {why}"
    grown = relation.size_bytes / BLOCK_BYTES / relation.pages
    return Rows(known * max(1.0, grown), 0.05 + 0.3 * abs(1 - min(2.0, grown)), note)


def _began_late(relation: Relation) -> bool:
    """Whether counting began after the last VACUUM or ANALYZE: statistics were reset, or lost."""
    counters = relation.counters
    visited = (counters.last_vacuum, counters.last_autovacuum, counters.last_analyze)
    # CREATE INDEX tells the number of rows, too: of a young table all were counted.
    return not any(visited) and counters.inserted < 0.9 * (relation.rows or 0.0)


def estimate_table(relation: Relation, sizes: Sizes) -> Estimate:
    """A table or materialised view, by its columns' statistics."""
    shape = sizes.tables.get(relation.oid)
    if shape is None:
        return unknown(relation, "its columns could not be read")
    if shape.access_method != "heap":
        return unknown(relation, f"no model of the access method {shape.access_method}")
    if relation.size_bytes == 0:
        return Estimate(relation, Method.statistics, 0.0, rows=0.0)
    rows = rows_now(relation, standby=sizes.standby)
    if rows is None:
        return unknown(relation, "never vacuumed or analysed, and no changes were counted")
    reason = missing_statistics(shape)
    if reason and rows.number > 0:
        return unknown(relation, reason, rows)
    fillfactor = relation.fillfactor(100)
    lengths = heap_lengths(shape.columns, shape.attributes, shape.dropped)
    per_page = _rows_per_page(lengths, fillfactor)
    rewritten = math.ceil(rows.number / per_page) * BLOCK_BYTES if rows.number >= 1 else 0.0
    error = math.hypot(rows.error, width_error(relation, shape, lengths))
    packed = per_page if fillfactor == 100 else _rows_per_page(lengths, 100)
    reserve = rewritten - math.ceil(rows.number / packed) * BLOCK_BYTES
    return bounded(
        Estimate(
            relation,
            Method.statistics,
            rewritten,
            reserve_bytes=max(0.0, reserve),
            rows=rows.number,
            dead_rows=None if sizes.standby else float(relation.counters.dead),
            note=rows.note or stale(relation),
        ),
        error,
    )


def estimate_toast(relation: Relation, sizes: Sizes) -> Estimate:
    """A TOAST table, by its count of rows and by which columns may have values in it."""
    if relation.size_bytes == 0:
        return Estimate(relation, Method.statistics, 0.0, rows=0.0)
    rows = rows_now(relation, standby=sizes.standby)
    if rows is None:
        return unknown(relation, "never vacuumed, and no changes were counted")
    size, chunk_rows = float(relation.size_bytes), rows.number
    owner, shape = sizes.relations.get(relation.table), sizes.tables.get(relation.table)
    in_table = rows_now(owner, standby=sizes.standby) if owner else None
    number = in_table.number if in_table else chunk_rows
    values = _moved_values(shape, number) if shape else _Moved(0.0, number / 2, number)
    note = rows.note or "lengths of values moved out are not in the statistics"
    if shape and shape.dropped and values.most < 0.05 * chunk_rows:
        # What was moved out of a dropped column stays until its row is written anew.
        note = "no column is left that its values could be of: a column was dropped"
        chunk_rows = values.likely

    def written(moved: float, last: float) -> float:
        """Each value ends in a part of a row, of that length."""
        ends = min(moved, chunk_rows)
        return min(size, ((chunk_rows - ends) * _CHUNK + ends * last) / _PAGE * BLOCK_BYTES)

    low = 0.0 if shape and shape.dropped else written(values.most, _CHUNK / 20)
    return Estimate(
        relation,
        Method.statistics,
        written(values.likely, _CHUNK * 0.75),
        low_bytes=max(0.0, low * (1 - rows.error) - 2 * BLOCK_BYTES),
        high_bytes=min(written(values.least, _CHUNK) * (1 + rows.error) + 2 * BLOCK_BYTES, size),
        rows=rows.number,
        dead_rows=None if sizes.standby else float(relation.counters.dead),
        note=note,
    )


class _Moved(NamedTuple):
    """How many values were moved out of a table."""

    least: float
    likely: float
    most: float


def _moved_values(shape: TableShape, rows: float) -> _Moved:
    """By columns' mean lengths: a value that was moved out counts as 18 bytes there."""
    least = likely = most = 0.0
    for one in shape.columns:
        if one.storage == "p":
            continue
        present = rows * (1 - (one.null_ratio or 0.0))
        mean = one.average_bytes
        centre = sum(one.lengths) / len(one.lengths) if one.lengths else None
        if mean is not None and (mean < 17 or (centre is not None and abs(centre - mean) < 3)):
            most += 0.01 * present
        elif mean is not None and mean < 19 and centre is None:
            least, likely, most = least + present, likely + present, most + present
        else:
            likely, most = likely + present / 2, most + present
    return _Moved(least, likely, most)


def unknown(relation: Relation, reason: str, rows: Rows | None = None) -> Estimate:
    """No estimate, and why."""
    dead = float(relation.counters.dead) if relation.counters.counted else None
    number = None if rows is None else rows.number
    return Estimate(relation, Method.none, rows=number, dead_rows=dead, note=reason)


def bounded(estimate: Estimate, error: float) -> Estimate:
    """The estimate with bounds that far from it, relatively, and two pages for rounding."""
    from dataclasses import replace

    assert estimate.rewritten_bytes is not None
    size = float(estimate.relation.size_bytes)
    live = min(estimate.rewritten_bytes, size)
    return replace(
        estimate,
        rewritten_bytes=live,
        low_bytes=max(0.0, live * (1 - error) - 2 * BLOCK_BYTES),
        high_bytes=min(size, live * (1 + error) + 2 * BLOCK_BYTES),
    )


def missing_statistics(shape: TableShape) -> str:
    """Why rows' lengths can't be told, or ""."""
    missing = [one for one in shape.columns if not one.analysed and not _needs_none(one)]
    if not missing:
        return ""
    if not shape.readable:
        return HIDDEN
    names = ", ".join(one.name for one in missing[:3]) + (", ..." if len(missing) > 3 else "")
    if len(missing) == len(shape.columns):
        return "never analysed"
    return f"no statistics on {names}"


def _needs_none(column: Stored) -> bool:
    return column.type_length >= 0 and not column.may_be_null


def stale(relation: Relation) -> str:
    """That the statistics are older than much of the table, or ""."""
    counters = relation.counters
    if not counters.counted or not counters.live:
        return ""
    share = counters.modified / max(1, counters.live)
    if share < 0.2:
        return ""
    return f"rows changed since the last ANALYZE: {ratio_text(min(share, 99.0))} of all"


def width_error(relation: Relation, shape: TableShape, lengths: list[int]) -> float:
    """Relative error of the mean row length and of how rows pack."""
    varying = [one for one in shape.columns if one.type_length < 0]
    nullable = any(one.null_ratio for one in shape.columns)
    if not varying and not nullable:
        return 0.002
    mean = sum(lengths) / len(lengths)
    counters = relation.counters
    drift = min(1.0, counters.modified / max(1, counters.live)) if counters.counted else 0.1
    known = sum(one.average_bytes or 0.0 for one in varying if one.lengths)
    guessed = sum(one.average_bytes or 0.0 for one in varying if not one.lengths)
    packing = 4 / mean + 0.5 * mean / BLOCK_BYTES
    moved = any(
        (one.average_bytes or 0) >= POINTER_BYTES - 1 and not one.lengths for one in varying
    )
    return (
        packing
        + 0.02 * (known / mean)
        + 0.05 * (guessed / mean)
        + 0.15 * drift
        + (0.05 if moved and mean > 1000 else 0.0)
    )


def _rows_per_page(lengths: list[int], fillfactor: int) -> float:
    if len(lengths) == 1:
        reserve = BLOCK_BYTES * (100 - fillfactor) // 100
        each = align(lengths[0]) + 4
        return float(min(291, max(1, (BLOCK_BYTES - 24 - reserve) // each)))
    runs = [Run(length) for length in lengths]
    wanted = max(4 * BLOCK_BYTES, 20 * max(lengths))
    repeated = runs * math.ceil(wanted / sum(lengths))
    return len(repeated) / pages(repeated, fillfactor)
