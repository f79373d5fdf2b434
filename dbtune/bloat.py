"""What a person wants to know of a target's wasted space: the options that engines share."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Effort(StrEnum):
    """How much of the data may be read."""

    statistics = "statistics"
    """Nothing: only what the server knows of it anyway."""
    sample = "sample"
    """A bounded number of pages."""
    exact = "exact"
    """All of it, as far as time allows."""


@dataclass(frozen=True, slots=True)
class Selection:
    """What to look at, and for how long.

    Attributes:
        limit: most rows to show.
        min_bytes: smaller relations (collections, keys) are counted only.
        schemas: only these schemas (databases); all if empty.
        effort: how much of the data may be read.
        budget_seconds: for reading data; what is left over is estimated without.
        script: whether the remedies are wanted as a script, too.
    """

    limit: int = 20
    min_bytes: int = 1024**2
    schemas: tuple[str, ...] = ()
    effort: Effort = Effort.sample
    budget_seconds: float = 10.0
    script: bool = False
