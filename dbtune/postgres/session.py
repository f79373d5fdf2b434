"""A read-only, time-limited PostgreSQL session.

Each read is a transaction of its own, ``READ ONLY`` with ``SET LOCAL`` timeouts: nothing is left
behind, no snapshot is held while dbtune waits for an interval to pass, and it works through
PgBouncer in transaction mode (which refuses libpq's ``options=``) and on a hot standby.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib import resources
from typing import Any, LiteralString, Self

import psycopg
from psycopg import BaseConnection, errors, sql
from psycopg.abc import AdaptContext
from psycopg.adapt import Buffer, Loader
from psycopg.rows import dict_row

from dbtune.errors import OutOfTime, TargetError, Unavailable, WrongEncoding
from dbtune.postgres import TAG
from dbtune.postgres.connect import connect
from dbtune.profile import Profile, redact
from dbtune.session import Limits, Trace
from dbtune.text import plain

_BEGIN: LiteralString = (
    f"BEGIN {TAG} {{}}; "
    f"SELECT {TAG} set_config('statement_timeout', '{{}}', true), "
    "set_config('lock_timeout', '{}', true), "
    "set_config('idle_in_transaction_session_timeout', '60s', true)"
)
# Of dbtune's own statements: many rows of the catalog may look worth compiling, or more processes.
_CATALOG: LiteralString = (
    ", set_config('search_path', 'pg_catalog', true), set_config('jit', 'off', true)"
    ", set_config('max_parallel_workers_per_gather', '0', true)"
)
_FIRST_WORD = re.compile(r"^(\s*\w+)")
_HEADER = re.compile(r"\A(?:--[^\n]*\n)+")
_FILE_SUFFIX = re.compile(r"\.v(\d+)\.sql$")

_GRACE_SECONDS = 5.0
"""For the way there and back, beyond the limit that the server itself keeps to."""
_NOT_CONVERTED = (errors.CharacterNotInRepertoire, errors.UntranslatableCharacter)

Row = dict[str, Any]


_AS_STORED: LiteralString = (
    ", set_config('client_encoding', current_setting('server_encoding'), true)"
)


class _LenientText(Loader):
    """Text of other databases need not be valid in this session's encoding; never fail over it."""

    def __init__(self, oid: int, context: AdaptContext | None = None) -> None:
        super().__init__(oid, context)
        self._encodings = (_encoding(self.connection), "utf-8")

    def load(self, data: Buffer) -> str:
        content = bytes(data)
        for encoding in self._encodings:
            try:
                return content.decode(encoding)
            except UnicodeDecodeError:
                continue
        return content.decode("utf-8", "replace")


class _LenientJson(_LenientText):
    """As :class:`_LenientText`, of names within JSON."""

    def load(self, data: Buffer) -> Any:
        return json.loads(super().load(data))


def _encoding(connection: BaseConnection[Any] | None) -> str:
    """Python's name of the encoding that a connection talks in."""
    try:
        return connection.info.encoding if connection else "utf-8"
    except psycopg.NotSupportedError:  # one that Python does not know
        return "utf-8"


