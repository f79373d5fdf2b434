"""Indexes that could serve a query: every sensible choice and order of its fields.

Which of them is best is not decided here by any rule, but by estimating each on the sample.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations, permutations

from dbtune.mongo.indexes.estimate import Estimator
from dbtune.mongo.indexes.facts import Keys, Proposal
from dbtune.mongo.indexes.places import kinds_of
from dbtune.mongo.indexes.query import Query, geo_condition
from dbtune.mongo.indexes.special import inside, needs_special

MOST_EQUALITIES, MOST_RANGES, MOST_FIELDS = 5, 3, 8
_RARE_SHARE, _MOST_PARTIAL = 0.3, 30
_MOST_BEFORE = 3
MOST_COVERED = 3
"""Fields that are added only to answer from the index alone."""


def candidates(estimator: Estimator) -> list[Proposal]:
    """Indexes for a query, without those that the server refuses."""
    found = [_proposal(estimator, keys) for keys in _of_places(estimator)]
    if needs_special(estimator.query):
        return found
    found += [_proposal(estimator, keys) for keys in _ordinary(estimator)]
    for path in _rarely_there(estimator):
        whole = [one.keys for one in found]
        found += [
            _proposal(estimator, keys, path) for keys in [((path, 1),), *whole[:_MOST_PARTIAL]]
        ]
    return found


def _proposal(estimator: Estimator, keys: Keys, exists: str = "") -> Proposal:
    """An index that compares texts as the query does, if it has to do with texts."""
    collation = tuple(estimator.query.collation.items())
    texts = bool(collation) and estimator.compares_texts([name for name, _ in keys])
    return Proposal(keys, exists, collation if texts else ())


def _rarely_there(estimator: Estimator) -> list[str]:
    """Fields that must exist and seldom do: an index of all documents can't tell which have them,
    since it has the same key for a field that is null and one that is missing."""
    sample = estimator.sample
    asked = [c.path for c in estimator.query.conditions if c.operator == "$exists" and c.operand]
    return [
        path
        for path in dict.fromkeys(asked)
        if 0
        < (sample.matching({path: {"$exists": True}}) or 0).bit_count()
        <= _RARE_SHARE * sample.size
    ]


def _ordinary(estimator: Estimator) -> list[Keys]:
    sample = estimator.sample
    narrowing = [one for one in estimator.ranged.values() if one.narrow and one.path != "_id"]
    ranked = sorted(narrowing, key=lambda one: (one.share, one.path))
    equal = [one.path for one in ranked if one.points][:MOST_EQUALITIES]
    several = [one.path for one in ranked if one.points > 1]
    ranges = [one.path for one in ranked if not one.points][:MOST_RANGES]
    # $in is an equality where its scans can be merged, and a range where there are too many.
    ranges += [path for path in several if path not in ranges][:1]
    ranges += _looked_at(estimator)[:1]
    found: dict[Keys, None] = {}
    for keys in _orders(equal, ranges, estimator.query.sort):
        if keys and len(keys) <= MOST_FIELDS and _allowed(estimator, keys):
            found.setdefault(keys)
    if estimator.query.distinct:
        for keys in [(), *list(found)[:20]]:
            if estimator.query.distinct not in [name for name, _ in keys]:
                found.setdefault((*keys, (estimator.query.distinct, 1)))
    return [keys for keys in found if sample.size]


def _of_places(estimator: Estimator) -> Iterator[Keys]:
    """For a condition on places: equalities before it, and perhaps one more field behind."""
    condition = geo_condition(estimator.query)
    if condition is None or not condition.path or inside(estimator.sample, condition) is None:
        return  # if it can't be told what it leaves, a check says that it needs such an index
    kind = kinds_of(condition)[0]
    narrowing = [one for one in estimator.ranged.values() if one.narrow and one.path != "_id"]
    ranked = sorted(narrowing, key=lambda one: (one.share, one.path))
    equal = [one.path for one in ranked if one.points][:_MOST_BEFORE]
    ranges = [one.path for one in ranked if not one.points][:1]
    for size in range(len(equal) + 1 if kind == "2dsphere" else 1):
        for lead in combinations(equal, size):
            behind = [path for path in (*ranges, *equal[:1]) if path not in lead]
            for last in ([], *([path] for path in behind)):
                keys = (*((path, 1) for path in lead), (condition.path, kind),
                        *((path, 1) for path in last))  # fmt: skip
                if _allowed(estimator, keys):
                    yield keys


def _looked_at(estimator: Estimator) -> list[str]:
    """Fields whose keys alone decide a condition that no range narrows: unanchored patterns."""
    return [
        one.path
        for one in estimator.ranged.values()
        if not one.narrow and one.exact and one.kept_share < 0.5 and one.path != "_id"
    ]


def _orders(
    equal: Sequence[str], ranges: Sequence[str], sort: Sequence[tuple[str, int]]
) -> Iterator[Keys]:
    """Some equalities, then ranges and the sort key in every order."""
    some = [chosen for size in range(len(equal), -1, -1) for chosen in combinations(equal, size)]
    few = [chosen for size in (0, 1, 2) for chosen in permutations(ranges, size)]
    for first in some:
        for behind in few:
            if set(first) & set(behind):
                continue
            yield _keys([*first, *behind])
            if not sort:
                continue
            for at in range(len(behind) + 1):
                yield _keys([*first, *behind[:at], *sort, *behind[at:]])


def _keys(parts: Sequence[str | tuple[str, int]]) -> Keys:
    """Fields with directions, each once; a field of the sort key keeps its direction."""
    found: dict[str, int] = {}
    for one in parts:
        name, way = one if isinstance(one, tuple) else (one, 1)
        found.setdefault(name, way)
    return tuple(found.items())


def _allowed(estimator: Estimator, keys: Keys) -> bool:
    """Whether the server makes such an index: at most one array among the fields."""
    arrays = {estimator.sample.field(name).array for name, _ in keys} - {""}
    if len(arrays) > 1:
        return False
    names = [name for name, _ in keys]
    return not any(
        one != other and other.startswith(one + ".") and estimator.sample.field(one).array
        for one in names
        for other in names
    )


def covering(estimator: Estimator, one: Proposal) -> Proposal | None:
    """The index with the few fields more that let it answer alone; ``None`` if they are many."""
    query: Query = estimator.query
    if query.needed is None or query.kind == "write":
        return None
    keys = one.keys
    have = {name for name, _ in keys}
    asked = set(query.needed) | estimator.ranged.keys() | {name for name, _ in query.sort}
    more = sorted(asked - have)
    if not more or len(more) > MOST_COVERED or len(keys) + len(more) > MOST_FIELDS:
        return None
    longer = (*keys, *((name, 1) for name in more))
    return _proposal(estimator, longer, one.exists) if _allowed(estimator, longer) else None
