"""Tables, columns, indexes and foreign keys of the database."""

from __future__ import annotations

from dbtune.facts import fact
from dbtune.postgres.relations.collect import read_relations
from dbtune.postgres.relations.facts import Relations
from dbtune.postgres.session import Session


@fact("relations")
def relations(session: Session) -> Relations:
    """All of them, with what ANALYZE learned of columns."""
    return read_relations(session)