class Session:
    """An open session; a context manager.

    Attributes:
        profile: whose target it is.
        version: ``server_version_num``, for example 180006.
        connect_ms: what it took to connect, with TLS and login.
        transactions: begun so far.
    """

    def __init__(self, profile: Profile, limits: Limits, trace: Trace | None = None) -> None:
        self.profile = profile
        self._limits = limits
        self._trace = trace
        known = profile.with_password()  # however long its command takes, it is not the server's
        started = time.perf_counter()
        self._connection = connect(known, limits)
        self._connection.patience_seconds = limits.statement_seconds + _GRACE_SECONDS
        self.connect_ms = (time.perf_counter() - started) * 1000
        self.transactions = 0
        # 0 is what has no loader of its own: "char", enumerations, names of types ...
        for kind in ("text", "varchar", "name", "bpchar", 0):
            self._connection.adapters.register_loader(kind, _LenientText)
        for kind in ("json", "jsonb"):
            self._connection.adapters.register_loader(kind, _LenientJson)
        self._as_stored = False
        self.version = self._connection.info.server_version

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection; safe to call twice."""
        self._connection.close()

    @property
    def is_broken(self) -> bool:
        """Whether the connection is lost."""
        return self._connection.closed

    @property
    def major(self) -> int:
        """The server's major version."""
        return self.version // 10000

    @property
    def address(self) -> str:
        """Host (or socket folder) and port of the server."""
        info = self._connection.info
        return f"{info.host}:{info.port}"

    @property
    def is_local(self) -> bool:
        """Whether the server runs on this machine: a socket or a loopback address."""
        info = self._connection.info
        return info.host.startswith(("/", "@")) or info.hostaddr in ("127.0.0.1", "::1")

    @property
    def database(self) -> str:
        """Name of the database that the session is in."""
        return self._connection.info.dbname

    @property
    def user(self) -> str:
        """The role that the session logged in as."""
        return self._connection.info.user

    @property
    def tls(self) -> bool:
        """Whether the connection is encrypted by TLS."""
        return self._connection.pgconn.ssl_in_use

    @property
    def login_pid(self) -> int:
        """The process number told at login; a pooler tells one that is not the backend's."""
        return self._connection.info.backend_pid

    def rows(
        self,
        query: LiteralString | sql.Composable,
        parameters: Mapping[str, object] | Sequence[object] | None = None,
    ) -> list[Row]:
        """Run one query in a read-only transaction of its own and return its rows.

        Raises:
            Unavailable: this role may not, this server has not, or the time limit passed.
            TargetError: the connection broke.
        """
        try:
            return self._rows(query, parameters)
        except _NOT_CONVERTED as error:
            # Shared catalogs hold names of databases with other encodings, SQL_ASCII has any bytes:
            # the server sends them if it need not convert them.
            if self._as_stored:
                raise self.translated(error) from None
        except psycopg.Error as error:
            raise self.translated(error, query) from None
        self._as_stored = True
        try:
            return self._rows(query, parameters)
        except psycopg.Error as error:
            self._as_stored = False
            raise self.translated(error, query) from None

    def _rows(
        self,
        query: LiteralString | sql.Composable,
        parameters: Mapping[str, object] | Sequence[object] | None,
    ) -> list[Row]:
        with self.transaction(commit=True) as transaction:
            return transaction.rows(query, parameters)

    @contextmanager
    def transaction(
        self, *, read_only: bool = True, own_search_path: bool = False, commit: bool = False
    ) -> Iterator[Transaction]:
        """A time-limited transaction of several statements, rolled back unless ``commit``.

        Args:
            read_only: whether the server refuses to write in it.
            own_search_path: keep the role's search_path, for statements that users wrote.
            commit: end it with COMMIT if nothing failed. For dbtune's own queries, and for what is
                only planned: rolled back, they would count in pg_stat_database.xact_rollback, and
                who watches a quiet server would alarm its monitoring (and pg.many-rollbacks).

        Raises:
            psycopg.Error: as the statements do; see :meth:`translated`.
        """
        begin = _BEGIN.format(
            "READ ONLY" if read_only else "READ WRITE",
            f"{self._limits.statement_seconds * 1000:.0f}ms",
            f"{self._limits.lock_seconds * 1000:.0f}ms",
        )
        with self._connection.cursor(row_factory=dict_row) as cursor:
            self.transactions += 1
            transaction = Transaction(cursor, self._trace)
            begin += "" if own_search_path else _CATALOG
            cursor.execute((begin + (_AS_STORED if self._as_stored else "")).encode())
            try:
                yield transaction
            except BaseException:
                with suppress(psycopg.Error):  # what went wrong first is told, or Ctrl-C
                    self._end(cursor, "ROLLBACK", transaction.afterwards)
                raise
            self._end(
                cursor, "COMMIT" if commit and read_only else "ROLLBACK", transaction.afterwards
            )

    def _end(self, cursor: psycopg.Cursor[Row], how: str, afterwards: Sequence[str]) -> None:
        if not self._connection.closed:
            # One message: a pooler lends the same server until all of it is done.
            cursor.execute("; ".join([f"{how} {TAG}", *afterwards]).encode())

    def translated(
        self, error: psycopg.Error, statement: str | sql.Composable = ""
    ) -> TargetError | Unavailable:
        """A driver's error as what it means: ``TargetError`` if the connection is lost.

        Args:
            error: it ended the transaction.
            statement: what was asked, for a remedy that names what was denied.
        """
        message = plain(redact((error.diag.message_primary or str(error)).strip()))
        if self.is_broken or isinstance(error, errors.AdminShutdown | errors.CrashShutdown):
            return TargetError(f"the connection broke: {message}")
        if isinstance(error, errors.QueryCanceled):
            seconds = self._limits.statement_seconds
            return OutOfTime(f"took longer than {seconds:g} s; raise the limit with --timeout")
        if isinstance(error, errors.LockNotAvailable):
            return OutOfTime("waited for a lock too long; try again")
        if isinstance(error, _NOT_CONVERTED):
            return WrongEncoding(message)
        if statement and isinstance(error, errors.InsufficientPrivilege):
            from dbtune.postgres.denied import grant  # it asks a session

            return Unavailable(message, grant(self, error, statement))
        return Unavailable(message)

    def fact(self, name: str, parameters: Mapping[str, object] | None = None) -> list[Row]:
        """Rows of the query in ``sql/<name>.sql`` or its newest variant for this server.

        A file ``<name>.v14.sql`` is for PostgreSQL 14 and later.

        Raises:
            Unavailable, TargetError: as :meth:`rows`.
        """
        return self.rows(load_sql(name, self.major), parameters)


