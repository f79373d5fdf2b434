"""What a planner lab is made of: schema, statistics and settings of the planner."""

from __future__ import annotations

from dbtune.facts import fact
from dbtune.postgres.lab.read import read_source
from dbtune.postgres.lab.source import Source
from dbtune.postgres.session import Session

MOST_TABLES = 2000
"""Tables beyond so many are left out of a snapshot's lab."""


@fact("lab")
def lab(session: Session) -> Source:
    """Of all tables, up to :data:`MOST_TABLES`; least privilege: none but for statistics."""
    return read_source(session, (), max_tables=MOST_TABLES)
