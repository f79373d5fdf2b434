"""Rows of the catalog made facts."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from sys import intern

from dbtune.postgres.relations.facts import (
    Activity,
    Column,
    ColumnStatistics,
    ForeignKey,
    Index,
    IndexKey,
    JointDistinct,
    Table,
)
from dbtune.postgres.session import Row

_ALIGNMENT = {"c": 1, "s": 2, "i": 4, "d": 8}
_DESCENDING, _NULLS_FIRST = 1, 2  # bits of pg_index.indoption


@dataclass(slots=True)
class Catalog:
    """What rows refer to, by oid; of the tables of one page but for constraints and kinds.

    Attributes:
        version: the server's.
        block_bytes: size of a block.
        building: indexes that are being built.
        busy: tables that somebody holds under the lock that CREATE INDEX CONCURRENTLY takes, if
            this role can't see what is being built.
        columns: of each table, by number.
        kinds: operator classes and collations.
        constraints: by the index that enforces them.
        references: how many foreign keys need an index.
        sizes: main files.
        statistics: of columns, and of expressions, by schema and name of table or index, then by
            name of the attribute.
        joint: extended statistics, by schema and name of the table.
    """

    version: int
    block_bytes: int
    building: frozenset[int]
    busy: frozenset[int] = frozenset()
    columns: dict[int, dict[int, Column]] = field(default_factory=dict)
    kinds: dict[tuple[str, int], Row] = field(default_factory=dict)
    constraints: dict[int, Row] = field(default_factory=dict)
    references: dict[int, int] = field(default_factory=dict)
    sizes: dict[int, int | None] = field(default_factory=dict)
    statistics: dict[tuple[str, str], dict[str, ColumnStatistics]] = field(default_factory=dict)
    joint: dict[tuple[str, str], list[Row]] = field(default_factory=dict)

    def start_page(self) -> None:
        """Forget the tables of the page before."""
        for known in (self.columns, self.sizes, self.statistics, self.joint):
            known.clear()

    def knows(self, table: int) -> bool:
        """Whether the table was still there when its columns were read."""
        return table in self.columns

    def add_column(self, row: Row) -> None:
        """Remember a row of relations_columns."""
        columns = self.columns.setdefault(row["table"], {})
        columns[row["number"]] = Column(
            number=row["number"],
            name=intern(row["name"]),
            type=intern(row["type"]),
            base_type=intern(row["base_type"]),
            type_category=intern(row["type_category"]),
            length_bytes=row["length"],
            alignment_bytes=_ALIGNMENT[row["alignment"]],
            not_null=row["not_null"],
            storage=intern(row["storage"]),
            collation=intern(row["collation"]),
            deterministic=row["deterministic"],
        )

    def add_statistics(self, row: Row) -> int:
        """Remember a row of relations_statistics; the memory that its values take."""
        one = statistics_of(row)
        known = self.statistics.setdefault((row["schema"], row["name"]), {})
        # With and without partitions and children: a partitioned table has only the former, of a
        # parent with rows of its own the latter is what its indexes hold.
        if row["attribute"] not in known or not row["inherited"]:
            known[row["attribute"]] = one
        values = (*one.common_values, *one.histogram, *one.element_values)
        return sum(map(len, values)) + 60 * len(values) + 32 * len(one.common_ratios)

    def add_constraint(self, row: Row) -> None:
        """Remember a row of relations_constraints."""
        if row["type"] == "f":
            self.references[row["index"]] = self.references.get(row["index"], 0) + 1
        else:
            self.constraints[row["index"]] = row


def rows_known(rows: float, pages: int, version: int) -> float | None:
    """reltuples; before PostgreSQL 14, a relation that was never analysed says 0 of 0 pages."""
    return None if rows < 0 or (version < 140000 and rows == 0 and pages == 0) else rows


def options_of(options: Sequence[str] | None) -> dict[str, str]:
    """reloptions by name."""
    return dict(one.split("=", 1) for one in options or ())


def table_of(row: Row, catalog: Catalog, activity: Activity | None) -> Table:
    """A row of relations_tables."""
    oid = row["oid"]
    columns = catalog.columns[oid]
    known = catalog.statistics.get((row["schema"], row["name"]), {})
    toast = [catalog.sizes.get(row[part], 0) for part in ("toast", "toast_index")]
    pages = max(row["pages"], 0)  # -1 is said of an analysed partitioned table
    return Table(
        oid=oid,
        schema=row["schema"],
        name=row["name"],
        kind=row["kind"],
        rows=rows_known(row["rows"], pages, catalog.version),
        pages=pages,
        columns=tuple(
            replace(one, statistics=known.get(one.name)) if known else one
            for one in columns.values()
        ),
        persistence=row["persistence"],
        all_visible_pages=max(row["all_visible_pages"], 0),
        size_bytes=catalog.sizes.get(oid),
        toast_bytes=None if None in toast else sum(one or 0 for one in toast),
        joint_distinct=tuple(_joint(catalog.joint.get((row["schema"], row["name"]), ()), columns)),
        parent=row["parent"],
        partition_key=row["partition_key"] or "",
        replica_identity=row["replica_identity"],
        extension=row["extension"] or "",
        options=options_of(row["options"]),
        activity=activity,
    )


def activity_of(row: Row, index_scans: int) -> Activity | None:
    """A row of relations_activity; ``None`` if this server has counted nothing."""
    counted = {name: value for name, value in row.items() if name != "oid"}
    if not index_scans and not any(counted.values()):
        return None
    return Activity(index_scans=index_scans, **counted)


def index_of(row: Row, catalog: Catalog, scans: Row | None) -> Index:
    """A row of relations_indexes."""
    columns = catalog.columns[row["table"]]
    constraint = catalog.constraints.get(row["oid"], {})
    pages = max(row["pages"], 0)
    counted = scans or {}
    return Index(
        oid=row["oid"],
        table=row["table"],
        schema=row["schema"],
        name=row["name"],
        method=row["method"],
        keys=tuple(_key(row, place, columns, catalog) for place in range(row["keys"])),
        include=tuple(columns[number].name for number in row["numbers"][row["keys"] :]),
        predicate=row["predicate"] or "",
        unique=row["unique"],
        nulls_not_distinct=row["nulls_not_distinct"],
        primary=row["primary"],
        exclusion=row["exclusion"],
        constraint=constraint.get("name", ""),
        deferrable=constraint.get("deferrable", False),
        referenced_by=catalog.references.get(row["oid"], 0),
        valid=row["valid"],
        ready=row["ready"],
        building=row["oid"] in catalog.building
        or (not row["valid"] and row["table"] in catalog.busy),
        clustered=row["clustered"],
        replica_identity=row["replica_identity"],
        parent=row["parent"],
        extension=row["extension"] or "",
        definition=row["definition"] or "",
        age_transactions=row["age"],
        rows=rows_known(row["rows"], pages, catalog.version),
        pages=pages,
        size_bytes=catalog.sizes.get(row["oid"]),
        scans=counted.get("scans"),
        rows_read=counted.get("rows_read"),
        rows_fetched=counted.get("rows_fetched"),
        last_scan=counted.get("last_scan"),
        options=options_of(row["options"]),
    )


def _key(row: Row, place: int, columns: Mapping[int, Column], catalog: Catalog) -> IndexKey:
    number = row["numbers"][place]
    direction = row["directions"][place]
    kind = catalog.kinds.get(("class", row["classes"][place]), {})
    collation = catalog.kinds.get(("collation", row["collations"][place]), {})
    name = "" if kind.get("is_default", True) else kind["name"]
    if options := (row["class_options"] or [""] * (place + 1))[place]:
        name = f"{kind['name']} ({options})"
    sorts_by = collation.get("name", "")
    own = "" if collation.get("is_default", True) else sorts_by
    identical = kind.get("identical", False) and collation.get("identical", True)
    shared = {
        "operator_class": name,
        "family": kind.get("family", ""),
        "sorts_by": sorts_by,
        "descending": bool(direction & _DESCENDING),
        "nulls_first": bool(direction & _NULLS_FIRST),
        "deduplicable": identical,
    }
    if number:
        column = columns[number]
        return IndexKey(
            column=column.name,
            collation="" if own == column.collation else sorts_by,
            **shared,
        )
    name, written, length, alignment = row["attributes"][place]
    return IndexKey(
        expression=row["expressions"][place],
        collation=own,
        type=written,
        length_bytes=length,
        alignment_bytes=_ALIGNMENT[alignment],
        statistics=catalog.statistics.get((row["schema"], row["name"]), {}).get(name),
        **shared,
    )


def foreign_key_of(row: Row) -> ForeignKey:
    """A row of relations_constraints that is a foreign key."""
    return ForeignKey(
        name=row["name"],
        table=row["table"],
        columns=tuple(row["columns"]),
        target=row["target"],
        on_delete=row["on_delete"],
    )


def statistics_of(row: Row) -> ColumnStatistics:
    """A row of relations_statistics."""
    elements = tuple(row["element_values"] or ())
    return ColumnStatistics(
        null_ratio=row["null_ratio"],
        average_width_bytes=row["width"],
        n_distinct=row["n_distinct"],
        common_values=tuple(row["common_values"] or ()),
        common_ratios=tuple(row["common_ratios"] or ()),
        histogram=tuple(row["histogram"] or ()),
        correlation=row["correlation"],
        element_values=elements,
        # Behind the elements' own come the least and greatest of them, and the NULLs'.
        element_ratios=tuple((row["element_ratios"] or ())[: len(elements)]),
    )


def _joint(rows: Iterable[Row], columns: Mapping[int, Column]) -> Iterator[JointDistinct]:
    """Rows of relations_joint; combinations with expressions, numbered below 0, are left out."""
    for row in rows:
        for numbers, count in json.loads(row["n_distinct"]).items():
            found = [columns.get(int(number)) for number in numbers.split(",")]
            names = tuple(one.name for one in found if one)
            if len(names) == len(found):
                yield JointDistinct(names, count)
