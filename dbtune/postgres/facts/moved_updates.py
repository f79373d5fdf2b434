"""Updates that found no room on their row's page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from dbtune.errors import Unavailable
from dbtune.facts import fact
from dbtune.postgres.session import Session


@dataclass(frozen=True, slots=True)
class MovedUpdates:
    """Updates since statistics began whose new version went to another page.

    Attributes:
        by_table: how many, by oid; a table that is not named has none.
    """

    by_table: Mapping[int, int] = field(default_factory=dict)


@fact("moved_updates")
def moved_updates(session: Session) -> MovedUpdates:
    """Least privilege: none."""
    if session.major < 16:
        raise Unavailable("PostgreSQL counts updates that move to another page since 16")
    return MovedUpdates({row["oid"]: row["updates"] for row in session.fact("moved_updates")})
