"""Run the checks of an engine: on a server, on a snapshot, on many servers at once."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

from dbtune.errors import TargetError, UsageError
from dbtune.facts import Fact, gather, load_derived, load_facts, observe
from dbtune.finding import (
    Check,
    Finding,
    Skipped,
    load_checks,
    run_checks,
    sort_findings,
)
from dbtune.health.report import Known, Settle, join, report
from dbtune.health.selection import select
from dbtune.profile import PACKAGES, Engine, Profile
from dbtune.report import Report, Table

if TYPE_CHECKING:
    from dbtune.facts import Snapshot, Source
    from dbtune.mongo.session import Session as MongoSession
    from dbtune.pgbouncer.session import Session as PgBouncerSession
    from dbtune.postgres.session import Session as PostgresSession
    from dbtune.redis.session import Session as RedisSession
    from dbtune.statements import Wait

    Session = PostgresSession | PgBouncerSession | MongoSession | RedisSession

SAMPLE_SECONDS = 0.2
"""Between two looks at what changes from moment to moment."""
STANDBY = (
    "this is a standby: ALTER SYSTEM is for this server, what changes tables, indexes or sequences "
    "is for its primary"
)
Outcome = tuple[Report, list[Finding]]
"""A report, and all findings, known ones too: what a baseline is written of."""


@dataclass(frozen=True, slots=True)
class Beyond:
    """Something that no session tells, such as a server's log, with its own checks.

    Attributes:
        checks: of the engine that is examined.
        facts: what they need, by name.
        tables: shown after the others.
        skipped: what of it could not be examined.
    """

    checks: tuple[Check, ...] = ()
    facts: Mapping[str, object] = field(default_factory=dict)
    tables: tuple[Table, ...] = ()
    skipped: tuple[Skipped, ...] = ()

    def added(self, report: Report) -> Report:
        """A report with what is beyond the server."""
        return replace(
            report,
            tables=(*report.tables, *self.tables),
            skipped=(*report.skipped, *self.skipped),
        )


@dataclass(frozen=True, slots=True)
class Examination:
    """What is asked of each target.

    Attributes:
        only, exclude: see :func:`~dbtune.health.selection.select`.
        known: findings that are known already.
        interval_seconds: how long counters are watched; 0 takes what they counted so far.
        beyond: what is judged beside the server.
    """

    known: Known
    only: Sequence[str] = ()
    exclude: Sequence[str] = ()
    interval_seconds: float = 0
    beyond: Beyond = field(default_factory=Beyond)


def checks_of(
    engines: Collection[Engine],
    only: Sequence[str],
    exclude: Sequence[str],
    more: Sequence[Check] = (),
) -> list[Check]:
    """The engines' checks that are chosen.

    Raises:
        UsageError: a word names none of any engine's, or none is left.
    """
    found = list(more)
    for engine in sorted(engines):
        known = {*load_facts(_facts_of(engine)), *load_derived(_facts_of(engine))}
        packages = import_module(f"{PACKAGES[engine]}.health").CHECKS
        every = [one for package in packages for one in load_checks(package)]
        # Some look at what other commands make: suggestions, samples of pages.
        found += [one for one in every if known.issuperset(one.needs)]
    return select(sorted(found, key=lambda one: one.name), only, exclude)


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
    target, now = import_module(f"{PACKAGES[engine]}.health").describe(session)

    def pause(sample: Callable[[], None] | None) -> None:
        wait(asked.interval_seconds, "watching counters", SAMPLE_SECONDS, sample)

    def read(facts: Sequence[Fact[Any, Any]]) -> dict[str, object]:
        return observe(session, facts, pause, twice=asked.interval_seconds > 0)

    found = {**_gathered(engine, checks, read), **asked.beyond.facts}
    made, findings = report(
        checks, found, asked.known, session.profile.thresholds, name=name, settle=_settle(engine)
    )
    if target.get("role") == "standby" and any(one.remedy.sql for one in made.findings):
        made = replace(made, notes=(*made.notes, STANDBY))
    return asked.beyond.added(replace(made, target=target, collected_at=now)), findings


def check_beyond(asked: Examination, thresholds: Mapping[str, Mapping[str, object]]) -> Outcome:
    """As :func:`check`, of what is beyond the server alone: none is asked."""
    checks = select(asked.beyond.checks, asked.only, asked.exclude)
    made, findings = report(checks, asked.beyond.facts, asked.known, thresholds)
    return asked.beyond.added(made), findings


def check_snapshot(
    snapshot: Snapshot,
    asked: Examination,
    thresholds: Mapping[str, Mapping[str, object]],
    *,
    name: str = "",
) -> Outcome:
    """As :func:`check`, of what a snapshot holds; of each node, if it is one of a cluster."""
    engine = Engine(snapshot.engine)
    if engine is Engine.redis and not name:
        from dbtune.redis.facts.nodes import lost_nodes, of_nodes

        parts = [
            (node, *check_snapshot(part, asked, thresholds, name=node))
            for node, part in of_nodes(snapshot)
        ]
        if parts:
            whole = join([(node, made) for node, made, _ in parts], ())
            whole = replace(whole, skipped=(*lost_nodes(snapshot), *whole.skipped))
            all_of_them = [one for *_, findings in parts for one in findings]
            return snapshot.described(whole), sort_findings(all_of_them)
    checks = _chosen(engine, asked, among_many=False)
    read = partial(gather, snapshot)
    found = {**_gathered(engine, checks, read), **asked.beyond.facts}
    made, findings = report(
        checks, found, asked.known, thresholds, name=name, settle=_settle(engine)
    )
    return asked.beyond.added(snapshot.described(made)), findings


def judge(
    engine: Engine, source: Source, thresholds: Mapping[str, Mapping[str, object]]
) -> tuple[list[Finding], list[Skipped], list[str]]:
    """Findings on whatever has facts, what was skipped, and names of the checks.

    Raises:
        UsageError: a threshold that its check does not have.
    """
    checks = checks_of((engine,), (), ())
    found = _gathered(engine, checks, partial(gather, source))
    findings, skipped = run_checks(checks, found, thresholds)
    return _settle(engine)(findings), skipped, [one.name for one in checks]


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
    from dbtune.at_once import at_once

    def attempt(profile: Profile) -> Outcome | Exception:
        try:
            return examine(profile)
        except (TargetError, UsageError) as error:
            return error

    outcomes: list[tuple[str, Outcome | Exception]] = []
    made = at_once(attempt, profiles, jobs)
    for done, (profile, outcome) in enumerate(zip(profiles, made, strict=True), start=1):
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
    found = checks_of(every, asked.only, asked.exclude, asked.beyond.checks)
    package = PACKAGES[engine]
    return [one for one in found if one.function.__module__.startswith(f"{package}.")]


def _gathered(
    engine: Engine,
    checks: Sequence[Check],
    read: Callable[[Sequence[Fact[Any, Any]]], dict[str, object]],
) -> dict[str, object]:
    """What the checks need: facts as they are read, and what follows from them."""
    wanted = {name for one in checks for name in one.needs}
    made = [one for name, one in load_derived(_facts_of(engine)).items() if name in wanted]
    wanted |= {name for one in made for name in one.needs}
    found = read([one for name, one in load_facts(_facts_of(engine)).items() if name in wanted])
    return found | {one.name: one.of(found) for one in made}


def _facts_of(engine: Engine) -> str:
    return f"{PACKAGES[engine]}.facts"


def _settle(engine: Engine) -> Settle:
    settle: Settle = import_module(f"{PACKAGES[engine]}.health").settled
    return settle
