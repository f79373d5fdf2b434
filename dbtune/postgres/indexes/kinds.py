"""Candidates that are no plain b-trees: GIN, GiST, SP-GiST, BRIN, hash.

Which operators a method serves follows from the type, and sometimes needs an extension's operator
class. Where that extension is not there, nothing is suggested, but :func:`wanted_extensions` tells.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from dbtune.postgres.indexes.catalog import Catalog
from dbtune.postgres.indexes.definition import Definition, Key
from dbtune.postgres.indexes.uses import Condition, Use
from dbtune.postgres.plans.ddl import quote
from dbtune.postgres.relations.facts import Table

ARRAY, RANGE = "array", "range"
_BRIN_PAGES = 4096
"""32 MB: below, a b-tree is no burden."""
_BRIN_CORRELATION = 0.95
_BRIN_CHANGED = 0.1
"""Share of updated and deleted rows above which the order of rows does not last."""
_LONG_BYTES = 48
"""Keys of that width make a b-tree several times as large as a hash index, which keeps 4 bytes."""


class _Kind(NamedTuple):
    """A way to serve operators on a type: method, operator class, the extension that has it."""

    types: frozenset[str]
    operators: frozenset[str]
    method: str
    operator_class: str = ""
    extension: str = ""


def _kind(types: str, operators: str, method: str, name: str = "", extension: str = "") -> _Kind:
    return _Kind(frozenset(types.split()), frozenset(operators.split()), method, name, extension)


_INSIDE = "&& @> <@ << >> &< &> <<| |>> &<| |&> ~= @"
_SPATIAL = (
    "st_intersects st_contains st_within st_dwithin st_covers st_coveredby st_overlaps st_touches "
    "st_crosses st_equals st_dfullywithin st_containsproperly"
)
_NEAREST = "<-> <<->>"
_KINDS = (
    _kind("jsonb", "@> @? @@", "gin", "jsonb_path_ops"),
    _kind("jsonb", "? ?| ?&", "gin"),
    _kind(ARRAY, "@> <@ && =", "gin"),
    _kind("_int4", "@> <@ && = @@", "gin", "gin__int_ops", "intarray"),
    _kind("tsvector", "@@ @@@", "gin"),
    _kind("hstore", "@> ? ?| ?&", "gin", "", "hstore"),
    _kind("text varchar", "~~ ~~* ~ ~* % <% %> <<% %>>", "gin", "gin_trgm_ops", "pg_trgm"),
    _kind("text varchar", "<-> <<-> <->> <<<-> <->>>", "gist", "gist_trgm_ops", "pg_trgm"),
    _kind(RANGE, "&& @> <@ << >> &< &> -|- =", "gist"),
    _kind("point box polygon circle", f"{_INSIDE} {_NEAREST}", "gist"),
    _kind("point box polygon", f"{_INSIDE} {_NEAREST}", "spgist"),
    _kind("geometry geography", f"{_INSIDE} {_NEAREST} {_SPATIAL}", "gist", "", "postgis"),
    _kind("inet cidr", "<< <<= >> >>= &&", "gist", "inet_ops"),
    _kind("inet cidr", "<< <<= >> >>= &&", "spgist"),
    _kind("inet cidr", "<< <<=", "btree"),
    _kind("ltree", "@> <@ ~ ? @", "gist", "", "ltree"),
    _kind("cube", f"{_INSIDE} {_NEAREST}", "gist", "", "cube"),
    _kind("seg", _INSIDE, "gist", "", "seg"),
    _kind("int2 int4 int8 float4 float8 date timestamptz", "<->", "gist", "", "btree_gist"),
)  # fmt: skip
_SCALARS = (
    "int2 int4 int8 numeric float4 float8 date timestamp timestamptz text varchar uuid".split()
)
_BESIDE = {"gist": "btree_gist", "gin": "btree_gin"}
"""Extensions by which a method takes ordinary columns as well."""


def special_candidates(
    use: Use, catalog: Catalog, extensions: Mapping[str, str]
) -> Iterator[Definition]:
    """Indexes of other methods for one occurrence of a table.

    Args:
        use: the occurrence.
        catalog: columns and statistics.
        extensions: those that are installed, with their schemas.
    """
    table = use.table
    for condition in (*use.conditions, *use.alone):
        for kind in _serving(condition, table):
            if kind.extension and kind.extension not in extensions:
                continue
            key = _with_class(condition.key, kind, extensions)
            one = Definition(table.schema, table.name, (key,), method=kind.method)
            yield one
            beside = _BESIDE.get(kind.method, "")
            if beside in extensions and condition.kind != "nearest":
                equal = [c.key for c in use.conditions if _is_scalar_equality(c, table)]
                if equal:
                    yield one._replace(keys=(*equal[:2], key))
    for condition in use.conditions:
        if condition.kind == "range" and is_correlated(table, condition.column, catalog):
            yield Definition(table.schema, table.name, (condition.key,), method="brin")


def wanted_extensions(use: Use, extensions: Mapping[str, str]) -> Iterator[tuple[str, Condition]]:
    """Extensions that are not installed and would let an index serve a condition."""
    for condition in (*use.conditions, *use.alone):
        kinds = list(_serving(condition, use.table))
        if kinds and all(kind.extension and kind.extension not in extensions for kind in kinds):
            yield kinds[0].extension, condition


def frugal(index: Definition, table: Table, catalog: Catalog) -> Iterator[Definition]:
    """Much smaller indexes that may do nearly what a b-tree does: block ranges, hashes.

    Args:
        index: a b-tree that was chosen.
        table: its table.
        catalog: columns and statistics.
    """
    if index.method != "btree" or index.predicate or index.keys[0].operator_class:
        return
    first = index.keys[0]
    if is_correlated(table, first.column, catalog):
        yield index._replace(
            keys=(first._replace(descending=False, nulls_first=None),), include=(), method="brin"
        )
    if len(index.keys) == 1 and is_long(table, first, catalog):
        yield index._replace(include=(), method="hash")


def is_correlated(table: Table, column: str, catalog: Catalog) -> bool:
    """Whether a large table has a column's values in order, and is likely to keep them so."""
    if not column or table.pages < _BRIN_PAGES or table.kind == "p":
        return False
    if (seen := table.activity) is not None:
        moved = seen.updated - seen.hot_updated + seen.deleted
        if moved > _BRIN_CHANGED * max(seen.inserted, table.rows or 0.0):
            return False
    return catalog.correlation(table, column) >= _BRIN_CORRELATION


