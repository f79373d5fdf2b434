"""Reach a Redis server: the driver's options, and its errors in one clear sentence."""

from __future__ import annotations

import contextlib
import re
from typing import Any

import redis
from redis import exceptions
from redis.backoff import NoBackoff
from redis.connection import parse_url
from redis.retry import Retry

from dbtune.errors import TargetError, UsageError
from dbtune.profile import Profile, redact, redact_url
from dbtune.redis import CLIENT_NAME
from dbtune.session import Limits
from dbtune.text import plain


def connect(profile: Profile, limits: Limits) -> tuple[Any, str, int]:
    """A connection that has logged in, its user's name, and the number of its database.

    Raises:
        TargetError: nothing answers, or nothing that speaks the protocol, or the login is refused.
        UsageError: the URL or an option in it is wrong.
    """
    profile = profile.with_password()
    url, options = _options(profile)
    if profile.sentinel:
        from dbtune.redis.sentinel import master_url

        url = master_url(profile, limits)
    try:
        given = parse_url(url)  # type: ignore[no-untyped-call]
        connection_class = given.pop("connection_class", redis.Connection)
        used = {
            "socket_connect_timeout": limits.connect_seconds,
            "socket_timeout": limits.statement_seconds,
            **given,
            # What an application's URL says of these is meant for its own connections.
            "protocol": 2,
            "decode_responses": True,
            "encoding": "utf-8",
            # Keys are bytes that others chose: never fail over them.
            "encoding_errors": "replace",
            "client_name": None,
            "retry": Retry(NoBackoff(), 0),
            **options,
        }
        connection = connection_class(**used)
    except (ValueError, TypeError) as error:
        raise _malformed(profile, error) from None
    try:
        connection.connect()
    except (exceptions.RedisError, OSError, ValueError) as error:
        connection.disconnect()
        raise TargetError(connect_problem(error, profile)) from None
    return connection, str(used.get("username") or "default"), int(used.get("db") or 0)


def connect_beside(profile: Profile, limits: Limits) -> Any:
    """A second connection beside a session's, under dbtune's name, so that SLOWLOG's entries of it
    are known for dbtune's own.

    Raises:
        TargetError, UsageError: as :func:`connect`.
    """
    connection, _, _ = connect(profile, limits)
    try:
        with contextlib.suppress(exceptions.ResponseError):  # a user may lack the right
            connection.send_command("CLIENT", "SETNAME", CLIENT_NAME)
            connection.read_response()
    except (exceptions.RedisError, OSError) as error:
        connection.disconnect()
        raise TargetError(connect_problem(error, profile)) from None
    return connection


def _options(profile: Profile) -> tuple[str, dict[str, Any]]:
    """URL and further options for the driver; the profile's keys win over the URL."""
    keys = dict(profile.parameters)
    url = profile.url.reveal() or "redis://"
    if url.startswith("valkey"):  # valkey:// and valkeys://, which the driver does not know
        url = "redis" + url.removeprefix("valkey")
    options: dict[str, Any] = {}
    for key, name in (("host", "host"), ("user", "username")):
        if key in keys:
            options[name] = keys.pop(key)
    for key, name in (("port", "port"), ("dbname", "db")):
        if key in keys:
            number = keys.pop(key)
            if not number.isdigit():
                raise UsageError(f"{profile.source}: {key} must be a number, not {plain(number)!r}")
            options[name] = int(number)
    if profile.password:
        options["password"] = profile.password.reveal()
    if keys:
        raise UsageError(
            f"{profile.source}: {', '.join(sorted(keys))} can't be used for Redis; put it into the "
            "url, or use host, port, user, dbname"
        )
    if profile.sentinel:
        if {"host", "port", "db"} & options.keys():
            raise UsageError(
                f"{profile.source}: Sentinels tell host and port, and the URL's path the database: "
                "no host, port or dbname beside it"
            )
        return url, options
    path = url.partition("://")[2].partition("?")[0].partition("/")[2]
    if path and not path.isdigit():
        raise UsageError(
            f"{profile.source}: Redis' databases are numbers: redis://host:6379/0, not "
            f"/{plain(path)}"
        )
    return url, options


def _malformed(profile: Profile, error: Exception) -> UsageError:
    message = str(error).split("\n")[0]
    unknown = re.search(r"unexpected keyword argument '(\w+)'", message)
    if unknown:
        message = f"there is no option {unknown[1]}"
    return UsageError(f"{profile.source}: malformed URL: {plain(redact(message))}")


_HINTS = (
    (
        r"WRONGPASS|invalid username-password|invalid password|AUTH <password> called",
        "check user and password (in the URL, REDISCLI_AUTH, or password_command in a profile); "
        "without a user, Redis takes the user default",
    ),
    (r"NOAUTH|Authentication required", "give a password: REDISCLI_AUTH, or a profile"),
    (r"protected mode", "the server lets nobody in from other machines: set a password there"),
    (r"max number of clients", "the server has no connection left (maxclients)"),
    (
        r"MASTERDOWN",
        "this replica has lost its master and may not tell what it has (replica-serve-stale-data); "
        "dbtune check says more",
    ),
    (r"LOADING|CLUSTERDOWN", "try again when the server is ready"),
    (r"BUSY", "a script runs on the server (SCRIPT KILL ends it if it has not written)"),
    (r"DB index is out of range", "the server has fewer databases (16 by default, from 0)"),
    (r"certificate verify failed|self.signed", "check ssl_ca_certs (and the host name) in the URL"),
    (r"No such file", "check the certificate files in the URL; is the socket there?"),
    (
        r"wrong version number|unexpected eof|record layer|\[SSL",
        "is TLS on at that port? Without it, use redis://",
    ),
    (r"connection refused", "is the server running on that host and port?"),
    (
        r"name or service not known|nodename nor servname|name resolution|getaddrinfo",
        "check the host name",
    ),
    (
        r"closed by server|reset by peer|protocol error|invalid response|Broken pipe",
        "something answers there, but not with Redis' protocol: check the port; if the server "
        "demands TLS, use rediss://",
    ),
    (
        r"timed out|timeout",
        "is a firewall in between, or does the server want redis:// and not rediss:// (or the "
        "other way round)? The limits are --connect-timeout and --timeout",
    ),
)


def connect_problem(error: Exception, profile: Profile, what: str = "can't connect to") -> str:
    """What went wrong, to which target, and what to do about it; without secrets."""
    message = plain(str(error).strip() or type(error).__name__)
    message = re.sub(r"^Error -?\d+ connecting to (\S+)\. ", r"\1: ", message).rstrip(".")
    message = re.sub(r"^Error while (\w+ \w+) (\S+) : \(\d+, '(.*)'\)$", r"\2: \3", message)
    if isinstance(error, exceptions.AuthenticationError) and "HELLO" in message:
        message = "NOAUTH Authentication required"
    hint = next((h for pattern, h in _HINTS if re.search(pattern, message, re.IGNORECASE)), "")
    return redact(f"{what} {where(profile)}: {message}" + (f"\n{hint}" if hint else ""))


def is_passing(error: exceptions.ResponseError | str) -> bool:
    """Whether the server can't answer just now: it loads its data, or a script runs."""
    passing = r"(LOADING|BUSY|MASTERDOWN|TRYAGAIN|CLUSTERDOWN)"
    return isinstance(error, exceptions.BusyLoadingError) or bool(re.match(passing, str(error)))


def where(profile: Profile) -> str:
    """A target for people: the profile's name, or the URL without secrets."""
    return profile.name if profile.name != profile.redacted_url else redact_url(profile.name)
