"""What of logs is compared with a baseline."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

from dbtune.logs.seen import Seen
from dbtune.statements import Statement


class Rate(NamedTuple):
    """What is counted in a log and compared by the hour.

    Attributes:
        name: stable name; carries the unit.
        title: for people.
        better: which way is better; "" if neither is.
        least: the least change that counts.
        kind: how its values are shown.
    """

    name: str
    title: str
    better: Literal["less", ""] = ""
    least: float = 0.0
    kind: Literal["float", "ms", "bytes"] = "float"


@dataclass(frozen=True, slots=True)
class Side:
    """What the logs of a period say.

    Attributes:
        seen: what was read.
        statements: those that are compared, by what identifies them.
        counted: how much there was of each :class:`Rate`, by its name.
    """

    seen: Seen
    statements: Mapping[str, Statement]
    counted: Mapping[str, float]
