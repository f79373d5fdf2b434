"""Index advice judged by building what could serve a query: shared by both modes of the bench."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations, permutations
from typing import Any, NamedTuple

import pymongo

Keys = tuple[tuple[str, Any], ...]
Command = dict[str, Any]
MOST_PARTS = 4
LITTLE = 60  # of work: less is not told apart


@dataclass(frozen=True)
class Made:
    """An index with its options, and the collection if it is not the shape's own."""

    keys: Keys
    options: Mapping[str, Any] = field(default_factory=dict)
    collection: str = ""

    def __str__(self) -> str:
        place = f"{self.collection}: " if self.collection else ""
        return f"{place}{dict(self.keys)}{self.options or ''}"


@dataclass
class Shape:
    """A query shape, what indexes exist for it, and what could be made.

    Attributes:
        name: what it is about.
        collection: the collection that it is asked of.
        commands: what is asked, as drivers send it; all of them are measured.
        sets: sets of indexes to try.
        existing: indexes that there are.
        rule: the indexes of the textbook's rule, if that is asked, too.
        needs: whether its author expects an index to be of use, if there is an author.
    """

    name: str
    collection: str
    commands: list[Command]
    sets: list[list[Made]]
    existing: list[Made] = field(default_factory=list)
    rule: list[Made] | None = None
    needs: bool | None = None


class Measured(NamedTuple):
    """What the commands of a shape took, and the indexes that they used."""

    work: float
    ms: float
    detail: str
    used: frozenset[str] = frozenset()


NOTHING = Measured(math.inf, math.inf, "fails without an index")


# ------------------------------------------------------------------------- indexes that could be


def orders(
    fields: Mapping[str, Any],
    equal: set[str],
    sort: Sequence[tuple[str, int]] = (),
    covers: Sequence[str] = (),
) -> Iterator[Keys]:
    """Every order of every subset of fields and the sort, with and without what covers the query.

    Args:
        fields: with the direction, or the kind of index that they need.
        equal: those whose order among neighbours makes no difference.
        sort: one more part, if there is one.
        covers: to be put behind all others.
    """
    parts = [*fields, *([sort] if sort else [])]
    seen = set()
    for size in range(1, min(MOST_PARTS, len(parts)) + 1):
        for chosen in combinations(parts, size):
            for order in permutations(chosen):
                keys = _flat(order, fields)
                more = tuple((name, 1) for name in covers if name not in dict(keys))
                for one in (keys, (*keys, *more)):
                    name = (_canonical(keys, equal), one[len(keys) :])
                    if name not in seen and len(one) <= 7:
                        seen.add(name)
                        yield one


def _flat(order: Sequence[Any], fields: Mapping[str, Any]) -> Keys:
    found: dict[str, Any] = {}
    for one in order:
        for name, way in [(one, fields[one])] if isinstance(one, str) else one:
            found.setdefault(name, way)
    return tuple(found.items())


def _canonical(keys: Keys, equal: set[str]) -> Keys:
    """Neighbouring equalities are one whatever their order."""
    found: list[tuple[str, Any]] = []
    run: list[tuple[str, Any]] = []
    for one in keys:
        if one[0] in equal:
            run.append(one)
        else:
            found += [*sorted(run), one]
            run = []
    return (*found, *sorted(run))


# ------------------------------------------------------------------------------------ measurement


def measure(database: Any, shape: Shape) -> Measured:
    """What the commands of a shape take with the indexes that there are.

    Raises:
        pymongo.errors.OperationFailure: the server needs an index that is not there.
    """
    each = [_measured(database, command) for command in shape.commands]
    used = frozenset(name for one in each for name in one.used)
    work, ms = sum(one.work for one in each), sum(one.ms for one in each)
    return Measured(work, ms, each[0].detail + f" ... {len(each)} commands" * (len(each) > 1), used)


def _measured(database: Any, command: Command) -> Measured:
    best = None
    for _ in range(5):
        told = database.command(
            {"explain": command, "verbosity": "executionStats"},
            codec_options=database.codec_options,
        )
        found = _of_explained(told, command)
        if best is None or found.ms < best.ms:
            best = found
        if found.ms > 250:
            break
    assert best is not None
    return best


