"""Which cluster and which database of it: what tells two snapshots of one server from others."""

from __future__ import annotations

from dataclasses import dataclass

from dbtune.facts import fact
from dbtune.postgres.session import Session


@dataclass(frozen=True, slots=True)
class Identity:
    """What stays the same for as long as a database lives.

    Attributes:
        system_identifier: of the cluster, by initdb; its standbys have the same.
        database_oid: of the database.
    """

    system_identifier: str
    database_oid: int


@fact("identity")
def identity(session: Session) -> Identity:
    """Least privilege: none."""
    return Identity(**session.fact("identity")[0])
