"""How far the partitions of each table reach."""

from __future__ import annotations

from dataclasses import dataclass

from dbtune.facts import fact
from dbtune.postgres.session import Session


@dataclass(frozen=True, slots=True)
class Partitioned:
    """A table that is partitioned by ranges, and the newest of them.

    Attributes:
        schema, name: the table.
        key: as CREATE TABLE has it: ``RANGE (at)``.
        by_time: whether the key is a date or time; else it is a number.
        partitions: how many there are, without the default one.
        newest: name of the partition with the highest bound.
        lower, upper: its bounds as the server writes them; ``None`` for no bound.
        lower_number, upper_number: the same; of times, seconds since 1970. ``None`` also for
            infinity.
        now_number: the server's clock, in seconds since 1970.
        default_rows: rows in the default partition, estimated; ``None`` if there is none.
        column: the key's first column; "" for an expression.
        largest: of numbers, the largest key that ANALYZE saw in the newest partition.
    """

    schema: str
    name: str
    key: str
    by_time: bool
    partitions: int
    newest: str
    lower: str | None
    upper: str | None
    lower_number: float | None
    upper_number: float | None
    now_number: float
    default_rows: float | None = None
    column: str = ""
    largest: float | None = None

    @property
    def width(self) -> float | None:
        """How much the newest partition spans, in seconds or numbers."""
        if self.lower_number is None or self.upper_number is None:
            return None
        return self.upper_number - self.lower_number


@fact("partitions")
def partitions(session: Session) -> tuple[Partitioned, ...]:
    """Tables partitioned by ranges of time or numbers. Least privilege: none."""
    return tuple(Partitioned(**row) for row in session.fact("partitions"))
