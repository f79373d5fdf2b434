"""A role or database has nearly used up its own CONNECTION LIMIT."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Remedy, check
from dbtune.postgres.facts.connections import Connections
from dbtune.postgres.plans.ddl import quote


@check("pg.own-limit-near", tags=("connections",))
def own_limit_near(connections: Connections, *, warning_ratio: float = 0.9) -> Iterator[Finding]:
    """A role or database has nearly used up its own CONNECTION LIMIT.

    Why: The next connection is refused, though the server has room.

    Mistaken when: The limit is there to keep it small, and its application waits gracefully.

    Remedy: Raise the limit, or make the application's pool smaller than it.
    """
    for one in connections.limits:
        if one.limit <= 0 or one.used < warning_ratio * one.limit:
            continue
        word = "ROLE" if one.kind == "role" else "DATABASE"
        yield Finding(
            f"{one.kind} {one.name}",
            f"{one.used} of {one.limit} connections that {one.kind} {one.name} may have",
            Remedy(
                "Make the pool smaller than the limit, or raise the limit.",
                sql=f"ALTER {word} {quote(one.name)} CONNECTION LIMIT {2 * one.limit};",
            ),
            {"used": one.used, "limit": one.limit},
        )
