"""How large a table and its TOAST table would be after a rewrite, from some pages of the table.

Blocks are drawn one from each of equally large parts of the table; all live rows in them are
measured and written anew on paper. Nothing else is read: values that were moved out are known by
their size. It needs no statistics, and works on a standby.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from psycopg import sql

from dbtune.postgres.bloat.facts import Estimate, Method, Relation, TableShape
from dbtune.postgres.bloat.heap_model import Rows
from dbtune.postgres.bloat.layout import (
    BLOCK_BYTES,
    POINTER_BYTES,
    TOAST_TARGET,
    Run,
    align,
    chunks,
    moved_out,
    pages,
)
from dbtune.postgres.bloat.row_length import ROW, RowLength, row_length
from dbtune.postgres.session import Row, Transaction

BLOCKS = 300
"""Blocks that are read of a table: an error of about 0.2 percentage points."""
_MOST_LINES = 291
_QUANTILE = 2.3
_PACKING = 0.003
_WIDE = 400
"""Rows are mixed before they are packed from this length on: their order begins to matter."""


class Group(NamedTuple):
    """Rows of one block that are alike.

    Attributes:
        block: its number.
        length: of each, if all its values were in it.
        short: of each, if all its long values that may be moved out were moved out.
        parts: sizes of values that may be moved out, or ``None`` where none has to be.
        number: how many rows.
    """

    block: int
    length: int
    short: int
    parts: tuple[int | None, ...] | None
    number: int


class Sample(NamedTuple):
    """Blocks of a table that were read.

    Attributes:
        blocks: how many the table has.
        chosen: numbers of those that were read.
        groups: the live rows in them.
        movable: storage of each of ``parts``.
    """

    blocks: int
    chosen: tuple[int, ...]
    groups: tuple[Group, ...]
    movable: tuple[str, ...] = ()


def choose(blocks: int, count: int, seed: int) -> list[int]:
    """Numbers of blocks, one from each of ``count`` parts of the table; all if there are few."""
    if blocks <= count:
        return list(range(blocks))
    pick = random.Random(seed)  # noqa: S311 - the same blocks each time
    edges = [part * blocks // count for part in range(count + 1)]
    return [pick.randrange(low, high) for low, high in itertools.pairwise(edges)]


def read_sample(
    transaction: Transaction, relation: Relation, shape: TableShape, version: int, count: int
) -> Sample:
    """Read blocks of a table.

    Raises:
        psycopg.Error: it can't be read.
    """
    name = sql.Identifier(relation.schema, relation.name)
    sizes = transaction.rows(
        "SELECT pg_catalog.pg_relation_size(%s::oid)"
        " / pg_catalog.current_setting('block_size')::bigint AS blocks",
        [relation.oid],
    )
    blocks = int(sizes[0]["blocks"])
    chosen = choose(blocks, count, relation.oid)
    parts = row_length(shape)
    rows = transaction.rows(_query(name, parts, chosen, version))
    movable = tuple(one.storage for one in parts.movable)
    return Sample(blocks, tuple(chosen), tuple(_group(row) for row in rows), movable)


def _group(row: Row) -> Group:
    parts = row["parts"]
    parts = None if parts is None else tuple(parts)
    return Group(row["block"], row["length"], row["short"], parts, row["number"])


def _query(
    table: sql.Composable, row: RowLength, blocks: Sequence[int], version: int
) -> sql.Composed:
    """All values stand in the text: names may hold what would be a parameter's place."""
    if version >= 140000:
        within = sql.SQL(
            "{row}.ctid >= ('(' || dbtune_block.number || ',0)')::pg_catalog.tid AND "
            "{row}.ctid < ('(' || dbtune_block.number + 1 || ',0)')::pg_catalog.tid"
        )
    else:  # which reads ranges of ctid by reading all of the table
        within = sql.SQL(
            "{row}.ctid = ANY (ARRAY(SELECT ('(' || dbtune_block.number || ',' || line || ')')"
            "::pg_catalog.tid FROM pg_catalog.generate_series(1, {lines}) line))"
        )
    return sql.SQL(
        "SELECT dbtune_block.number AS block, dbtune_found.* "
        "FROM pg_catalog.unnest({blocks}::bigint[]) AS dbtune_block(number) "
        "CROSS JOIN LATERAL (SELECT dbtune_each.length, dbtune_each.short, dbtune_each.parts, "
        "count(*) AS number FROM ("
        "SELECT {length} AS length, {short} AS short, {parts} AS parts "
        "FROM ONLY {table} AS {row}{joins} WHERE {within}"
        ") dbtune_each GROUP BY 1, 2, 3) dbtune_found"
    ).format(
        blocks=sql.Literal(list(blocks)),
        length=row.length,
        short=row.short,
        parts=row.parts,
        table=table,
        row=ROW,
        joins=row.joins,
        within=within.format(row=ROW, lines=sql.Literal(_MOST_LINES)),
    )


# ------------------------------------------------------------------------------- on paper


class Written(NamedTuple):
    """Rows of a block after a rewrite.

    Attributes:
        rows: their runs in the table.
        moved: runs of the TOAST table's rows.
        number: how many rows.
    """

    rows: list[Run]
    moved: list[Run]
    number: int


