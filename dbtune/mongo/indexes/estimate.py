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
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from dbtune.mongo.indexes.bson_order import STRING, Key
from dbtune.mongo.indexes.collation import alike
from dbtune.mongo.indexes.counted import Counted, Ranged, in_all
from dbtune.mongo.indexes.facts import Index, Keys, Proposal
from dbtune.mongo.indexes.query import Query
from dbtune.mongo.indexes.sample import Sample
from dbtune.mongo.indexes.special import is_ordinary, is_projected, needs_special, with_special
from dbtune.mongo.indexes.work import Work

MOST_MERGED_SCANS = 200
"""internalQueryMaxScansToExplode."""


class Estimator:
    """What one query examines with whatever index."""

    def __init__(self, sample: Sample, query: Query) -> None:
        self._counted = counted = Counted(sample, query)
        self.sample, self.query = sample, query
        self.ranged, self.matched = counted.ranged, counted.matched
        self.returned = counted.returned
        decided = {one.path for one in query.conditions if one.operator != "$elemMatch"}
        self.needs_document = (
            query.undecided
            or bool(query.branches)
            or not decided <= self.ranged.keys()
            or any(one.operator in ("$elemMatch", "$all") for one in query.conditions)
        )

    # -------------------------------------------------------------------------------- without index

    def scan(self) -> Work:
        """The work of a collection scan."""
        query, total = self.query, float(self.sample.total)
        part = 1.0
        ordered = bool(query.sort) or needs_special(query)  # by distance, or not at all
        if query.limit and not ordered and query.kind == "find":
            part = min(1.0, query.limit / max(self.returned, 1e-9))
        sorting = self.returned if ordered else 0.0
        return Work(
            scanned=total * part, sorted=sorting, kept=query.limit or sorting, returned=self._out()
        )

    def _out(self) -> float:
        limit = self.query.limit
        return min(self.returned, limit) if limit else self.returned

    # ----------------------------------------------------------------------------------- with index

    def with_index(self, index: Index) -> Work | None:
        """The work with an index; ``None`` if the planner would not use it for this query."""
        if index.hidden or not self._fits(index):
            return None
        if index.projection and not any(is_projected(index.projection, one) for one in self.ranged):
            return None
        within = self.sample.all
        if index.partial:
            within = self.sample.matching(index.partial) or 0
        if index.sparse and len(index.keys) == 1:
            within &= self._present(index.keys[0][0])
        return self.with_keys(index.keys, within=within, whole=within == self.sample.all)

    def with_proposal(self, one: Proposal) -> Work | None:
        """As :meth:`with_index`, of one that could be made."""
        if not self._compares_alike(one.paths, dict(one.collation)):
            return None
        if not one.exists:
            return self.with_keys(one.keys)
        return self.with_keys(one.keys, within=self._present(one.exists), whole=False)

    def _present(self, path: str) -> int:
        return self.sample.matching({path: {"$exists": True}}) or 0

    def _fits(self, index: Index) -> bool:
        """Whether the documents that the index leaves out, and its collation, let it answer."""
        query = self.query
        if not self._compares_alike(index.paths, index.collation):
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

    def _compares_alike(self, paths: Sequence[str], collation: Mapping[str, Any]) -> bool:
        return alike(collation, self.query.collation) or not self.compares_texts(paths)

    def compares_texts(self, paths: Sequence[str]) -> bool:
        """Whether it makes a difference to the query how an index on some fields compares texts."""
        if any(one.path in paths and _may_be_text(one.operand) for one in self.query.conditions):
            return True
        return any(
            key[0] == STRING
            for name, _ in self.query.sort
            if name in paths
            for keys in self.sample.field(name).keys
            for key in keys
        )

    def with_keys(
        self, keys: Keys, *, within: int | None = None, whole: bool = True
    ) -> Work | None:
        """As :meth:`with_index`, of an index on some fields."""
        query = self.query
        within = self.sample.all if within is None else within
        if not is_ordinary(keys):
            return with_special(self, keys, within, whole)
        if needs_special(query):
            return None
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
        return self.scan_index(keys, used, order, within, whole)

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

    def scan_index(
        self, keys: Keys, used: Mapping[str, Ranged], order: str, within: int, whole: bool
    ) -> Work:
        """The work of reading an index within what conditions on its fields leave.

        Args:
            keys: its fields.
            used: the conditions.
            order: why documents come out as they are wanted; "" if they don't.
            within: documents of the sample that are in it.
            whole: all are.
        """
        sample, query = self.sample, self.query
        seeks = self._seeks(keys, used, within)
        within &= self._counted.in_one_element(used)
        reached = within & self._counted.both(one.reached for one in used.values())
        kept = within & self._counted.both(one.kept for one in used.values())
        inside = within.bit_count() / max(1, sample.size) if not whole else 1.0
        entries = self._counted.count([inside, *(one.share for one in used.values())], reached)
        entries *= self._keys_per_document(keys, used, reached)
        decided = self._counted.count([inside, *(one.kept_share for one in used.values())], kept)
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
            found = sample.keys_in(path, partial(in_all, ranged.bounds if ranged else ()), reached)
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
                count = self._counted.count(shares, mask)
                groups = self.sample.distinct_in_all(tuple(before), mask, count)
                seeks = groups * self._between(ranged, (*before, path), mask, count, groups)
            if ranged is None or not ranged.points:
                ranges = True
            elif not ranges:
                points *= ranged.points
            before.append(path)
            if ranged is not None:
                mask &= ranged.reached
                shares.append(ranged.share)
        return seeks + points

    def _between(
        self, ranged: Ranged, paths: tuple[str, ...], mask: int, count: float, groups: float
    ) -> float:
        """Keys of a group before, between and behind what is wanted of a field in it.

        One is examined in each gap that has any, to find where to go on: of so many gaps, those
        that are hit by as many keys as are not wanted.
        """
        values = self.sample.distinct_in_all(paths, mask, count) / max(1.0, groups)
        gaps = max(1, ranged.points) + 1
        return float(gaps * (1 - (1 - 1 / gaps) ** (values * (1 - ranged.share))))

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
        """Whether the order of the scan can't be told: arrays, places."""
        return not is_ordinary(keys) or any(self.sample.field(path).array for path, _ in keys)

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
        mask = within & self._counted.both(one.reached for one in used.values())
        count = self._counted.count([one.share for one in used.values()], mask)
        values = self.sample.distinct_in_all((query.distinct,), mask, count)
        return Work(keys=values, covered=True, returned=values)


def _first_key(column: Sequence[Sequence[Key]], number: int) -> Key:
    return column[number][0]


def _may_be_text(operand: object) -> bool:
    """Whether a value is a text, or may have one in it."""
    if isinstance(operand, list):
        return any(map(_may_be_text, operand))
    return isinstance(operand, str | Mapping)
