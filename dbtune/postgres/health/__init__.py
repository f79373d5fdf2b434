"""Health of a PostgreSQL server: what the checks judge is in ``..facts``.

Its own checks are in ``checks``; those of indexes and of bloat are asked as well, of statistics
alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dbtune.finding import Finding
    from dbtune.postgres.session import Session

CHECKS = (
    "dbtune.postgres.health.checks",
    "dbtune.postgres.indexes.checks",
    "dbtune.postgres.bloat.checks",
)


_SAID_BETTER = {
    "pg.dead-rows-await-vacuum": "pg.vacuum-behind",
    "pg.dead-rows-autovacuum-off": "pg.autovacuum-off-for-table",
    "pg.fillfactor-full-but-updated": "pg.updates-not-hot",
}
"""A rule, and the one that says the same of the same table, with more in it."""
_AN_INDEX_MENDS = frozenset({"pg.large-table-read-whole", "pg.low-hit-ratio"})
"""Rules that may tell of a missing index, which pg.missing-index names."""


def describe(session: Session) -> tuple[Mapping[str, object], datetime]:
    """The target without secrets, and the server's clock."""
    from dbtune.postgres.server import read_server, target

    server = read_server(session)
    return target(session, server), server.now


def settled(findings: Sequence[Finding]) -> list[Finding]:
    """Findings without what another says of the same thing, and better."""
    from dbtune.finding import without_served
    from dbtune.postgres.indexes.hygiene import surest

    said = {(one.rule, one.subject) for one in findings}
    return [
        one
        for one in without_served(surest(findings), _AN_INDEX_MENDS)
        if (_SAID_BETTER.get(one.rule), one.subject) not in said
    ]
