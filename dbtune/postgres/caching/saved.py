"""What a snapshot knows of statements and tables: a workload, and a catalog by the planner lab."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from dbtune.postgres.caching.facts import Source
from dbtune.postgres.caching.reader import Named, Workload
from dbtune.postgres.facts.databases import databases
from dbtune.postgres.facts.lab import lab
from dbtune.postgres.facts.relations import relations as relations_fact
from dbtune.postgres.facts.statements import statements, statements_setup
from dbtune.postgres.indexes.estimating import Estimate
from dbtune.postgres.indexes.planner import NotPlannable
from dbtune.postgres.session import load_sql
from dbtune.postgres.statements.group import group

if TYPE_CHECKING:
    from dbtune import facts
    from dbtune.postgres.lab.planner import LabPlanner
    from dbtune.postgres.lab.source import Source as LabSource
    from dbtune.postgres.relations.facts import Relations

_LAB_MAJOR = 18


def saved_workload(snapshot: facts.Source) -> Workload:
    """The totals that a snapshot holds.

    Raises:
        Unavailable: it holds none, or no tables.
    """
    setup, reading = snapshot.of(statements_setup), snapshot.of(statements)
    reading.require_texts()
    relations, schema = snapshot.of(relations_fact), snapshot.of(lab)
    seconds: float | None = None
    if reading.stats_reset:
        seconds = (reading.at - reading.stats_reset).total_seconds()
    counted = next(
        (one.seconds for one in snapshot.of(databases) if one.name == relations.database), None
    )
    own = [
        one for one in reading.entries if one.database == relations.database and one.key.toplevel
    ]
    found = sorted(
        group(own, setup.block_bytes, io_timed=False), key=lambda one: (-one.total_ms, one.text)
    )
    return Workload(
        tuple(found), seconds, _sources(relations, schema, counted or seconds),
        reading.hidden_entries,
    )  # fmt: skip


def _sources(
    relations: Relations, schema: LabSource, counted_seconds: float | None
) -> dict[tuple[str, str], Source]:
    """Tables; counters that were never reset count for longer, which makes advice more careful."""
    secured = {(one.schema, one.name) for one in schema.relations.values() if one.row_security}
    found = {}
    for one in relations.tables.values():
        written: float | None = None
        if one.activity and counted_seconds and one.kind in ("r", "m"):
            counts = one.activity.inserted + one.activity.updated + one.activity.deleted
            written = counts / counted_seconds
        place = (one.schema, one.name)
        found[place] = Source(
            *place, one.kind, one.rows or 0.0, written, place in secured, one.persistence
        )
    return found


class Saved:
    """A :class:`~dbtune.postgres.caching.reader.Catalog` of a snapshot."""

    def __init__(self, planner: LabPlanner, relations: Relations, schema: LabSource) -> None:
        """
        Args:
            planner: a lab of that schema.
            relations: with columns' statistics.
            schema: tables and views.
        """
        self._planner = planner
        self._columns = {
            (table.schema, table.name, column.name): column.statistics
            for table in relations.tables.values()
            for column in table.columns
        }
        self._relations = {(one.schema, one.name): one for one in schema.relations.values()}
        self._path = schema.database.search_path

    def plan(self, text: str, /) -> Estimate:
        """See :class:`~dbtune.postgres.caching.reader.Catalog`."""
        try:
            planned = self._planner.plan(text)
        except NotPlannable as refused:
            if "?" not in text:  # what masks a constant
                raise
            raise NotPlannable(
                "a snapshot keeps no constants: give the statement as the application writes it "
                "(--file FILE)"
            ) from refused
        return Estimate(planned.cost, [planned.plan])

    def named(self, tables: Sequence[str], /) -> list[Named]:
        """See :class:`~dbtune.postgres.caching.reader.Catalog`."""
        found = []
        for table in tables:
            schema, dot, name = table.partition(".")
            places = [(schema, name)] if dot else [(one, table) for one in self._path]
            place = next((one for one in places if one in self._relations), None)
            if place is not None:
                columns = tuple(one.name for one in self._relations[place].columns)
                found.append(Named(*place, columns))
        return found

    def changing_functions(self, called: Sequence[str], /) -> frozenset[str]:
        """See :class:`~dbtune.postgres.caching.reader.Catalog`; the lab has them all."""
        query = load_sql("caching_functions", _LAB_MAJOR)
        rows = self._planner.owner.execute(query, {"names": list(called)})
        return frozenset(row["name"] for row in rows)

    def distinct(self, source: Source, column: str, /) -> float | None:
        """See :class:`~dbtune.postgres.caching.reader.Catalog`."""
        statistics = self._columns.get((source.schema, source.name, column))
        return statistics.n_distinct if statistics else None
