"""What dbtune's commands can read on a PostgreSQL server, and what would grant the rest."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
from psycopg import sql

from dbtune.errors import TargetError, Unavailable
from dbtune.postgres import TAG
from dbtune.postgres.server import MONITOR_ROLES, Server, read_server, target
from dbtune.postgres.session import Session
from dbtune.readiness import Need, report, round_trip_ms
from dbtune.redaction import redact
from dbtune.report import Report
from dbtune.text import plain, plural


def examine(session: Session, connect_ms: float) -> Report:
    """What the server is, who we are there, and what that is enough for.

    Args:
        session: an open session.
        connect_ms: how long it took to open.

    Raises:
        TargetError: the connection broke.
    """
    server = read_server(session)
    connection = {
        "may_read": _may_read(server),
        "extensions": [f"{name} {version}" for name, version in sorted(server.extensions.items())],
        "preloaded": server.preload_libraries,
        "tls": _tls(server),
        "pooled": server.pooled,
        "provider": server.provider or None,
        "connect_ms": connect_ms,
        "round_trip_ms": round_trip_ms(lambda: _ping(session)),
        "started_at": server.started_at,
        "encoding": server.encoding,
    }
    needs = list(_needs(session, server))
    return report(target(session, server), connection, needs, server.now)


def _ping(session: Session) -> None:
    """An empty query: it goes to the server and back, through a pooler too, and does nothing."""
    try:
        session._connection.execute(TAG)  # not rows(), which is a transaction of its own
    except psycopg.Error as error:
        raise TargetError(f"the connection broke: {redact(plain(str(error)))}") from None


def _may_read(server: Server) -> list[str]:
    if server.is_superuser:
        return ["everything (superuser)"]
    held = [role for role in MONITOR_ROLES if server.may(role)]
    return held or ["nothing of other roles"]


def _tls(server: Server) -> str:
    if not server.tls:
        return "off"
    known = ", ".join(filter(None, (server.tls_version, server.tls_cipher)))
    return known or "on, as far as the pooler"


def _needs(session: Session, server: Server) -> Iterator[Need]:
    others = f"sessions of other roles are hidden from {server.user}"
    hidden = f"shared_preload_libraries and paths of files are hidden from {server.user}"
    statements = _statements(session, server)
    tables = _tables(session, server)
    yield _unless(server, "pg_monitor", "check", f"what pg_monitor shows is hidden: {others}")
    yield _unless(server, "pg_read_all_stats", "activity", others)
    yield Need("slow-queries", *statements)
    yield Need("explain", *tables)
    yield Need("suggest-indexes", *statements)
    yield Need("bloat", *tables)
    yield Need("cache", *(statements if statements[0] else tables))
    yield _unless(server, "pg_read_all_stats", "pool-size", others)
    yield _unless(server, "pg_read_all_settings", "gen-config", hidden)
    yield _unless(server, "pg_monitor", "snapshot", f"what pg_monitor shows is hidden: {others}")


def _unless(server: Server, role: str, command: str, missing: str) -> Need:
    return Need(command) if server.may(role) else Need(command, missing, grant(server, role))


def grant(server: Server, role: str) -> str:
    """The statement that makes the session's role a member of a predefined one."""
    who = sql.Identifier(server.user).as_string()
    where = ", on the primary" if server.is_standby else ""
    return f"GRANT {role} TO {who};  -- as a superuser or the service's admin role{where}"


def _statements(session: Session, server: Server) -> tuple[str, str]:
    """What is missing for statements to be seen, and what would grant it; both "" if nothing is."""
    from dbtune.postgres.statements.collect import read_setup
    from dbtune.postgres.statements.enable import how_to_enable

    setup = read_setup(session)
    try:
        if not setup.schema:
            raise Unavailable("pg_stat_statements is not created in this database")
        name = sql.Identifier(setup.schema, "pg_stat_statements")
        session.rows(sql.SQL("SELECT 1 AS one FROM {}(false) LIMIT 1").format(name))
    except Unavailable:
        how = how_to_enable(setup, server.provider)
        return f"{how.reason}; only samples of pg_stat_activity are left", how.remedy
    missing = f"statements of other roles are hidden from {server.user}"
    may = server.may("pg_read_all_stats")
    return ("", "") if may else (missing, grant(server, "pg_read_all_stats"))


def _tables(session: Session, server: Server) -> tuple[str, str]:
    """The same for tables: their columns' statistics, and plans."""
    count = session.fact("unreadable_tables")[0]["tables"]
    if not count:
        return "", ""
    missing = f"{server.user} may not read {plural(count, 'table')}: no plans, and no statistics"
    if server.version // 10000 >= 14:
        return missing, grant(server, "pg_read_all_data")
    return missing, f"GRANT SELECT ON those tables TO {sql.Identifier(server.user).as_string()};"
