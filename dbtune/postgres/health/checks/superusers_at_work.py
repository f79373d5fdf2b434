"""Superusers are used for more than administration."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Confidence, Finding, Level, Remedy, check
from dbtune.postgres.facts.access import Logins


@check(
    "pg.superusers-at-work",
    level=Level.info,
    confidence=Confidence.rule_of_thumb,
    tags=("security",),
)
def superusers_at_work(logins: Logins, *, min_connections: int = 3) -> Iterator[Finding]:
    """Superusers are used for more than administration.

    Why: An error in an application, or a stolen password, has the whole server.

    Mistaken when: They are administrators' own sessions, or a managed service's.

    Remedy: Give applications roles that own what they need; pg_monitor suffices for monitoring.
    """
    found = [one for one in logins.roles if one.superuser and one.connections >= min_connections]
    for one in found:
        yield Finding(
            f"role {one.name}",
            f"{one.connections} connections of the superuser {one.name}",
            Remedy("Let applications log in as roles of their own."),
            {"connections": one.connections},
        )
