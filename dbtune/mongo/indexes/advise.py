"""Advice for all queries on one collection: which indexes to make, from a sample of its documents.

Every index that is among the best for some query is tried for all of them; then the one that saves
most is taken, again and again, until nothing worth it is left. So one index serves several
queries, and prefixes are not made beside the longer index.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import permutations
from typing import Any

from dbtune.mongo.indexes.bson_order import MISSING, terminals
from dbtune.mongo.indexes.choose import (
    ALIKE_COST,
    ALIKE_FACTOR,
    Examined,
    Examples,
    best_now,
    choices,
    examined_of,
    preferred,
    worth,
)
from dbtune.mongo.indexes.collation import in_effect
from dbtune.mongo.indexes.commands import Unknown
from dbtune.mongo.indexes.facts import Collection, Index, Proposal
from dbtune.mongo.indexes.propose import estimated_size
from dbtune.mongo.indexes.query import Query, query_of
from dbtune.mongo.indexes.sample import Sample
from dbtune.mongo.indexes.work import Work
from dbtune.mongo.indexes.workload import Usage

MOST_TRIED = 12
"""Good indexes of each query that are tried for the others."""
LEAVES_FOR_WILDCARD = 8
"""Fields beside each other that each want an index of their own: one wildcard index for all."""
_GOOD_FACTOR, _GOOD_COST = 1.5, 60.0
_SPARE_FACTOR = 1.25


@dataclass(slots=True)
class Case:
    """A query of the workload and what it examines.

    Attributes:
        usage: the query.
        examples: it with values.
        weight: calls that the advice is weighed with.
        now: work with the existing indexes.
        uses: the index that it uses now; "" is a collection scan.
        then: work with the advised indexes.
        by: which of them it then uses.
    """

    usage: Usage
    examples: Examples
    weight: float
    now: Work
    uses: str
    then: Work
    by: tuple[Proposal, ...] = ()


@dataclass(frozen=True, slots=True)
class Advice:
    """Indexes for a collection.

    Attributes:
        collection: the collection.
        indexes: what to make, the most useful first.
        cases: the queries.
        replaced: for each index, the existing ones that it makes unnecessary.
        sizes: about how many bytes each will have.
        sampled: documents that were looked at.
    """

    collection: Collection
    indexes: tuple[Proposal, ...]
    cases: tuple[Case, ...]
    replaced: dict[Proposal, tuple[Index, ...]]
    sizes: dict[Proposal, float]
    sampled: int


def advise(sample: Sample, collection: Collection, usages: Sequence[Usage]) -> Advice:
    """Indexes for the queries on a collection."""
    existing = [one for one in collection.indexes if not one.hidden]
    cases = [
        one
        for usage in usages
        if (one := _case(sample, usage, existing, collection.indexes)) is not None
    ]
    chosen = _select(sample, collection, cases, _options(sample, cases, existing))
    chosen = merged_leaves(cases, _spared(sample, cases, chosen))
    return Advice(
        collection,
        tuple(chosen),
        tuple(cases),
        {one: tuple(_replaced(one, collection.indexes)) for one in chosen},
        {one: estimated_size(sample, one) for one in chosen},
        sample.size,
    )


def _case(
    sample: Sample, usage: Usage, existing: Sequence[Index], every: Sequence[Index]
) -> Case | None:
    examples = tuple(
        replace(one, collation=in_effect(one.collation, every))
        for one in filled(usage.queries, sample)
    )
    if not examples:
        return None
    now, uses = best_now(sample, examples, existing)
    weight = max(1.0, usage.calls)
    if usage.joined:  # asked for each document, of which about so many come in as go out
        weight = max(weight, usage.rows or 0.0)
    return Case(usage, examples, weight, now, uses, now)


# --------------------------------------------------------------------------------- what is chosen


def _options(
    sample: Sample, cases: Sequence[Case], existing: Sequence[Index]
) -> list[tuple[Proposal, ...]]:
    """The indexes that are among the best for some query, and the orders that are as good."""
    found: dict[tuple[Proposal, ...], None] = {}
    for case in cases:
        offered = choices(sample, case.examples, existing)
        best = preferred(offered)
        if best is None or not worth(case.now, best.work):
            continue
        found.setdefault(best.indexes)
        offered.sort(key=lambda one: one.work.cost)
        limit = _GOOD_FACTOR * best.work.cost + _GOOD_COST
        good = [one for one in offered if one.work.cost <= limit and worth(case.now, one.work)]
        for one in good[:MOST_TRIED]:
            found.setdefault(one.indexes)
            if len(one.indexes) == 1 and len(cases) > 1:
                for other in _turned(one.indexes[0], case.examples[0]):
                    found.setdefault((other,))
    return list(found)


def _turned(one: Proposal, query: Query) -> Iterator[Proposal]:
    """The same index with its leading equalities in other orders: another query may share one."""
    equal = {c.path for c in query.conditions if c.operator in ("$eq", "$in")}
    lead: list[tuple[str, Any]] = []
    for path, _ in one.keys:
        if path not in equal or len(lead) == 3:
            break
        lead.append((path, 1))
    for order in permutations(lead):
        yield one._replace(keys=(*order, *one.keys[len(lead) :]))


def _select(
    sample: Sample,
    collection: Collection,
    cases: Sequence[Case],
    options: list[tuple[Proposal, ...]],
) -> list[Proposal]:
    """Greedily: what saves most, as long as some query is worth it."""
    examined = [examined_of(sample, case.examples) for case in cases]
    work = {
        (number, at): found
        for number in range(len(cases))
        for at, indexes in enumerate(options)
        if (found := _work(sample, cases[number], examined[number], indexes)) is not None
    }
    chosen: dict[Proposal, None] = {}
    names = {one.keys for one in collection.indexes}
    there = {
        Proposal(one.keys, collation=tuple(one.collation.items()))
        for one in collection.indexes
        if not (one.partial or one.sparse or one.hidden)
    }
    while options:
        gains = [
            sum(
                cases[number].weight * _gain(cases[number], work.get((number, at)))
                for number in range(len(cases))
            )
            for at in range(len(options))
        ]
        most = max(gains)
        if most <= 0:
            break
        allowed = _allowed_loss(cases, work, gains.index(most))
        near = [at for at, gain in enumerate(gains) if gain > 0 and gain >= most - allowed]
        at = min(near, key=lambda n: _length(options[n], chosen, names))
        chosen |= dict.fromkeys(options[at])
        for number, case in enumerate(cases):
            found = work.get((number, at))
            if found is not None and _gain(case, found) > 0:
                case.then, case.by = found, options[at]
    return [one for one in chosen if one not in there]


def _allowed_loss(cases: Sequence[Case], work: Mapping[tuple[int, int], Work], at: int) -> float:
    """How much less another option may save and still be preferred for having fewer fields."""
    found = [(case, work.get((number, at))) for number, case in enumerate(cases)]
    return sum(
        case.weight * max(ALIKE_COST, (ALIKE_FACTOR - 1) * one.cost)
        for case, one in found
        if one is not None and _gain(case, one) > 0
    )


def _gain(case: Case, found: Work | None) -> float:
    """What a query saves, if that is worth an index or adds enough to one that is taken."""
    if found is None or not worth(case.then, found):
        return 0.0
    return case.then.cost - found.cost


def _length(
    indexes: tuple[Proposal, ...], chosen: dict[Proposal, None], names: set[Any]
) -> tuple[int, int, str]:
    """Fewer fields first; then an index that continues an existing one, which it can replace."""
    more = [one for one in indexes if one not in chosen]
    continues = any(keys == one.keys[: len(keys)] for one in more for keys in names)
    return sum(len(one.keys) for one in more), not continues, str(indexes)


def _work(
    sample: Sample, case: Case, examined: Examined, indexes: tuple[Proposal, ...]
) -> Work | None:
    """The work of a query with some indexes: one of them, or all for the branches of an $or."""
    found = [one for index in indexes if (one := examined.with_proposal(index)) is not None]
    if case.examples[0].branches:
        hypothetical = [
            Index("", str(one), one.keys, partial=one.partial, collation=dict(one.collation))
            for one in indexes
        ]
        work, name = best_now(sample, case.examples, hypothetical)
        if name:
            found.append(work)
    return min(found, key=lambda one: one.cost, default=None)


def _spared(sample: Sample, cases: Sequence[Case], chosen: list[Proposal]) -> list[Proposal]:
    """Without indexes that later ones made unnecessary."""
    kept = list(chosen)
    for one in chosen:
        users = [case for case in cases if one in case.by]
        rest = [other for other in kept if other is not one]
        others = {}
        for case in users:
            examined = examined_of(sample, case.examples)
            options = [
                (found, (other,))
                for other in rest
                if (found := _work(sample, case, examined, (other,))) is not None
            ]
            best = min(options, key=lambda option: option[0].cost, default=None)
            if best is None or best[0].cost > _SPARE_FACTOR * case.then.cost + _GOOD_COST:
                break
            others[id(case)] = best
        else:
            if len(rest) < len(kept):
                kept = rest
                for case in users:
                    case.then, case.by = others[id(case)]
    return kept


def merged_leaves(cases: Sequence[Case], chosen: Sequence[Proposal]) -> list[Proposal]:
    """Indexes of many fields beside each other made one wildcard index of what they are in.

    Map keys (``attrs.k17``) are data: tomorrow's have no index, and 64 are the most.
    """
    parents: dict[str, list[Proposal]] = {}
    for one in chosen:
        parent, dot, _ = one.keys[0][0].rpartition(".")
        if dot and len(one.keys) == 1 and not one.options:
            parents.setdefault(parent, []).append(one)
    stand_in = {
        one: Proposal(((f"{parent}.$**", 1),))
        for parent, several in parents.items()
        if len(several) >= LEAVES_FOR_WILDCARD
        for one in several
    }
    for case in cases:
        case.by = tuple(dict.fromkeys(stand_in.get(one, one) for one in case.by))
    return list(dict.fromkeys(stand_in.get(one, one) for one in chosen))


def _replaced(one: Proposal, existing: Iterable[Index]) -> Iterator[Index]:
    """Existing indexes whose keys a new one begins with, and that are nothing more."""
    for index in existing:
        shorter = len(index.keys) < len(one.keys) and index.keys == one.keys[: len(index.keys)]
        special = bool(index.unique or index.sparse or index.partial or index.collation)
        special = special or index.shard_key or index.name == "_id_"
        if shorter and not special and not one.options and index.expire_seconds is None:
            yield index


# ------------------------------------------------------------------------------ values not told


def filled(queries: Sequence[Query], sample: Sample) -> Iterator[Query]:
    """Queries with the sample's values in place of those that are not told."""
    for query in queries:
        if not _unknown(query.filter):
            yield query
            continue
        step = max(1, sample.size // 3)
        for document in sample.documents[::step][:3]:
            given = _with_values(query.filter, document, "")
            made = query_of(query.namespace, given, sort=query.sort, limit=query.limit)
            yield replace(
                made,
                needed=query.needed,
                kind=query.kind,
                distinct=query.distinct,
                collation=query.collation,
            )


def _unknown(value: object) -> bool:
    if isinstance(value, Unknown):
        return True
    if isinstance(value, dict):
        return any(map(_unknown, value.values()))
    return isinstance(value, list) and any(map(_unknown, value))


def _with_values(value: Any, document: Any, path: str) -> Any:
    if isinstance(value, Unknown):
        found = next(iter(terminals(document, tuple(path.split(".")))), None)
        if isinstance(found, list):
            found = found[0] if found else None
        return None if found is MISSING else found
    if isinstance(value, dict):
        return {
            key: _with_values(one, document, path if str(key).startswith("$") else _join(path, key))
            for key, one in value.items()
        }
    if isinstance(value, list):
        return [_with_values(one, document, path) for one in value]
    return value


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else str(key)
