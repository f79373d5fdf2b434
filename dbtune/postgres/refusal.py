"""Why a PostgreSQL server could not be reached, in one sentence, and what to do about it.

libpq's own messages are English in a Python program. A server writes in the language of its
lc_messages: what it says is told apart by its SQLSTATE, and only told more exactly by its words.
"""

from __future__ import annotations

import ctypes
import functools
import os
import re
import sys
from collections.abc import Callable
from ctypes.util import find_library
from typing import NamedTuple

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import PGconn
from psycopg.pq.abc import PGconn as AnyPGconn

from dbtune.errors import DbtuneError, TargetError, UsageError
from dbtune.profile import Profile
from dbtune.redaction import redact, redact_url
from dbtune.text import plain

_DEFAULT, _VERBOSE = 1, 2
"""PGVerbosity of libpq."""


def say_sqlstate(pgconn: AnyPGconn, *, always: bool = True) -> None:
    """Have libpq put SQLSTATEs into its messages, or not any more; psycopg has no call for that.

    Where libpq is not found as a library, there are none, and a server is understood in English.
    """
    call = _set_error_verbosity()
    address: int | None = getattr(pgconn, "pgconn_ptr", None)  # not in psycopg's type
    if call is not None and address is not None:
        call(ctypes.c_void_p(address), _VERBOSE if always else _DEFAULT)


@functools.cache
def _set_error_verbosity() -> Callable[..., int] | None:
    # psycopg's compiled module is linked with the libpq that it uses, which may be its own.
    module = sys.modules[PGconn.__module__].__file__ or ""
    try:
        library = ctypes.CDLL(find_library("pq") if module.endswith(".py") else module)
        found: Callable[..., int] = library.PQsetErrorVerbosity
    except (OSError, AttributeError):
        return None
    return found


class _Said(NamedTuple):
    """What a failed connection said.

    Attributes:
        text: its first line, without a SQLSTATE.
        sqlstate: the server's; "" of libpq's own messages, and of some poolers'.
        function: where in the server's source it was raised; "" if it does not tell.
    """

    text: str
    sqlstate: str = ""
    function: str = ""


def _read(message: str) -> _Said:
    lines = [line.strip() for line in message.strip().splitlines() if line.strip()]
    # Several addresses give several lines, the first of which is only an introduction.
    useful = [line for line in lines if not line.startswith(("- ", "Multiple connection attempts"))]
    first = (useful or lines or [""])[0]
    first = re.sub(r"^connection (failed|is bad): |\[Errno -?\d+\] ", "", first)
    found = re.search(r":  ([0-9A-Z]{5}): ", first)
    if found is None:
        return _Said(plain(first))
    place = (re.fullmatch(r"[^:]+:  (\w+), [^:]+:\d+", line) for line in lines)
    function = next((one[1] for one in place if one), "")
    return _Said(plain(f"{first[: found.start()]}: {first[found.end() :]}"), found[1], function)


_PASSWORD = "check user and password (PGPASSWORD, ~/.pgpass, or password_command in the profile)"  # noqa: S105 # advice
_NO_DATABASE = "psql -l lists the databases"
_NO_ROLE = "psql -c '\\du' lists the roles"
_NO_LOGIN = "ALTER ROLE ... LOGIN lets it"
_NOT_LET_IN = "the server's pg_hba.conf does not let this user in from here"
_NONE_LEFT = "no connection is left: try again later, or as a role that may use the reserved ones"
_LATER = "try again in a moment"
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
        _PASSWORD,
    ),
    (r'database "[^"]*" does not exist', _NO_DATABASE),
    (r'role "[^"]*" does not exist', _NO_ROLE),
    (r"not permitted to log in", _NO_LOGIN),
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
        _NOT_LET_IN,
    ),
    (
        r"too many clients|connection slots|too many connections|no more connections allowed",
        _NONE_LEFT,
    ),
    (r"does not support SSL", "use sslmode=prefer, or enable ssl on the server"),
    (r"starting up|shutting down|recovery mode", _LATER),
    (r"server closed the connection", "is it PostgreSQL that listens on that port?"),
)


_BY_SQLSTATE = {
    ("28P01", ""): _PASSWORD,
    ("28000", "ClientAuthentication"): f"{_NOT_LET_IN}, or only with TLS: sslmode=require",
    ("28000", "InitializeSessionUserId"): f"{_NO_ROLE}; {_NO_LOGIN}",
    ("28000", ""): "check the user, how pg_hba.conf lets it in, and the password",
    ("3D000", ""): _NO_DATABASE,
    ("42501", ""): "GRANT CONNECT ON DATABASE ... TO ... lets it in",
    ("53300", ""): _NONE_LEFT,
    ("57P01", ""): _LATER,
    ("57P02", ""): _LATER,
    ("57P03", ""): _LATER,
}
"""Hints by SQLSTATE and the function that raised it, for words that are not known."""


def refused(error: Exception, profile: Profile) -> DbtuneError:
    """What came of a connection that failed, as an error for the user."""
    said = _read(str(error) or type(error).__name__)
    message = said.text
    hint = _pooler_hint(error, message)
    hint = hint or next((text for words, text in _HINTS if re.search(words, message, re.I)), "")
    for function in (said.function, ""):
        hint = hint or _BY_SQLSTATE.get((said.sqlstate, function), "")
    wrong_password = said.sqlstate == "28P01" or "password authentication failed" in message
    if wrong_password and _from_environment(profile):
        hint = "PGPASSWORD was sent: it goes before ~/.pgpass and a passfile; unset it to use these"
    text = redact(f"can't connect to {where(profile)}: {message}" + (f"\n{hint}" if hint else ""))
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


def where(profile: Profile) -> str:
    """The target for messages: the profile's name, or its URL without the password."""
    return profile.name if profile.name != profile.redacted_url else redact_url(profile.name)
