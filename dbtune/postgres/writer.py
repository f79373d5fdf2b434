"""The one place where dbtune changes a server: what a person asked for by a flag that says so.

A :class:`~dbtune.postgres.session.Session` only reads. A writer sends one statement at a time,
outside of a transaction (CREATE INDEX CONCURRENTLY takes no other way), and waits for locks for a
limited time. It needs the server's own connection: behind a pooler its settings would be another
client's.
"""

from __future__ import annotations

import contextlib
import time
from typing import Self

import psycopg

from dbtune.errors import UsageError
from dbtune.postgres import TAG
from dbtune.postgres.connect import connect
from dbtune.postgres.server import Server
from dbtune.profile import Profile, redact
from dbtune.session import Limits, Trace
from dbtune.text import plain


class WriteFailed(Exception):
    """A statement failed; the text says why, in one sentence.

    Attributes:
        lock: whether it waited for a lock for too long.
    """

    def __init__(self, error: psycopg.Error) -> None:
        message = plain(redact((error.diag.message_primary or str(error)).strip()))
        super().__init__(message)
        self.lock = isinstance(error, psycopg.errors.LockNotAvailable)


def require_writable(server: Server, what: str) -> None:
    """Refuse what can't be changed here.

    Raises:
        UsageError: it is a standby, or a pooler stands between.
    """
    if server.is_standby:
        raise UsageError(f"{what} needs the primary: this server is a standby, which can't write")
    if server.pooled:
        raise UsageError(
            f"{what} needs the server itself: through a pooler a statement may get another "
            "connection than its settings; give the server's own port"
        )


class Writer:
    """An open connection that writes; a context manager."""

    def __init__(
        self, profile: Profile, limits: Limits, lock_seconds: float, trace: Trace | None = None
    ) -> None:
        """
        Args:
            profile: the target.
            limits: for the connection to be made.
            lock_seconds: how long a statement may wait for a lock.
            trace: told of each statement.

        Raises:
            TargetError: the target can't be reached.
        """
        self._connection = connect(profile, limits)
        self._trace = trace
        self._lock_seconds = lock_seconds
        self._connection.execute(
            f"SELECT {TAG} set_config('statement_timeout', '0', false), "
            "set_config('idle_in_transaction_session_timeout', '0', false)"
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    @property
    def pid(self) -> int:
        """The server's process."""
        return self._connection.info.backend_pid

    def run(self, statement: str, *, lock_seconds: float | None = None) -> None:
        """Run one statement; it takes effect at once.

        Args:
            statement: the statement.
            lock_seconds: how long it may wait for a lock, if not as long as the others.

        Raises:
            WriteFailed: the server refused it, a lock was not to be had, or it was cancelled.
        """
        first, _, rest = statement.partition(" ")
        started = time.perf_counter()
        limit = self._lock_seconds if lock_seconds is None else lock_seconds
        try:
            self._connection.execute(
                f"SELECT {TAG} set_config('lock_timeout', %s, false)", (f"{limit * 1000:.0f}ms",)
            )
            self._connection.execute(f"{first} {TAG} {rest}".encode())
        except psycopg.Error as error:
            raise WriteFailed(error) from None
        finally:
            if self._trace:
                self._trace(statement, (time.perf_counter() - started) * 1000, 0)

    def cancel(self) -> None:
        """Cancel the statement that another thread runs; if that fails, it goes on."""
        with contextlib.suppress(psycopg.Error):
            self._connection.cancel_safe(timeout=10)
