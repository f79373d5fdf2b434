"""How far sequences and integer keys are from their end."""

from __future__ import annotations

from dataclasses import dataclass

from dbtune.facts import fact
from dbtune.postgres.session import Session

TYPE_LIMITS = {"smallint": 2**15 - 1, "integer": 2**31 - 1, "bigint": 2**63 - 1}


@dataclass(frozen=True, slots=True)
class Sequence:
    """A sequence, and the column that it feeds.

    Attributes:
        schema, name: the sequence.
        last_value: the last value it gave; ``None`` if this role may not read it.
        limit: the last value that it can give, in its direction.
        start: where it began.
        increment: its step; negative for a descending one.
        cycle: whether it begins anew at its end.
        table, column: what it feeds, ``schema.table`` and column, or "".
        column_type: that column's type, which may end before the sequence does.
        table_schema: that table's schema, which may have a dot in it.
    """

    schema: str
    name: str
    last_value: int | None
    limit: int
    start: int
    increment: int
    cycle: bool = False
    table: str = ""
    column: str = ""
    column_type: str = ""
    table_schema: str = ""

    @property
    def end(self) -> int:
        """The last value that sequence and column can both take."""
        by_type = TYPE_LIMITS.get(self.column_type)
        if by_type is None:
            return self.limit
        return min(self.limit, by_type) if self.increment > 0 else max(self.limit, -by_type - 1)

    @property
    def used_ratio(self) -> float | None:
        """Share of the values from the start to the end that are used up."""
        if self.last_value is None:
            return None
        whole = self.end - self.start
        return (self.last_value - self.start) / whole if whole else 1.0


@fact("sequences")
def sequences(session: Session) -> tuple[Sequence, ...]:
    """Sequences of this database that were used or are hidden, fullest first. Least privilege: a
    sequence's last value needs USAGE or SELECT on it, or pg_read_all_data.
    """
    found = [Sequence(**row) for row in session.fact("sequences")]
    return tuple(sorted(found, key=lambda one: (-(one.used_ratio or 0), one.schema, one.name)))
