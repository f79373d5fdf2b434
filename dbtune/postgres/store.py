"""Watched snapshots in a PostgreSQL: a schema ``dbtune`` of its own, made when it is first used.

This writes, so it is opened only for ``--store postgresql://...``, and touches nothing outside of
that schema.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC
from typing import Any

import psycopg

from dbtune.errors import DbtuneError, TargetError, UsageError
from dbtune.facts import Snapshot, unpack, write
from dbtune.postgres.connect import connect
from dbtune.profile import Profile, redact
from dbtune.redaction import redact_url
from dbtune.session import Limits
from dbtune.text import plain
from dbtune.watch.folder import target_of
from dbtune.watch.store import Entry, Event

_SCHEMA = """
CREATE SCHEMA IF NOT EXISTS dbtune;
CREATE TABLE IF NOT EXISTS dbtune.snapshots (
    target text NOT NULL, at timestamptz NOT NULL, engine text NOT NULL, content bytea NOT NULL,
    PRIMARY KEY (target, at)
);
CREATE TABLE IF NOT EXISTS dbtune.events (
    target text NOT NULL, at timestamptz NOT NULL, type text NOT NULL, level text NOT NULL,
    rule text NOT NULL, subject text NOT NULL, message text NOT NULL
);
CREATE INDEX IF NOT EXISTS events_target_at ON dbtune.events (target, at);
"""


class PostgresStore:
    """Snapshots in a PostgreSQL database.

    Args:
        profile: where.
        limits: for connecting, and for one statement.
        create: whether the schema may be made; reading makes nothing.

    Raises:
        TargetError: it can't be reached.
        UsageError: this role may not make or use the schema.
    """

    def __init__(self, profile: Profile, limits: Limits, *, create: bool = True) -> None:
        self._name, self._profile, self._limits = profile.name, profile, limits
        self._connection = connect(profile, limits)
        try:
            self._prepare(create=create)
        except BaseException:
            self._connection.close()
            raise

    def _prepare(self, *, create: bool) -> None:
        self._limit()
        if self._rows("SELECT to_regclass('dbtune.snapshots') IS NOT NULL")[0][0]:
            return
        if not create:
            raise UsageError(
                f"{redact_url(self._name)} has no schema dbtune; dbtune watch --store makes it"
            )
        with self._connection.transaction():
            # Two watchers that begin at once: the second finds what the first has made.
            self._run("SELECT pg_advisory_xact_lock(hashtext('dbtune.snapshots'))")
            self._run(_SCHEMA)

    def _limit(self) -> None:
        milliseconds = round(self._limits.statement_seconds * 1000)
        self._run("SELECT set_config('statement_timeout', %s, false)", (f"{milliseconds}ms",))

    def _reconnect(self) -> None:
        """After the connection broke: what is to be kept next makes another."""
        if self._connection.closed:
            self._connection = connect(self._profile, self._limits)
            self._limit()

    def _run(self, statement: str, values: Sequence[object] | None = None) -> psycopg.Cursor[Any]:
        try:
            return self._connection.execute(statement.encode(), values)
        except psycopg.Error as error:
            raise self._refused(error) from None

    def _rows(self, statement: str, values: Sequence[object] | None = None) -> list[Any]:
        return self._run(statement, values).fetchall()

    def _refused(self, error: psycopg.Error) -> DbtuneError:
        message = plain(redact((error.diag.message_primary or str(error)).strip()))
        kind = TargetError if isinstance(error, psycopg.OperationalError) else UsageError
        return kind(f"the store {redact_url(self._name)}: {message}")

    def add(self, snapshot: Snapshot) -> Entry:
        """Keep a snapshot, whole or not at all."""
        self._reconnect()
        content = write(snapshot)
        target = target_of(snapshot)
        self._run(
            "INSERT INTO dbtune.snapshots (target, at, engine, content) VALUES (%s, %s, %s, %s) "
            "ON CONFLICT (target, at) DO UPDATE SET content = EXCLUDED.content",
            (target, snapshot.collected_at, snapshot.engine, content),
        )
        at = snapshot.collected_at
        return Entry(target, snapshot.engine, at, _label(target, at), len(content))

    def entries(self, target: str = "") -> list[Entry]:
        """What is kept, of all targets or one, earliest first."""
        rows = self._rows(
            "SELECT target, engine, at, length(content) FROM dbtune.snapshots "
            "WHERE %s IN ('', target) ORDER BY at, target",
            (target,),
        )
        return [Entry(row[0], row[1], row[2], _label(row[0], row[2]), row[3]) for row in rows]

    def load(self, entry: Entry) -> Snapshot:
        """A snapshot.

        Raises:
            UsageError: somebody removed it meanwhile.
        """
        rows = self._rows(
            "SELECT content FROM dbtune.snapshots WHERE target = %s AND at = %s",
            (entry.target, entry.at),
        )
        if not rows:
            raise UsageError(f"{entry.name} was removed from the store meanwhile")
        return replace(unpack(rows[0][0], entry.name), name=entry.name)

    def remove(self, entries: Iterable[Entry]) -> None:
        """Forget snapshots."""
        for entry in entries:
            self._run(
                "DELETE FROM dbtune.snapshots WHERE target = %s AND at = %s",
                (entry.target, entry.at),
            )

    def log(self, target: str, events: Sequence[Event]) -> None:
        """Keep events."""
        for one in events:
            values = (one.at, one.type, one.level, one.rule, one.subject, one.message)
            self._run(
                "INSERT INTO dbtune.events (target, at, type, level, rule, subject, message) "
                "VALUES (%s, %s, %s, %s, %s, %s, %s)",
                (
                    target,
                    *(one.replace("\0", "") if isinstance(one, str) else one for one in values),
                ),
            )

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def _label(target: str, at: Any) -> str:
    return f"{plain(target)} at {at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
