"""What a query would examine with an index, counted on a sample.

The planner's rules that decide it are those of MongoDB's documentation, checked on 6.0 (each is a
case in the tests):

* A field after one without an equality still narrows the scan, but each value before it costs a
  seek, which is an examined key.
* An index whose first field has no condition serves only its order.
* Up to 200 scans of ``$in`` are merged in order; more are sorted.
* If the index holds all that the filter and the sort look at, keys are sorted before documents are
  fetched, so that a limit saves the fetches.
* A field that holds arrays gives no order and covers nothing, and of two conditions on it only one
  narrows the scan, unless ``$elemMatch`` binds them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from dbtune.mongo.indexes.bounds import Bound, bound_of
from dbtune.mongo.indexes.bson_order import Key
from dbtune.mongo.indexes.facts import Index, Keys, Proposal
from dbtune.mongo.indexes.query import Condition, Query
from dbtune.mongo.indexes.sample import Sample

MOST_MERGED_SCANS = 200
"""internalQueryMaxScansToExplode."""
KEY_COST, FETCH_COST, SCAN_COST, SORT_COST = 1.0, 4.0, 2.0, 1.0
"""Cost of a key, of a document fetched by an index, of one in a collection scan, and of sorting,
times the documents and the logarithm to base 2 of what is kept. Measured in memory on 6.0: 0.5 µs,
0.8 to 2.2 µs, 0.3 µs, and 0.06 µs; a fetch from disk is dearer, and so is what a blocking sort
holds in memory."""


NARROW_SHARE = 0.2
"""Conditions that exclude ($ne, $nin) lead an index only if they leave no more than this share."""


class Work(NamedTuple):
    """What a query examines and sorts.

    Attributes:
        keys: index keys.
        docs: documents fetched by an index.
        scanned: documents of a collection scan.
        sorted: what is sorted in memory, documents or keys.
        kept: of these, what the sort keeps (the limit).
        serves_sort: the index has the order.
        covered: the index alone answers.
        returned: documents that come out.
    """

    keys: float = 0.0
    docs: float = 0.0
    scanned: float = 0.0
    sorted: float = 0.0
    kept: float = 0.0
    serves_sort: bool = False
    covered: bool = False
    returned: float = 0.0

    @property
    def cost(self) -> float:
        """All of it in one number: index keys that cost as much."""
        depth = math.log2(max(2.0, min(self.sorted, self.kept or self.sorted)))
        return (
            self.keys * KEY_COST
            + self.docs * FETCH_COST
            + self.scanned * SCAN_COST
            + self.sorted * depth * SORT_COST
        )

    def plus(self, other: Work) -> Work:
        """Both together: branches of an ``$or``."""
        return Work(
            self.keys + other.keys,
            self.docs + other.docs,
            self.scanned + other.scanned,
            self.sorted + other.sorted,
            max(self.kept, other.kept),
            self.serves_sort and other.serves_sort,
            self.covered and other.covered,
            self.returned + other.returned,
        )


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


class Estimator:
    """What one query examines with whatever index."""

    def __init__(self, sample: Sample, query: Query) -> None:
        self.sample = sample
        self.query = query
        self.ranged = self._ranged()
        self.matched = self._matched()
        self.returned = self._count([one.kept_share for one in self.ranged.values()], self.matched)
        decided = {one.path for one in query.conditions if one.operator != "$elemMatch"}
        self.needs_document = (
            query.undecided
            or bool(query.branches)
            or not decided <= self.ranged.keys()
            or any(one.operator in ("$elemMatch", "$all") for one in query.conditions)
        )

    # ------------------------------------------------------------------ what is counted beforehand

    def _ranged(self) -> dict[str, Ranged]:
        by_path: dict[str, list[tuple[Condition, Bound]]] = {}
        for one in self.query.conditions:
            bound = bound_of(one) if one.path else None
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
        reached = sample.having(path, partial(_in_all, bounds))
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

    def _matched(self) -> int:
        decided = self.sample.matching(self.query.filter)
        if decided is not None:
            return decided
        return self._and(one.kept for one in self.ranged.values())

    def _and(self, masks: Iterable[int]) -> int:
        found = self.sample.all
        for one in masks:
            found &= one
        return found

    def _count(self, shares: Sequence[float], mask: int) -> float:
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

    # -------------------------------------------------------------------------------- without index

    def scan(self) -> Work:
        """The work of a collection scan."""
        query, total = self.query, float(self.sample.total)
        part = 1.0
        if query.limit and not query.sort and query.kind == "find":
            part = min(1.0, query.limit / max(self.returned, 1e-9))
        sorting = self.returned if query.sort else 0.0
        return Work(
            scanned=total * part, sorted=sorting, kept=query.limit or sorting, returned=self._out()
        )

    def _out(self) -> float:
        limit = self.query.limit
        return min(self.returned, limit) if limit else self.returned

    # ----------------------------------------------------------------------------------- with index

    def with_index(self, index: Index) -> Work | None:
        """The work with an index; ``None`` if the planner would not use it for this query."""
        if not index.is_btree or index.hidden or not self._fits(index):
            return None
        within = self.sample.all
        if index.partial:
            within = self.sample.matching(index.partial) or 0
        if index.sparse and len(index.keys) == 1:
            within &= self._present(index.keys[0][0])
        return self.with_keys(index.keys, within=within, whole=within == self.sample.all)

    def with_proposal(self, one: Proposal) -> Work | None:
        """As :meth:`with_index`, of one that could be made."""
        if not one.exists:
            return self.with_keys(one.keys)
        return self.with_keys(one.keys, within=self._present(one.exists), whole=False)

    def _present(self, path: str) -> int:
        return self.sample.matching({path: {"$exists": True}}) or 0

    def _fits(self, index: Index) -> bool:
        """Whether the documents that the index leaves out, and its collation, let it answer."""
        query = self.query
        if dict(index.collation) != dict(query.collation) and self._compares_texts(index):
            return False
        if index.partial:
            paths = {str(name) for name in index.partial if not str(name).startswith("$")}
            given = {one.path for one in query.conditions}
            inside = self.sample.matching(index.partial)
            if inside is None or not paths <= given or self.matched & ~inside:
                return False
        if index.sparse:
            first = index.keys[0][0]
            asked = [one for one in query.conditions if one.path == first]
            return any(
                one.operand not in (None, False) and one.operator not in ("$ne", "$nin", "$not")
                for one in asked
            )
        return True

    def _compares_texts(self, index: Index) -> bool:
        conditions = [one for one in self.query.conditions if one.path in index.paths]
        sorts = any(name in index.paths for name, _ in self.query.sort)
        return sorts or any(isinstance(one.operand, str | list) for one in conditions)

    def with_keys(
        self, keys: Keys, *, within: int | None = None, whole: bool = True
    ) -> Work | None:
        """As :meth:`with_index`, of an ordinary index on some fields."""
        sample, query = self.sample, self.query
        within = sample.all if within is None else within
        used = self._used(keys)
        order = self._order(keys, used)
        first = used.get(keys[0][0])
        if query.kind == "distinct" and query.distinct in [name for name, _ in keys]:
            special = self._distinct_scan(keys, used, within)
            if special is not None:
                return special
        if first is None and not order and whole:
            return None
        if (
            first is not None
            and not first.narrow
            and not order
            and whole
            and not self._covers(keys, used)
        ):
            return None  # it excludes little: the planner may use it, and it would not pay
        return self._scan_index(keys, used, order, within, whole)

    def _used(self, keys: Keys) -> dict[str, Ranged]:
        """Conditions that narrow the scan of an index, by field.

        Without one on the first field the planner reads the whole index and looks at documents.
        """
        if keys[0][0] not in self.ranged:
            return {}
        found: dict[str, Ranged] = {}
        arrays: dict[str, str] = {}
        for path, _ in keys:
            ranged = self.ranged.get(path)
            if ranged is None:
                continue
            array = self.sample.field(path).array
            if array:
                if array in arrays and not (ranged.element and arrays[array] == ranged.element):
                    continue
                arrays[array] = ranged.element
            found[path] = ranged
        return found

    def _scan_index(
        self, keys: Keys, used: Mapping[str, Ranged], order: str, within: int, whole: bool
    ) -> Work:
        sample, query = self.sample, self.query
        reached = within & self._and(one.reached for one in used.values())
        kept = within & self._and(one.kept for one in used.values())
        inside = within.bit_count() / max(1, sample.size) if not whole else 1.0
        entries = self._count([inside, *(one.share for one in used.values())], reached)
        entries *= self._keys_per_document(keys, used, reached)
        decided = self._count([inside, *(one.kept_share for one in used.values())], kept)
        seeks = self._seeks(keys, used, within)
        covered = self._covers(keys, used) and whole
        residual = (
            self.needs_document
            or bool(self.ranged.keys() - used.keys())
            or any(not one.exact for one in used.values())
        )
        matched = min(self.returned, decided) if residual else decided
        part = 1.0
        if query.limit and (order or not query.sort) and query.kind == "find":
            part = self._part(keys, reached, query.limit, matched)
        fetched = 0.0 if covered else decided
        sorting = 0.0
        if query.sort and not order:
            sorting = matched
            if not residual and self._on_keys(keys):
                sorting = decided
                fetched = 0.0 if covered else min(decided, query.limit or decided)
        read = entries * part + min(seeks, seeks * part + self._streams(used))
        return Work(
            keys=read,
            docs=fetched * part,
            sorted=sorting,
            kept=query.limit or sorting,
            serves_sort=bool(query.sort and order),
            covered=covered,
            returned=self._out(),
        )

    def _streams(self, used: Mapping[str, Ranged]) -> float:
        return float(math.prod(max(1, one.points) for one in used.values()))

    def _keys_per_document(self, keys: Keys, used: Mapping[str, Ranged], reached: int) -> float:
        """Of a field that holds arrays, several keys of a document may be in bounds."""
        sample = self.sample
        rows = reached.bit_count()
        for path, _ in keys:
            if not sample.field(path).array or not rows:
                continue
            ranged = used.get(path)
            found = sample.keys_in(path, partial(_in_all, ranged.bounds if ranged else ()), reached)
            return max(1.0, found / rows)
        return 1.0

    def _seeks(self, keys: Keys, used: Mapping[str, Ranged], within: int) -> float:
        """Keys that are examined only to find where the next range begins."""
        before: list[str] = []
        mask = within
        shares: list[float] = []
        ranges = False
        seeks, points = 0.0, 1
        for path, _ in keys:
            ranged = used.get(path)
            if ranged is not None and ranges:
                count = self._count(shares, mask)
                groups = self.sample.distinct_in_all(tuple(before), mask, count)
                # One key behind the range, and one before the next, unless that is the same.
                seeks = max(0.0, 2 * groups - groups * groups / max(groups, count)) * points
            if ranged is None or not ranged.points:
                ranges = True
            elif not ranges:
                points *= ranged.points
            before.append(path)
            if ranged is not None:
                mask &= ranged.reached
                shares.append(ranged.share)
        return seeks + points

    def _part(self, keys: Keys, reached: int, limit: int, matched: float) -> float:
        """Share of the scan after which a limit is met.

        Where matches lie in the index's order is looked up, since a field's values may come with
        others' (new orders are the open ones); with few of them in the sample, evenly.
        """
        if matched <= 0:
            return 1.0
        part = min(1.0, limit / matched)
        wanted = self.matched & reached
        many = wanted.bit_count()
        if part >= 1.0 or many < 10 or wanted == reached or self.needs_order_unknown(keys):
            return part
        positions = self._positions(keys, reached, wanted)
        place = part * len(positions)
        at = int(place)
        if at == 0:
            found = place * (positions[0] + 1)
        else:
            found = (
                positions[at - 1]
                + 1
                + (place - at) * (positions[min(at, len(positions) - 1)] - positions[at - 1])
            )
        observed = min(1.0, found / max(1, reached.bit_count()))
        return observed if at >= 5 else math.sqrt(max(part * observed, 1e-18))

    def needs_order_unknown(self, keys: Keys) -> bool:
        """Whether the order of the scan can't be told: arrays."""
        return any(self.sample.field(path).array for path, _ in keys)

    def _positions(self, keys: Keys, reached: int, wanted: int) -> list[int]:
        """Where the wanted documents come in the order in which the index is read."""
        columns = [self.sample.field(path).keys for path, _ in keys]
        numbers = [number for number in range(self.sample.size) if reached >> number & 1]
        backward = self._backward(keys)
        for column, (_, way) in reversed(list(zip(columns, keys, strict=True))):
            numbers.sort(key=partial(_first_key, column), reverse=(way < 0) != backward)
        return [at for at, number in enumerate(numbers) if wanted >> number & 1]

    def _backward(self, keys: Keys) -> bool:
        ways = dict(keys)
        for name, way in self.query.sort:
            if name in ways:
                return bool((ways[name] < 0) != (way < 0))
        return False

    # --------------------------------------------------------------------------- order and covering

    def _order(self, keys: Keys, used: Mapping[str, Ranged]) -> str:
        """``order`` if the index has the query's order, ``merge`` if its scans are merged."""
        wanted = [
            (name, way)
            for name, way in self.query.sort
            if not (name in used and used[name].points == 1 and used[name].exact)
        ]
        if not self.query.sort:
            return ""
        turned: set[bool] = set()
        scans, at = 1, 0
        for path, way in keys:
            if at == len(wanted):
                break
            if path == wanted[at][0]:
                if self.sample.field(path).array:
                    return ""
                turned.add((way < 0) != (wanted[at][1] < 0))
                at += 1
                continue
            ranged = used.get(path)
            if ranged is None or not ranged.points:
                return ""
            scans *= ranged.points
        if at < len(wanted) or len(turned) > 1 or scans > MOST_MERGED_SCANS:
            return ""
        return "merge" if scans > 1 else "order"

    def _on_keys(self, keys: Keys) -> bool:
        """Whether the sort key can be taken from the index."""
        paths = {path for path, _ in keys}
        return all(
            name in paths and not self.sample.field(name).array for name, _ in self.query.sort
        )

    def _covers(self, keys: Keys, used: Mapping[str, Ranged]) -> bool:
        """Whether the index alone answers."""
        query = self.query
        if query.kind == "write" or self.needs_document or query.needed is None:
            return False
        paths = {path for path, _ in keys}
        asked = set(query.needed) | self.ranged.keys() | {name for name, _ in query.sort}
        if not asked <= paths or any(self.sample.field(path).array for path in paths):
            return False
        return all(one.exact for path, one in self.ranged.items() if path in used) and (
            self.ranged.keys() <= used.keys()
        )

    def _distinct_scan(self, keys: Keys, used: Mapping[str, Ranged], within: int) -> Work | None:
        """Distinct values read by jumping from one to the next."""
        query = self.query
        if self.needs_document or self.ranged.keys() - used.keys():
            return None
        before = []
        for path, _ in keys:
            if path == query.distinct:
                break
            ranged = used.get(path)
            if ranged is None or ranged.points != 1:
                return None
            before.append(path)
        if self.sample.field(query.distinct).array or any(not o.exact for o in used.values()):
            return None
        if self.ranged.keys() - {*before, query.distinct}:
            return None
        mask = within & self._and(one.reached for one in used.values())
        count = self._count([one.share for one in used.values()], mask)
        values = self.sample.distinct_in_all((query.distinct,), mask, count)
        return Work(keys=values, covered=True, returned=values)


def _in_all(bounds: Sequence[Bound], key: Key) -> bool:
    return all(one.has(key) for one in bounds)


def _first_key(column: Sequence[Sequence[Key]], number: int) -> Key:
    return column[number][0]


def _as_filter(condition: Condition) -> dict[str, object]:
    options = condition.siblings.get("$options")
    more = {"$options": options} if condition.operator == "$regex" and options else {}
    return {condition.path: {condition.operator: condition.operand, **more}}
