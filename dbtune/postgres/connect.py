"""Reach a PostgreSQL server: libpq's settings, and its errors in one clear sentence."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Generator
from typing import Any, TypeVar

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import TransactionStatus

from dbtune.errors import AdminConsole, DbtuneError, TargetError, UsageError
from dbtune.profile import Profile
from dbtune.redaction import redact, redact_url
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
            application_name="dbtune",
            client_encoding="utf8",
            **keywords,
        )
    except (psycopg.ProgrammingError, ValueError) as error:
        raise _malformed(error, profile) from None
    except (psycopg.Error, OSError) as error:
        raise _refused(error, profile) from None
    found = "bouncer" in (connection.info.parameter_status("server_version") or "")
    if found != console:
        connection.close()
        if console:
            raise UsageError(
                f"{_where(profile)} is not PgBouncer's admin console: that is the database"
                " pgbouncer, as in postgresql://user@host:6432/pgbouncer"
            )
        raise AdminConsole(
            f"{_where(profile)} is PgBouncer's admin console; name a database behind it instead"
        )
    return connection


def _where(profile: Profile) -> str:
    return profile.name if profile.name != profile.redacted_url else redact_url(profile.name)


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


_NOT_POSTGRESQL = (
    "something answers there, but it does not speak PostgreSQL's protocol: check the port"
)
_HINTS = (
    # The specific before the general.
    (
        r"root certificate|certificate verify failed|certificate file|private key file",
        "check sslrootcert, sslcert, sslkey and sslmode",
    ),
    (r'definition of service "|service file', "check the service's name and pg_service.conf"),
    (
        r"no such database:",
        "the pooler knows no such database: look into [databases] of pgbouncer.ini",
    ),
    (r"\bnot allowed$", "stats_users in pgbouncer.ini lists who may look at the admin console"),
    (
        r"unsupported startup parameter",
        "a pooler refuses it: unset PGOPTIONS (PgBouncer: ignore_startup_parameters)",
    ),
    (
        r"password authentication failed|no password supplied|SASL authentication failed|"
        r"password file",
        "check user and password (PGPASSWORD, ~/.pgpass, or password_command in the profile)",
    ),
    (r'database "[^"]*" does not exist', "psql -l lists the databases"),
    (r'role "[^"]*" does not exist', "psql -c '\\du' lists the roles"),
    (r"not permitted to log in", "ALTER ROLE ... LOGIN lets it"),
    (
        r"Connection refused|No such file or directory|Network is unreachable|No route to host",
        "is the server running on that host and port?",
    ),
    (
        r"could not translate host name|Name or service not known|failed to resolve|"
        r"nodename nor servname|Temporary failure in name resolution",
        "check the host name",
    ),
    (
        r"timeout expired|timed out",
        "is a firewall in between, or a pooler that can't reach its server, or something else than "
        "PostgreSQL on that port? The limit is --connect-timeout",
    ),
    (
        r"invalid response to (SSL|GSSAPI|GSS) negotiation|expected authentication request|"
        r"invalid authentication request|message contents do not agree|received invalid response|"
        r"unrecognized protocol|wrong version number|SSL error|SSL SYSCALL error",
        _NOT_POSTGRESQL,
    ),
    (
        r"no pg_hba.conf entry.*no encryption|rejects connection.*no encryption",
        "pg_hba.conf does not let this user in from here without TLS: try sslmode=require",
    ),
    (
        r"no pg_hba.conf entry|rejects connection",
        "the server's pg_hba.conf does not let this user in from here",
    ),
    (
        r"too many clients|connection slots|too many connections|no more connections allowed",
        "no connection is left: try again later, or as a role that may use the reserved ones",
    ),
    (r"does not support SSL", "use sslmode=prefer, or enable ssl on the server"),
    (r"starting up|shutting down|recovery mode", "try again in a moment"),
    (r"server closed the connection", "is it PostgreSQL that listens on that port?"),
)


def _refused(error: Exception, profile: Profile) -> DbtuneError:
    lines = [line.strip() for line in str(error).strip().splitlines() if line.strip()]
    # Several addresses give several lines, the first of which is only an introduction.
    useful = [line for line in lines if not line.startswith(("- ", "Multiple connection attempts"))]
    message = plain((useful or lines or [type(error).__name__])[0])
    message = re.sub(r"^connection (failed|is bad): |\[Errno -?\d+\] ", "", message)
    found = (hint for pattern, hint in _HINTS if re.search(pattern, message, re.IGNORECASE))
    hint = _pooler_hint(error, message) or next(found, "")
    if "password authentication failed" in message and _from_environment(profile):
        hint = "PGPASSWORD was sent: it goes before ~/.pgpass and a passfile; unset it to use these"
    text = redact(f"can't connect to {_where(profile)}: {message}" + (f"\n{hint}" if hint else ""))
    # A service that is not there, or a port that can't be: no server was asked.
    mistake = r"definition of service|service file|^invalid (\w+ )+(value|number)"
    return UsageError(text) if re.search(mistake, message) else TargetError(text)


def _from_environment(profile: Profile) -> bool:
    """Whether libpq took the password of PGPASSWORD, for want of one in the profile or its URL."""
    if profile.password or profile.password_command or profile.password_file:
        return False
    in_url = "password" in conninfo_to_dict(profile.url.reveal())
    return bool(os.environ.get("PGPASSWORD")) and not in_url


def _pooler_hint(error: Exception, message: str) -> str:
    """A pooler passes on that its own login to the server failed: say whose password is wrong."""
    refused = re.search(r'(?:authentication failed for user|role) "([^"]*)"', message)
    connection = getattr(error, "pgconn", None)
    try:
        user = connection.user.decode() if connection is not None else ""
    except (psycopg.Error, AttributeError, UnicodeDecodeError):
        user = ""
    if refused and user and refused[1] != user:
        return (
            f"you are {user!r}, so a pooler in between failed to log in to the server as "
            f"{refused[1]!r}: its configuration has to be put right, not your password"
        )
    if "server login" in message:
        return "a pooler in between can't log in to the server: look into its log"
    return ""