def write(sample: Sample, target: int) -> list[Written]:
    """Write the rows of each block anew: what stays in the table, what is moved out."""
    by_block: dict[int, list[Group]] = {block: [] for block in sample.chosen}
    for group in sample.groups:
        by_block.setdefault(group.block, []).append(group)
    return [_written(groups, sample, target) for groups in by_block.values()]


def _written(groups: Sequence[Group], sample: Sample, target: int) -> Written:
    rows: list[Run] = []
    moved: list[Run] = []
    for group in groups:
        length = group.length
        if group.parts is not None:
            length, sizes = _toasted(group, group.parts, sample.movable, target)
            of_one = [run for size in sizes for run in chunks(size)]
            moved += of_one * group.number
        rows.append(Run(length, group.number))
    if rows and max(run.length for run in rows) > _WIDE and len(rows) > 1:
        rows = [Run(run.length) for run in rows for _ in range(run.times)]
        random.Random(len(rows)).shuffle(rows)  # noqa: S311 - the same answer each time
    return Written(rows, moved, sum(group.number for group in groups))


def _toasted(
    group: Group, parts: Sequence[int | None], movable: Sequence[str], target: int
) -> tuple[int, list[int]]:
    """What is left of a row in the table, and the sizes of the values that are moved out of it."""
    values = [(size or 0, storage) for size, storage in zip(parts, movable, strict=True)]
    moved = moved_out(group.length, values, target)
    if not any(moved):
        return group.length, []
    # From the row without its long values: those that stay take their room, and their alignment.
    kept = [size for (size, _), out in zip(values, moved, strict=True) if size > 127 and not out]
    sizes = [size - 4 for (size, _), out in zip(values, moved, strict=True) if out]
    return group.short + sum(size - POINTER_BYTES + 2 for size in kept), sizes


class Found(NamedTuple):
    """What a sample says.

    Attributes:
        table: of the table.
        toast: of its TOAST table; ``None`` without one.
        rows: live rows of the table.
    """

    table: Estimate
    toast: Estimate | None
    rows: Rows


def estimates(
    sample: Sample, relation: Relation, toasted: Relation | None, dead_rows: float | None
) -> Found:
    """A table and its TOAST table by a sample of the table.

    Args:
        sample: blocks of the table.
        relation: the table.
        toasted: its TOAST table, or ``None``.
        dead_rows: rows that VACUUM would remove, as the server counted them.
    """
    given = relation.options.get("toast_tuple_target", "")
    written = write(sample, int(given) if given.isdigit() else TOAST_TARGET)
    scale = sample.blocks / max(1, len(sample.chosen))
    fillfactor = relation.fillfactor(100)
    runs = [run for block in written for run in block.rows]
    counts = [float(block.number) for block in written]
    rows = Rows(sum(counts) * scale, _error(counts, sample) / max(1.0, sum(counts) * scale))
    needed = pages(runs, fillfactor)
    reserve = needed - pages(runs) if fillfactor < 100 else 0.0
    table = Estimate(
        relation,
        Method.sample,
        math.ceil(needed * scale - 1e-6) * BLOCK_BYTES,
        reserve_bytes=max(0.0, reserve * scale * BLOCK_BYTES),
        rows=rows.number,
        dead_rows=dead_rows,
        pages_read=len(sample.chosen),
    )
    table = _bounded(table, _error([_bytes(block.rows) for block in written], sample))
    if toasted is None:
        return Found(table, None, rows)
    moved = [run for block in written for run in block.moved]
    toast_table = Estimate(
        toasted,
        Method.sample,
        math.ceil(pages(moved) * scale - 1e-6) * BLOCK_BYTES,
        rows=sum(run.times for run in moved) * scale,
    )
    error = _error([_bytes(block.moved) for block in written], sample)
    return Found(table, _bounded(toast_table, error), rows)


def _bytes(runs: Sequence[Run]) -> float:
    return float(sum((align(run.length) + 4) * run.times for run in runs))


def _error(values: Sequence[float], sample: Sample) -> float:
    """How far the sum over all blocks may be from the sample's, with 95 % confidence.

    Not less than what one block more or less like the fullest would make: what no block of the
    sample shows may still be somewhere.
    """
    read, blocks = len(sample.chosen), sample.blocks
    if read >= blocks or read < 2:
        return 0.0 if read >= blocks else math.inf
    mean = sum(values) / read
    variance = sum((value - mean) ** 2 for value in values) / (read - 1)
    left = math.sqrt(1 - read / blocks)
    error = max(_QUANTILE * math.sqrt(variance / read), max(values, default=0.0) / read)
    return error * left * blocks


def _bounded(estimate: Estimate, error: float) -> Estimate:
    """The estimate with bounds: the sample's error, and that of how rows pack."""
    assert estimate.rewritten_bytes is not None
    live, size = estimate.rewritten_bytes, float(estimate.relation.size_bytes)
    within = error * BLOCK_BYTES / 8168 + _PACKING * live + BLOCK_BYTES
    return replace(
        estimate,
        rewritten_bytes=min(live, size),
        low_bytes=max(0.0, min(live, size) - within),
        high_bytes=min(size, live + within),
    )
