"""``check`` on PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from dbtune.facts import gather, load_facts, observe
from dbtune.finding import Check, Finding
from dbtune.health.report import Known, report
from dbtune.report import Report

if TYPE_CHECKING:
    from dbtune.facts import Snapshot
    from dbtune.postgres.session import Session
    from dbtune.statements import Wait

CHECKS = "dbtune.postgres.checks"
FACTS = "dbtune.postgres.facts"


def check(
    session: Session, checks: Sequence[Check], known: Known, interval_seconds: float, wait: Wait
) -> tuple[Report, list[Finding]]:
    """Judge a server.

    Args:
        session: an open session.
        checks: those to run.
        known: findings that are known already.
        interval_seconds: how long counters are watched; 0 takes what they counted so far.
        wait: called to let time pass.

    Returns:
        The report, and all findings, known ones too.

    Raises:
        TargetError: the connection broke.
    """
    from dbtune.postgres.server import read_server, target

    server = read_server(session)
    wanted = {name for one in checks for name in one.needs}
    facts = [one for one in load_facts(FACTS).values() if one.name in wanted]

    def pause() -> None:
        if interval_seconds > 0 and any(one.between for one in facts):
            wait(interval_seconds, "watching counters")

    found = observe(session, facts, pause, twice=interval_seconds > 0)
    made, findings = report(checks, found, known, session.profile.thresholds)
    return replace(made, target=target(session, server), collected_at=server.now), findings


def check_snapshot(
    snapshot: Snapshot,
    checks: Sequence[Check],
    known: Known,
    thresholds: Mapping[str, Mapping[str, object]],
) -> tuple[Report, list[Finding]]:
    """As :func:`check`, of what a snapshot holds."""
    wanted = {name for one in checks for name in one.needs}
    facts = [one for one in load_facts(FACTS).values() if one.name in wanted]
    made, findings = report(checks, gather(snapshot, facts), known, thresholds)
    return snapshot.described(made), findings
