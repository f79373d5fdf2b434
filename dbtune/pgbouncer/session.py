"""A session on PgBouncer's admin console, which answers ``SHOW`` and nothing else here.

The console speaks the simple protocol only, has no transactions and no time limits. PgBouncer is
one process: while it answers, no client is served, so clients are listed only where they are few.

Least privilege: a user in ``stats_users``.
"""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from decimal import Decimal
from os import dup
from typing import Any, Self

import psycopg
from psycopg.rows import dict_row

from dbtune.errors import TargetError, Unavailable
from dbtune.postgres.connect import connect
from dbtune.profile import Engine, Profile, redact, redact_url
from dbtune.session import Limits, Trace
from dbtune.text import plain

READS = frozenset("CLIENTS CONFIG DATABASES LISTS POOLS SERVERS STATE STATS VERSION".split())
"""What a session may SHOW."""

Row = dict[str, Any]


class Session:
    """An open session on the admin console; a context manager.

    Attributes:
        profile: whose target it is.
        version: of PgBouncer, three numbers; zeros if it does not tell.
    """

    def __init__(self, profile: Profile, limits: Limits, trace: Trace | None = None) -> None:
        self.profile = replace(profile, engine=Engine.pgbouncer)
        self._limits = limits
        self._trace = trace
        if profile.engine is Engine.pgbouncer and not profile.url.reveal():
            named = {"dbname": "pgbouncer", **profile.parameters}
            profile = replace(profile, parameters=named)
        self._connection = connect(profile, limits, console=True)
        self._connection.patience_seconds = limits.statement_seconds  # it answers at once
        self.version = version_of(self._connection.info.parameter_status("server_version") or "")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection; safe to call twice."""
        self._connection.close()

    @property
    def address(self) -> str:
        """Host (or socket folder) and port of PgBouncer."""
        info = self._connection.info
        return f"{info.host}:{info.port}"

    @property
    def tls(self) -> bool:
        """Whether the connection is encrypted."""
        return self._connection.pgconn.ssl_in_use

    def target(self) -> dict[str, object]:
        """What a report's header says about the target; holds no secret."""
        return {
            "name": redact_url(self.profile.name),
            "engine": self.profile.engine.value,
            "server": f"PgBouncer {'.'.join(map(str, self.version))}",
            "role": None,
            "database": self._connection.info.dbname,
            "user": self._connection.info.user,
            "address": self.address,
            "source": self.profile.source,
        }

    def show(self, what: str) -> list[Row]:
        """The rows of ``SHOW what``; numbers are int.

        Raises:
            Unavailable: this user may not see it, or this version has it not.
            TargetError: the connection broke, or PgBouncer did not answer in time.
        """
        if what not in READS:
            raise ValueError(f"not a reading command: {what}")
        started = time.perf_counter()
        seconds = self._limits.statement_seconds
        try:
            with (
                self._at_most(seconds) as late,
                self._connection.cursor(row_factory=dict_row) as cursor,
            ):
                rows = cursor.execute(f"SHOW {what}".encode()).fetchall()
        except psycopg.Error as error:
            message = plain(redact(str(error).strip()))
            if late.is_set():
                text = f"PgBouncer did not answer SHOW {what} within {seconds:g} s"
                raise TargetError(text) from None
            if self._connection.closed:
                raise TargetError(f"the connection to PgBouncer broke: {message}") from None
            raise Unavailable(message, _remedy(message)) from None
        if self._trace:
            self._trace(f"SHOW {what}", (time.perf_counter() - started) * 1000, len(rows))
        return [{name: _number(value) for name, value in row.items()} for row in rows]

    @contextmanager
    def _at_most(self, seconds: float) -> Iterator[threading.Event]:
        """The console knows no time limit: the connection is cut when it is over."""
        late = threading.Event()

        def cut() -> None:
            late.set()
            # A copy of the descriptor: closing it does not close libpq's.
            with (
                suppress(OSError, psycopg.Error),
                socket.socket(fileno=dup(self._connection.fileno())) as copy,
            ):
                copy.shutdown(socket.SHUT_RDWR)

        timer = threading.Timer(seconds, cut)
        timer.daemon = True
        timer.start()
        try:
            yield late
        finally:
            timer.cancel()


def version_of(text: str) -> tuple[int, int, int]:
    """The version in ``1.18.0/bouncer``; zeros if there is none."""
    match = re.search(r"(\d+)\.(\d+)(?:\.(\d+))?", text)
    return (0, 0, 0) if match is None else (int(match[1]), int(match[2]), int(match[3] or 0))


def _number(value: object) -> object:
    return int(value) if isinstance(value, Decimal) else value


def _remedy(message: str) -> str:
    if re.search(r"not allowed|admin access needed", message):
        return "name this user in stats_users of pgbouncer.ini, then RELOAD"
    return ""
