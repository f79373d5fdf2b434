"""A subscription applies nothing."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.postgres.facts.subscriptions import LogicalReplication
from dbtune.text import plural


@check("pg.subscription-not-running", level=Level.critical, tags=("replication",))
def subscription_not_running(logical_replication: LogicalReplication) -> Iterator[Finding]:
    """A subscription applies nothing.

    Why: Its tables grow stale, and its publisher keeps the log until its disk is full.

    Mistaken when: Its publisher is down for a moment.

    Remedy: See this server's log for the error that its worker stops at.
    """
    for one in logical_replication.subscriptions:
        if one.running or not one.enabled:
            continue
        failed = f", after {plural(one.errors, 'error')}" if one.errors else ""
        yield Finding(
            f"subscription {one.name}",
            f"the apply worker of {one.name} does not run{failed}",
            Remedy("The server's log has the error; mend the row or the schema that it stops at."),
            {"errors": one.errors},
        )
