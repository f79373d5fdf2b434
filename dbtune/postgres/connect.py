"""Reach a PostgreSQL server: libpq's settings, and its errors in one clear sentence."""

from __future__ import annotations

import re
import time
from collections.abc import Generator
from typing import Any, Self, TypeVar

import psycopg
from psycopg.pq import PGconn, PollingStatus, TransactionStatus
from psycopg.waiting import Wait

from dbtune.errors import AdminConsole, UsageError
from dbtune.postgres import APP_NAME
from dbtune.postgres.refusal import refused, say_sqlstate, where
from dbtune.profile import Profile
from dbtune.redaction import redact
from dbtune.session import Limits
from dbtune.text import plain

T = TypeVar("T")


class Connection(psycopg.Connection[Any]):
    """A connection that can be given up: where a network swallows packets, or a proxy stalls,
    no answer ever comes, and the server's own time limits end nothing here.

    Attributes:
        patience_seconds: the longest silence in the middle of a statement; ``None`` for any.
    """

    patience_seconds: float | None = None

    @classmethod
    def _connect_gen(cls, conninfo: str = "", *, timeout: float = 0.0) -> Generator[Any, Any, Self]:
        """As psycopg's; and what the server says has its SQLSTATE, for it says it in any language.

        Args:
            conninfo: libpq's connection string.
            timeout: seconds, where psycopg leaves them to this (before 3.3); 0 for any.
        """
        deadline = time.monotonic() + timeout if timeout else None
        pgconn = PGconn.connect_start(conninfo.encode())
        say_sqlstate(pgconn)
        while (status := pgconn.connect_poll()) != PollingStatus.OK:
            if status == PollingStatus.FAILED:
                raise psycopg.OperationalError(pgconn.get_error_message(), pgconn=pgconn)
            wanted = Wait.R if status == PollingStatus.READING else Wait.W
            while not (yield pgconn.socket, wanted):
                if deadline is not None and time.monotonic() > deadline:
                    raise psycopg.errors.ConnectionTimeout("connection timeout expired")
        say_sqlstate(pgconn, always=False)
        pgconn.nonblocking = 1
        return cls(pgconn)

    def wait(self, gen: Generator[Any, Any, T], *arguments: Any, **keywords: Any) -> T:
        """As psycopg's, which asks the generator a few times a second whether to go on."""
        try:
            return super().wait(self._impatient(gen), *arguments, **keywords)
        except KeyboardInterrupt:
            # In the middle of the generator it ends that, too: nobody reads the answer, and the
            # next statement (a ROLLBACK) would fail and hide that somebody wants to stop.
            if self.pgconn.transaction_status == TransactionStatus.ACTIVE:
                self.close()
            raise

    def _impatient(self, gen: Generator[Any, Any, T]) -> Generator[Any, Any, T]:
        heard = time.monotonic()
        try:
            wanted = next(gen)
            while True:
                ready = yield wanted
                now = time.monotonic()
                if ready:
                    heard = now
                elif self.patience_seconds is not None and now - heard > self.patience_seconds:
                    self.close()
                    raise psycopg.OperationalError(
                        f"nothing was heard of the server for {now - heard:.0f} s; does the "
                        "network or a proxy in between stall?"
                    )
                wanted = gen.send(ready)
        except StopIteration as done:
            result: T = done.value
            return result


def connect(profile: Profile, limits: Limits, *, console: bool = False) -> Connection:
    """A connection in autocommit mode; libpq reads services, ``.pgpass`` and TLS files itself.

    Args:
        profile: the target.
        limits: how long it may take.
        console: it has to be PgBouncer's admin console, which it must not be otherwise.

    Raises:
        TargetError: the server can't be reached or refuses.
        UsageError: the connection string is malformed, or a service is unknown.
        AdminConsole: it is PgBouncer's admin console.
    """
    secret = profile.with_password().password
    keywords: dict[str, Any] = {"connect_timeout": limits.connect_seconds, **profile.parameters}
    if secret:
        keywords["password"] = secret.reveal()
    try:
        connection = Connection.connect(
            profile.url.reveal(),
            autocommit=True,
            prepare_threshold=None,
            application_name=APP_NAME,
            client_encoding="utf8",
            **keywords,
        )
    except (psycopg.ProgrammingError, ValueError) as error:
        raise _malformed(error, profile) from None
    except (psycopg.Error, OSError) as error:
        raise refused(error, profile) from None
    found = "bouncer" in (connection.info.parameter_status("server_version") or "")
    if found != console:
        connection.close()
        if console:
            raise UsageError(
                f"{where(profile)} is not PgBouncer's admin console: that is the database"
                " pgbouncer, as in postgresql://user@host:6432/pgbouncer"
            )
        raise AdminConsole(
            f"{where(profile)} is PgBouncer's admin console; name a database behind it instead"
        )
    return connection


def _malformed(error: Exception, profile: Profile) -> UsageError:
    """libpq quotes pieces of a malformed string, which may be pieces of a password: cut them."""

    def keyword_or_nothing(match: re.Match[str]) -> str:
        word = match[1]
        is_key = re.fullmatch(r"\w+", word) and re.search(rf"[?&\s]{word}\s*=", " " + url)
        return match[0] if is_key or word == "=" else '"…"'

    url = profile.url.reveal()
    message = str(error).strip().split("\n")[0]
    message = re.sub(r'"([^"]*)("|$)', keyword_or_nothing, message)
    return UsageError(f"{profile.source}: malformed connection string: {redact(plain(message))}")
