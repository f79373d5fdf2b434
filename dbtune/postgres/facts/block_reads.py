"""Blocks of the largest tables and indexes: how many were asked for, and found in the cache."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from dbtune.facts import counters
from dbtune.postgres.facts.counting import grown, seconds_between
from dbtune.postgres.session import Session


@dataclass(frozen=True, slots=True)
class BlockReads:
    """A table or an index of 8 MiB and more.

    Attributes:
        relation: its oid.
        schema, name: its name.
        is_index: whether it is an index.
        pages: its size in blocks, as the planner was last told.
        at: the server's clock.
        fetched: blocks asked for.
        hit: of those, found in shared buffers.
        seconds: how long was watched; ``None`` for what was counted so far.
    """

    relation: int
    schema: str
    name: str
    is_index: bool
    pages: int
    at: datetime
    fetched: float
    hit: float
    seconds: float | None = None

    @property
    def read(self) -> float:
        """Blocks that had to be asked of the operating system."""
        return max(0.0, self.fetched - self.hit)


def _between(
    first: tuple[BlockReads, ...], second: tuple[BlockReads, ...]
) -> tuple[BlockReads, ...]:
    before = {one.relation: one for one in first}
    return tuple(_difference(before[one.relation], one) for one in second if one.relation in before)


def _difference(old: BlockReads, new: BlockReads) -> BlockReads:
    reset = new.fetched < old.fetched or new.hit < old.hit
    return replace(
        new,
        fetched=grown(old.fetched, new.fetched, reset=reset),
        hit=grown(old.hit, new.hit, reset=reset),
        seconds=seconds_between(old.at, new.at),
    )


@counters("block_reads", _between)
def block_reads(session: Session) -> tuple[BlockReads, ...]:
    """At most 2,000, the largest first. Least privilege: none."""
    return tuple(BlockReads(**row) for row in session.fact("block_reads"))
