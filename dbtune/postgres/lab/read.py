"""Read from a target what a lab is made of: catalog queries only, no row of a table, no lock held.

They need no privilege but for column statistics; what a role may not see is told, not fatal.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import Any

import psycopg
from psycopg import errors

from dbtune.errors import Unavailable
from dbtune.postgres.lab.source import (
    Source,
    SourceCollation,
    SourceColumn,
    SourceConstraint,
    SourceDatabase,
    SourceExtended,
    SourceFunction,
    SourceIndex,
    SourceRelation,
    SourceStatistics,
    SourceType,
)
from dbtune.postgres.session import Row, Session, load_sql
from dbtune.postgres.sqltext import names

BLOCK_BYTES = 8192
_AT_ONCE = 500
"""Relations asked about in one query: the statistics of one table may be a megabyte."""
_FIRST_USER_OID = 16384
_RANGES_SHOWN_SINCE = 17
_AS_TEXT = (
    "SELECT pg_catalog.set_config('datestyle', 'ISO, MDY', true), "
    "pg_catalog.set_config('intervalstyle', 'postgres', true), "
    "pg_catalog.set_config('timezone', 'UTC', true), "
    "pg_catalog.set_config('bytea_output', 'hex', true)"
)
"""The lab reads values in these forms, whatever the role's own are."""


def read_source(session: Session, statements: Iterable[str] = (), *, max_tables: int) -> Source:
    """What a lab for some statements is made of: tables that they may mean, and what those need.

    A table is one that they may mean if its name, in whatever schema, is a word of a statement.

    Args:
        session: of the target.
        statements: the workload; none means all tables.
        max_tables: leave out tables beyond so many, those least surely meant first.

    Raises:
        Unavailable: the target has blocks of another size, or does not tell its schema.
        TargetError: the connection broke.
    """
    return _Reader(session, frozenset().union(*map(names, statements)), max_tables).read()


