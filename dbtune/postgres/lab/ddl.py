"""The statements that make a lab's objects. What is text in the source stays text: it is run as a
role that may do nothing outside its own objects."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from dbtune.postgres.lab.source import (
    SourceColumn,
    SourceConstraint,
    SourceFunction,
    SourceIndex,
    SourceRelation,
    SourceType,
)
from dbtune.postgres.plans.ddl import quote

FOREIGN_SERVER = "dbtune_foreign"
_VOLATILITY = {"i": "IMMUTABLE", "s": "STABLE", "v": "VOLATILE"}
_PARALLEL = {"s": "SAFE", "r": "RESTRICTED", "u": "UNSAFE"}
_UNPROVEN = (" NOT VALID", " NOT ENFORCED")
_TRUSTED = ("sql", "plpgsql")


def literal(text: str) -> str:
    """A string constant."""
    quoted = text.replace("'", "''")
    return f" E'{quoted}'".replace("\\", "\\\\") if "\\" in text else f"'{quoted}'"


def named(schema: str, name: str) -> str:
    """A qualified name in quotes."""
    return f"{quote(schema)}.{quote(name)}"


def create_type(one: SourceType, collations: dict[int, str], unknown: Collection[str] = ()) -> str:
    """The statement that makes a type; "" if none can: a base type is made of C functions.

    Args:
        one: the type.
        collations: their SQL by number.
        unknown: types that are not there: attributes of these are left out.
    """
    name = named(one.schema, one.name)
    if one.kind == "e":
        return f"CREATE TYPE {name} AS ENUM ({', '.join(map(literal, one.labels))})"
    if one.kind == "d":
        return f"CREATE DOMAIN {name} AS {one.base_text}{_collate(one.collation, collations)}"
    if one.kind == "r":
        return f"CREATE TYPE {name} AS RANGE (SUBTYPE = {one.subtype_text})"
    if one.kind == "c":
        attributes = (
            f"{quote(c.name)} {c.type}{_collate(c.collation, collations)}"
            for c in one.columns
            if c.type not in unknown
        )
        return f"CREATE TYPE {name} AS ({', '.join(attributes)})"
    return ""


def create_table(
    one: SourceRelation, collations: dict[int, str], unknown: Collection[str] = ()
) -> str:
    """The statement that makes a table, also in place of a materialised view.

    Args:
        one: the table.
        collations: their SQL by number.
        unknown: types that are not there: columns of these are left out.
    """
    foreign = one.kind == "f"
    columns = [
        _column(column, collations, plain=not foreign)
        for column in one.columns
        if column.type not in unknown
    ]
    body = f"{named(one.schema, one.name)} ({', '.join(columns)})"
    if foreign:
        return f"CREATE FOREIGN TABLE {body} SERVER {FOREIGN_SERVER}"
    by = f" PARTITION BY {one.partition_key}" if one.kind == "p" else ""
    return f"CREATE TABLE {body}{by}"


def _column(column: SourceColumn, collations: dict[int, str], *, plain: bool) -> str:
    words = [quote(column.name), column.type]
    if plain:
        words.append("STORAGE PLAIN")  # no TOAST table, which would be two more files
    words.append(_collate(column.collation, collations))
    if column.virtual:
        words.append(f"GENERATED ALWAYS AS ({column.virtual}) VIRTUAL")
    if column.not_null:
        words.append("NOT NULL")
    return " ".join(word for word in words if word)


def _collate(collation: int, collations: dict[int, str]) -> str:
    return f" COLLATE {collations[collation]}" if collation in collations else ""


def attach(child: SourceRelation, parent: SourceRelation) -> str:
    """The statement that makes a table a partition or an heir of another."""
    names = named(child.schema, child.name), named(parent.schema, parent.name)
    if child.is_partition:
        return f"ALTER TABLE {names[1]} ATTACH PARTITION {names[0]} {child.partition_bound}"
    return f"ALTER TABLE {names[0]} INHERIT {names[1]}"


def create_view(one: SourceRelation) -> str:
    """The statement that makes a view."""
    barrier = any(re.fullmatch("security_barrier=(true|on|1)", option) for option in one.options)
    options = " WITH (security_barrier)" if barrier else ""
    return f"CREATE VIEW {named(one.schema, one.name)}{options} AS {one.definition}"


def create_index(index: SourceIndex, relation: SourceRelation) -> str:
    """The statement that makes an index, or the constraint that it belongs to; of no partition."""
    if not index.constraint_definition:
        return index.definition
    table, name = named(relation.schema, relation.name), quote(index.name)
    return f"ALTER TABLE ONLY {table} ADD CONSTRAINT {name} {index.constraint_definition}"


def attach_index(part: SourceIndex, whole: SourceIndex) -> str:
    """The statement that makes an index a part of a partitioned table's."""
    names = named(whole.schema, whole.name), named(part.schema, part.name)
    return f"ALTER INDEX {names[0]} ATTACH PARTITION {names[1]}"


def add_constraint(one: SourceConstraint, relation: SourceRelation) -> str:
    """The statement that adds a check or a foreign key.

    A foreign key that is not valid counts for the planner, too, and no query has to validate it.
    """
    table = named(relation.schema, relation.name)
    only = "ONLY " if one.kind == "c" and relation.kind != "p" else ""
    unproven = "" if one.kind == "c" or one.definition.endswith(_UNPROVEN) else " NOT VALID"
    return f"ALTER TABLE {only}{table} ADD CONSTRAINT {quote(one.name)} {one.definition}{unproven}"


def create_function(one: SourceFunction) -> str:
    """The statement that makes a function or aggregate; "" for one that no plan depends on.

    What is written in C or a language that is missing gets a body that fails when it is called: the
    planner calls functions of constants only.
    """
    name = named(one.schema, one.name)
    if one.kind == "a":
        return _create_aggregate(name, one)
    if one.result in ("trigger", "event_trigger"):
        return ""
    known = one.language in _TRUSTED and one.extension is None
    words = [
        f"CREATE FUNCTION {name}({one.arguments}) RETURNS {one.result}",
        f"LANGUAGE {one.language if known else 'plpgsql'}",
        _VOLATILITY[one.volatility],
        f"PARALLEL {_PARALLEL[one.parallel]}",
        f"COST {one.cost:g}",
    ]
    if one.strict:
        words.append("STRICT")
    if one.security_definer:
        words.append("SECURITY DEFINER")
    if one.has_settings:
        words.append("SET timezone FROM CURRENT")  # any setting keeps it from being inlined
    if one.rows:
        words.append(f"ROWS {one.rows:g}")
    body = one.source if known else "BEGIN RAISE 'this function is not in the planner lab'; END"
    words.append(one.body if known and one.body else f"AS {literal(body)}")
    return " ".join(words)


def _create_aggregate(name: str, one: SourceFunction) -> str:
    options = [f"SFUNC = {one.transition}", f"STYPE = {one.state}"]
    if one.initial is not None:
        options.append(f"INITCOND = {literal(one.initial)}")
    if one.final:
        options.append(f"FINALFUNC = {one.final}")
    options.append(f"PARALLEL = {_PARALLEL[one.parallel]}")
    return f"CREATE AGGREGATE {name}({one.identity_arguments}) ({', '.join(options)})"


def missing_types(texts: Iterable[str]) -> str:
    """A query for those of the types that the lab does not have."""
    array = ", ".join(map(literal, sorted(texts)))
    return (
        f"SELECT t AS type FROM pg_catalog.unnest(ARRAY[{array}]::text[]) AS t "
        "WHERE pg_catalog.to_regtype(t) IS NULL"
    )
