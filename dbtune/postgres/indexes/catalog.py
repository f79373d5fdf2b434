"""Look-ups in the facts of a database: tables by name, columns, how often values occur."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from dbtune.postgres.normalised import normalised
from dbtune.postgres.relations.facts import Column, Index, Relations, Table

_DEFAULT_DISTINCT = 200.0
"""What the planner assumes of a column without statistics (DEFAULT_NUM_DISTINCT)."""


class Catalog:
    """Relations, looked up by name.

    Attributes:
        relations: the facts.
    """

    def __init__(self, relations: Relations) -> None:
        self.relations = relations
        self._by_name: dict[tuple[str, str], Table] = {}
        self._schemas: defaultdict[str, list[str]] = defaultdict(list)
        for table in relations.tables.values():
            self._by_name[table.schema, table.name] = table
            self._schemas[table.name].append(table.schema)
        self._views = {(one.schema, one.name): one.definition for one in relations.views}
        self._parsed: dict[tuple[str, str], Any] = {}
        self._columns = {
            table.oid: {column.name: column for column in table.columns}
            for table in relations.tables.values()
        }
        self._parts: defaultdict[int, list[int]] = defaultdict(list)
        for table in relations.tables.values():
            if table.parent is not None:
                self._parts[table.parent].append(table.oid)
        self._indexes: defaultdict[int, list[Index]] = defaultdict(list)
        for index in relations.indexes:
            self._indexes[index.table].append(index)

    def table(self, schema: str, name: str, search_path: Sequence[str] = ()) -> Table | None:
        """A table by its name; ``schema`` may be "" for one that is found on the search path.

        A name that is in no schema of the path is still found if only one schema has it: of whom
        a statement's path was is not always known.
        """
        if schema:
            return self._by_name.get((schema, name))
        for one in (*search_path, "public"):
            if found := self._by_name.get((one, name)):
                return found
        schemas = self._schemas.get(name, ())
        return self._by_name[schemas[0], name] if len(schemas) == 1 else None

    def schemas(self, name: str) -> Sequence[str]:
        """The schemas that have a table of a name."""
        return self._schemas.get(name, ())

    def view(self, schema: str, name: str, search_path: Sequence[str] = ()) -> Any:
        """The parsed query of a view by its name, as :meth:`table` finds tables, or ``None``."""
        schemas = [schema] if schema else [*search_path, "public"]
        key = next(((one, name) for one in schemas if (one, name) in self._views), None)
        if key is None and not schema:
            known = [one for one in self._views if one[1] == name]
            key = known[0] if len(known) == 1 else None
        if key is None:
            return None
        if key not in self._parsed:
            self._parsed[key] = normalised(self._views[key]).parse()
        return self._parsed[key]

    def column(self, table: Table, name: str) -> Column | None:
        """A column of a table by its name."""
        return self._columns[table.oid].get(name)

    def indexes(self, table: Table) -> Sequence[Index]:
        """A table's indexes."""
        return self._indexes.get(table.oid, ())

    def rows(self, table: Table) -> float:
        """Rows of a table as the planner sees it; a guess of 10 pages if it was never analysed."""
        if table.rows is not None and table.rows >= 0 and (table.pages or not table.rows):
            return max(1.0, table.rows)
        size = table.size_bytes if table.size_bytes is not None else 10 * 8192
        width = sum(column_width(column) for column in table.columns) + 28
        return max(1.0, size / width)

    def setting(self, name: str, default: float) -> float:
        """A number among the server's settings."""
        try:
            return float(self.relations.settings.get(name, default))
        except ValueError:
            return default

    def root(self, table: Table) -> Table:
        """The partitioned table that a partition belongs to in the end, or the table itself."""
        seen = set()
        while table.parent is not None and table.oid not in seen:
            seen.add(table.oid)
            table = self.relations.tables.get(table.parent, table)
        return table

    def leaves(self, table: Table) -> list[Table]:
        """The partitions that a partitioned table's rows are in; none of an ordinary table."""
        found = []
        for oid in self._parts.get(table.oid, ()):
            part = self.relations.tables[oid]
            found += self.leaves(part) if part.kind == "p" else [part]
        return found

    def distinct(self, table: Table, name: str) -> float:
        """How many different values a column has, at least 1."""
        column = self.column(table, name)
        rows = self.rows(table)
        if column is None or column.statistics is None:
            if column is not None and column.base_type == "bool":
                return 2.0
            return rows if self._is_unique(table, name) else min(rows, _DEFAULT_DISTINCT)
        count = column.statistics.n_distinct
        return max(1.0, count if count >= 0 else -count * rows)

    def equality_ratio(self, table: Table, name: str, value: str | None = None) -> float:
        """The share of rows that have a value: this one (as text), or any one if it is unknown."""
        column = self.column(table, name)
        if column is None or column.statistics is None:
            return 1.0 / self.distinct(table, name)
        statistics = column.statistics
        if value is not None and value in statistics.common_values:
            return statistics.common_ratios[statistics.common_values.index(value)]
        rest = max(0.0, 1.0 - statistics.null_ratio - sum(statistics.common_ratios))
        others = self.distinct(table, name) - len(statistics.common_values)
        if value is not None and statistics.common_values:
            # As var_eq_const() does: what is in no list has its share of the rest.
            return rest / max(1.0, others)
        return max(1.0 - statistics.null_ratio, 0.0) / self.distinct(table, name)

    def null_ratio(self, table: Table, name: str) -> float:
        """The share of rows in which a column is NULL."""
        column = self.column(table, name)
        return column.statistics.null_ratio if column and column.statistics else 0.0

    def is_analysed(self, table: Table, name: str) -> bool:
        """Whether statistics of a column are known, of a partitioned table those of a partition."""
        parts = (table, *self.leaves(table))
        return any(c is not None and c.statistics for c in (self.column(t, name) for t in parts))

    def correlation(self, table: Table, name: str) -> float:
        """How well the order of a column's values is that of its rows, from 0 to 1."""
        column = self.column(table, name)
        return abs(column.statistics.correlation or 0.0) if column and column.statistics else 0.0

    def width(self, table: Table, name: str) -> float:
        """Average bytes that a column takes in a row."""
        column = self.column(table, name)
        return column_width(column) if column else 32.0

    def _is_unique(self, table: Table, name: str) -> bool:
        return any(
            index.unique and len(index.keys) == 1 and index.keys[0].column == name
            for index in self.indexes(table)
        )


def column_width(column: Column) -> float:
    """Average bytes of a column's values; of a type of varying length without statistics, 32."""
    if column.length_bytes > 0:
        return float(column.length_bytes)
    if column.statistics is not None:
        return float(column.statistics.average_width_bytes)
    size = re.search(r"\((\d+)", column.type)
    return min(32.0, float(size[1]) + 1) if size else 32.0
