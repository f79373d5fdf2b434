"""A schema of our own on the target, for tables that are written to; dropped at the end."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Self

from dbtune.errors import TargetError, UsageError
from dbtune.postgres.plans.ddl import quote
from dbtune.postgres.session import Session
from dbtune.postgres.writer import WriteFailed, Writer
from dbtune.text import plain

PREFIX = "dbtune_bench_"
LOCK_SECONDS = 10.0


class Scratch:
    """A schema that exists within a ``with`` block.

    Attributes:
        name: of the schema.
    """

    def __init__(self, open_writer: Callable[[], Writer], say: Callable[[str], None]) -> None:
        """
        Args:
            open_writer: makes a connection that writes.
            say: tells the person what could not be removed.
        """
        self.name = f"{PREFIX}{secrets.token_hex(6)}"
        self._open = open_writer
        self._say = say

    def __enter__(self) -> Self:
        try:
            with self._open() as writer:
                writer.run(f"CREATE SCHEMA {quote(self.name)}")
        except WriteFailed as failed:
            raise UsageError(
                f"can't make a scratch schema: {failed}; it needs CREATE on the database"
            ) from None
        return self

    def __exit__(self, *_: object) -> None:
        remove(f"DROP SCHEMA IF EXISTS {quote(self.name)} CASCADE", self._open, self._say)

    def run(self, *statements: str, search_path: str = "") -> None:
        """Run statements in the schema, one by one.

        Args:
            statements: to run.
            search_path: of schemas behind the scratch schema, as SQL.

        Raises:
            TargetError: one failed.
        """
        path = quote(self.name) + (f", {search_path}" if search_path else "")
        with self._open() as writer:
            try:
                writer.run(f"SET search_path = {path}")
                for statement in statements:
                    writer.run(statement)
            except WriteFailed as failed:
                raise TargetError(f"a scratch table could not be made: {failed}") from None
            except KeyboardInterrupt:
                writer.cancel()
                raise


def remove(
    statement: str,
    open_writer: Callable[[], Writer],
    say: Callable[[str], None],
    *,
    lock_seconds: float | None = None,
) -> None:
    """Remove what was made, or say how; a second Ctrl-C may come while that waits for a lock.

    Args:
        statement: that removes it.
        open_writer: makes a connection that writes.
        say: tells the person what could not be removed.
        lock_seconds: how long it may wait for a lock, if not as long as the others.
    """
    try:
        with open_writer() as writer:
            writer.run(statement, lock_seconds=lock_seconds)
    except (WriteFailed, TargetError, KeyboardInterrupt) as failed:
        why = "interrupted" if isinstance(failed, KeyboardInterrupt) else failed
        say(f"could not remove what was made: {why}; do it with: {statement};")
        if isinstance(failed, KeyboardInterrupt):
            raise


def leftovers(session: Session) -> list[str]:
    """Notes on what earlier runs left that were killed before they could clean up."""
    rows = session.rows(
        "SELECT 'SCHEMA' AS kind, NULL AS schema, n.nspname AS name FROM pg_catalog.pg_namespace n "
        "WHERE pg_catalog.starts_with(n.nspname::text, %(prefix)s) "
        "UNION ALL SELECT 'INDEX', n.nspname, c.relname FROM pg_catalog.pg_class c "
        "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
        "WHERE c.relkind = 'i' AND pg_catalog.starts_with(c.relname::text, %(prefix)s) "
        "AND NOT pg_catalog.starts_with(n.nspname::text, %(prefix)s) ORDER BY 1, 2, 3",
        {"prefix": PREFIX},
    )
    found = []
    for row in rows:
        place = f"{quote(row['schema'])}." if row["schema"] else ""
        drop = f"DROP {row['kind']} {place}{quote(row['name'])}"
        drop += " CASCADE;" if row["kind"] == "SCHEMA" else ";"
        found.append(
            f"{row['kind'].lower()} {plain(row['name'])} is another run's, or was kept, or left by "
            f"one that was killed; in that case remove it: {plain(drop)}"
        )
    return found