def _of_explained(told: Mapping[str, Any], command: Command) -> Measured:
    """Work and time of an explained command; of a pipeline, of all its stages that read."""
    stages = told.get("stages") or [told]
    keys = docs = ms = sorting = 0
    for stage in stages:
        stats = stage
        for name in ("$cursor", "$geoNearCursor"):
            stats = stats.get(name, stats)
        stats = stats.get("executionStats", stats)
        keys += int(stats.get("totalKeysExamined", 0))
        docs += int(stats.get("totalDocsExamined", 0))
        ms = max(
            ms,
            stats.get("executionTimeMillis", 0),
            int(stage.get("executionTimeMillisEstimate", 0)),
        )
        sorting += sum(_sorts(stats.get("executionStages", {})))
    kept = min(sorting, command.get("limit") or sorting)
    work = keys + 4 * docs + sorting * math.log2(max(2, kept))
    return Measured(
        work, ms, f"keys {keys} docs {docs} sorted {sorting}", frozenset(_indexes(stages))
    )


def _sorts(stage: Mapping[str, Any]) -> Iterator[int]:
    inner = [stage[key] for key in ("inputStage", "outerStage", "innerStage") if key in stage]
    inner += stage.get("inputStages", [])
    if stage.get("stage") in ("SORT", "sort"):
        yield sum(one.get("nReturned", 0) for one in inner)
    for one in inner:
        yield from _sorts(one)


def _indexes(told: object) -> Iterator[str]:
    """Names of the indexes that a plan uses, but for the plans that lost."""
    if isinstance(told, Mapping):
        for key, value in told.items():
            if key == "indexName":
                yield str(value)
            elif key == "indexesUsed":
                yield from map(str, value)
            elif key not in ("rejectedPlans", "allPlansExecution"):
                yield from _indexes(value)
    elif isinstance(told, list):
        for one in told:
            yield from _indexes(one)


def try_indexes(database: Any, shape: Shape, sets: Sequence[Made]) -> Measured | None:
    """What a shape takes with some more indexes, the planner choosing; none if that can't be."""
    made: list[tuple[Any, str]] = []
    try:
        for one in sets:
            if not one.keys or one in shape.existing:
                continue
            collection = database[one.collection or shape.collection]
            name = f"try_{len(made)}"
            collection.create_index(list(one.keys), name=name, **one.options)
            made.append((collection, name))
        return measure(database, shape)
    except pymongo.errors.OperationFailure:
        return None
    finally:
        for collection, name in made:
            collection.drop_index(name)


def best_of(database: Any, shape: Shape, now: Measured) -> tuple[Measured, list[Made]]:
    """The least work that any of the sets makes."""
    best, which = now, list[Made]()
    for sets in shape.sets:
        found = try_indexes(database, shape, sets)
        if found and found.work < best.work:
            best, which = found, sets
    return best, which


# ----------------------------------------------------------------------------------------- judging


def is_needed(now: Measured, best: Measured) -> bool:
    """Whether an index saves work enough."""
    return now.work > 1.5 * best.work + LITTLE


def is_cheap(answer: Measured, best: Measured) -> bool:
    """Whether an answer takes little more work than the best one."""
    return answer.work <= 1.5 * best.work + LITTLE


def hinges_on_time(answer: Measured, now: Measured, best: Measured, given: int) -> bool:
    """Whether an answer is as cheap as it should be, and only its time says that it is not good."""
    if not is_needed(now, best):
        return False
    return is_cheap(answer, best) and answer.ms > 2.5 * best.ms + 4 if given else True


def quicker(one: Measured, other: Measured | None) -> Measured:
    """What was measured, with the lesser time of two measurements."""
    return one if other is None else one._replace(ms=min(one.ms, other.ms))


@dataclass
class Score:
    """How often an adviser was right."""

    right: int = 0
    false: int = 0
    missed: int = 0
    none_needed: int = 0
    regrets: list[float] = field(default_factory=list)

    def add(self, answer: Measured, now: Measured, best: Measured, given: int) -> str:
        """The verdict on an answer of so many indexes."""
        none_needed = not is_needed(now, best)
        good = is_cheap(answer, best) and answer.ms <= 2.5 * best.ms + 4
        no_faster = now.ms <= 1.3 * best.ms + 4 and not given
        self.none_needed += none_needed
        if not none_needed and not no_faster:
            self.regrets.append(max(answer.work, LITTLE) / max(best.work, LITTLE))
        idle = given > 1 and sum(name.startswith("try_") for name in answer.used) < given
        if given and (none_needed or idle):
            self.false += 1
            return "FALSE"
        if none_needed or good or no_faster:
            self.right += 1
            return "right"
        self.missed += not given
        return "MISSED" if not given else "WRONG"

    def line(self, name: str, many: int) -> str:
        """The score in one line."""
        ordered = sorted(self.regrets) or [1.0]
        return (
            f"{name:28} right {self.right} of {many}, false {self.false}, missed {self.missed}; "
            f"regret median {statistics.median(ordered):.2f}, "
            f"p90 {ordered[int(0.9 * (len(ordered) - 1))]:.2f}, worst {ordered[-1]:.1f}"
        )
