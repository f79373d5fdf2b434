"""Indexes that exist in the lab only: made on the table while it looks empty, then grown on paper.

CREATE INDEX would read the table's sparse file, all of its gigabytes. While it runs, the table's
catalog entry names an empty file instead.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import psycopg
from psycopg import sql

from dbtune.errors import TargetError
from dbtune.postgres.indexes.definition import Definition, Key
from dbtune.postgres.indexes.planner import NotPlannable
from dbtune.postgres.lab.build import Connections
from dbtune.postgres.lab.ddl import named
from dbtune.postgres.lab.sizes import Contents, index_pages
from dbtune.postgres.lab.skip_scan import SkipScans
from dbtune.postgres.lab.storage import LEVEL_OF_HYPOPG, Storage
from dbtune.text import plain

_EMPTY_SCHEMA = "dbtune_lab"
_PREFIX = "dbtune_hypothetical_"
_UNKNOWN_WIDTH = 50
_ELEMENT_BYTES = 12
"""Of what GIN indexes where statistics tell no number of elements: a key, a lexeme, and a path."""
_OF_COLUMN = re.compile(r'\(*(md5|lower|upper)\(\(*"?([^"()]+)"?(?:\)?::text)?\)*')


class Part(NamedTuple):
    """A table, or one of a partitioned table's, that has a file: of what an index is made.

    Attributes:
        node: its file's number.
        pages: blocks.
        widths: average width of each column, in bytes; 0 if it was not analysed.
        elements: average number of an array's elements, by column.
        texts: the columns of type text.
    """

    oid: int
    schema: str
    name: str
    node: int
    pages: int
    widths: dict[str, int]
    elements: dict[str, float]
    texts: list[str]


class Made(NamedTuple):
    """A hypothetical index: its numbers in the lab and names there, one of each part."""

    oids: tuple[int, ...]
    names: tuple[str, ...]


class SizeModel(NamedTuple):
    """How large and how high hypothetical indexes are.

    Attributes:
        pages: blocks, from method, contents and options; see :func:`~.sizes.index_pages`.
        level: of a b-tree's root, from its blocks and the width of its keys in bytes.
    """

    pages: Callable[[str, Contents, str], int]
    level: Callable[[int, float], int]


AS_HYPOPG = SizeModel(index_pages, lambda _pages, _width: LEVEL_OF_HYPOPG)
"""So that costs are those that HypoPG would give on the target."""


class Maker:
    """Makes and drops hypothetical indexes in a lab."""

    def __init__(
        self,
        connections: Connections,
        storage: Storage,
        model: SizeModel = AS_HYPOPG,
        skip_scans: SkipScans | None = None,
    ) -> None:
        """
        Args:
            connections: to a lab that is complete.
            storage: its files.
            model: of their sizes.
            skip_scans: to be taken out of the new indexes, too.
        """
        self._admin, self._owner = connections
        self._skip_scans = skip_scans
        self._storage = storage
        self._model = model
        self._count = 0
        self._parts: dict[tuple[str, str], list[Part]] = {}
        self._rows: dict[tuple[int, str], float] = {}
        schema = sql.Identifier(_EMPTY_SCHEMA)
        self._admin.execute(sql.SQL("CREATE SCHEMA {}").format(schema))
        self._admin.execute(sql.SQL("CREATE TABLE {}.empty ()").format(schema))
        found = self._admin.execute(
            "SELECT relfilenode FROM pg_class WHERE oid = %s::regclass", (f"{_EMPTY_SCHEMA}.empty",)
        )
        self._empty_node: int = found.fetchall()[0]["relfilenode"]

    def make(self, index: Definition) -> Made:
        """Make an index on each part of its table.

        Raises:
            NotPlannable: the server refuses it.
            TargetError: the server ended.
        """
        made = [self._make(index, part) for part in self._parts_of(index)]
        if self._skip_scans and not index.unique:
            self._skip_scans.prevent([oid for oid, _ in made])
        return Made(tuple(oid for oid, _ in made), tuple(name for _, name in made))

    def drop(self, made: Made) -> None:
        """Drop an index for good."""
        self._admin.execute(
            sql.SQL("DROP INDEX {}").format(sql.SQL(", ").join(map(_qualified, made.names)))
        )

    def pages(self, index: Definition) -> int:
        """Blocks of an index, of all parts of its table.

        Raises:
            NotPlannable: there is no such table or column.
        """
        return sum(self._size(index, part)[0] for part in self._parts_of(index))

    # ------------------------------------------------------------------------------------- one part

    def _make(self, index: Definition, part: Part) -> tuple[int, str]:
        pages, rows, width = self._size(index, part)
        self._count += 1
        name = f"{_PREFIX}{self._count}"
        of_part = index._replace(schema=part.schema, table=part.name)
        statement = of_part.ddl(concurrently=False, name=name)
        self._admin.execute(
            "UPDATE pg_class SET relfilenode = %s WHERE oid = %s", (self._empty_node, part.oid)
        )
        failed = ""
        try:
            # A result in binary makes it a single statement.
            self._owner.execute(statement.encode(), binary=True)
        except psycopg.Error as error:
            failed = plain(error.diag.message_primary or str(error))
            if self._owner.closed:
                raise TargetError(f"the planner lab's server failed: {failed}") from None
        finally:
            back = self._admin.execute(
                "UPDATE pg_class SET relfilenode = CASE oid WHEN %(table)s THEN %(node)s "
                "ELSE relfilenode END, relpages = CASE oid WHEN %(table)s THEN relpages "
                "ELSE %(pages)s END, reltuples = CASE oid WHEN %(table)s THEN reltuples "
                "ELSE %(rows)s::float4 END "
                "WHERE oid IN (%(table)s, to_regclass(%(name)s)) "
                "RETURNING oid::bigint AS oid, pg_relation_filepath(oid) AS path",
                {
                    "table": part.oid,
                    "node": part.node,
                    "pages": pages,
                    "rows": rows,
                    "name": named(part.schema, name),
                },
            ).fetchall()
        if failed:
            raise NotPlannable(f"index {index.name}: {failed}")
        oid, path = next((row["oid"], row["path"]) for row in back if row["oid"] != part.oid)
        if index.method == "btree":
            self._storage.grow_btree(path, pages, self._model.level(pages, width))
        else:
            self._storage.resize(path, pages)
        return oid, named(part.schema, name)

    def _size(self, index: Definition, part: Part) -> tuple[int, float, float]:
        """Blocks, rows, and width of the keys."""
        rows = self._rows_of(part, index.predicate)
        keys = [_width(key, part) for key in index.keys]
        included = [part.widths.get(column, 0) for column in index.include]
        elements = 1.0
        if index.method == "gin":
            elements = sum(map(partial(_elements, part), index.keys))
        contents = Contents(
            rows, part.pages, sum(keys) + sum(included), len(keys) + len(included), elements
        )
        return self._model.pages(index.method, contents, index.options), rows, float(sum(keys))

    def _rows_of(self, part: Part, predicate: str) -> float:
        """Rows of a part that a predicate lets through, as the planner estimates."""
        key = (part.oid, predicate)
        if key not in self._rows:
            where = f" WHERE {predicate}" if predicate else ""
            text = f"EXPLAIN (FORMAT JSON) SELECT FROM ONLY {named(part.schema, part.name)}{where}"
            try:
                found = self._owner.execute(text.encode(), binary=True).fetchall()
            except psycopg.Error as error:
                raise NotPlannable(plain(error.diag.message_primary or str(error))) from None
            self._rows[key] = float(found[0]["QUERY PLAN"][0]["Plan"]["Plan Rows"])
        return self._rows[key]

    def _parts_of(self, index: Definition) -> list[Part]:
        place = (index.schema, index.table)
        if place not in self._parts:
            rows = self._admin.execute(_PARTS, {"table": named(*place)}).fetchall()
            self._parts[place] = [_part(row) for row in rows]
        if not self._parts[place]:
            raise NotPlannable(
                f"index {index.name}: table {plain('.'.join(place))} is not in the planner lab, or "
                "can't be indexed"
            )
        return self._parts[place]


_PARTS = """
SELECT c.oid::bigint AS oid, n.nspname::text AS schema, c.relname::text AS name,
    c.relfilenode::bigint AS node, pg_relation_size(c.oid) / 8192 AS pages, s.widths, s.elements,
    ARRAY(SELECT a.attname::text FROM pg_attribute a
          WHERE a.attrelid = c.oid AND a.atttypid = 'text'::regtype) AS texts
