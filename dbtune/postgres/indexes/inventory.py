"""The indexes of a database with what belongs to each of them, looked up at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence

from dbtune.errors import Unavailable
from dbtune.finding import Evidence
from dbtune.postgres.indexes.coverage import why_kept
from dbtune.postgres.plans.ddl import quote
from dbtune.postgres.relations.facts import Activity, ForeignKey, Index, Relations, Table
from dbtune.text import bytes_text, count_text, plural

_NOTHING = Activity()


class Inventory:
    """Look-ups in the facts of a database, for checks of its indexes.

    Attributes:
        relations: the facts.
    """

    def __init__(self, relations: Relations, relied: Collection[int] = ()) -> None:
        """
        Args:
            relations: the facts.
            relied: oids of indexes that plans of the workload read, if one was examined.
        """
        self.relations = relations
        self._relied = relied
        self._indexes: defaultdict[int, list[Index]] = defaultdict(list)
        self._index_parts: defaultdict[int, list[Index]] = defaultdict(list)
        self._table_parts: defaultdict[int, list[Table]] = defaultdict(list)
        self._foreign_keys: defaultdict[int, list[ForeignKey]] = defaultdict(list)
        for index in relations.indexes:
            self._indexes[index.table].append(index)
            if index.parent is not None:
                self._index_parts[index.parent].append(index)
        for table in relations.tables.values():
            if table.parent is not None:
                self._table_parts[table.parent].append(table)
        for key in relations.foreign_keys:
            self._foreign_keys[key.table].append(key)

    def __iter__(self) -> Iterator[tuple[Index, Table]]:
        """Each index with its table."""
        for index in self.relations.indexes:
            if (table := self.relations.tables.get(index.table)) is not None:
                yield index, table

    @property
    def tables(self) -> Iterator[tuple[Table, Sequence[Index]]]:
        """Each table with its indexes."""
        for oid, table in self.relations.tables.items():
            yield table, self._indexes.get(oid, ())

    def require_statistics(self) -> None:
        """Make sure that what ANALYZE learned of all columns is seen.

        Raises:
            Unavailable: of some tables it is hidden.
        """
        hidden = self.relations.hidden_statistics
        if hidden:
            raise Unavailable(
                f"statistics of columns of {plural(len(hidden), 'table')} are hidden",
                "GRANT pg_read_all_data TO the role (PostgreSQL 14 and later), or SELECT on tables",
            )

    def indexes(self, table: int) -> Sequence[Index]:
        """The indexes of a table."""
        return self._indexes.get(table, ())

    # ------------------------------------------------------------------------ with all partitions

    def index_bytes(self, index: Index) -> int:
        """Bytes of an index; of a partitioned one, of all its parts."""
        parts = self._index_parts.get(index.oid, ())
        return (index.size_bytes or 0) + sum(self.index_bytes(part) for part in parts)

    def scans(self, index: Index) -> tuple[int, int]:
        """Scans of an index and entries that they read; of a partitioned one, of all its parts."""
        scans, read = index.scans or 0, index.rows_read or 0
        for part in self._index_parts.get(index.oid, ()):
            more = self.scans(part)
            scans, read = scans + more[0], read + more[1]
        return scans, read

    def is_used(self, index: Index) -> bool:
        """Whether anybody reads an index, by counted scans or by plans of the workload."""
        return self.scans(index)[0] > 0 or index.oid in self._relied

    def rows(self, table: Table) -> float:
        """Rows of a table; of a partitioned one, of all its partitions."""
        return sum(max(0.0, one.rows or 0.0) for one in self._leaves(table))

    def table_bytes(self, table: Table) -> int:
        """Bytes of a table's main files."""
        block = self.relations.block_bytes
        return sum(one.size_bytes or one.pages * block for one in self._leaves(table))

    def activity(self, table: Table) -> Activity:
        """What a table went through; of a partitioned one, its partitions."""
        done = [one.activity or _NOTHING for one in self._leaves(table)]
        return Activity(
            sequential_scans=sum(one.sequential_scans for one in done),
            index_scans=sum(one.index_scans for one in done),
            inserted=sum(one.inserted for one in done),
            updated=sum(one.updated for one in done),
            deleted=sum(one.deleted for one in done),
            hot_updated=sum(one.hot_updated for one in done),
            live_rows=sum(one.live_rows for one in done),
        )

    def _leaves(self, table: Table) -> Iterator[Table]:
        if table.kind != "p":
            yield table
        for part in self._table_parts.get(table.oid, ()):
            yield from self._leaves(part)

    # ----------------------------------------------------------------------- what a drop gives back

    def entry_writes(self, table: Table) -> int:
        """Entries that writes made in each whole index of a table since statistics began.

        An insert makes one, an update does unless it is HOT, a delete leaves it to VACUUM.
        """
        done = self.activity(table)
        return done.inserted + done.updated - done.hot_updated

    def saved(self, index: Index, table: Table) -> dict[str, Evidence]:
        """What dropping an index gives back, as evidence."""
        writes, days = self.entry_writes(table), None
        if self.relations.stats_since is not None:
            days = (self.relations.at - self.relations.stats_since).total_seconds() / 86_400
        return {
            "size_bytes": self.index_bytes(index),
            "entry_writes": writes,
            "entry_writes_per_day": round(writes / days, 1) if days and days > 0.04 else None,
        }

    def saved_text(self, index: Index, table: Table) -> str:
        """The same in words: ``12 MiB and 3,400 writes of entries``."""
        writes = self.entry_writes(table)
        size = bytes_text(self.index_bytes(index))
        return f"{size} and {count_text(writes)} writes of entries" if writes else size

    # -------------------------------------------------------------------------------- foreign keys

    def only_support(self, index: Index) -> ForeignKey | None:
        """The foreign key whose look-ups only this index serves, if there is one."""
        for key in self._foreign_keys.get(index.table, ()):
            if supports(index, key.columns):
                others = (one for one in self._indexes[index.table] if one.oid != index.oid)
                if not any(supports(one, key.columns) for one in others):
                    return key
        return None

    def may_go(self, index: Index) -> bool:
        """Whether an index may be dropped if nobody reads it: it enforces and supports nothing."""
        return (
            index.valid
            and not index.unique
            and not why_kept(index)
            and self.only_support(index) is None
        )


def supports(index: Index, columns: tuple[str, ...]) -> bool:
    """Whether the rows that refer to one row are found by an index at once."""
    leading = {key.column for key in index.keys[: len(columns)]}
    if not index.valid or leading != set(columns):
        return False
    if index.method != "btree" and (index.method != "hash" or len(columns) > 1):
        return False
    return not index.predicate or index.predicate.strip("()") in {
        f"{quote(name)} IS NOT NULL" for name in columns
    }
