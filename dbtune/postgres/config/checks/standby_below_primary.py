"""``pg.config-standby-below-primary``."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Confidence, Finding, Remedy, check
from dbtune.postgres.config.plan import Plan

_NOT_BELOW = ("max_connections", "max_worker_processes")
"""Of those settings that a standby must not have lower than its primary, what rules may change."""


@check("pg.config-standby-below-primary", confidence=Confidence.estimated)
def standby_below_primary(plan: Plan) -> Iterator[Finding]:
    """A standby is to get fewer connections or workers than it has, perhaps fewer than its primary.

    Why: A standby with less than its primary refuses to start or stops replaying, because it could
    not hold all the primary's locks and transactions.

    Mistaken when: The primary has been lowered already.

    Remedy: Lower the primary first and let the standby replay that; raise standbys first.
    """
    if plan.server is None or not plan.server.standby:
        return
    for name in _NOT_BELOW:
        decision = plan.decide(name)
        new, old = plan.number(name), decision.old
        if not isinstance(old, str) and new < old:
            yield Finding(
                subject=name,
                message=f"{name} would fall from {old:g} to {new:g} on a standby.",
                remedy=Remedy(
                    "Lower it on the primary first, wait until the standby has replayed that.",
                    effect="restart",
                ),
                evidence={"old": old, "new": new},
            )
