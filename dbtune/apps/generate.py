"""``gen-config FRAMEWORK``: a pool plan becomes the pool settings of an application."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module

from dbtune.apps.pool import AppPool, Framework
from dbtune.errors import UsageError
from dbtune.pooling.inputs import PoolInputs
from dbtune.pooling.model import PoolPlan, derive
from dbtune.pooling.report import RECOMMENDATION, no_size
from dbtune.pooling.report import report as report_on
from dbtune.report import Artifact, Column, Report, Table
from dbtune.snippet import Snippet
from dbtune.text import plural

SETTINGS = Table(
    "application_settings",
    "Settings",
    (
        Column("setting", "setting", "text", "Name of the setting."),
        Column("value", "value", "text", "The value, as in the file."),
        Column("default", "default", "text", "What the framework does without it.", 1),
        Column("reason", "why", "text", "Why it is set.", None),
        Column("document", "documentation", "text", "Where it is documented.", None),
    ),
)
TABLES = (RECOMMENDATION, SETTINGS)
BESIDE = {"pymongo": "MongoDB", "mongodb-uri": "MongoDB", "redis-py": "Redis", "lettuce": "Redis"}
"""Frameworks that are not for PostgreSQL, with what they are for."""
_DEFAULT_LIMIT = {"MongoDB": ("net.maxIncomingConnections", 65536), "Redis": ("maxclients", 10000)}
_WATCHING = {"MongoDB": 2, "Redis": 0}
"""Further connections of each client to each server: MongoDB's drivers watch every member."""


def framework(name: str) -> Framework:
    """The writer of a framework's file, by the name of the subcommand."""
    module = import_module(f"dbtune.apps.{name.replace('-', '_')}")
    found: Framework = module.snippet
    return found


def generate(name: str, plan: PoolPlan, *, prepares: bool, request_seconds: float) -> Report:
    """The file of a framework, with the plan that it was sized by.

    Args:
        name: of the framework.
        plan: sizes; made from the options and, with a target, from what was read there.
        prepares: PgBouncer follows prepared statements, or there is none.
        request_seconds: how long the application lets a request take.

    Raises:
        UsageError: the plan has no size for the application's pool.
    """
    about = report_on(plan, command=f"gen-config {name}")
    pooler = plan.inputs.pooler
    largest = plan.app_pool_max
    unsized: tuple[str, ...] = ()
    if largest is None and not pooler and not plan.shortages and plan.setting.ceiling:
        largest = plan.setting.ceiling
        unsized = (
            f"{largest} is the most that the server has for each process, not what it needs:"
            " --threads, or --rps with --hold-time, give a size",
        )
    if largest is None and not pooler and not plan.shortages and plan.inputs.threads:
        largest = plan.inputs.threads
        unsized = (
            f"{largest} is one for each thread: --instances and --max-connections tell whether the"
            " server has as many",
        )
    if largest is None:
        raise UsageError(no_size(about, _NEEDS))
    pool = AppPool(
        largest=largest,
        smallest=min(plan.app_pool_min or 1, largest),
        pooler=pooler,
        prepares=prepares or not pooler,
        request_seconds=request_seconds,
    )
    made = framework(name)(pool)
    recommendation, *_ = about.tables
    return replace(
        about,
        tables=(recommendation, _settings(made)),
        notes=(*unsized, *_postgres_notes(plan, pool), *made.notes, *about.notes),
        artifacts=(Artifact(made.filename, made.text, made.language),),
    )


def generate_beside(name: str, given: PoolInputs, *, request_seconds: float) -> Report:
    """As :func:`generate` for MongoDB and Redis, whose connections need no pooler.

    Args:
        name: of the framework.
        given: the load and the topology; ``max_connections`` is what the server accepts.
        request_seconds: how long the application lets a request take.

    Raises:
        UsageError: the plan has no size for the application's pool, or the server could not accept
            all of them.
    """
    engine = BESIDE[name]
    plan = derive(replace(given, max_connections=None, cpus=None, pooler=True))
    if plan.app_pool_max is None:
        raise UsageError(_NEEDS)
    setting, default = _DEFAULT_LIMIT[engine]
    processes = plan.inputs.peak_processes
    each = plan.app_pool_max + _WATCHING[engine]
    allowed = given.max_connections or default
    notes = []
    if processes is not None:
        many = plural(processes, "process", "processes")
        total = f"{many} × {each:,} = {processes * each:,} connections"
        if processes * each > allowed * plan.inputs.margin:
            raise UsageError(
                f"{total} are more than {plan.inputs.margin:.0%} of {engine}'s {setting}"
                f" ({allowed:,}): fewer --threads or --workers, or a higher {setting}"
            )
        notes.append(f"{total} to each server at most, of {allowed:,} ({setting})")
    pool = AppPool(
        largest=plan.app_pool_max,
        smallest=min(plan.app_pool_min or 1, plan.app_pool_max),
        pooler=False,
        prepares=True,
        request_seconds=request_seconds,
    )
    made = framework(name)(pool)
    return Report(
        f"gen-config {name}",
        (_settings(made),),
        notes=(*notes, *made.notes),
        artifacts=(Artifact(made.filename, made.text, made.language),),
    )


_NEEDS = (
    "the size of an application's pool needs --threads, or --rps with --hold-time and --instances;"
    " dbtune pool-size explains"
)


def _settings(made: Snippet) -> Table:
    rows = tuple(
        {
            "setting": line.name,
            "value": line.value,
            "default": line.default,
            "reason": line.why,
            "document": made.document,
        }
        for line in made.lines
    )
    return replace(SETTINGS, rows=rows)


def _postgres_notes(plan: PoolPlan, pool: AppPool) -> tuple[str, ...]:
    notes = []
    processes = plan.inputs.peak_processes
    if processes is not None:
        where = "PgBouncer" if pool.pooler else "the server"
        notes.append(
            f"{plural(processes, 'process', 'processes')} × {pool.largest:,}"
            f" = {processes * pool.largest:,} connections to {where} at most"
        )
    notes.append(
        f"ALTER ROLE ... SET statement_timeout = '{pool.statement_seconds}s' and"
        " SET idle_in_transaction_session_timeout = '60s' for the application's role: the server"
        " then gives up before the application does"
    )
    return tuple(notes)
