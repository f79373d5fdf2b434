"""How large a table would be if it were rewritten, from statistics alone."""

from __future__ import annotations

import math
from typing import NamedTuple

from dbtune.postgres.bloat.facts import Estimate, Method, Relation, Sizes, Stored, TableShape
from dbtune.postgres.bloat.layout import BLOCK_BYTES, POINTER_BYTES, Run, align, pages
from dbtune.postgres.bloat.synthetic import heap_lengths

CHUNKS_A_PAGE = 4
"""Rows of a TOAST table that fill a page if they are whole."""


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
    known = relation.rows
    if counters.counted and not standby:
        drift = counters.modified / max(1.0, counters.live)
        if known is None:
            return Rows(counters.live, 0.02)
        if counters.modified == 0 and counters.last_analyze is not None:
            return Rows(known, 0.01)
        return Rows(counters.live, 0.01 + 0.05 * min(1.0, drift))
    if known is None:
        return None
    if relation.pages == 0:
        return Rows(0.0, 0.0) if relation.size_bytes == 0 else None
    why = "a standby does not count changes" if standby else "no changes were counted since"
    note = f"rows as of the last VACUUM or ANALYZE: {why}"
    grown = relation.size_bytes / BLOCK_BYTES / relation.pages
    return Rows(known * max(1.0, grown), 0.05 + 0.3 * abs(1 - min(2.0, grown)), note)


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
    reserve = rewritten - math.ceil(rows.number / _rows_per_page(lengths, 100)) * BLOCK_BYTES
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
    """A TOAST table, by its count of rows: nothing else is known of what they hold."""
    rows = rows_now(relation, standby=sizes.standby)
    if relation.size_bytes == 0:
        return Estimate(relation, Method.statistics, 0.0, rows=0.0)
    if rows is None:
        return unknown(relation, "never vacuumed, and no changes were counted")
    most = rows.number / CHUNKS_A_PAGE * BLOCK_BYTES
    rewritten = min(most, float(relation.size_bytes))
    return Estimate(
        relation,
        Method.statistics,
        rewritten,
        # Values end in part of a row: twice as many rows would fit if each value were that part.
        low_bytes=rewritten * 0.45,
        high_bytes=min(rewritten * (1 + rows.error) + 2 * BLOCK_BYTES, relation.size_bytes),
        rows=rows.number,
        dead_rows=None if sizes.standby else float(relation.counters.dead),
        note=rows.note or "lengths of values moved out are not in the statistics",
    )


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
        return "this role may not see its statistics"
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
    return f"rows changed since the last ANALYZE: {min(share, 99):.0%} of all"


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
    repeated = [Run(length) for length in lengths] * math.ceil(20 * BLOCK_BYTES / sum(lengths))
    return len(repeated) / pages(repeated, fillfactor)
