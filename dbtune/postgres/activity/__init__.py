"""``activity`` on PostgreSQL: looks at sessions, and what statements took between two of them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from dbtune.errors import Unavailable
from dbtune.facts import Fact
from dbtune.finding import Skipped
from dbtune.postgres.statements.facts import Key, Reading
from dbtune.report import Report

if TYPE_CHECKING:
    from dbtune.postgres.facts.waits import Waits
    from dbtune.postgres.session import Session

T = TypeVar("T")


class Watch:
    """Looks at a server again and again; each look is a report.

    Sessions are as they are at the look. Waits add up over :meth:`sample`, statements count since
    the look before; texts are read when a statement is among the first and not known yet.
    """

    def __init__(self, session: Session, limit: int) -> None:
        from dbtune.postgres.server import read_server, target

        self._session = session
        self._limit = limit
        self._server = read_server(session)
        self._target = target(session, self._server)
        self._before: Reading | None = None
        self._texts: dict[Key, str] = {}
        self._own: set[Key] = set()
        self._waits: Waits | None = None
        self._skipped: dict[str, Skipped] = {}
        self._before = self._statements()

    def sample(self) -> None:
        """Look what active sessions wait for; to be called every now and then."""
        from dbtune.postgres.facts.waits import plus, waits

        found = self._read(waits, None)
        if found is not None:
            self._waits = found if self._waits is None else plus(self._waits, found)

    def look(self) -> Report:
        """What there is now, and since the last look.

        Raises:
            TargetError: the connection broke.
        """
        from dbtune.postgres.activity import view
        from dbtune.postgres.facts.connections import connections
        from dbtune.postgres.facts.lock_waits import lock_waits
        from dbtune.postgres.facts.prepared_transactions import prepared_transactions
        from dbtune.postgres.facts.progress import progress
        from dbtune.postgres.facts.sessions import Sessions, sessions

        self.sample()
        limit = self._limit
        seen = self._read(sessions, Sessions(()))
        tables = [view.now_table(self._read(connections, None), seen)]
        if any(one.blocked_by for one in seen.backends):
            prepared = self._read(prepared_transactions, ())
            tables.append(view.blocking_table(seen, prepared, limit))
            tables.append(view.locks_table(self._read(lock_waits, ()), limit))
        tables.append(view.sessions_table(seen, limit))
        if self._waits is not None:
            tables.append(view.waits_table(self._waits, limit, seen.hidden))
        tables += self._of_statements()
        if running := self._read(progress, ()):
            tables.append(view.progress_table(running))
        if seen.unseen is not None:
            self._skipped["sessions"] = Skipped("sessions", seen.unseen.reason, seen.unseen.remedy)
        self._waits = None
        return Report(
            "activity",
            tuple(tables),
            skipped=tuple(self._skipped.values()),
            target=self._target,
            collected_at=self._now(),
        )

    def _now(self) -> Any:
        return self._session.rows("SELECT pg_catalog.clock_timestamp() AS at")[0]["at"]

    def _of_statements(self) -> list[Any]:
        from dbtune.postgres.activity.view import statements_table
        from dbtune.postgres.statements.interval import difference

        reading = self._statements()
        if reading is None or self._before is None:
            return []
        between = difference(self._before, reading)
        self._before = reading
        if not between.entries and between.seconds < 0.1:
            return []
        first = sorted(between.entries, key=lambda one: -one.total_ms)[: self._limit]
        if any(one.key not in self._texts for one in first):
            self._learn_texts()
        others = tuple(one for one in between.entries if one.key not in self._own)
        shown = replace(between, entries=others)
        return [statements_table(shown, self._texts, self._limit)]

    def _learn_texts(self) -> None:
        reading = self._statements(texts=True)
        if reading is not None:
            self._texts = {one.key: one.text or "" for one in reading.entries}
            self._own = {one.key for one in reading.entries if one.is_own}
            if reading.texts_missing:
                lacking = Skipped("statements", reading.texts_missing, reading.texts_remedy)
                self._skipped["statements"] = lacking

    def _statements(self, *, texts: bool = False) -> Reading | None:
        from dbtune.postgres.statements.collect import read_setup, read_statements
        from dbtune.postgres.statements.enable import how_to_enable

        setup = read_setup(self._session)
        try:
            return read_statements(self._session, setup, texts=texts)
        except Unavailable as missing:
            how = missing if setup.schema else how_to_enable(setup, self._server.provider)
            self._skipped["pg_stat_statements"] = Skipped(
                "pg_stat_statements", how.reason, how.remedy
            )
            return None

    def _read(self, fact: Fact[Session, T], otherwise: Any) -> Any:
        """A fact; what can't be read is said, and a later look may have it again."""
        try:
            found = fact.read(self._session)
        except Unavailable as missing:
            self._skipped[fact.name] = Skipped(fact.name, missing.reason, missing.remedy)
            return otherwise
        self._skipped.pop(fact.name, None)
        return found