class Transaction:
    """Statements in one transaction of a :class:`Session`.

    Attributes:
        afterwards: statements to send behind the rollback, for what it does not undo.
    """

    def __init__(self, cursor: psycopg.Cursor[Row], trace: Trace | None) -> None:
        self._cursor = cursor
        self._trace = trace
        self.afterwards: list[str] = []

    def rows(
        self,
        query: LiteralString | sql.Composable,
        parameters: Mapping[str, object] | Sequence[object] | None = None,
        *,
        alone: bool = False,
    ) -> list[Row]:
        """Run a query and return its rows, if it has any.

        Args:
            query: the statement.
            parameters: its values.
            alone: send it by the extended protocol, in which the server refuses a text that is
                more than one statement.

        Raises:
            psycopg.Error: it failed.
        """
        composed = sql.SQL(query) if isinstance(query, str) else query
        encoding = _encoding(self._cursor.connection)
        unconverted = encoding == "ascii"  # psycopg's name of SQL_ASCII
        given = composed.as_string(None if unconverted else self._cursor)
        text = _FIRST_WORD.sub(rf"\1 {TAG}", given, count=1)
        started = time.perf_counter()
        # A result in binary is what makes psycopg choose the extended protocol.
        content = text.encode("utf-8" if unconverted else encoding)
        done = self._cursor.execute(content, parameters, binary=alone or None)
        found = done.fetchall() if done.description else []
        if self._trace:
            self._trace(text, (time.perf_counter() - started) * 1000, len(found))
        return found


def load_sql(name: str, major: int) -> LiteralString:
    """The text of a fact's query for a server version."""
    folder = resources.files("dbtune.postgres") / "sql"
    variants = {
        int(match[1]): file
        for file in folder.iterdir()
        if file.name.startswith(f"{name}.v") and (match := _FILE_SUFFIX.search(file.name))
    }
    newest = max((version for version in variants if version <= major), default=None)
    file = folder / f"{name}.sql" if newest is None else variants[newest]
    # The header is for people; the server would keep it as part of the statement.
    return _HEADER.sub("", file.read_text(encoding="utf-8")).strip()
