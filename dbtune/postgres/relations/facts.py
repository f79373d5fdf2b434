"""Tables, columns, indexes and foreign keys of one database: typed, immutable, serialisable.

Names stand as they are in the catalog, unquoted. Sizes are bytes, pages are blocks of
``Relations.block_bytes``. What was never measured is ``None``, not 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class ColumnStatistics:
    """What ANALYZE learned of a column or of an expression of an index (``pg_stats``).

    Attributes:
        null_ratio: share of rows that are NULL.
        average_width_bytes: of the values that are not NULL.
        n_distinct: as in pg_stats: a number, or minus a share of the rows.
        common_values: the most common values as text, most common first; empty if there are none
            or they could not be read.
        common_ratios: the share of all rows that each has.
        histogram: bounds of equally full buckets of the other values, as text.
        correlation: of physical and logical order, -1 to 1; ``None`` for types without an order.
        element_values: most common elements of arrays and texts' lexemes, as text.
        element_ratios: the share of rows that have each.
    """

    null_ratio: float
    average_width_bytes: int
    n_distinct: float
    common_values: tuple[str, ...] = ()
    common_ratios: tuple[float, ...] = ()
    histogram: tuple[str, ...] = ()
    correlation: float | None = None
    element_values: tuple[str, ...] = ()
    element_ratios: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table.

    Attributes:
        number: attnum, from 1.
        name: its name.
        type: as ``format_type`` writes it: ``numeric(15,2)``.
        base_type: name of the type without modifier and domain: ``numeric``.
        type_category: typcategory: N numeric, S string, D date/time, A array, U user-defined ...
        length_bytes: typlen: -1 for types of varying length.
        alignment_bytes: 1, 2, 4 or 8.
        not_null: whether NULL is refused.
        storage: ``p`` plain, ``m`` main, ``e`` external, ``x`` extended.
        collation: as SQL, ``pg_catalog."C"``, if it is not the database's default, else "".
        deterministic: whether that collation takes only identical texts for equal.
        statistics: ``None`` if no rows were analysed, if this role may not see them, or if they
            were not asked for.
    """

    number: int
    name: str
    type: str
    base_type: str
    type_category: str = ""
    length_bytes: int = -1
    alignment_bytes: int = 4
    not_null: bool = False
    storage: str = "p"
    collation: str = ""
    deterministic: bool = True
    statistics: ColumnStatistics | None = None


@dataclass(frozen=True, slots=True)
class Frequency:
    """Keys of a sample of blocks that occur in about as many of its blocks.

    Attributes:
        keys: how many there are.
        blocks: in how many blocks each is, on average.
        rows: how many rows they have in all.
    """

    keys: float
    blocks: float
    rows: float


@dataclass(frozen=True, slots=True)
class JointDistinct:
    """How many different combinations of values some columns have: CREATE STATISTICS, or a sample.

    Attributes:
        columns: their names, in no particular order.
        n_distinct: as of a column: a number, or minus a share of the rows.
        sample: what dbtune counted itself in some of the table's blocks, if it did.
        sampled_ratio: in what share of them.
    """

    columns: tuple[str, ...]
    n_distinct: float
    sample: tuple[Frequency, ...] = ()
    sampled_ratio: float = 0.0


@dataclass(frozen=True, slots=True)
class Activity:
    """What a table went through since its statistics began (``pg_stat_all_tables``).

    Attributes:
        sequential_scans: whole-table reads begun.
        sequential_rows: rows that those read.
        index_scans: index scans begun, of all its indexes.
        inserted, updated, deleted: rows.
        hot_updated: updates that touched no index.
        live_rows, dead_rows: the collector's estimates.
        modified_since_analyze: rows changed since the last ANALYZE.
        last_vacuum, last_analyze: the later of the manual and the automatic one.
    """

    sequential_scans: int = 0
    sequential_rows: int = 0
    index_scans: int = 0
    inserted: int = 0
    updated: int = 0
    deleted: int = 0
    hot_updated: int = 0
    live_rows: int = 0
    dead_rows: int = 0
    modified_since_analyze: int = 0
    last_vacuum: datetime | None = None
    last_analyze: datetime | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """A table, a partitioned table, a materialised view.

    Attributes:
        oid: its number, which holds for one server only.
        schema, name: its name.
        kind: relkind: ``r`` table, ``p`` partitioned, ``m`` materialised view, ``f`` foreign.
        persistence: ``p`` permanent, ``u`` unlogged, ``t`` temporary.
        rows: reltuples; ``None`` if it was never analysed.
        pages: relpages, as the planner was last told.
        all_visible_pages: relallvisible: into how many an index-only scan need not look.
        size_bytes: the main file as it is now; ``None`` if it was not read. Indexes of tables
            of a few blocks are not looked at: theirs is what the catalog says.
        toast_bytes: its TOAST table with index; likewise.
        columns: by number, without dropped ones.
        joint_distinct: extended statistics of combinations of columns.
        parent: oid of the partitioned table that it is a partition of.
        partition_key: as ``pg_get_partkeydef`` writes it, or "".
        replica_identity: ``d`` default, ``n`` nothing, ``f`` full, ``i`` index.
        extension: the extension that owns it, or "".
        options: storage parameters: ``fillfactor``, ``autovacuum_enabled`` ...
        activity: ``None`` if this server has counted nothing.
    """

    oid: int
    schema: str
    name: str
    kind: str
    rows: float | None
    pages: int
    columns: tuple[Column, ...]
    persistence: str = "p"
    all_visible_pages: int = 0
    size_bytes: int | None = None
    toast_bytes: int | None = None
    joint_distinct: tuple[JointDistinct, ...] = ()
    parent: int | None = None
    partition_key: str = ""
    replica_identity: str = "d"
    extension: str = ""
    options: Mapping[str, str] = field(default_factory=dict)
    activity: Activity | None = None

    @property
    def column(self) -> Mapping[str, Column]:
        """Columns by name."""
        return {one.name: one for one in self.columns}


