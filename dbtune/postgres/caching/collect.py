"""Read which statements cost most, which tables they read, and how often these change.

Statements are planned (EXPLAIN without ANALYZE), never executed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import psycopg
from psycopg import sql

from dbtune.errors import TargetError
from dbtune.postgres.caching.facts import Source
from dbtune.postgres.caching.reader import Named, Workload
from dbtune.postgres.indexes.estimating import Estimate, Estimator
from dbtune.postgres.indexes.planner import NotAllowed, NotPlannable
from dbtune.postgres.session import Session, load_sql
from dbtune.postgres.statements.collect import read_setup, read_statements
from dbtune.postgres.statements.group import group


def read_workload(session: Session, interval_seconds: float, pause: Callable[[], None]) -> Workload:
    """Totals, or what happened while ``pause`` let time pass.

    Raises:
        Unavailable: pg_stat_statements is not there.
        TargetError: the connection broke.
    """
    setup = read_setup(session)
    interval = interval_seconds > 0
    reading = read_statements(session, setup, texts=not interval)
    entries = reading.entries
    seconds: float | None = None
    written_seconds: float | None
    if interval:
        from dbtune.postgres.statements.interval import difference

        before = {_key(row): row["written"] for row in session.fact("caching_tables")}
        pause()
        first, reading = reading, read_statements(session, setup, texts=True)
        change = difference(first, reading, interval_seconds)
        entries, seconds = change.entries, change.seconds
        written_seconds = seconds
    else:
        before = {}
        if reading.stats_reset:
            seconds = (reading.at - reading.stats_reset).total_seconds()
        window = session.fact("caching_window")
        # Counters that were never reset have counted for longer: that makes rates too high, and
        # advice more careful.
        written_seconds = (window[0]["seconds"] if window else None) or seconds
    reading.require_texts()
    sources = {}
    for row in session.fact("caching_tables"):
        written = row["written"] - before.get(_key(row), 0.0)
        counted = row["kind"] in ("r", "m")
        sources[_key(row)] = Source(
            row["schema"],
            row["name"],
            row["kind"],
            row["rows"],
            max(0.0, written) / written_seconds if written_seconds and counted else None,
            row["row_security"],
            row["persistence"],
        )
    own = [one for one in entries if one.database == session.database and one.key.toplevel]
    found = sorted(
        group(own, setup.block_bytes, io_timed=False), key=lambda one: (-one.total_ms, one.text)
    )
    return Workload(tuple(found), seconds, sources, reading.hidden_entries)


def _key(row: Mapping[str, Any]) -> tuple[str, str]:
    return row["schema"], row["name"]


class Live:
    """A :class:`~dbtune.postgres.caching.reader.Catalog` of an open session."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def plan(self, text: str, /) -> Estimate:
        """See :class:`~dbtune.postgres.caching.reader.Catalog`."""
        try:
            with self._session.transaction(own_search_path=True, commit=True) as transaction:
                return Estimator(self._session.major).estimate(transaction, text)
        except psycopg.Error as error:
            translated = self._session.translated(error)
            if isinstance(translated, TargetError):
                raise translated from None
            denied = isinstance(error, psycopg.errors.InsufficientPrivilege)
            refused = NotAllowed if denied else NotPlannable
            raise refused(f"it can't be planned: {translated}") from None

    def named(self, tables: Sequence[str], /) -> list[Named]:
        """See :class:`~dbtune.postgres.caching.reader.Catalog`."""
        names = [sql.Identifier(*one.split(".", 1)).as_string() for one in tables]
        if not names:
            return []
        try:
            with self._session.transaction(own_search_path=True, commit=True) as transaction:
                query = load_sql("caching_names", self._session.major)
                rows = transaction.rows(query, {"names": names})
        except psycopg.Error as error:
            raise self._session.translated(error) from None
        return [Named(row["schema"], row["name"], tuple(row["columns"] or ())) for row in rows]

    def changing_functions(self, called: Sequence[str], /) -> frozenset[str]:
        """See :class:`~dbtune.postgres.caching.reader.Catalog`."""
        rows = self._session.fact("caching_functions", {"names": list(called)})
        return frozenset(row["name"] for row in rows)

    def distinct(self, source: Source, column: str, /) -> float | None:
        """See :class:`~dbtune.postgres.caching.reader.Catalog`."""
        place = {"schema": source.schema, "table": source.name, "column": column}
        rows = self._session.fact("caching_distinct", place)
        return rows[0]["n_distinct"] if rows else None