class _Reader:
    def __init__(self, session: Session, words: frozenset[str], max_tables: int) -> None:
        self._session = session
        self._words = words
        self._all_tables = not words
        self._max_tables = max_tables
        self._relations: dict[int, SourceRelation] = {}
        self._types: dict[int, SourceType] = {}
        self._functions: dict[int, SourceFunction] = {}
        self._asked: set[str] = set()
        self._asked_types: set[int] = set()
        self._notes: list[str] = []
        self._names: dict[int, str] = {}
        self._locked: set[int] = set()

    def read(self) -> Source:
        database = self._database()
        rows = {row["oid"]: row for row in self._fact("lab_relations")}
        self._names = {oid: f"{row['schema']}.{row['name']}" for oid, row in rows.items()}
        partitions = [oid for oid, row in rows.items() if row["is_partition"] or row["kind"] == "p"]
        for row in self._of("lab_partitions", partitions):
            rows[row.pop("oid")] |= row
        order = self._choose(rows)
        tables = [oid for oid in order if rows[oid]["kind"] != "v"]
        beyond = set(tables[self._max_tables :])
        chosen = [oid for oid in order if oid not in beyond]
        self._read_columns(chosen)
        self._read_types({c.type_oid for r in self._relations.values() for c in r.columns})
        indexes, constraints = self._indexes(chosen), self._constraints(chosen)
        self._read_functions(_words_of(self._relations.values(), indexes, constraints))
        self._read_types({oid for one in self._functions.values() for oid in one.types})
        sizes = self._sizes([*chosen, *(index.oid for index in indexes)])
        relations = {
            oid: replace(one, size_pages=sizes.get(oid)) for oid, one in self._relations.items()
        }
        return Source(
            database,
            relations,
            tuple(replace(one, size_pages=sizes.get(one.oid)) for one in indexes),
            constraints,
            self._types,
            tuple(self._functions.values()),
            self._collations(indexes),
            self._statistics([*chosen, *(index.oid for index in indexes)]),
            self._extended(chosen),
            tuple(f"{rows[oid]['schema']}.{rows[oid]['name']}" for oid in tables if oid in beyond),
            tuple(self._notes),
        )

    # ------------------------------------------------------------------------------------- queries

    def _fact(self, name: str, parameters: Mapping[str, object] | None = None) -> list[Row]:
        try:
            with self._session.transaction(commit=True) as transaction:
                transaction.rows(_AS_TEXT)
                return transaction.rows(load_sql(name, self._session.major), parameters)
        except errors.LockNotAvailable:
            raise
        except psycopg.Error as error:
            raise self._session.translated(error) from None

    def _of(self, name: str, oids: Collection[int]) -> list[Row]:
        """A fact of many relations, asked in portions, without those that somebody locks."""
        ordered = sorted(oids)
        if len(ordered) > _AT_ONCE:
            return self._of(name, ordered[:_AT_ONCE]) + self._of(name, ordered[_AT_ONCE:])
        try:
            return self._fact(name, {"oids": ordered}) if ordered else []
        except errors.LockNotAvailable:
            # Definitions are written with the table open.
            if len(ordered) > 1:
                half = len(ordered) // 2
                return self._of(name, ordered[:half]) + self._of(name, ordered[half:])
            if ordered[0] not in self._locked:
                self._locked.add(ordered[0])
                shown = self._names.get(ordered[0], f"relation {ordered[0]}")
                self._notes.append(
                    f"{shown} is locked: indexes, constraints or columns are missing"
                )
            return []

    def _database(self) -> SourceDatabase:
        try:
            # Not as the catalog is read, for which dbtune changes some settings.
            with self._session.transaction(own_search_path=True, commit=True) as transaction:
                row, settings, path = (
                    transaction.rows(load_sql(name, self._session.major))
                    for name in ("lab_database", "lab_settings", "lab_search_path")
                )
        except psycopg.Error as error:
            raise self._session.translated(error) from None
        database = row[0]
        if database["block_bytes"] != BLOCK_BYTES:
            raise Unavailable(
                f"the target has blocks of {database['block_bytes']} bytes, the planner lab of "
                f"{BLOCK_BYTES}; costs would differ"
            )
        return SourceDatabase(
            version=database["version"],
            collate=database["locale" if database["provider"] == "i" else "collate"],
            provider=database["provider"],
            time_zone=database["time_zone"],
            search_path=tuple(one["schema"] for one in path),
            user=self._session.user,
            extensions=database["extensions"] or {},
            settings={one["name"]: one["value"] for one in settings},
            changed=frozenset(one["name"] for one in settings if one["changed"]),
        )

    # --------------------------------------------------------------------------- what is looked at

    def _choose(self, rows: Mapping[int, Row]) -> list[int]:
        """Relations that the words may mean, then what those need, functions' bodies included."""
        children: dict[int, list[int]] = {}
        for oid, row in rows.items():
            for parent in row["parents"]:
                children.setdefault(parent, []).append(oid)
        by_name: dict[str, list[int]] = {}
        for oid, row in rows.items():
            by_name.setdefault(row["name"], []).append(oid)
        chosen: dict[int, None] = {}
        views: dict[int, Row] = {}
        words = set(by_name) if self._all_tables else set(self._words)
        self._read_functions(self._words)
        while True:
            for one in self._functions.values():
                words |= names(f"{one.source} {one.body}")
            meant = [oid for word in sorted(words & by_name.keys()) for oid in by_name[word]]
            pending = [oid for oid in meant if oid not in chosen]
            if not pending:
                break
            while pending:
                new = dict.fromkeys(oid for oid in pending if oid in rows and oid not in chosen)
                chosen |= new
                read = self._of("lab_views", [oid for oid in new if rows[oid]["kind"] == "v"])
                views |= {row["oid"]: row for row in read}
                pending = [oid for row in read for oid in row["reads"]]
                for oid in new:
                    pending += [*rows[oid]["parents"], *children.get(oid, ())]
            self._read_functions(names(" ".join(row["definition"] for row in views.values())))
        for oid in chosen:
            view = views.get(oid, {"definition": "", "options": (), "reads": ()})
            row = rows[oid]
            self._relations[oid] = SourceRelation(
                **{**row, "parents": tuple(row["parents"])},
                definition=view["definition"],
                options=tuple(view["options"]),
                reads=tuple(view["reads"]),
            )
        return list(chosen)

    def _read_functions(self, words: Collection[str]) -> None:
        """Functions of these names, and those that their bodies name."""
        everything = self._all_tables and not self._asked
        while (new := sorted(set(words) - self._asked)) or everything:
            self._asked |= {"", *new}
            parameters = {"names": new, "all": everything}
            found = [_function(row) for row in self._fact("lab_functions", parameters)]
            everything = False
            self._functions |= {one.oid: one for one in found}
            words = names(
                " ".join(f"{one.source} {one.body} {one.transition} {one.final}" for one in found)
            )

    def _read_columns(self, chosen: Collection[int]) -> None:
        columns = _columns(self._of("lab_columns", chosen))
        self._relations = {
            oid: replace(self._relations[oid], columns=columns.get(oid, ())) for oid in chosen
        }

    def _read_types(self, wanted: Collection[int]) -> None:
        """Types of users, and those that they are made of."""
        words = sorted(self._words)
        while new := {oid for oid in wanted if oid >= _FIRST_USER_OID} - self._asked_types:
            self._asked_types |= new
            rows = self._fact("lab_types", {"oids": sorted(new), "names": words})
            words = []
            relations = [row["relation"] for row in rows if row["relation"]]
            columns = _columns(self._of("lab_columns", relations))
            for row in rows:
                values = {**row, "labels": tuple(row["labels"])}
                self._types[row["oid"]] = SourceType(
                    **values, columns=columns.get(row["relation"], ())
                )
            found = [self._types[row["oid"]] for row in rows]
            wanted = {oid for one in found for oid in (one.element, one.base, one.subtype or 0)}
            wanted |= {column.type_oid for one in found for column in one.columns}

    def _constraints(self, chosen: Collection[int]) -> tuple[SourceConstraint, ...]:
        found = [SourceConstraint(**row) for row in self._of("lab_constraints", chosen)]
        return tuple(one for one in found if not one.target or one.target in self._relations)

    def _indexes(self, chosen: Collection[int]) -> tuple[SourceIndex, ...]:
        rows = self._of("lab_indexes", chosen)
        return tuple(SourceIndex(**{**row, "collations": tuple(row["collations"])}) for row in rows)

    def _sizes(self, oids: Collection[int]) -> dict[int, int]:
        try:
            found = self._of("lab_sizes", oids)
        except Unavailable as missing:
            self._notes.append(
                f"sizes are those of the last VACUUM or ANALYZE, not the present ones: {missing}"
            )
            return {}
        return {
            row["oid"]: -(-row["bytes"] // BLOCK_BYTES) for row in found if row["bytes"] is not None
        }

    def _collations(self, indexes: Iterable[SourceIndex]) -> dict[int, SourceCollation]:
        found = {one.collation for relation in self._relations.values() for one in relation.columns}
        found |= {one.collation for one in self._types.values()}
        found |= {oid for index in indexes for oid in index.collations}
        asked = {"oids": sorted(found), "names": sorted(self._words)}
        rows = self._fact("lab_collations", asked)
        return {row["oid"]: SourceCollation(**row) for row in rows}

    def _statistics(self, oids: Collection[int]) -> tuple[SourceStatistics, ...]:
        found = []
        ranges = self._ranges()
        for row in self._of("lab_statistics", oids):
            row |= ranges.get((row["relation"], row["name"], row["inherited"]), {})
            keys = {key: row.pop(key) for key in ("relation", "name", "number", "inherited")}
            known = {name: value for name, value in row.items() if value is not None}
            found.append(SourceStatistics(**keys, values=known))
        return tuple(found)

    def _extended(self, chosen: Collection[int]) -> tuple[SourceExtended, ...]:
        rows = self._of("lab_extended", chosen)
        lists = ("columns", "numbers")
        return tuple(
            SourceExtended(**{**row, **{name: tuple(row[name]) for name in lists}}) for row in rows
        )

    def _ranges(self) -> dict[tuple[int, str, bool], Row]:
        """What pg_stats does not show of range types before PostgreSQL 17, if this role may see."""
        of_users = {one.oid for one in self._types.values() if one.kind == "r"}
        tables = [
            relation.oid
            for relation in self._relations.values()
            if any(c.type.endswith("range") or c.type_oid in of_users for c in relation.columns)
        ]
        if self._session.major >= _RANGES_SHOWN_SINCE or not tables:
            return {}
        try:
            rows = self._of("lab_ranges", tables)
        except Unavailable:
            self._notes.append("statistics of range types can't be read by this role")
            return {}
        return {(row["relation"], row["name"], row["inherited"]): row for row in rows}


def _columns(rows: Iterable[Row]) -> dict[int, tuple[SourceColumn, ...]]:
    found: dict[int, list[SourceColumn]] = {}
    for row in rows:
        values: dict[str, Any] = {key: value for key, value in row.items() if key != "relation"}
        found.setdefault(row["relation"], []).append(SourceColumn(**values))
    return {oid: tuple(columns) for oid, columns in found.items()}


def _function(row: Row) -> SourceFunction:
    return SourceFunction(**{**row, "types": tuple(row["types"])})


def _words_of(
    relations: Iterable[SourceRelation],
    indexes: Iterable[SourceIndex],
    constraints: Iterable[SourceConstraint],
) -> frozenset[str]:
    """Words that may name functions: in definitions of all but views, whose are known by now."""
    texts = [one.definition for one in indexes if "(" in one.definition]
    texts += [one.definition for one in constraints if one.kind == "c"]
    for relation in relations:
        texts += [relation.partition_key, *(column.virtual for column in relation.columns)]
    return names("\n".join(texts))
