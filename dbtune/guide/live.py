"""What is said of a running server: one session, and each command's own function in its turn."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import date
from time import monotonic
from typing import TYPE_CHECKING, cast

from dbtune.bloat import Selection as BloatSelection
from dbtune.errors import TargetError, Unavailable, UsageError
from dbtune.facts import Snapshot
from dbtune.finding import Skipped
from dbtune.guide.log import changes, same_target
from dbtune.guide.material import Material, facts_of_metrics, metrics_of, told
from dbtune.health.report import Known
from dbtune.health.run import Examination, check
from dbtune.profile import Engine
from dbtune.redaction import redact_url
from dbtune.report import Report
from dbtune.snapshots import take
from dbtune.statements import Selection, Wait

if TYPE_CHECKING:
    from dbtune.mongo.session import Session as MongoSession
    from dbtune.postgres.session import Session as PostgresSession
    from dbtune.redis.session import Session as RedisSession

    Session = PostgresSession | MongoSession | RedisSession

Progress = Callable[[str, float], AbstractContextManager[Callable[[float], None]]]
STATEMENTS = 15
RELATIONS = 15
CHECK_SECONDS = 3.0
"""For so long ``check`` watches counters by default."""
SEARCH_SECONDS = 20.0
"""Longest search for indexes."""
PAGES_SECONDS = 10.0
"""Longest time for reading pages of relations."""


@dataclass(frozen=True, slots=True)
class Asked:
    """How a server is looked at.

    Attributes:
        interval_seconds: how long its load is observed; 0 takes what it counted so far.
        earlier: snapshots of servers, earliest first, for the optimisation log; those of other
            servers are passed over.
        notes: what was done between them.
    """

    interval_seconds: float = 10.0
    earlier: tuple[tuple[Snapshot, ...], ...] = ()
    notes: tuple[str, ...] = ()


def examine(session: Session, asked: Asked, wait: Wait, progress: Progress) -> Material:
    """Everything that the commands say of a server.

    A part that can't be made is *skipped*, with its reason; the others are made all the same.

    Raises:
        TargetError: the connection broke before anything could be said.
    """
    profile = session.profile
    names = facts_of_metrics(profile.engine)
    reports: dict[str, Report] = {}
    skipped: list[Skipped] = []

    def run(commands: Commands) -> None:
        for command, make in commands:
            try:
                reports[command] = make()
            except (Unavailable, UsageError) as error:
                skipped.append(Skipped(command, *told(error)))
            except TargetError as error:
                if not reports:
                    raise
                skipped.append(Skipped(command, str(error)))

    run(_health(session, asked, wait))
    first = take(session, only=names) if asked.interval_seconds > 0 else None
    started = monotonic()
    run(_demand(session, asked, wait))
    if (left := asked.interval_seconds - (monotonic() - started)) > 0:
        wait(left, "observing the load")
    last = _last(session, first, asked)
    run(_reading(session, wait, progress))
    skipped += [Skipped(f"metrics: {name}", *why) for name, why in _lacking(last, names)]
    earlier = next((group for group in asked.earlier if same_target(group[-1], last)), ())
    history = (*earlier, last) if earlier else ()
    return Material(
        redact_url(profile.name),
        profile.engine,
        last.target,
        last.collected_at,
        reports,
        metrics_of(first, last, profile.thresholds),
        changes(history, asked.notes, profile.thresholds),
        tuple(skipped),
        earlier,
    )


def _last(session: Session, first: Snapshot | None, asked: Asked) -> Snapshot:
    """The facts at the end: all, where they are to be compared with earlier ones."""
    engine = session.profile.engine
    compared = any(group[-1].engine == engine for group in asked.earlier)
    names = None if compared else facts_of_metrics(engine)
    try:
        if names is None and engine is Engine.postgresql:
            from dbtune.postgres.snapshot import snapshot

            found = snapshot(
                cast("PostgresSession", session), texts=True, progress=lambda _done: None
            )
        else:
            found = take(session, only=names)
    except TargetError:
        if first is None:
            raise
        found = first
    return replace(found, name=f"{redact_url(session.profile.name)} now")


def _lacking(found: Snapshot, names: Collection[str]) -> Iterator[tuple[str, tuple[str, str]]]:
    for name in names:
        data = found.facts.get(name)
        if isinstance(data, dict) and "unavailable" in data:
            yield name.replace("_", " "), (str(data["unavailable"]), str(data.get("remedy", "")))


Commands = Iterator[tuple[str, Callable[[], Report]]]


def _health(session: Session, asked: Asked, wait: Wait) -> Commands:
    profile, seconds = session.profile, asked.interval_seconds
    known = Known(date.today(), profile.accepted)
    wanted = Examination(known, interval_seconds=min(seconds, CHECK_SECONDS))
    yield "check", lambda: check(session, wanted, wait)[0]


def _demand(session: Session, asked: Asked, wait: Wait) -> Commands:
    """What watches the load and adds next to nothing to it."""
    if session.profile.engine is Engine.postgresql:
        from dbtune.pooling.inputs import PoolInputs
        from dbtune.postgres.pool_size import pool_size

        postgres, seconds = cast("PostgresSession", session), asked.interval_seconds
        yield "pool-size", lambda: pool_size(postgres, PoolInputs(), seconds, wait)


def _reading(session: Session, wait: Wait, progress: Progress) -> Commands:
    """Commands that read much: what they read is no load of the application's."""
    if session.profile.engine is Engine.mongodb:
        yield from _mongo(cast("MongoSession", session), wait)
    elif session.profile.engine is Engine.redis:
        yield from _redis(cast("RedisSession", session), wait)
    else:
        yield from _postgres(cast("PostgresSession", session), wait, progress)


