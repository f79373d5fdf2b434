"""Read tables, columns, indexes and foreign keys of one database, a bounded part at a time.

Nothing stronger than a SELECT's lock is taken, on the catalog and on one part of the relations at a
time. A relation that somebody holds exclusively is left out, not waited for.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

from dbtune.postgres.relations.assemble import (
    Catalog,
    activity_of,
    foreign_key_of,
    index_of,
    table_of,
)
from dbtune.postgres.relations.facts import ForeignKey, Index, Relations, Table
from dbtune.postgres.relations.pages import Pages
from dbtune.postgres.session import Row, Session
from dbtune.text import plural

LIMIT = 50_000
"""Most tables that are read; the largest win."""
_PAGE = 2_000
"""Tables whose facts are read together."""
_VALUES_BYTES = 48_000_000
"""Common values and histograms take at most so much memory: the largest tables' are read."""
_VALUES_PAGE = 50
"""Relations whose values are read together, until they are seen to be small."""
_SMALL_BYTES, _SMALL_PAGE = 1_000_000, 400
"""While the values of a page take less, the next page is larger, up to so many: each costs time."""
_LEAST_BLOCKS = 8
"""Indexes of smaller tables are not asked for their size: each costs the server memory."""


def read_relations(
    session: Session,
    *,
    schemas: Collection[str] = (),
    tables: Collection[str] | None = None,
    statistics: bool = True,
    limit: int = LIMIT,
) -> Relations:
    """Read what there is in the session's database, without system schemas and temporary tables.

    Args:
        session: an open session; no privilege is needed but to see columns' statistics.
        schemas: only these; empty for all.
        tables: only these, as ``name`` or ``schema.name`` unquoted, with their partitions.
        statistics: whether to read what ANALYZE learned.
        limit: most tables; the largest are read, that there are more is said in ``left_out``.

    Raises:
        Unavailable: not even the list of tables can be read.
        TargetError: the connection broke.
    """
    setup = session.fact("relations_setup")[0]
    settings = setup["settings"] or {}
    wanted = {
        "schemas": list(schemas) or None,
        "tables": None if tables is None else list(tables),
        "count": limit + 1,
    }
    rows = session.fact("relations_tables", wanted)
    block = int(settings.get("block_size", 8192))
    building, busy = (frozenset(setup[name] or ()) for name in ("building", "busy"))
    reader = _Reader(session, Catalog(session.version, block, building, busy))
    reader.read(rows[:limit], statistics=statistics)
    if len(rows) > limit:
        reader.left_out.append(f"tables but the {plural(limit, 'largest', 'largest')}")
    since, certain = _counted_since(session, setup)
    return Relations(
        at=setup["now"],
        database=setup["database"],
        version=session.version,
        standby=setup["is_standby"],
        tables=dict(sorted(reader.tables.items())),
        indexes=tuple(sorted(reader.indexes, key=lambda one: (one.table, one.oid))),
        foreign_keys=tuple(one for one in reader.foreign_keys if one.table in reader.tables),
        stats_since=since,
        stats_since_is_certain=certain,
        standbys=setup["standbys"],
        started_at=setup["started_at"],
        block_bytes=block,
        hidden_statistics=tuple(reader.hidden),
        left_out=tuple(reader.left_out),
        settings=settings,
        extensions=setup["extensions"] or {},
    )


def _counted_since(session: Session, setup: Row) -> tuple[datetime | None, bool]:
    """Since when this database's statistics count, and whether that is certain."""
    if setup["stats_reset"]:
        return setup["stats_reset"], True
    created = session.fact("relations_created") if setup["may_see_files"] else []
    known = [setup["shared_reset"], *(row["at"] for row in created)]
    return max((at for at in known if at), default=None), bool(created)


