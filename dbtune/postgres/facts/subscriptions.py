"""Logical replication: subscriptions of this database, and what it publishes."""

from __future__ import annotations

from dataclasses import dataclass

from dbtune.facts import fact
from dbtune.postgres.session import Session


@dataclass(frozen=True, slots=True)
class Subscription:
    """A subscription.

    Attributes:
        name: its name.
        enabled: whether it is meant to run; before PostgreSQL 14 whether it runs.
        running: whether its apply worker runs.
        errors: failures to apply or to copy since the statistics were reset; ``None`` before 15.
    """

    name: str
    enabled: bool
    running: bool
    errors: int | None = None


@dataclass(frozen=True, slots=True)
class Published:
    """A published table whose rows can't be told apart.

    Attributes:
        table: ``schema.table``.
        publication: what publishes its updates or deletes.
        identity: its replica identity: ``default`` (of a table without a primary key), ``nothing``.
        schema: the table's; it may have a dot in it.
    """

    table: str
    publication: str
    identity: str
    schema: str = ""


@dataclass(frozen=True, slots=True)
class LogicalReplication:
    """Subscriptions, and published tables that can't be updated."""

    subscriptions: tuple[Subscription, ...]
    without_identity: tuple[Published, ...]


@fact("logical_replication")
def logical_replication(session: Session) -> LogicalReplication:
    """Least privilege: none."""
    return LogicalReplication(
        tuple(Subscription(**row) for row in session.fact("subscriptions")),
        tuple(Published(**row) for row in session.fact("published_without_identity")),
    )
