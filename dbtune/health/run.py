"""Run the checks of an engine: on a server, on a snapshot, on many servers at once."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from typing import TYPE_CHECKING, Any

from dbtune.errors import TargetError, UsageError
from dbtune.facts import Fact, gather, load_facts, observe
from dbtune.finding import Check, Finding, Skipped, load_checks, sort_findings
from dbtune.health.report import Known, join, report
from dbtune.health.selection import select
from dbtune.profile import PACKAGES, Engine, Profile
from dbtune.report import Report

if TYPE_CHECKING:
    from dbtune.facts import Snapshot
    from dbtune.mongo.session import Session as MongoSession
    from dbtune.postgres.session import Session as PostgresSession
    from dbtune.redis.session import Session as RedisSession
    from dbtune.statements import Wait

    Session = PostgresSession | MongoSession | RedisSession

Outcome = tuple[Report, list[Finding]]
"""A report, and all findings, known ones too: what a baseline is written of."""


@dataclass(frozen=True, slots=True)
class Examination:
    """What is asked of each target.

    Attributes:
        only, exclude: see :func:`~dbtune.health.selection.select`.
        known: findings that are known already.
        interval_seconds: how long counters are watched; 0 takes what they counted so far.
    """

    known: Known
    only: Sequence[str] = ()
    exclude: Sequence[str] = ()
    interval_seconds: float = 0


def checks_of(
    engines: Collection[Engine], only: Sequence[str], exclude: Sequence[str]
) -> list[Check]:
    """The engines' checks that are chosen.

    Raises:
        UsageError: a word names none of any engine's, or none is left.
    """
    packages = [f"{PACKAGES[engine]}.health.checks" for engine in sorted(engines)]
    return select([one for package in packages for one in load_checks(package)], only, exclude)


def check(session: Session, asked: Examination, wait: Wait, *, name: str = "") -> Outcome:
    """Judge a server.

    Args:
        session: an open session.
        asked: what to do.
        wait: called to let time pass.
        name: which of many targets it is; part of each finding's subject. "" for the only one.

    Raises:
        TargetError: the connection broke.
        UsageError: no check is chosen, or a threshold is wrong.
    """
    engine = session.profile.engine
    checks = _chosen(engine, asked, among_many=bool(name))
    facts = _facts(engine, checks)
    describe = import_module(f"{PACKAGES[engine]}.health").describe
    target, now = describe(session)

    def pause() -> None:
        if any(one.between for one in facts):
            wait(asked.interval_seconds, "watching counters")

    found = observe(session, facts, pause, twice=asked.interval_seconds > 0)
    made, findings = report(checks, found, asked.known, session.profile.thresholds, name=name)
    return replace(made, target=target, collected_at=now), findings


def check_snapshot(
    snapshot: Snapshot, asked: Examination, thresholds: Mapping[str, Mapping[str, object]]
) -> Outcome:
    """As :func:`check`, of what a snapshot holds."""
    engine = Engine(snapshot.engine)
    checks = _chosen(engine, asked, among_many=False)
    found = gather(snapshot, _facts(engine, checks))
    made, findings = report(checks, found, asked.known, thresholds)
    return snapshot.described(made), findings


def check_many(
    profiles: Sequence[Profile],
    examine: Callable[[Profile], Outcome],
    *,
    jobs: int,
    progress: Callable[[float], None],
) -> Outcome:
    """Judge many targets at once; one that can't be reached hides none of the others.

    Args:
        profiles: the targets.
        examine: judges one of them.
        jobs: how many at a time.
        progress: told how many are done.
    """
    from concurrent.futures import ThreadPoolExecutor

    def attempt(profile: Profile) -> Outcome | Exception:
        try:
            return examine(profile)
        except (TargetError, UsageError) as error:
            return error

    outcomes: list[tuple[str, Outcome | Exception]] = []
    with ThreadPoolExecutor(max_workers=jobs) as pool:
        for done, (profile, outcome) in enumerate(
            zip(profiles, pool.map(attempt, profiles), strict=True), start=1
        ):
            outcomes.append((profile.name, outcome))
            progress(done)
    reached = [(name, one) for name, one in outcomes if not isinstance(one, Exception)]
    lost = tuple(
        Skipped(f"target {name}", str(one)) for name, one in outcomes if isinstance(one, Exception)
    )
    whole = join([(name, made) for name, (made, _) in reached], lost)
    return whole, sort_findings([one for _, (_, findings) in reached for one in findings])


def _chosen(engine: Engine, asked: Examination, *, among_many: bool) -> list[Check]:
    """The engine's checks; among many targets, a word may be meant for another engine."""
    every = PACKAGES if among_many else (engine,)
    found = checks_of(every, asked.only, asked.exclude)
    package = PACKAGES[engine]
    return [one for one in found if one.function.__module__.startswith(f"{package}.")]


def _facts(engine: Engine, checks: Sequence[Check]) -> list[Fact[Any, Any]]:
    wanted = {name for one in checks for name in one.needs}
    return [one for one in load_facts(f"{PACKAGES[engine]}.facts").values() if one.name in wanted]
