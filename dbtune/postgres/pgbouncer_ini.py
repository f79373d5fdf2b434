"""``gen-config pgbouncer`` in one call: a pool plan and a pooler become files and a report."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from dbtune.errors import UsageError
from dbtune.pooling.model import PoolPlan, derive
from dbtune.pooling.report import RECOMMENDATION, no_size
from dbtune.pooling.report import report as report_on
from dbtune.postgres.pgbouncer import files
from dbtune.postgres.pgbouncer.pooler import HAS_PREPARED_STATEMENTS, HAS_QUOTED_KEYS, Pooler
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
TABLES = (RECOMMENDATION, SETTINGS)
_NEEDS = "a pool size needs --cpus, or --rps with --hold-time; dbtune pool-size explains"


def generate(plan: PoolPlan, pooler: Pooler) -> Report:
    """``pgbouncer.ini``, ``userlist.txt`` and ``pgbouncer-auth.sql``, with the plan's findings.

    The plan is made anew if it is for another number of databases than the pooler has.

    Raises:
        UsageError: the plan has no pooler, or no size.
    """
    if not plan.inputs.pooler:
        raise UsageError("these sizes are for an application without a pooler (--no-pooler)")
    if plan.inputs.databases != len(pooler.databases):
        plan = derive(replace(plan.inputs, databases=len(pooler.databases)))
    about = report_on(plan, command="gen-config pgbouncer")
    if plan.pool_size is None:
        raise UsageError(no_size(about, _NEEDS))
    lines = tuple(settings(plan, pooler))
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
        tables=(recommendation, replace(SETTINGS, rows=rows)),
        notes=(*_notes(plan, pooler), *about.notes),
        artifacts=(
            Artifact("pgbouncer.ini", files.ini(lines, plan, pooler), "ini"),
            Artifact("userlist.txt", files.userlist(pooler), "text"),
            Artifact("pgbouncer-auth.sql", files.auth_sql(pooler), "sql"),
        ),
    )


def _notes(plan: PoolPlan, pooler: Pooler) -> Iterator[str]:
    version = pooler.version
    if plan.inputs.poolers > 1:
        yield (
            f"the same files serve each of {plan.inputs.poolers} PgBouncers; on one machine they"
            " also need so_reuseport = 1 and, so that cancelling works, peer_id and [peers]"
        )
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
