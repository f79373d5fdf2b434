"""``dbtune activity``."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Protocol

import typer

from dbtune.activity import TABLES as TABLES
from dbtune.cli.command import LIMIT, Format, Run, command, duration_option, new_app, typed
from dbtune.errors import UsageError
from dbtune.profile import Engine
from dbtune.report import Report

if TYPE_CHECKING:
    from dbtune.profile import Profile

SAMPLE_SECONDS = 0.1

app = new_app()


class Watch(Protocol):
    """Looks at a server again and again."""

    def sample(self) -> None:
        """A short look, between two others."""

    def look(self) -> Report:
        """What there is."""


@command(
    app,
    epilog="Examples: dbtune activity prod; dbtune activity prod --once -f json; "
    "dbtune activity prod --duration 60s --every 5s -f ndjson; dbtune activity terminate 4711 prod",
)
def activity(
    run: Run,
    once: Annotated[bool, typer.Option("--once", help="One look, for scripts.")] = False,
    every: Annotated[
        float,
        duration_option(
            help="Time from one look to the next; with --once, observe so long; 0 is a moment's."
        ),
    ] = typed("2s"),
    duration: Annotated[
        float, duration_option(help="End after so long.", show_default="until q is hit")
    ] = typed("0s"),
    limit: LIMIT = 20,
) -> Report:
    """Watch sessions: who does what, waits for what, and blocks whom.

    On a terminal the view is live: q quits, space holds it. Elsewhere, or with --once, it is one
    look; with --duration a look every so often (--format ndjson for programs).

    PostgreSQL: sessions, blocking trees with the statement that frees them, waits, locks,
    statements of the interval (pg_stat_statements), progress of VACUUM, CREATE INDEX and others.
    MongoDB: $currentOp. Redis: CLIENT LIST.
    """
    if once and duration:
        raise UsageError("give --once or --duration, not both")
    asked = run.output.format if run.output else None
    to_file = run.output is not None and run.output.path is not None
    if duration and (to_file or asked not in (None, Format.table, Format.ndjson)):
        raise UsageError("--duration gives a look after the other: use --format ndjson, or --once")
    terminal = sys.stdout.isatty() and asked in (None, Format.table) and not to_file
    profile = run.profile()
    with run.session(profile) as session:
        watch = _watch(profile, session, limit)
        if once or not (duration or terminal):
            run.wait(every, "watching", SAMPLE_SECONDS, watch.sample)
            return watch.look()
        every = max(every, SAMPLE_SECONDS)
        if terminal:
            from dbtune.cli.live import show

            return show(run, watch, every, duration)
        return _print(run, watch, every, duration)


def _watch(profile: Profile, session: object, limit: int) -> Watch:
    from typing import cast

    if profile.engine is Engine.mongodb:
        from dbtune.mongo.activity import Watch as OfMongo
        from dbtune.mongo.session import Session as MongoSession

        return OfMongo(cast("MongoSession", session), limit)
    if profile.engine is Engine.redis:
        from dbtune.redis.activity import watch as of_redis
        from dbtune.redis.session import Session as RedisSession

        return of_redis(cast("RedisSession", session), limit)
    from dbtune.postgres.activity import Watch as OfPostgres
    from dbtune.postgres.session import Session as PostgresSession

    return OfPostgres(cast("PostgresSession", session), limit)


def passing(watch: Watch, seconds: float, stop: Callable[[float], bool] | None = None) -> bool:
    """Let time pass, looking shortly now and then.

    Args:
        watch: what looks.
        seconds: how long.
        stop: waits for so many seconds, and tells whether that is enough; sleeps by default.

    Returns:
        Whether ``stop`` said so.
    """
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        watch.sample()
        pause = min(SAMPLE_SECONDS, left)
        if stop is None:
            time.sleep(pause)
        elif stop(pause):
            return True
    return False


def _print(run: Run, watch: Watch, every: float, seconds: float) -> Report:
    """Look after look; the last is the command's own report."""
    from dbtune.cli.output import emit

    end = time.monotonic() + seconds
    while True:
        passing(watch, min(every, max(0.0, end - time.monotonic())))
        report = watch.look()
        if time.monotonic() >= end or run.output is None:
            return report
        emit(report, run.output)