def is_long(table: Table, key: Key, catalog: Catalog) -> bool:
    """Whether a key's values are long and mostly different."""
    column = catalog.column(table, key.column)
    return (
        column is not None
        and column.length_bytes < 0
        and column.base_type in ("text", "varchar", "bytea")
        and catalog.width(table, key.column) >= _LONG_BYTES
        and catalog.distinct(table, key.column) >= catalog.rows(table) / 10
    )


def _serving(condition: Condition, table: Table) -> Iterator[_Kind]:
    if condition.kind not in ("contains", "pattern", "similar", "nearest", "equality"):
        return
    types = _types(condition, table)
    for kind in _KINDS:
        if types & kind.types and condition.operator in kind.operators:
            yield kind


_OF_OPERATOR = {"@?": "jsonb", "?": "jsonb", "?|": "jsonb", "?&": "jsonb", "->": "jsonb"}
_CAST = re.compile(r"::([\w ]+?)(?:\([\d, ]+\))?(\[\])?$")
_MADE = re.compile(r"\(*(\w+range|point|box|circle|polygon|st_\w+)\(")
"""What a function makes tells more than what it is compared with: a range may contain a date."""
_NAMES = {"character varying": "varchar", "tsquery": "tsvector", "jsonpath": "jsonb"}


def _types(condition: Condition, table: Table) -> frozenset[str]:
    """What a key's type is called here; of an expression what it is compared with tells."""
    column = table.column.get(condition.column)
    if column is not None:
        general = {"A": ARRAY, "R": RANGE}.get(column.type_category, "")
        return frozenset({column.base_type, general} - {""})
    if condition.kind in ("pattern", "similar"):
        return frozenset({"text"})
    if re.match(r"\(?to_tsvector\(", condition.key.sql):
        return frozenset({"tsvector"})
    if condition.operator in _OF_OPERATOR:
        return frozenset({_OF_OPERATOR[condition.operator]})
    if made := _MADE.match(condition.key.sql):
        name = "geometry" if made[1].startswith("st_") else made[1]
        return frozenset({name, RANGE} if name.endswith("range") else {name})
    cast = _CAST.search(condition.value or "") or _CAST.search(condition.key.sql.rstrip(")"))
    if cast is None:
        return frozenset()
    name = _NAMES.get(cast[1], cast[1])
    if cast[2]:
        return frozenset({ARRAY})
    return frozenset({name, RANGE} if name.endswith("range") else {name})


def _is_scalar_equality(condition: Condition, table: Table) -> bool:
    column = table.column.get(condition.column)
    return condition.kind == "equality" and column is not None and column.base_type in _SCALARS


def _with_class(key: Key, kind: _Kind, extensions: Mapping[str, str]) -> Key:
    """A key with the operator class, in the schema of its extension."""
    if not kind.operator_class:
        return key
    schema = extensions.get(kind.extension, "")
    name = f"{quote(schema)}.{kind.operator_class}" if schema else kind.operator_class
    return key._replace(operator_class=name)


def pattern_keys(key: Key, table: Table) -> list[Key]:
    """A key as b-trees can be searched for the beginning of a text: plain (which only the
    collation C lets them), and with the operator class that compares characters."""
    column = table.column.get(key.column)
    base = column.base_type if column else "text"
    name = {"text": "text", "varchar": "varchar", "bpchar": "bpchar"}.get(base, "")
    return [key, key._replace(operator_class=f"{name}_pattern_ops")] if name else [key]
