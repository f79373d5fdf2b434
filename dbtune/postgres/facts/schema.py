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
        own: the name without its schema: either may have a dot in it.
    """

    kind: str
    name: str
    detail: str = ""
    rows: float = -1
    size_bytes: int = -1
    own: str = ""

    @property
    def parts(self) -> tuple[str, str]:
        """The schema, and the name in it."""
        own = self.own or self.name.partition(".")[2]
        return self.name.removesuffix(f".{own}"), own


@fact("schema_flaws")
def schema_flaws(session: Session) -> tuple[Flaw, ...]:
    """Least privilege: none."""
    return tuple(Flaw(**row) for row in session.fact("schema_flaws"))