def _postgres(session: PostgresSession, wait: Wait, progress: Progress) -> Commands:
    from dbtune.postgres.bloat import bloat
    from dbtune.postgres.config.forms import Form
    from dbtune.postgres.config.generate import from_session
    from dbtune.postgres.config.inputs import Options as ConfigOptions
    from dbtune.postgres.indexes.advice import Options
    from dbtune.postgres.indexes.suggest import Request, suggest_indexes
    from dbtune.postgres.statements import slow_queries

    indexes = Request(options=Options(seconds=SEARCH_SECONDS))
    yield "slow-queries", lambda: slow_queries(session, Selection(limit=STATEMENTS), wait)
    yield "suggest-indexes", lambda: suggest_indexes(session, indexes, wait, progress)
    yield "bloat", lambda: bloat(session, space(), progress)
    yield "gen-config", lambda: from_session(session, ConfigOptions(), Form.alter_system)


def _mongo(session: MongoSession, wait: Wait) -> Commands:
    from dbtune.mongo.configuration import Options, from_session
    from dbtune.mongo.indexes.suggest import Request, suggest
    from dbtune.mongo.statements import slow_queries
    from dbtune.mongo.storage import bloat

    yield "slow-queries", lambda: slow_queries(session, Selection(limit=STATEMENTS), wait)
    yield "suggest-indexes", lambda: suggest(session, Request())
    yield "bloat", lambda: bloat(session, space())
    yield "gen-config", lambda: from_session(session, Options())


def _redis(session: RedisSession, wait: Wait) -> Commands:
    from dbtune.redis.memory import bloat
    from dbtune.redis.statements import slow_queries

    yield "slow-queries", lambda: slow_queries(session, Selection(limit=STATEMENTS), wait)
    yield "bloat", lambda: bloat(session, space())
    yield "gen-config", lambda: _redis_configuration(session)


def _redis_configuration(session: RedisSession) -> Report:
    """What it is for shows in its policy: a server that evicts nothing is no cache."""
    from dbtune.redis.configuration import Options, Role, from_session
    from dbtune.redis.facts.config import config

    policy = config.read(session).text("maxmemory-policy")
    role = Role.store if policy == "noeviction" else Role.cache
    made = from_session(session, Options(role=role))
    note = f"taken to be a {role}: maxmemory-policy is {policy}; gen-config redis --role says else"
    return replace(made, notes=(note, *made.notes))


def space() -> BloatSelection:
    """What ``bloat`` is asked for."""
    return BloatSelection(limit=RELATIONS, budget_seconds=PAGES_SECONDS)