@dataclass(frozen=True, slots=True)
class IndexKey:
    """One key of an index.

    Attributes:
        column: name of the column, or "" for an expression.
        expression: the expression as ``pg_get_indexdef`` writes it, or "" for a column.
        operator_class: its name, with parameters if it has some; "" if it is the type's default
            for the method.
        family: what the operators compare, ``integer_ops/int4``: keys of equal family and
            collation sort and compare alike, whatever their operator classes are called.
        collation: as SQL; "" if it is the column's own.
        sorts_by: the collation in force, as SQL; "" if the type has none.
        descending: DESC.
        nulls_first: NULLS FIRST (the default of DESC).
        deduplicable: whether equal keys of a b-tree are stored once (PostgreSQL 13 and later): the
            operator class and the collation say that what is equal is also identical.
        type: of an expression, as ``format_type`` writes it, or "".
        length_bytes, alignment_bytes: of an expression, as of a column.
        statistics: of an expression.
    """

    column: str = ""
    expression: str = ""
    operator_class: str = ""
    family: str = ""
    collation: str = ""
    sorts_by: str = ""
    descending: bool = False
    nulls_first: bool = False
    deduplicable: bool = True
    type: str = ""
    length_bytes: int = -1
    alignment_bytes: int = 4
    statistics: ColumnStatistics | None = None


@dataclass(frozen=True, slots=True)
class Index:
    """An index.

    Attributes:
        oid, table: its number and its table's.
        schema, name: its name.
        method: ``btree``, ``gin`` ...
        keys: in order.
        include: names of columns that are stored but no key.
        predicate: of a partial index, as the server writes it, or "".
        unique, nulls_not_distinct, primary, exclusion: what it enforces.
        constraint: name of the constraint that it belongs to, or "".
        deferrable: whether that constraint is (a deferrable one is no foreign key's target).
        referenced_by: how many foreign keys need it as their target.
        valid, ready: whether statements may use it, and writes maintain it.
        building: whether it is being built at this moment.
        clustered, replica_identity: whether CLUSTER or logical replication refers to it.
        parent: oid of the partitioned index that it is a part of.
        extension: the extension that owns it, or "".
        definition: ``pg_get_indexdef``; "" if it was not read.
        age_transactions: how many transactions ago its catalog entry was last written: an index
            that is younger than the statistics had less time to be used.
        rows, pages, size_bytes: as of a table.
        scans: scans begun since statistics began; ``None`` if nothing was counted.
        rows_read, rows_fetched: index entries returned, live rows fetched by plain scans.
        last_scan: PostgreSQL 16 and later.
        options: ``fillfactor``, ``deduplicate_items`` ...
    """

    oid: int
    table: int
    schema: str
    name: str
    method: str
    keys: tuple[IndexKey, ...]
    include: tuple[str, ...] = ()
    predicate: str = ""
    unique: bool = False
    nulls_not_distinct: bool = False
    primary: bool = False
    exclusion: bool = False
    constraint: str = ""
    deferrable: bool = False
    referenced_by: int = 0
    valid: bool = True
    ready: bool = True
    building: bool = False
    clustered: bool = False
    replica_identity: bool = False
    parent: int | None = None
    extension: str = ""
    definition: str = ""
    age_transactions: int | None = None
    rows: float | None = None
    pages: int = 0
    size_bytes: int | None = None
    scans: int | None = None
    rows_read: int | None = None
    rows_fetched: int | None = None
    last_scan: datetime | None = None
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """A foreign key.

    Attributes:
        name: the constraint's.
        table, columns: the referencing side.
        target: the referenced table.
        on_delete: ``a`` no action, ``r`` restrict, ``c`` cascade, ``n`` set null ...
    """

    name: str
    table: int
    columns: tuple[str, ...]
    target: int
    on_delete: str = "a"


@dataclass(frozen=True, slots=True)
class View:
    """A view that is no table: its query as ``pg_get_viewdef`` writes it, names qualified."""

    schema: str
    name: str
    definition: str


@dataclass(frozen=True, slots=True)
class Relations:
    """Tables and indexes of one database at one moment.

    Attributes:
        at: the server's clock.
        database: its name.
        version: server_version_num.
        standby: whether the server is one.
        tables: by oid.
        indexes: all of them, sorted by table and oid.
        foreign_keys: sorted by table and name.
        stats_since: since when scans and writes are counted; ``None`` if not known.
        stats_since_is_certain: whether that is a reset or the database's creation; else the
            database may be younger, if somebody created it later.
        standbys: how many standbys are connected; their scans are not counted here.
        started_at: when the server started.
        block_bytes: size of a block.
        hidden_statistics: tables whose columns' statistics this role may not read.
        left_out: what was not read because of a limit or a lock, a sentence each.
        settings: what the planner and size models need: ``default_statistics_target`` ...
        extensions: those that are installed, with their schemas.
        views: those that statements of a workload read, if they were asked for.
    """

    at: datetime
    database: str
    version: int
    standby: bool
    tables: Mapping[int, Table]
    indexes: tuple[Index, ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()
    stats_since: datetime | None = None
    stats_since_is_certain: bool = True
    standbys: int = 0
    started_at: datetime | None = None
    block_bytes: int = 8192
    hidden_statistics: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    settings: Mapping[str, str] = field(default_factory=dict)
    extensions: Mapping[str, str] = field(default_factory=dict)
    views: tuple[View, ...] = ()
