"""How large a table and its TOAST table would be after a rewrite, from some pages of the table.

Blocks are drawn one from each of equally large parts of the table; all live rows in them are
measured and written anew on paper. Nothing else is read: values that were moved out are known by
their size. It needs no statistics, and works on a standby.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterator, Sequence
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
_BATCH = 2000
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
        chosen: numbers of those that were read.
        groups: the live rows in them.
        movable: storage of each of ``parts``.
    """

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


def batches(blocks: int, *, whole: bool) -> Iterator[list[int]]:
    """Numbers of blocks to read together: some, or all of them in parts that are each a sample."""
    if not whole:
        yield choose(blocks, BLOCKS, blocks)
        return
    parts = math.ceil(blocks / _BATCH)
    for part in range(parts):
        yield list(range(part, blocks, parts))


def count_blocks(transaction: Transaction, relation: Relation) -> int:
    """How many blocks a relation has now."""
    rows = transaction.rows(
        "SELECT pg_catalog.pg_relation_size(%s::oid)"
        " / pg_catalog.current_setting('block_size')::bigint AS blocks",
        [relation.oid],
    )
    return int(rows[0]["blocks"] or 0)


def read_blocks(
    transaction: Transaction,
    relation: Relation,
    shape: TableShape,
    chosen: Sequence[int],
    version: int,
) -> Sample:
    """Read blocks of a table.

    Raises:
        psycopg.Error: it can't be read.
    """
    name = sql.Identifier(relation.schema, relation.name)
    parts = row_length(shape)
    rows = transaction.rows(_query(name, parts, chosen, version))
    movable = tuple(one.storage for one in parts.movable)
    return Sample(tuple(chosen), tuple(_group(row) for row in rows), movable)


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
    """What blocks of a table say.

    Attributes:
        table: of the table.
        toast: of its TOAST table; ``None`` without one.
        rows: live rows of the table.
    """

    table: Estimate
    toast: Estimate | None
    rows: Rows


class Sum:
    """A sum over blocks, and what its error depends on, beside the number of rows in each."""

    def __init__(self) -> None:
        self.total = self.squares = self.products = self.most = 0.0

    def add(self, value: float, rows: float) -> None:
        self.total += value
        self.squares += value * value
        self.products += value * rows
        self.most = max(self.most, value)

    def error(self, read: int, blocks: int) -> float:
        """How far the sum over all blocks may be from the sample's, with 95 % confidence.

        Not less than what one block more or less like the fullest would make: what no block of the
        sample shows may still be somewhere.
        """
        if read >= blocks or read < 2:
            return 0.0 if read >= blocks else math.inf
        variance = max(0.0, self.squares - self.total**2 / read) / (read - 1)
        error = max(_QUANTILE * math.sqrt(variance / read), self.most / read)
        return error * math.sqrt(1 - read / blocks) * blocks

    def error_by_rows(self, rows: Sum, read: int, blocks: int) -> float:
        """Likewise, where the number of rows in all blocks is known: of the mean for a row."""
        if read >= blocks or read < 2:
            return 0.0 if read >= blocks else math.inf
        mean = self.total / rows.total
        rest = self.squares - 2 * mean * self.products + mean * mean * rows.squares
        error = _QUANTILE * math.sqrt(max(0.0, rest) / (read - 1) / read)
        return error * math.sqrt(1 - read / blocks) * blocks


class Tally:
    """Blocks of a table written anew on paper, as many as were read so far.

    Args:
        relation: the table.
        blocks: how many it has.
    """

    def __init__(self, relation: Relation, blocks: int) -> None:
        given = relation.options.get("toast_tuple_target", "")
        self._target = int(given) if given.isdigit() else TOAST_TARGET
        self._relation = relation
        self._fillfactor = relation.fillfactor(100)
        self._blocks = blocks
        self._rows, self._bytes, self._moved = Sum(), Sum(), Sum()
        self._pages = self._full_pages = self._moved_pages = 0.0
        self._chunks = 0
        self.read = 0

    def add(self, sample: Sample) -> None:
        """Count in some more blocks."""
        written = write(sample, self._target)
        for block in written:
            self._rows.add(block.number, block.number)
            self._bytes.add(_bytes(block.rows), block.number)
            self._moved.add(_bytes(block.moved), block.number)
            self._chunks += sum(run.times for run in block.moved)
        runs = [run for block in written for run in block.rows]
        self._pages += pages(runs, self._fillfactor)
        self._full_pages += pages(runs)
        self._moved_pages += pages(run for block in written for run in block.moved)
        self.read += len(sample.chosen)

    def found(self, toasted: Relation | None, counted: Rows | None, dead: float | None) -> Found:
        """Estimates of the table and of its TOAST table.

        Args:
            toasted: the TOAST table, or ``None``.
            counted: live rows as the server counted them, or ``None``.
            dead: rows that VACUUM would remove, as the server counted them.
        """
        scale = self._blocks / max(1, self.read)
        number = self._rows.total * scale
        rows = Rows(number, self._rows.error(self.read, self._blocks) / max(1.0, number))
        trusted = counted if counted is not None and _agrees(counted, rows) else None
        if trusted is not None:  # then only the mean of a row is the sample's
            rows, scale = trusted, scale * trusted.number / number
        method = Method.exact if self.read >= self._blocks else Method.sample
        table = Estimate(
            self._relation,
            method,
            _whole_pages(self._pages * scale),
            reserve_bytes=max(0.0, (self._pages - self._full_pages) * scale * BLOCK_BYTES),
            rows=rows.number,
            dead_rows=dead,
            pages_read=self.read,
        )
        mean = self._bytes.total / max(1.0, self._rows.total)
        table = _bounded(table, self._error(self._bytes, trusted), mean)
        if toasted is None:
            return Found(table, None, rows)
        toast_table = Estimate(
            toasted, method, _whole_pages(self._moved_pages * scale), rows=self._chunks * scale
        )
        return Found(table, _bounded(toast_table, self._error(self._moved, trusted), 0.0), rows)

    def _error(self, part: Sum, trusted: Rows | None) -> float:
        if trusted is None:
            return part.error(self.read, self._blocks)
        of_mean = part.error_by_rows(self._rows, self.read, self._blocks)
        whole = part.total * self._blocks / max(1, self.read)
        return math.hypot(of_mean, trusted.error * whole)


def _agrees(counted: Rows, sampled: Rows) -> bool:
    """Whether the server's count is surer than the sample's, and not far from it."""
    if counted.error >= sampled.error or sampled.number <= 0:
        return False
    apart = abs(sampled.number - counted.number)
    return apart <= sampled.error * sampled.number + counted.error * counted.number


def _whole_pages(count: float) -> float:
    return float(math.ceil(count - 1e-6) * BLOCK_BYTES)


def _bytes(runs: Sequence[Run]) -> float:
    return float(sum((align(run.length) + 4) * run.times for run in runs))


def _bounded(estimate: Estimate, error: float, row_bytes: float) -> Estimate:
    """The estimate with bounds: the sample's error, and that of how rows of such a length pack."""
    assert estimate.rewritten_bytes is not None
    live, size = estimate.rewritten_bytes, float(estimate.relation.size_bytes)
    packing = _PACKING + 0.12 * max(0.0, row_bytes - 200) / BLOCK_BYTES
    within = error * BLOCK_BYTES / 8168 + packing * live + BLOCK_BYTES
    return replace(
        estimate,
        rewritten_bytes=min(live, size),
        low_bytes=max(0.0, min(live, size) - within),
        high_bytes=min(size, live + within),
    )
