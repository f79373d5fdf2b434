"""Read which statements cost most, which tables they read, and how often these change.

Statements are planned (EXPLAIN without ANALYZE), never executed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import psycopg
from psycopg import sql

from dbtune.errors import TargetError
from dbtune.postgres.caching.facts import Read, Source
from dbtune.postgres.caching.parts import CHANGING, called_functions
from dbtune.postgres.caching.rewrite import Refused, Rewritten, rewrite
from dbtune.postgres.indexes.estimating import Estimate, Estimator
from dbtune.postgres.indexes.planner import NotPlannable
from dbtune.postgres.normalised import normalised
from dbtune.postgres.session import Session
from dbtune.postgres.sqltext import fingerprint, names, parameterised, shape
from dbtune.postgres.statements.collect import read_setup, read_statements
from dbtune.postgres.statements.facts import TEXT_LIMIT
from dbtune.postgres.statements.group import group
from dbtune.statements import Statement
from dbtune.text import plain

MOST_STATEMENTS = 200
"""Statements that are planned, those with the most time."""
_Table = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Workload:
    """What the database was asked, and what changed in it, in a window.

    Attributes:
        statements: of this database, the ones with the most time first.
        seconds: length of the window; ``None`` if it is not known.
        sources: tables by schema and name.
        hidden_entries: statements of other roles.
    """

    statements: tuple[Statement, ...]
    seconds: float | None
    sources: Mapping[_Table, Source]
    hidden_entries: int = 0


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
        change = difference(first, reading)
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


def _key(row: Mapping[str, Any]) -> _Table:
    return row["schema"], row["name"]


@dataclass(slots=True)
class Reader:
    """Plans statements of a workload; nothing is executed.

    Attributes:
        session: an open session.
        workload: what was asked.
        written: statements as the application writes them, by fingerprint: their constants are
            known.
    """

    session: Session
    workload: Workload
    written: Mapping[str, str] = field(default_factory=dict)

    def reads(self, min_mean_ms: float) -> list[Read]:
        """The SELECTs with the most time, planned.

        Raises:
            TargetError: the connection broke.
        """
        workload = self.workload
        whole = sum(one.total_ms for one in workload.statements) or 1.0
        chosen = [
            one
            for one in workload.statements
            if one.mean_ms >= min_mean_ms
            and (asked := shape(one.text)) is not None
            and asked.kind == "select"
            and asked.tables
        ][:MOST_STATEMENTS]
        changing = self._changing_functions(one.text for one in chosen)
        found = []
        for one in chosen:
            seconds = workload.seconds or 1.0
            read = Read(
                text=self.written.get(fingerprint(one.text), one.text),
                calls=one.calls,
                calls_per_second=one.calls / seconds,
                mean_ms=one.mean_ms,
                total_ms=one.total_ms,
                rows_per_call=(one.rows or 0) / one.calls,
                time_ratio=one.total_ms / whole,
            )
            found.append(self._planned(read, changing))
        return found

    def _planned(self, read: Read, changing: frozenset[str]) -> Read:
        if len(read.text) >= TEXT_LIMIT:
            return replace(read, refused="its text is cut: the server keeps so much only")
        words = sorted((CHANGING & names(read.text)) | (changing & called_functions(read.text)))
        if words:
            refused = f"{words[0]} gives another result each time, or to each user"
            return replace(read, refused=refused)
        try:
            planned = self.plan(normalised(read.text).text)
        except NotPlannable as missing:
            return replace(read, refused=str(missing))
        tables = {(node["Schema"], node["Relation Name"]) for node in _relations(planned)}
        sources = [self.workload.sources.get(one) for one in sorted(tables)]
        read = replace(
            read, cost=planned.cost, sources=tuple(one for one in sources if one is not None)
        )
        if twice := self._ambiguous(read.text):
            return replace(
                read, refused=f"several schemas have a {twice}: search_path decides which is meant"
            )
        if None in sources or not sources:
            return replace(read, refused="it reads no table of the database")
        for one in read.sources:
            if one.writes_per_second is None:
                return replace(read, refused=f"changes of {one.label} are not counted")
            if one.row_security:
                return replace(read, refused=f"{one.label} shows each role rows of its own")
            if one.persistence == "t":
                return replace(read, refused=f"{one.label} is temporary")
        return replace(read, variants=self._variants(read))

    def _ambiguous(self, text: str) -> str:
        """A table that stands without a schema, and is there in several; "" if there is none."""
        asked = shape(text)
        for name in asked.tables if asked else ():
            if sum(table == name for _, table in self.workload.sources) > 1:
                return plain(name)
        return ""

    def plan(self, text: str) -> Estimate:
        """A statement's plan, names looked up as the role's own search_path says.

        Raises:
            NotPlannable: the server refuses it.
            TargetError: the connection broke.
        """
        try:
            with self.session.transaction(own_search_path=True, commit=True) as transaction:
                return Estimator(self.session.major).estimate(transaction, text)
        except psycopg.Error as error:
            translated = self.session.translated(error)
            if isinstance(translated, TargetError):
                raise translated from None
            raise NotPlannable(f"it can't be planned: {translated}") from None

    def rewritten(self, read: Read) -> Rewritten:
        """The statement as a view; the rewriting is checked by the planner.

        Raises:
            Refused: it can't be one.
            TargetError: the connection broke.
        """
        asked = shape(read.text)
        tables = asked.tables if asked else ()
        found = self._named([one for one in tables if "." not in one])
        columns = {column for row in found for column in row["columns"] or ()}
        columns |= {column for row in self._named(tables) for column in row["columns"] or ()}
        view = rewrite(read.text, {row["name"]: row["schema"] for row in found}, columns)
        try:
            # The parser writes the statement anew: it must mean the same to the server.
            if abs(self.plan(view.plain).cost - read.cost) > 1e-6 * read.cost + 0.02:
                raise Refused("it can't be written anew with certainty")
            self.plan(view.query)
        except NotPlannable as missing:
            raise Refused(str(missing)) from None
        return view

    def _named(self, tables: Iterable[str]) -> list[dict[str, Any]]:
        quoted = [sql.Identifier(*one.split(".", 1)).as_string() for one in tables]
        if not quoted:
            return []
        from dbtune.postgres.session import load_sql

        try:
            with self.session.transaction(own_search_path=True, commit=True) as transaction:
                query = load_sql("caching_names", self.session.major)
                return transaction.rows(query, {"names": quoted})
        except psycopg.Error as error:
            raise self.session.translated(error) from None

    def _changing_functions(self, texts: Iterable[str]) -> frozenset[str]:
        called = sorted({name for text in texts for name in called_functions(text)})
        rows = self.session.fact("caching_functions", {"names": called})
        return frozenset(row["name"] for row in rows)

    def _variants(self, read: Read) -> float | None:
        """How many different answers there may be: by the columns compared with parameters."""
        norm = normalised(read.text)
        if not norm.numbers:
            return 1.0
        asked = shape(read.text)
        if asked is None or not asked.key_columns or len(asked.tables) != 1 or norm.lists:
            return None
        source = read.sources[0]
        count = len(asked.key_columns)
        if len(norm.numbers) > count + asked.has_limit + asked.has_offset:
            return None
        rows = self.session.fact(
            "caching_distinct",
            {
                "schemas": [source.schema] * count,
                "tables": [source.name] * count,
                "columns": list(asked.key_columns),
            },
        )
        if len(rows) < len(set(asked.key_columns)):
            return None
        product = 1.0
        for row in rows:
            distinct = row["n_distinct"]
            product *= distinct if distinct >= 0 else -distinct * source.rows
        return max(1.0, min(product, source.rows))


def by_fingerprint(texts: Sequence[str]) -> dict[str, str]:
    """Statements as an application writes them, by the fingerprint of what the server keeps."""
    return {fingerprint(parameterised(one)): one for one in texts}


def _relations(planned: Estimate) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = []
    left = [one["Plan"] for one in planned.documents]
    while left:
        node = left.pop()
        if "Relation Name" in node and "Schema" in node:
            found.append(node)
        left += node.get("Plans", ())
    return found
