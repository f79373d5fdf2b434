"""Values for the parameters of a statement, as they are in the columns that they are compared with.

pg_stat_statements keeps no constants. To execute such a statement, each parameter gets a value that
the column's statistics know: a common one where it is looked up, one from the middle or a quarter
of the histogram where it bounds a range.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from dbtune.postgres.relations.facts import Column, Relations, Table
from dbtune.postgres.sqltext import parseable

_DEFAULTS = {
    "boolean": "true", "smallint": "1", "integer": "1", "bigint": "1", "numeric": "1", "real": "1",
    "double precision": "1", "text": "a", "character varying": "a", "character": "a", "name": "a",
    "date": "2025-01-01", "timestamp without time zone": "2025-01-01",
    "timestamp with time zone": "2025-01-01", "time without time zone": "12:00",
    "interval": "1 day", "json": "{}", "jsonb": "{}", "bytea": "\\x00",
    "uuid": "00000000-0000-0000-0000-000000000000", "inet": "127.0.0.1",
}  # fmt: skip
_QUANTILES = {"LT": 0.25, "LTE": 0.25, "GT": 0.75, "GTE": 0.75}
_ROWS, _OFFSET = "10", "0"


def parameter_values(
    statement: str, types: Sequence[str], relations: Relations
) -> dict[int, str] | None:
    """A value as text for each parameter, by number.

    Args:
        statement: one statement with ``$1``, ...
        types: the parameters' types, as ``format_type`` writes them.
        relations: tables with statistics.

    Returns:
        The values, or ``None`` if one of the types is not known here.
    """
    found = _from_columns(statement, relations)
    for number, kind in enumerate(types, start=1):
        if number not in found:
            if kind.endswith("[]"):
                found[number] = "{}"
            elif kind in _DEFAULTS:
                found[number] = _DEFAULTS[kind]
            else:
                return None
    return {number: found[number] for number in range(1, len(types) + 1)}


def _from_columns(statement: str, relations: Relations) -> dict[int, str]:
    import sqlglot
    from sqlglot import exp

    logging.getLogger("sqlglot").setLevel(logging.CRITICAL)
    try:
        tree = sqlglot.parse_one(parseable(statement), dialect="postgres")
        tables = _tables(tree, relations)
        found: dict[int, str] = {}
        used: dict[str, int] = {}
        for node in tree.find_all(exp.Parameter):
            number = str(node.this.this) if node.this is not None else ""
            value = _value(node, tables, used)
            if number.isdecimal() and value is not None:
                found.setdefault(int(number), value)
    except Exception:  # a parser that meets what it does not know fails in any way
        return {}
    return found


def _tables(tree: Any, relations: Relations) -> dict[str, Table]:
    """Tables by the names that the statement calls them."""
    from sqlglot import exp

    by_name: dict[str, Table] = {}
    for table in relations.tables.values():
        if table.name not in by_name or table.schema == "public":
            by_name[table.name] = table
    found = {}
    for node in tree.find_all(exp.Table):
        schema = node.db
        for table in relations.tables.values() if schema else ():
            if (table.schema, table.name) == (schema, node.name):
                found[node.alias_or_name] = table
        if not schema and node.name in by_name:
            found[node.alias_or_name] = by_name[node.name]
    return found


def _value(node: Any, tables: Mapping[str, Table], used: dict[str, int]) -> str | None:
    """A value for one parameter, by the expression that it stands in."""
    from sqlglot import exp

    inner, outer = node, node.parent
    while isinstance(outer, exp.Cast | exp.Paren | exp.Tuple | exp.Array | exp.Any):
        inner, outer = outer, outer.parent
    if isinstance(outer, exp.Limit | exp.Fetch):
        return _ROWS
    if isinstance(outer, exp.Offset):
        return _OFFSET
    kind = type(outer).__name__
    if not isinstance(outer, exp.Predicate) or kind not in _PREDICATES:
        return None
    other = outer.this if outer.this is not inner else outer.args.get("expression")
    place = next(iter(other.find_all(exp.Column)), None) if other is not None else None
    column = _column(place, tables) if place is not None else None
    if column is None:
        return None
    lowered = bool(other.find(exp.Lower)) if other is not None else False
    value = _of_column(column, kind, outer.args.get("high") is inner, used)
    if value is None:
        return None
    if kind in ("Like", "ILike"):
        value = value[:3] + "%"
    return value.lower() if lowered else value


_PREDICATES = ("EQ", "NEQ", "LT", "LTE", "GT", "GTE", "Like", "ILike", "Between", "In")


def _column(place: Any, tables: Mapping[str, Table]) -> Column | None:
    if place.table:
        table = tables.get(place.table)
        return table.column.get(place.name) if table else None
    having = [table.column[place.name] for table in tables.values() if place.name in table.column]
    return having[0] if having else None


def _of_column(column: Column, kind: str, high: bool, used: dict[str, int]) -> str | None:
    known = column.statistics
    if known is None:
        return None
    bounds = known.histogram
    if kind in _QUANTILES or kind == "Between":
        share = _QUANTILES.get(kind, 0.55 if high else 0.45)
        values = bounds or known.common_values
        return values[int(share * (len(values) - 1))] if values else None
    # Several values of a list differ from each other.
    number = used[column.name] = used.get(column.name, -1) + 1
    values = (*known.common_values, *_spread(bounds))
    return values[number % len(values)] if values else None


def _spread(bounds: Sequence[str]) -> list[str]:
    """Bounds in an order in which those that come first are far from each other."""
    count = len(bounds)
    return [bounds[(count // 2 + place * 37) % count] for place in range(min(count, 20))]
