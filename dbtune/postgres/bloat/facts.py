"""What is known of relations' sizes, rows and columns, without reading a page of them.

Names stand as they are in the catalog, unquoted. What was never measured is ``None``, not 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from dbtune.errors import Unavailable
from dbtune.text import plural


class Kind(StrEnum):
    """Kinds of relations that hold pages."""

    TABLE = "table"
    TOAST = "toast"
    MATERIALIZED_VIEW = "materialized view"
    INDEX = "index"


_LONGEST_BYTES = 2.0**30
_MOST_ROWS = 2.0**48
_ALL_ROWS = 1.001


def _within(number: float | None, low: float, high: float) -> float | None:
    return number if number is not None and low <= number <= high else None


HEAPS = (Kind.TABLE, Kind.MATERIALIZED_VIEW)
"""Kinds that hold rows of their own columns."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A column as a tuple stores it: of a table, or a key or included column of an index.

    Attributes:
        type_length: typlen: bytes; -1 for varying length, -2 for a C string.
        alignment: 1, 2, 4 or 8.
        storage: ``p`` plain, ``m`` main, ``e`` external, ``x`` extended.
        may_be_null: whether NULL is allowed.
        name: the column's; "" for an expression.
        virtual: whether it is computed when it is read, and stored as NULL.
        null_ratio: share of rows that are NULL; ``None`` if there are no statistics.
        average_bytes: of the values that are not NULL, as stored, header included.
        lengths: stored lengths of values from the histogram, of types whose length shows in them.
        common_lengths: likewise, of each of the most common values.
        n_distinct: as in pg_stats: a number, or minus a share of the rows.
        common_ratios: the share of all rows that each of the most common values has.
        correlation: of physical and logical order; ``None`` if unknown.
    """

    type_length: int
    alignment: int
    storage: str = "p"
    may_be_null: bool = True
    name: str = ""
    virtual: bool = False
    null_ratio: float | None = None
    average_bytes: float | None = None
    lengths: tuple[int, ...] = ()
    common_lengths: tuple[int, ...] = ()
    n_distinct: float | None = None
    common_ratios: tuple[float, ...] = ()
    correlation: float | None = None

    def __post_init__(self) -> None:
        """Statistics that can't be true, of a damaged catalog or an edited file, count as none."""
        known = {
            "null_ratio": _within(self.null_ratio, 0.0, 1.0),
            "average_bytes": _within(self.average_bytes, 0.0, _LONGEST_BYTES),
            "n_distinct": _within(self.n_distinct, -1.0, _MOST_ROWS),
            "correlation": _within(self.correlation, -1.0, 1.0),
        }
        for name, value in known.items():
            object.__setattr__(self, name, value)
        if any(not 0 < size <= _LONGEST_BYTES for size in self.lengths):
            object.__setattr__(self, "lengths", ())
        ratios, sizes = self.common_ratios, self.common_lengths
        if any(not 0 <= ratio <= 1 for ratio in ratios) or sum(ratios) > _ALL_ROWS:
            object.__setattr__(self, "common_ratios", ())
            object.__setattr__(self, "common_lengths", ())
        elif any(not 0 < size <= _LONGEST_BYTES for size in sizes):
            object.__setattr__(self, "common_lengths", ())

    @property
    def analysed(self) -> bool:
        """Whether there are statistics that this role may see."""
        return self.null_ratio is not None


@dataclass(frozen=True, slots=True)
class Counters:
    """What a table went through, as the cumulative statistics system counted it.

    Attributes:
        live, dead: rows, by its estimate.
        modified: rows changed since the last ANALYZE.
        inserted, updated, deleted, hot_updated: rows since statistics began.
        vacuums, autovacuums: how often, since statistics began.
        last_vacuum, last_autovacuum, last_analyze: the last of both kinds for ANALYZE.
    """

    live: int = 0
    dead: int = 0
    modified: int = 0
    inserted: int = 0
    updated: int = 0
    deleted: int = 0
    hot_updated: int = 0
    vacuums: int = 0
    autovacuums: int = 0
    last_vacuum: datetime | None = None
    last_autovacuum: datetime | None = None
    last_analyze: datetime | None = None

    @property
    def counted(self) -> bool:
        """Whether anything was counted: after a crash, a reset and on a standby nothing is."""
        return any((self.live, self.dead, self.modified, self.inserted, self.updated, self.deleted))


