"""Stages as they are read, before they are numbered and their times are set off."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from dbtune.mongo.shelltext import Cut

MOST_STAGES = 5_000
Document = Mapping[str, Any]
# Keys that hold the stages below one; all others are properties.
_BELOW = (
    "inputStage inputStages outerStage innerStage thenStage elseStage innerStages shards"
).split()
_OWN = frozenset(("stage", *_BELOW))


def mapping(value: object) -> Document:
    """A document, or an empty one."""
    return value if isinstance(value, Mapping) else {}


def items(value: object) -> list[Any]:
    """A list, or an empty one."""
    return value if isinstance(value, list) else []


def number(value: object) -> float | None:
    """A number, or ``None``."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if -1e18 < value < 1e18 else None


def count(value: object) -> int | None:
    """A count, or ``None``; some servers print them as floats."""
    found = number(value)
    return None if found is None else max(0, round(found))


def text(value: object) -> str:
    """A text, or ""."""
    return value if isinstance(value, str) else ""


@dataclass(slots=True)
class Raw:
    """A stage with the stages below it.

    Attributes:
        parallel: the stages below work at the same time, each on a shard.
    """

    type: str
    props: Document = field(default_factory=dict)
    below: list[Raw] = field(default_factory=list)
    ms: float | None = None
    rows: int | None = None
    keys: int | None = None
    docs: int | None = None
    namespace: str = ""
    shard: str = ""
    parallel: bool = False

    def walk(self) -> Iterator[Raw]:
        """It and all stages below, in tree order."""
        yield self
        for one in self.below:
            yield from one.walk()


def stage_ms(node: Document) -> float | None:
    """Time of a stage and those below it, in the finest unit that the server tells."""
    for key, factor in (
        ("executionTimeNanos", 1e-6),
        ("executionTimeMicros", 1e-3),
        ("executionTimeMillisEstimate", 1.0),
        ("executionTimeMillis", 1.0),
    ):
        found = number(node.get(key))
        if found is not None:
            return max(0.0, found * factor)
    return None


def below(node: Document) -> Iterator[Document]:
    """The documents of the stages right below one."""
    for key in _BELOW:
        if key == "shards":
            continue
        found = node.get(key)
        for one in found if isinstance(found, list) else [found]:
            if isinstance(one, Mapping):
                yield one


def properties(node: Document) -> dict[str, Any]:
    """What a stage says about itself, without the stages below it."""
    return {
        str(key): value
        for key, value in node.items()
        if key not in _OWN and not isinstance(value, Cut)
    }


def name_of(node: Document) -> str:
    """A stage's name."""
    return text(node.get("stage")) or "(stage not shown)"
