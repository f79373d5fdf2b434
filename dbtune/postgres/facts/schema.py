"""What is wrong with objects of this database by the catalog alone."""

from __future__ import annotations

from dataclasses import dataclass

from dbtune.facts import fact
from dbtune.postgres.session import Session


@dataclass(frozen=True, slots=True)
class Flaw:
    """An object and what is wrong with it.

    Attributes:
        kind: ``constraint-not-validated``, ``trigger-disabled``, ``public-create``,
            ``unlogged-table``, ``default-partition-used``, ``partitions-end`` ...
        name: the object, ``schema.name``.
        detail: what goes with it: the constraint's table, the last partition's bound.
        rows: estimated rows, where they matter; -1 if not known.
        size_bytes: likewise.
    """

    kind: str
    name: str
    detail: str = ""
    rows: float = -1
    size_bytes: int = -1


@fact("schema_flaws")
def schema_flaws(session: Session) -> tuple[Flaw, ...]:
    """Least privilege: none."""
    return tuple(Flaw(**row) for row in session.fact("schema_flaws"))
