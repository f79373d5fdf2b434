"""Checks on one explained operation.

The fact is ``plan`` (:class:`~dbtune.mongo.plans.model.Plan`). Each finding says in its evidence
which stage it is about (``node``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from dbtune.finding import Confidence, Evidence, Finding, Level, Remedy
from dbtune.mongo.masking import conditions
from dbtune.mongo.plans.model import Plan, Stage
from dbtune.mongo.shellprint import collection_text, shell_text
from dbtune.text import plain, shorten

MIN_DOCS = 1000
"""Fewer documents or keys than this are not worth a finding (a threshold of most checks)."""
CRITICAL_SHARE = 0.4
BUILDING = "building an index reads the collection once; each write then maintains it"

_EQUALITY = frozenset(("$eq", "$in"))
_RANGES = frozenset(("$gt", "$gte", "$lt", "$lte"))


def on_stage(
    plan: Plan,
    stage: Stage,
    message: str,
    remedy: Remedy,
    *,
    evidence: Mapping[str, Evidence] | None = None,
    level: Level | None = None,
    confidence: Confidence | None = None,
) -> Finding:
    """A finding about a stage, with the stage's number and its time as evidence."""
    return Finding(
        subject=subject(plan, stage),
        message=message,
        remedy=remedy,
        evidence={
            "node": stage.id,
            "self_ms": stage.self_ms,
            "self_ratio": stage.self_ratio,
            **(evidence or {}),
        },
        level=level,
        confidence=confidence,
    )


def subject(plan: Plan, stage: Stage) -> str:
    """A stage as the subject of a finding: what it does on what, no number in it."""
    words = [stage.type]
    if stage.index:
        words.append(stage.index)
    place = stage.relation or plan.namespace
    if place:
        words.append(f"on {place}")
    if stage.shard:
        words.append(f"({stage.shard})")
    return shorten(plain(" ".join(words)), 200)


def level(plan: Plan, stages: tuple[Stage, ...], otherwise: Level = Level.warning) -> Level:
    """Critical when stages took most of an execution that one notices; never without times."""
    share = sum(one.self_ratio or 0.0 for one in stages)
    noticed = (plan.total_ms or 0.0) >= 100
    return Level.critical if noticed and share >= CRITICAL_SHARE else otherwise


def fields(given: Mapping[str, Any]) -> Iterator[str]:
    """Fields that a filter has conditions on, in their order, those below ``$or`` included."""
    seen: dict[str, None] = {}
    for name, operator, operand in conditions(given):
        if operator:
            seen.setdefault(name)
        elif name in ("$or", "$nor") and isinstance(operand, list):
            for one in operand:
                seen |= dict.fromkeys(fields(one))
    yield from seen


def index_keys(plan: Plan) -> dict[str, int]:
    """Keys of an index for the operation: equality, sort, range (a rule of thumb)."""
    found = list(conditions(plan.filter))
    equality = [name for name, operator, _ in found if operator in _EQUALITY]
    ranges = [name for name, operator, _ in found if operator in _RANGES]
    keys: dict[str, int] = dict.fromkeys(equality, 1)
    for name, way in plan.sort.items():
        if isinstance(way, int | float):
            keys.setdefault(str(name), -1 if way < 0 else 1)
    for name in ranges:
        keys.setdefault(name, 1)
    return {name: way for name, way in keys.items() if "*" not in name}


def index_remedy(plan: Plan, text: str, namespace: str = "") -> Remedy:
    """Advice with the statement that makes such an index, where one can be told."""
    keys = index_keys(plan)
    place = namespace or plan.namespace
    if not keys or not place.partition(".")[2]:
        return Remedy(text, effect=BUILDING)
    made = f"{collection_text(place)}.createIndex({shell_text(keys)})"
    return Remedy(
        f"{text} By the rule equality, sort, range it is the one below; which order is best "
        "depends on the data: dbtune suggest-indexes estimates it from a sample.",
        sql=made,
        effect=BUILDING,
    )


def removed(plan: Plan, stage: Stage) -> int | None:
    """Documents that a stage's filter removed; ``None`` if that is not told."""
    read = stage.docs_examined
    if read is None and stage.children:
        read = plan.nodes[stage.children[0]].total_rows
    if read is None or stage.total_rows is None:
        return None
    return max(0, read - stage.total_rows)


def is_branching(plan: Plan, stage: Stage) -> bool:
    """Whether a scan serves an $or, and nothing beside it."""
    found = list(conditions(stage.filter))
    alone = len(found) == 1 and found[0][0] == "$or"
    return alone or any(one.type in ("OR", "SUBPLAN") for one in plan.ancestors(stage))
