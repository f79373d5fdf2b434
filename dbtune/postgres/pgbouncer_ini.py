"""``gen-config pgbouncer`` in one call: a pool plan and a pooler become files and a report."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from dbtune.errors import UsageError
from dbtune.pooling.model import PoolPlan
from dbtune.pooling.report import RECOMMENDATION
from dbtune.pooling.report import report as report_on
from dbtune.postgres.pgbouncer import files, services
from dbtune.postgres.pgbouncer.entries import Layout, layout
from dbtune.postgres.pgbouncer.pooler import (
    HAS_PREPARED_STATEMENTS,
    HAS_QUOTED_KEYS,
    HAS_USER_TIMEOUT,
    Form,
    Pooler,
)
from dbtune.postgres.pgbouncer.settings import settings
from dbtune.report import Artifact, Column, Report, Table

SETTINGS = Table(
    "settings",
    "Settings",
    (
        Column("section", "section", "text", "Section of pgbouncer.ini.", 2),
        Column("setting", "setting", "text", "Name of the setting."),
        Column("value", "value", "text", "The value, as in the file."),
        Column("formula", "because", "text", "How the value came about.", 1),
        Column("reason", "why", "text", "Why it is set.", None),
        Column("document", "documentation", "text", "Where it is documented.", None),
    ),
)
POOLS = Table(
    "pools",
    "Pools, and what they open on each server",
    (
        Column("server", "server", "text", "Host and port."),
        Column("entry", "entry", "text", "What clients ask for."),
        Column("database", "database", "text", "The database's name there.", 1),
        Column("pool_mode", "mode", "text", "How long a client keeps a connection."),
        Column("pool_size", "size", "int", "Server connections of each user's pool."),
        Column("reserve_pool_size", "reserve", "int", "Further ones for clients that wait long."),
        Column("most_connections", "at most", "int", "All pools of the entry, of each PgBouncer."),
        Column("formula", "because", "text", "How the size came about.", 1),
    ),
)
TABLES = (RECOMMENDATION, SETTINGS, POOLS)


def generate(plan: PoolPlan, pooler: Pooler) -> Report:
    """``pgbouncer.ini``, ``userlist.txt`` and ``pgbouncer-auth.sql``, with the plan's findings.

    The plan is made anew for each server and its part of the load.

    Raises:
        UsageError: the plan has no pooler, or no size.
    """
    if not plan.inputs.pooler:
        raise UsageError("these sizes are for an application without a pooler (--no-pooler)")
    made = layout(plan.inputs, pooler)
    about = report_on(made.plan, command="gen-config pgbouncer")
    lines = tuple(settings(made, pooler))
    rows = tuple(
        {
            "section": one.section,
            "setting": one.name,
            "value": one.value,
            "formula": one.formula,
            "reason": one.why,
            "document": one.document,
        }
        for one in lines
    )
    recommendation, *_ = about.tables
    return replace(
        about,
        tables=(recommendation, replace(SETTINGS, rows=rows), _pools(made)),
        notes=(*_notes(made.plan, pooler), *about.notes),
        artifacts=(
            Artifact("pgbouncer.ini", files.ini(lines, made, pooler), "ini"),
            Artifact("userlist.txt", files.userlist(pooler), "text"),
            Artifact("pgbouncer-auth.sql", files.auth_sql(pooler), "sql"),
            *services.artifacts(made, pooler),
        ),
    )


def _pools(made: Layout) -> Table:
    rows = tuple(
        {
            "server": f"{room.server[0]}:{room.server[1]}",
            "entry": one.name,
            "database": one.dbname,
            "pool_mode": "session" if one.session else "transaction",
            "pool_size": one.size,
            "reserve_pool_size": one.reserve,
            "most_connections": one.cap,
            "formula": one.formula,
        }
        for room in made.rooms
        for one in room.entries
    )
    return replace(POOLS, rows=rows, footer=" ".join(room.text for room in made.rooms))


def _notes(plan: PoolPlan, pooler: Pooler) -> Iterator[str]:
    version = pooler.version
    if plan.inputs.poolers > 1:
        yield (
            f"the same files serve each of {plan.inputs.poolers} PgBouncers; on one machine they"
            " also need so_reuseport = 1 and, so that cancelling works, peer_id and [peers]"
        )
    if len({(one.host, one.port) for one in pooler.databases}) > 1:
        yield (
            "each server is taken to have the CPUs and max_connections that are given: where they"
            " differ, generate for the smallest"
        )
    if any(one.replicas for one in pooler.databases):
        yield (
            f"replicas are sized for {pooler.read_share:.0%} of the load (--read-share), the"
            " primary for all of it: it must do when replicas fail; a standby has at least the"
            " primary's max_connections, or it would not start"
        )
    if pooler.report_users and (version is None or version < HAS_USER_TIMEOUT):
        yield (
            "reports are limited by statement_timeout alone, which a report can change; PgBouncer"
            " 1.24 has query_timeout for a user, too"
        )
    if pooler.form is Form.docker:
        yield "chown 70:70 userlist.txt and TLS keys, and chmod 600: the container's user is 70"
        if any(one.is_local for one in pooler.databases):
            yield "127.0.0.1 is the container itself there: name the server's host"
    if version is None:
        yield (
            "written for PgBouncer 1.18 and later: if you tell the version (pgbouncer --version),"
            " prepared statements (1.21) and looking up passwords apart from the pools (1.19) are"
            " configured too"
        )
    if version is None or version < HAS_PREPARED_STATEMENTS:
        yield (
            "without max_prepared_statements turn prepared statements off in drivers: psycopg"
            " prepare_threshold=None, asyncpg statement_cache_size=0, pgjdbc prepareThreshold=0,"
            " pgx default_query_exec_mode=exec, Prisma before 7 pgbouncer=true"
        )
    if version is not None and version < HAS_QUOTED_KEYS:
        yield (
            "PgBouncer before 1.25.2 has known security holes (CVE-2025-2291, CVE-2026-6664 and"
            " others), unless your distribution repaired them"
        )
    yield (
        "put the password of the role that looks up passwords into userlist.txt as it is: with its"
        " SCRAM verifier alone PgBouncer can't log in to the server"
    )
