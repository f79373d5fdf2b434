"""What the conditions of a query leave, each alone and all together, counted on a sample."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from dbtune.mongo.indexes.bounds import Bound, bound_of
from dbtune.mongo.indexes.bson_order import Key
from dbtune.mongo.indexes.query import Condition, Query
from dbtune.mongo.indexes.sample import Sample

NARROW_SHARE = 0.2
"""Conditions that exclude ($ne, $nin) lead an index only if they leave no more than this share."""


@dataclass(frozen=True, slots=True)
class Ranged:
    """The conditions on one field, as an index reads them.

    Attributes:
        path: the field.
        bounds: what is read; several if all narrow the scan (of a field without arrays).
        reached: documents with a key in bounds.
        kept: documents that meet what the key alone decides.
        share: ``reached`` as share of all, made good where the sample has too few.
        points: single keys that are read; 0 for ranges.
        exact: nothing but the key is needed to decide.
        narrow: worth leading an index with.
        element: the ``$elemMatch`` that it belongs to.
    """

    path: str
    bounds: tuple[Bound, ...]
    reached: int
    kept: int
    share: float
    kept_share: float
    points: int
    exact: bool
    narrow: bool
    element: str = ""


class Counted:
    """The conditions of a query, counted on a sample.

    Attributes:
        sample: the sample.
        query: the query.
        ranged: the conditions that an index serves, by field.
        matched: documents of the sample that meet the whole filter.
        returned: documents of the collection that do.
    """

    def __init__(self, sample: Sample, query: Query) -> None:
        self.sample = sample
        self.query = query
        self._elements: dict[tuple[str, ...], int] = {}
        self.ranged = self._ranged()
        self.matched = self._matched()
        self.returned = self.count([one.kept_share for one in self.ranged.values()], self.matched)

    def _ranged(self) -> dict[str, Ranged]:
        by_path: dict[str, list[tuple[Condition, Bound]]] = {}
        for one in self.query.conditions:
            array = bool(one.path and self.sample.field(one.path).array)
            bound = bound_of(one, array) if one.path else None
            if array and "$expr" in one.siblings:
                continue
            if bound is not None:
                by_path.setdefault(one.path, []).append((one, bound))
        return {path: self._field(path, found) for path, found in by_path.items()}

    def _field(self, path: str, found: Sequence[tuple[Condition, Bound]]) -> Ranged:
        array = bool(self.sample.field(path).array)
        groups = [found]
        if array:
            elements = {one.element for one, _ in found if one.element}
            groups = [[pair] for pair in found if not pair[0].element]
            groups += [[pair for pair in found if pair[0].element == name] for name in elements]
        options = [self._group(path, group, array, len(groups) > 1) for group in groups]
        return min(options, key=lambda one: (not one.narrow, one.share))

    def _group(
        self, path: str, group: Sequence[tuple[Condition, Bound]], array: bool, others: bool
    ) -> Ranged:
        sample = self.sample
        bounds = tuple(bound for _, bound in group)
        reached = sample.having(path, partial(in_all, bounds))
        pointed = [one.points for one in bounds if one.points is not None]
        points = min(map(len, pointed), default=0)
        on_key = all(one.on_key for one in bounds) and not array
        kept = reached
        if on_key and not all(one.exact for one in bounds):
            decided = sample.matching({"$and": [_as_filter(one) for one, _ in group]})
            kept = reached if decided is None else reached & decided
        share = self._share(path, reached, points)
        kept_share = min(share, self._share(path, kept, points))
        return Ranged(
            path,
            bounds,
            reached,
            kept,
            share,
            kept_share,
            points,
            exact=on_key and not others,
            narrow=any(one.narrow for one in bounds) or share < NARROW_SHARE,
            element=group[0][0].element,
        )

    def _share(self, path: str, reached: int, points: int) -> float:
        """Share of all documents that have one of some values, or are in some ranges.

        Single values are rare in a sample, so what was seen of them is weighed against how often
        the field's values come in general: much if they come alike, little if they are skewed (a
        gamma prior of the frequencies, fitted to the sample by its moments).
        """
        sample = self.sample
        seen = reached.bit_count()
        if not sample.size:
            return 0.0
        if sample.whole:
            return seen / sample.size
        if not points:
            return max(0.5, seen) / sample.size
        distinct, evenness = sample.frequencies(path)
        expected = (seen + evenness * points) / (sample.size + evenness * distinct)
        return min(1.0, max(expected, 1 / sample.total))

    def in_one_element(self, used: Mapping[str, Ranged]) -> int:
        """Documents of which one element of an array meets all conditions that bind it."""
        found = self.sample.all
        for one in self.query.conditions:
            if one.operator != "$elemMatch" or not isinstance(one.operand, Mapping):
                continue
            bound = {
                str(key): value
                for key, value in one.operand.items()
                if (ranged := used.get(f"{one.path}.{key}")) and ranged.element == one.path
            }
            if len(bound) > 1:
                known = (one.path, *sorted(bound))
                if known not in self._elements:
                    mask = self.sample.matching({one.path: {"$elemMatch": bound}})
                    self._elements[known] = self.sample.all if mask is None else mask
                found &= self._elements[known]
        return found

    def _matched(self) -> int:
        decided = self.sample.matching(self.query.filter)
        if decided is not None:
            return decided
        return self.both(one.kept for one in self.ranged.values())

    def both(self, masks: Iterable[int]) -> int:
        """Documents that are in all of some sets."""
        found = self.sample.all
        for one in masks:
            found &= one
        return found

    def count(self, shares: Sequence[float], mask: int) -> float:
        """Documents of the collection that a mask of the sample stands for.

        Where the sample has too few, the conditions' shares are multiplied, as if they were
        independent, and never more than the sample makes likely.
        """
        sample = self.sample
        seen = mask.bit_count()
        if not sample.size:
            return 0.0
        if sample.whole:
            return float(seen)
        observed = seen / sample.size
        if seen < 3:
            product = math.prod(shares)
            observed = (
                min(product, 0.7 / sample.size)
                if not seen
                else min(max(product, observed / 2), observed * 1.5)
            )
        return max(observed * sample.total, 0.0)


def in_all(bounds: Sequence[Bound], key: Key) -> bool:
    """Whether a key is in all bounds."""
    return all(one.has(key) for one in bounds)


def _as_filter(condition: Condition) -> dict[str, object]:
    options = condition.siblings.get("$options")
    more = {"$options": options} if condition.operator == "$regex" and options else {}
    return {condition.path: {condition.operator: condition.operand, **more}}