FROM (
    SELECT t.relid FROM pg_partition_tree(to_regclass(%(table)s)) t
    UNION
    SELECT to_regclass(%(table)s)
) t
JOIN pg_class c ON c.oid = t.relid
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN LATERAL (
    SELECT jsonb_object_agg(a.attname, s.stawidth) AS widths,
        jsonb_object_agg(a.attname, (s.counts)[array_upper(s.counts, 1)])
            FILTER (WHERE s.counts IS NOT NULL) AS elements
    FROM (
        SELECT s.staattnum, s.stawidth, CASE 5
            WHEN s.stakind1 THEN s.stanumbers1 WHEN s.stakind2 THEN s.stanumbers2
            WHEN s.stakind3 THEN s.stanumbers3 WHEN s.stakind4 THEN s.stanumbers4
            WHEN s.stakind5 THEN s.stanumbers5 END AS counts
        FROM pg_statistic s
        WHERE s.starelid = c.oid AND NOT s.stainherit
    ) s
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = s.staattnum
) s ON true
WHERE c.relkind = 'r'
ORDER BY c.oid
"""


def _part(row: dict[str, Any]) -> Part:
    return Part(**{**row, "widths": row["widths"] or {}, "elements": row["elements"] or {}})


def _width(key: Key, part: Part) -> int:
    """As HypoPG takes it: of a few functions of a text it knows what they return."""
    if key.column:
        return part.widths.get(key.column, 0)
    called = _OF_COLUMN.fullmatch(key.sql)
    if called is None:
        return _UNKNOWN_WIDTH
    if called[1] == "md5":
        return 32
    return part.widths.get(called[2], 0) if called[2] in part.texts else _UNKNOWN_WIDTH


def _elements(part: Part, key: Key) -> float:
    known = part.elements.get(key.column)
    return known or max(1.0, _width(key, part) / _ELEMENT_BYTES)


def _qualified(name: str) -> sql.SQL:
    return sql.SQL(name)  # made by named()