@dataclass(frozen=True, slots=True)
class Relation:
    """A table, a TOAST table, a materialised view or an index.

    Attributes:
        oid: its number.
        schema, name: its own; of a TOAST table those of ``pg_toast``.
        kind: what it is.
        size_bytes: its main file.
        owner: oid of the relation that an index or a TOAST table belongs to; else its own.
        table: oid of the table that it belongs to in the end; else its own.
        root: oid of the topmost partitioned table above its table, or its table's own.
        root_schema, root_name: that table's name.
        rows: reltuples; ``None`` if it was never vacuumed or analysed.
        pages: relpages: what ``rows`` was true for.
        options: storage parameters.
        examined: whether it is as large as was asked for; the others are here for what they tell.
        locked: whether somebody holds or waits for an ACCESS EXCLUSIVE lock on it.
        catalog: whether it is the system's.
        counters: of tables and TOAST tables.
        frozen_age, multixact_age: transactions since the oldest that is not frozen.
        other_bytes: its free space and visibility maps.
    """

    oid: int
    schema: str
    name: str
    kind: Kind
    size_bytes: int
    owner: int
    table: int
    root: int
    root_schema: str
    root_name: str
    rows: float | None
    pages: int
    options: Mapping[str, str] = field(default_factory=dict)
    examined: bool = True
    locked: bool = False
    catalog: bool = False
    counters: Counters = Counters()
    frozen_age: int | None = None
    multixact_age: int | None = None

    def __post_init__(self) -> None:
        """A number of rows that can't be true counts as none."""
        object.__setattr__(self, "rows", _within(self.rows, 0.0, _MOST_ROWS))

    def fillfactor(self, default: int) -> int:
        """Its fillfactor, per cent."""
        given = self.options.get("fillfactor", "")
        return int(given) if given.isdigit() else default


@dataclass(frozen=True, slots=True)
class TableShape:
    """How a table stores its rows.

    Attributes:
        columns: by number, dropped ones left out.
        access_method: ``heap``, or an extension's.
        attributes: how many there are with the dropped ones.
        dropped: how many were dropped.
        toast: oid of its TOAST table.
        readable: whether this role may SELECT all of it.
        row_security: whether policies would hide rows from this role.
        identity: whether it has a primary key, or a unique index on columns that are not null.
        unseen_blocks: those that are not known to be visible to all.
    """

    columns: tuple[Stored, ...]
    attributes: int
    dropped: int = 0
    toast: int | None = None
    access_method: str = "heap"
    readable: bool = False
    row_security: bool = False
    identity: bool = False
    unseen_blocks: int = 0

    @property
    def samplable(self) -> bool:
        """Whether its pages can be read by SELECT, and mean what heap pages mean."""
        return self.readable and not self.row_security and self.access_method == "heap"


@dataclass(frozen=True, slots=True)
class IndexShape:
    """How an index stores its entries.

    Attributes:
        method: ``btree``, ``gin`` ...
        columns: its keys, then its included columns.
        keys: how many of them are keys.
        unique: whether it is.
        deduplicates: whether the server would merge equal keys in a fresh build.
        predicate: whether it is partial.
        valid: whether statements may use it.
        constraint: whether it belongs to a constraint.
        exclusion: whether that is an exclusion constraint.
        distinct: number of distinct keys by extended statistics; as ``n_distinct``.
    """

    method: str
    columns: tuple[Stored, ...]
    keys: int
    unique: bool = False
    deduplicates: bool = False
    predicate: bool = False
    valid: bool = True
    constraint: bool = False
    exclusion: bool = False
    distinct: float | None = None

    def __post_init__(self) -> None:
        """A number of keys that can't be true counts as none."""
        object.__setattr__(self, "distinct", _within(self.distinct, -1.0, _MOST_ROWS))


