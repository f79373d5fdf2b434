"""SQL that computes how long each row of a table is when it is written anew.

It walks the columns in their order with the server's own rules of alignment; values are asked for
their stored size only, which reads nothing that was moved out of the row. Each column's expression
contains the one before it exactly once, so that the text grows with the number of columns only.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import LiteralString, NamedTuple

from psycopg import sql

from dbtune.postgres.bloat.facts import Stored, TableShape
from dbtune.postgres.bloat.layout import POINTER_BYTES, TOAST_TARGET, heap_header

_STEP = 40
"""Columns in one expression; the next takes its result by name, so that none nests too deep."""
ROW = sql.Identifier("dbtune_row")
_LENGTH: LiteralString = "dbtune_length"


class RowLength(NamedTuple):
    """Parts of a query on a table whose alias is ``dbtune_row``.

    Attributes:
        joins: LATERAL items to put behind the table.
        length: the row's length if all its values were in it, not aligned.
        short: its length if all its long values that may be moved out were moved out.
        parts: sizes of its values that may be moved out, an array where that matters, else NULL.
        movable: the columns that ``parts`` is of, in order.
    """

    joins: sql.Composable
    length: sql.Composable
    short: sql.Composable
    parts: sql.Composable
    movable: tuple[Stored, ...]


def row_length(shape: TableShape) -> RowLength:
    """How long a row of a table of this shape is after a rewrite."""
    columns = [one for one in shape.columns if not one.virtual]
    header = _header(shape)
    joins, data = _walk(columns, "dbtune_step", moved=False)
    length = sql.SQL("({} + {})").format(header, data)
    movable = tuple(one for one in columns if one.storage in "xem") if shape.toast else ()
    if not movable:
        null = sql.SQL("NULL::int[]")
        return RowLength(joins, length, length, null, ())
    more, data = _walk(columns, "dbtune_short", moved=True)
    short = sql.SQL("({} + {})").format(header, data)
    parts = sql.SQL("CASE WHEN {} > {} THEN ARRAY[{}]::int[] END").format(
        length, sql.Literal(TOAST_TARGET), sql.SQL(", ").join(_size(one) for one in movable)
    )
    return RowLength(joins + more, length, short, parts, movable)


def _walk(
    columns: Sequence[Stored], name: str, *, moved: bool
) -> tuple[sql.Composed, sql.Composable]:
    """LATERAL items that walk the columns, and the length of their data."""
    joins: list[sql.Composable] = []
    at: sql.Composable = sql.SQL("0")
    for place in range(0, len(columns), _STEP):
        for column in columns[place : place + _STEP]:
            at = _after(at, column, moved=moved)
        step = sql.Identifier(f"{name}{place // _STEP}")
        joins.append(
            sql.SQL(" CROSS JOIN LATERAL (SELECT {} AS {} OFFSET 0) {}").format(
                at, sql.Identifier(_LENGTH), step
            )
        )
        at = sql.SQL("{}.{}").format(step, sql.Identifier(_LENGTH))
    return sql.Composed(joins), at


def _header(shape: TableShape) -> sql.Composable:
    plain = heap_header(shape.attributes, nulls=False)
    with_nulls = heap_header(shape.attributes, nulls=True)
    nullable = [one for one in shape.columns if one.may_be_null and not one.virtual]
    always = shape.dropped > 0 or any(one.virtual for one in shape.columns)
    if plain == with_nulls or always or not nullable:
        return sql.Literal(with_nulls if always else plain)
    any_null = sql.SQL(" OR ").join(sql.SQL("{} IS NULL").format(_value(one)) for one in nullable)
    return sql.SQL("CASE WHEN {} THEN {} ELSE {} END").format(
        any_null, sql.Literal(with_nulls), sql.Literal(plain)
    )


def _value(column: Stored) -> sql.Composable:
    return sql.SQL("{}.{}").format(ROW, sql.Identifier(column.name))


def _size(column: Stored) -> sql.Composable:
    return sql.SQL("pg_catalog.pg_column_size({})").format(_value(column))


def _after(at: sql.Composable, column: Stored, *, moved: bool) -> sql.Composable:
    """Where the next column may begin, if this one may begin at ``at``."""
    if moved and column.storage in "xem":
        return sql.SQL(
            "{at} + CASE WHEN {size} > 127 THEN {pointer} ELSE coalesce({size}, 0) END"
        ).format(at=at, size=_size(column), pointer=sql.Literal(POINTER_BYTES))
    padding, mask = sql.Literal(column.alignment - 1), sql.Literal(-column.alignment)
    if column.type_length < 0:
        size = _size(column)
        # A short value has a header of one byte, which is not aligned.
        aligned = (
            sql.SQL("{} IS NOT NULL").format(_value(column))
            if column.storage == "p"
            else sql.SQL("{} > 127").format(size)
        )
        if column.alignment > 1:
            at = sql.SQL(
                "(({at} + CASE WHEN {aligned} THEN {padding} ELSE 0 END)"
                " & CASE WHEN {aligned} THEN {mask} ELSE -1 END)"
            ).format(at=at, aligned=aligned, padding=padding, mask=mask)
        return sql.SQL("{} + coalesce({}, 0)").format(at, size)
    length = sql.Literal(column.type_length)
    if not column.may_be_null:
        if column.alignment > 1:
            at = sql.SQL("(({} + {}) & {})").format(at, padding, mask)
        return sql.SQL("{} + {}").format(at, length)
    null = sql.SQL("{} IS NULL").format(_value(column))
    if column.alignment > 1:
        at = sql.SQL(
            "(({at} + CASE WHEN {null} THEN 0 ELSE {padding} END)"
            " & CASE WHEN {null} THEN -1 ELSE {mask} END)"
        ).format(at=at, null=null, padding=padding, mask=mask)
    return sql.SQL("{} + CASE WHEN {} THEN 0 ELSE {} END").format(at, null, length)
