"""Transactions that were prepared for a two-phase commit and neither committed nor rolled back."""

from __future__ import annotations

from dataclasses import dataclass

from dbtune.facts import fact
from dbtune.postgres.session import Session


@dataclass(frozen=True, slots=True)
class Prepared:
    """A prepared transaction.

    Attributes:
        gid: the name that COMMIT PREPARED takes.
        owner, database: who prepared it, and where.
        age_seconds: since then.
        xid_age: transactions since it began.
    """

    gid: str
    owner: str
    database: str
    age_seconds: float
    xid_age: int


@fact("prepared_transactions")
def prepared_transactions(session: Session) -> tuple[Prepared, ...]:
    """All of them, oldest first. Least privilege: none."""
    return tuple(Prepared(**row) for row in session.fact("prepared_transactions"))