@dataclass(frozen=True, slots=True)
class Sizes:
    """All relations of a database that are worth a look, at one moment.

    Attributes:
        at: the server's clock.
        database: its name.
        version: server_version_num.
        standby: whether the server is one.
        relations: by oid: those at least ``min_bytes`` large, and the tables that they belong to.
        tables: shapes by oid of the table.
        indexes: shapes by oid of the index.
        min_bytes: smaller relations were passed over.
        small_count, small_bytes: how many those are, and what they hold together.
        stats_since: since when rows are counted; ``None`` if not known.
        settings: autovacuum's and others, as in pg_settings.
        inspectors: extensions whose functions this role may call, and their schemas:
            ``pageinspect``, ``pgstattuple``.
        tools: extensions that rewrite tables in use, and their schemas: ``pg_repack``,
            ``pg_squeeze``.
    """

    at: datetime
    database: str
    version: int
    standby: bool
    relations: Mapping[int, Relation]
    tables: Mapping[int, TableShape] = field(default_factory=dict)
    indexes: Mapping[int, IndexShape] = field(default_factory=dict)
    min_bytes: int = 0
    small_count: int = 0
    small_bytes: int = 0
    stats_since: datetime | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    inspectors: Mapping[str, str] = field(default_factory=dict)
    tools: Mapping[str, str] = field(default_factory=dict)


class Method(StrEnum):
    """How an estimate was made."""

    statistics = "statistics"
    """From the catalog and column statistics alone."""
    sample = "sample"
    """From some of its pages."""
    exact = "exact"
    """From all of its pages."""
    none = "unknown"
    """Not at all: the note says why."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """How large a relation would be if it were rewritten.

    Attributes:
        relation: which.
        method: how it was found.
        rewritten_bytes: its size after a rewrite; ``None`` if that can't be said.
        low_bytes, high_bytes: bounds of that.
        reserve_bytes: the part of it that fillfactor keeps free.
        rows: live rows, or index entries for live rows.
        dead_rows: rows that VACUUM would remove.
        note: why there is no number, or why it may be off; "" otherwise.
        pages_read: pages that were read for it.
    """

    relation: Relation
    method: Method
    rewritten_bytes: float | None = None
    low_bytes: float = 0.0
    high_bytes: float = 0.0
    reserve_bytes: float = 0.0
    rows: float | None = None
    dead_rows: float | None = None
    note: str = ""
    pages_read: int = 0

    @property
    def bloat_bytes(self) -> float | None:
        """Bytes that a rewrite gives back."""
        if self.rewritten_bytes is None:
            return None
        return max(0.0, self.relation.size_bytes - self.rewritten_bytes)

    @property
    def bloat_ratio(self) -> float | None:
        """The share of its size that a rewrite gives back."""
        bloat = self.bloat_bytes
        return None if bloat is None else bloat / max(1, self.relation.size_bytes)

    @property
    def bloat_low_bytes(self) -> float:
        """At least so many bytes come back."""
        return max(0.0, self.relation.size_bytes - self.high_bytes)

    @property
    def bloat_high_bytes(self) -> float:
        """At most so many bytes come back."""
        return max(0.0, self.relation.size_bytes - self.low_bytes)


class Bloat:
    """Estimates, and what they were made from: what checks and remedies look at.

    Attributes:
        sizes: relations as the catalog knows them.
        estimates: of those that are examined.
    """

    def __init__(self, sizes: Sizes, estimates: Iterable[Estimate]) -> None:
        self.sizes = sizes
        self.estimates = tuple(estimates)
        self._by_table: dict[int, list[Estimate]] = {}
        for one in self.estimates:
            self._by_table.setdefault(one.relation.table, []).append(one)

    def require_estimates(self, min_bytes: float, *kinds: Kind) -> None:
        """Make sure that users' large relations of these kinds are estimated.

        Raises:
            Unavailable: some are not, for the first one's reason.
        """
        missing = [
            one
            for one in self.estimates
            if one.bloat_ratio is None
            and one.relation.kind in kinds
            and not one.relation.catalog
            and one.relation.size_bytes >= min_bytes
        ]
        if missing:
            first = max(missing, key=lambda one: one.relation.size_bytes)
            what = plural(len(missing), "large relation", "large relations")
            raise Unavailable(
                f"{what} can't be estimated from statistics, {first.relation.schema}."
                f"{first.relation.name} for one: {first.note}",
                "dbtune bloat looks at pages; statistics need ANALYZE, and pg_read_all_data or "
                "SELECT on the tables",
            )

    def of_table(self, oid: int) -> Sequence[Estimate]:
        """Estimates of a table, its TOAST table and the indexes of both."""
        return self._by_table.get(oid, ())
