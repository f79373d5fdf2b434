"""Clients prepare more statements than PgBouncer keeps on a server connection."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Confidence, Finding, Level, Remedy, check
from dbtune.pooling.pooler import PoolerLoad


@check(
    "pool.prepared-over-limit",
    level=Level.info,
    confidence=Confidence.measured,
    tags=("statements",),
)
def prepared_over_limit(pooler: PoolerLoad) -> Iterator[Finding]:
    """A client has prepared more statements than max_prepared_statements.

    Why: PgBouncer keeps so many on each server connection, and drops the one unused for longest: a
    client that goes round more than these has each of them parsed and planned anew.

    Mistaken when: The client uses most of its statements only once.

    Remedy: Raise max_prepared_statements, at the price of memory in each server process; or let the
    driver keep fewer.
    """
    limit = pooler.bouncer.number("max_prepared_statements")
    if not limit:
        return
    for one in pooler.applications:
        if one.most_prepared is None or one.most_prepared <= limit:
            continue
        yield Finding(
            f"clients of {one.who}",
            f"a client has prepared {one.most_prepared:,} statements; PgBouncer keeps {limit:,.0f}"
            " on each server connection",
            Remedy(
                "Raise it where these statements are used again and again.",
                config=f"max_prepared_statements = {one.most_prepared}",
                effect="RELOAD",
            ),
            {"prepared_statements": one.most_prepared, "max_prepared_statements": limit},
        )
