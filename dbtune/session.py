"""Open a session on a profile's target: the one place that knows which engine has which module."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from dbtune.errors import AdminConsole, UsageError
from dbtune.profile import Engine, Profile

if TYPE_CHECKING:
    from dbtune.mongo.session import Session as MongoSession
    from dbtune.pgbouncer.session import Session as PgBouncerSession
    from dbtune.postgres.session import Session as PostgresSession
    from dbtune.redis.session import Session as RedisSession

Trace = Callable[[str, float, int], None]
"""Told of each statement sent: its text, milliseconds, rows returned."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a target may keep dbtune waiting, and dbtune a target.

    Attributes:
        connect_seconds: for a connection to be made.
        statement_seconds: for one statement (PostgreSQL: statement_timeout).
        lock_seconds: waiting for a lock (PostgreSQL: lock_timeout).
    """

    connect_seconds: int = 10
    statement_seconds: float = 15.0
    lock_seconds: float = 0.1


def open_session(
    profile: Profile, limits: Limits = Limits(), trace: Trace | None = None
) -> PostgresSession | MongoSession | RedisSession:
    """A read-only, time-limited session of the profile's engine; use it in a ``with`` statement.

    Raises:
        TargetError: it can't be reached or refuses.
        UsageError: the profile's connection string is malformed.
    """
    if profile.engine is Engine.mongodb:
        return open_mongo(profile, limits, trace)
    if profile.engine is Engine.redis:
        return open_redis(profile, limits, trace)
    return open_postgres(profile, limits, trace)


def open_or_console(
    profile: Profile, limits: Limits = Limits(), trace: Trace | None = None
) -> PostgresSession | PgBouncerSession | MongoSession | RedisSession:
    """As :func:`open_session`; where PgBouncer's admin console answers, a session on that.

    Its profile then says so: no URL can, and a server may have a database of that name.
    """
    if profile.engine is Engine.pgbouncer:
        return open_pgbouncer(profile, limits, trace)
    try:
        return open_session(profile, limits, trace)
    except AdminConsole:
        return open_pgbouncer(profile, limits, trace)


def open_postgres(
    profile: Profile, limits: Limits = Limits(), trace: Trace | None = None
) -> PostgresSession:
    """As :func:`open_session`, for what exists only on PostgreSQL.

    Raises:
        UsageError: the profile is of another engine.
    """
    _require(profile, Engine.postgresql)
    from dbtune.postgres.session import Session as PostgresSession

    return PostgresSession(profile, limits, trace)


def open_pgbouncer(
    profile: Profile, limits: Limits = Limits(), trace: Trace | None = None
) -> PgBouncerSession:
    """As :func:`open_postgres`, for PgBouncer's admin console."""
    _require(profile, Engine.postgresql, Engine.pgbouncer)
    from dbtune.pgbouncer.session import Session as PgBouncerSession

    return PgBouncerSession(profile, limits, trace)


def open_pooled(
    profile: Profile, limits: Limits = Limits(), trace: Trace | None = None
) -> PostgresSession | PgBouncerSession:
    """As :func:`open_or_console`, for what needs the one or the other."""
    _require(profile, Engine.postgresql, Engine.pgbouncer)
    found = open_or_console(profile, limits, trace)
    return cast("PostgresSession | PgBouncerSession", found)


def open_mongo(
    profile: Profile, limits: Limits = Limits(), trace: Trace | None = None
) -> MongoSession:
    """As :func:`open_postgres`, for MongoDB."""
    _require(profile, Engine.mongodb)
    from dbtune.mongo.session import Session as MongoSession

    return MongoSession(profile, limits, trace)


def open_redis(
    profile: Profile, limits: Limits = Limits(), trace: Trace | None = None
) -> RedisSession:
    """As :func:`open_postgres`, for Redis."""
    _require(profile, Engine.redis)
    from dbtune.redis.session import Session as RedisSession

    return RedisSession(profile, limits, trace)


def _require(profile: Profile, *engines: Engine) -> None:
    if profile.engine not in engines:
        needed = " or ".join(one.product for one in engines)
        raise UsageError(f"{profile.name} is {profile.engine.product}; this needs {needed}")