class _Reader:
    """Reads a page of tables after the other; only finished facts are kept."""

    def __init__(self, session: Session, catalog: Catalog) -> None:
        self._session = session
        self._catalog = catalog
        self._pages = Pages(session)
        self._values_left = _VALUES_BYTES
        self._without_values = 0
        self.left_out = self._pages.left_out
        self.tables: dict[int, Table] = {}
        self.indexes: list[Index] = []
        self.foreign_keys: list[ForeignKey] = []
        self.hidden: list[str] = []

    def read(self, rows: Sequence[Row], *, statistics: bool) -> None:
        """Read everything about the tables of these rows of relations_tables."""
        self._name(rows)
        oids = [row["oid"] for row in rows]
        for row in self._pages.about("relations_constraints", oids):
            self._catalog.add_constraint(row)
            if row["type"] == "f" and not row["inherited"]:
                self.foreign_keys.append(foreign_key_of(row))
        for start in range(0, len(rows), _PAGE):
            self._read_page(rows[start : start + _PAGE], statistics=statistics)
        if self._without_values:
            smallest = plural(self._without_values, "smallest relation")
            self.left_out.append(f"common values and histograms of the {smallest}")

    def _read_page(self, rows: Sequence[Row], *, statistics: bool) -> None:
        catalog, pages = self._catalog, self._pages
        catalog.start_page()
        oids = [row["oid"] for row in rows]
        for row in pages.about("relations_columns", oids):
            catalog.add_column(row)
        raw_indexes = list(pages.about("relations_indexes", oids))
        rows = [row for row in rows if row["oid"] not in pages.lost and catalog.knows(row["oid"])]
        kept = {row["oid"] for row in rows}
        raw_indexes = [row for row in raw_indexes if row["table"] in kept]
        self._name(raw_indexes)
        self._read_kinds(raw_indexes)
        scans = self._by_oid("relations_scans", raw_indexes, "scans")
        counted = self._by_oid("relations_activity", rows, "activity")
        self._read_sizes(rows, raw_indexes)
        if statistics:
            self._read_statistics(rows, raw_indexes)
        indexes = [index_of(row, catalog, scans.get(row["oid"])) for row in raw_indexes]
        self.indexes += indexes
        used = dict.fromkeys(kept, 0)
        for index in indexes:
            used[index.table] += index.scans or 0
        for row in rows:
            oid = row["oid"]
            activity = activity_of(counted[oid], used[oid]) if oid in counted else None
            self.tables[oid] = table_of(row, catalog, activity)

    def _name(self, rows: Iterable[Row]) -> None:
        self._pages.names.update((row["oid"], f"{row['schema']}.{row['name']}") for row in rows)

    def _by_oid(self, fact: str, rows: Iterable[Row], what: str) -> dict[int, Row]:
        oids = [row["oid"] for row in rows]
        return {row["oid"]: row for row in self._pages.about(fact, oids, what=what, size=10_000)}

    def _read_kinds(self, indexes: Iterable[Row]) -> None:
        kinds = self._catalog.kinds
        classes = {oid for row in indexes for oid in row["classes"]}
        collations = {oid for row in indexes for oid in row["collations"] if oid}
        unknown = {
            "classes": [oid for oid in classes if ("class", oid) not in kinds],
            "collations": [oid for oid in collations if ("collation", oid) not in kinds],
        }
        if any(unknown.values()):
            for row in self._session.fact("relations_key_kinds", unknown):
                kinds[row["kind"], row["oid"]] = row

    def _read_sizes(self, rows: Sequence[Row], indexes: Sequence[Row]) -> None:
        sizes, pages, block = self._catalog.sizes, self._pages, self._catalog.block_bytes

        def ask(oids: Iterable[int]) -> None:
            asked = [oid for oid in oids if oid]
            found = pages.about("relations_sizes", asked, what="size", size=10_000)
            sizes.update((row["oid"], row["bytes"]) for row in found)

        stored = [row for row in rows if row["kind"] in "rm"]
        for part, what in (("toast", "TOAST table"), ("toast_index", "index of the TOAST table")):
            pages.names.update(
                (row[part], f"{what} of {pages.names[row['oid']]}") for row in stored
            )
        ask(row["oid"] for row in stored)
        ask(row["toast"] for row in stored)
        ask(row["toast_index"] for row in stored if sizes.get(row["toast"]))
        least = _LEAST_BLOCKS * block
        large = {row["oid"] for row in stored if (sizes.get(row["oid"]) or 0) >= least}
        ask(row["oid"] for row in indexes if row["table"] in large)
        for row in indexes:
            if row["table"] not in large:
                sizes[row["oid"]] = max(row["pages"], 0) * block

    def _read_statistics(self, rows: Sequence[Row], indexes: Sequence[Row]) -> None:
        """Statistics into the catalog, values as far as memory allows; which tables' are hidden."""
        order = {row["oid"]: place for place, row in enumerate(rows)}
        with_expressions = [row for row in indexes if row["expressions"]]
        names = [
            (row["schema"], row["name"])
            for row in sorted(
                [*rows, *with_expressions], key=lambda row: order[row.get("table", row["oid"])]
            )
        ]
        full, size = 0, _VALUES_PAGE
        while full < len(names) and self._values_left > 0:
            part = names[full : full + size]
            full += len(part)
            before = self._values_left
            for page in self._pages.by_name("relations_statistics", part, full=True):
                self._values_left -= sum(map(self._catalog.add_statistics, page))
            small = before - self._values_left < _SMALL_BYTES * size / _VALUES_PAGE
            size = min(2 * size, _SMALL_PAGE) if small else _VALUES_PAGE
        self._without_values += len(names) - full
        for page in self._pages.by_name("relations_statistics", names[full:]):
            for row in page:
                self._catalog.add_statistics(row)
        tables = [(row["schema"], row["name"]) for row in rows]
        for page in self._pages.by_name("relations_joint", tables):
            for row in page:
                self._catalog.joint.setdefault((row["schema"], row["name"]), []).append(row)
        with_rows = [row["oid"] for row in rows if row["rows"] > 0]
        hidden = self._pages.about("relations_hidden", with_rows, what="privileges")
        self.hidden += [self._pages.names[row["oid"]] for row in hidden]
