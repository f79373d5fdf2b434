"""What a query examines with an index that has more than plain keys: hashed, wildcard, of places.

A text index is not here: what it reads depends on words, and nothing else can do its work.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from dbtune.mongo.indexes.bson_order import order_key
from dbtune.mongo.indexes.counted import Ranged, in_all
from dbtune.mongo.indexes.facts import Keys
from dbtune.mongo.indexes.places import is_near, kinds_of
from dbtune.mongo.indexes.query import Condition, Query, geo_condition, has_text
from dbtune.mongo.indexes.sample import Sample
from dbtune.mongo.indexes.work import Work

if TYPE_CHECKING:
    from dbtune.mongo.indexes.estimate import Estimator

WILDCARD = "$**"
_CELLS, _CELL_FACTOR = 20.0, 1.5
"""An index of places is read by cells of the globe: some ranges, which hold more than the area."""


def is_ordinary(keys: Keys) -> bool:
    """Whether all fields ascend or descend, and none stands for many."""
    return all(isinstance(way, int | float) and WILDCARD not in name for name, way in keys)


def needs_special(query: Query) -> bool:
    """Whether only an index of its own kind can answer: $text and $near fail without."""
    condition = geo_condition(query)
    return has_text(query) or (condition is not None and is_near(condition))


def is_projected(projection: Mapping[str, Any], path: str) -> bool:
    """Whether a wildcard index with such a projection has a field."""
    named = {name: on for name, on in projection.items() if name != "_id"}
    includes = any(map(bool, named.values()))
    inside = any(path == name or path.startswith(name + ".") for name in named)
    return inside == includes


def with_special(estimator: Estimator, keys: Keys, within: int, whole: bool) -> Work | None:
    """The work with such an index; ``None`` if it does not serve the query."""
    condition = geo_condition(estimator.query)
    at = [name for name, way in keys if condition and way in kinds_of(condition)]
    if condition is not None and condition.path in at:
        return _of_places(estimator, condition, keys, within, whole)
    if needs_special(estimator.query):
        return None
    if any(WILDCARD in name for name, _ in keys):
        return _of_wildcard(estimator, keys, within)
    return _of_hashes(estimator, keys, within, whole)


def _of_hashes(estimator: Estimator, keys: Keys, within: int, whole: bool) -> Work | None:
    """A hash finds single values; it has no order, and what it stands for is in the document."""
    usable: list[tuple[str, int]] = []
    for path, way in keys:
        if not isinstance(way, int | float):
            ranged = estimator.ranged.get(path)
            if way != "hashed" or ranged is None or not ranged.points:
                break
        usable.append((path, 1 if isinstance(way, str) else way))
    hashed = {path for path, way in keys if way == "hashed"}
    if not usable or any(name in hashed for name, _ in estimator.query.sort):
        return None
    work = estimator.with_keys(tuple(usable), within=within, whole=whole)
    if work is None or not work.covered:
        return work
    return work._replace(docs=work.keys, covered=False)


def _of_wildcard(estimator: Estimator, keys: Keys, within: int) -> Work | None:
    """Keys of one field below its path, of the documents that have the field."""
    (stands,) = [name for name, _ in keys if WILDCARD in name]
    prefix = stands.removesuffix(WILDCARD)
    found = []
    for path, ranged in estimator.ranged.items():
        if not path.startswith(prefix) or in_all(ranged.bounds, order_key(None)):
            continue
        there = estimator.sample.matching({path: {"$exists": True}}) or 0
        plain = tuple((path if name == stands else name, way) for name, way in keys)
        if is_ordinary(plain):
            found.append(estimator.with_keys(plain, within=within & there, whole=False))
    return min((one for one in found if one is not None), key=lambda one: one.cost, default=None)


def _of_places(
    estimator: Estimator, condition: Condition, keys: Keys, within: int, whole: bool
) -> Work | None:
    """Fields before the place must be compared for equality; those behind it narrow, too."""
    names = [name for name, _ in keys]
    at = names.index(condition.path)
    lead = [estimator.ranged.get(name) for name in names[:at]]
    if any(one is None or not one.points for one in lead):
        return None
    reached = inside(estimator.sample, condition)
    if reached is None:  # shapes that are not evaluated: it serves, however well
        return Work(keys=_CELLS, docs=1.0, returned=1.0)
    share = max(0.5, reached.bit_count()) / max(1, estimator.sample.size)
    place = Ranged(
        condition.path, (), reached, reached, share, share, points=0, exact=False, narrow=True
    )
    used = {name: one for name in names if (one := estimator.ranged.get(name)) is not None}
    order = "near" if is_near(condition) and not estimator.query.sort else ""
    work = estimator.scan_index(keys, used | {condition.path: place}, order, within, whole)
    return work._replace(keys=work.keys * _CELL_FACTOR + _CELLS)


def inside(sample: Sample, condition: Condition) -> int | None:
    """Documents of the sample that meet a condition on places; ``None`` if that can't be told."""
    distances = {
        name: condition.siblings[name]
        for name in ("$maxDistance", "$minDistance")
        if name in condition.siblings
    }
    return sample.matching({condition.path: {condition.operator: condition.operand, **distances}})
