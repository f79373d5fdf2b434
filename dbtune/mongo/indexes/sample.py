"""A sample of a collection's documents, and what is counted on it.

Sets of documents are kept as the bits of one large integer: intersecting and counting them costs
next to nothing, so hundreds of candidates can be tried.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from dbtune.mongo.indexes.bson_order import Key, index_values
from dbtune.mongo.indexes.match import Undecided, predicate

_EVEN = 1000.0


class Field(NamedTuple):
    """The index keys of a field.

    Attributes:
        keys: of each document.
        array: the array on its path that makes several of them; "" if there is none.
    """

    keys: list[list[Key]]
    array: str


def bits(flags: Iterable[object]) -> int:
    """A set of documents from a flag for each, in order."""
    text = "".join("1" if one else "0" for one in flags)
    return int(text[::-1], 2) if text else 0


class Sample:
    """Documents of a collection.

    Attributes:
        documents: the sampled documents.
        total: documents in the collection.
        memory: what was worked out from it, for whoever needs it again.
    """

    def __init__(self, documents: Sequence[Mapping[str, Any]], total: int) -> None:
        self.documents = documents
        self.total = max(total, len(documents))
        self.all = (1 << len(documents)) - 1
        self.memory: dict[int, tuple[object, object]] = {}
        self._fields: dict[str, Field] = {}
        self._frequencies: dict[str, tuple[float, float]] = {}
        self._distinct: dict[tuple[tuple[str, ...], int], tuple[int, int]] = {}

    @property
    def size(self) -> int:
        """Documents in the sample."""
        return len(self.documents)

    @property
    def whole(self) -> bool:
        """Whether it is the whole collection."""
        return self.size >= self.total

    def field(self, path: str) -> Field:
        """The index keys of a field."""
        found = self._fields.get(path)
        if found is None:
            steps = tuple(path.split("."))
            keys, array = [], ""
            for document in self.documents:
                one, inside = index_values(document, steps)
                keys.append(one)
                array = array or inside
            found = self._fields[path] = Field(keys, array)
        return found

    def having(self, path: str, test: Callable[[Key], bool]) -> int:
        """Documents of which a key of a field passes a test."""
        return bits(any(map(test, keys)) for keys in self.field(path).keys)

    def keys_in(self, path: str, test: Callable[[Key], bool], among: int) -> int:
        """Keys of a field that pass a test, of a set of documents."""
        keys = self.field(path).keys
        return sum(sum(map(test, one)) for number, one in enumerate(keys) if among >> number & 1)

    def matching(self, given: Mapping[str, Any]) -> int | None:
        """Documents that meet a filter; ``None`` if it can't be evaluated here."""
        try:
            return bits(map(predicate(given), self.documents))
        except (Undecided, TypeError, ValueError, LookupError, AttributeError, ArithmeticError):
            return None

    def frequencies(self, path: str) -> tuple[float, float]:
        """Values that a field has in the collection, and how alike they are in frequency.

        The second is the shape of a gamma distribution: large if all values are equally frequent,
        below one if a few have most of the documents.
        """
        cached = self._frequencies.get(path)
        if cached is None:
            counts = Counter(key for keys in self.field(path).keys for key in keys)
            once = sum(1 for one in counts.values() if one == 1)
            rows = sum(counts.values())
            many = max(self.total / max(1, self.size), 1.0) * rows
            values = rows * len(counts) / max(1.0, rows - once + once * rows / many)
            mean = rows / values
            spread = sum(one * one for one in counts.values()) / values - mean * mean - mean
            evenness = mean * mean / spread if spread > 0 else _EVEN
            cached = self._frequencies[path] = values, min(_EVEN, max(0.1, evenness))
        return cached

    def distinct(self, paths: tuple[str, ...], among: int) -> tuple[int, int]:
        """Different combinations of some fields' values among documents, and those seen once."""
        cached = self._distinct.get((paths, among))
        if cached is None:
            columns = [self.field(path).keys for path in paths]
            seen: Counter[tuple[Key, ...]] = Counter()
            for number in range(self.size):
                if among >> number & 1:
                    seen[tuple(column[number][0] for column in columns)] += 1
            cached = len(seen), sum(1 for one in seen.values() if one == 1)
            self._distinct[paths, among] = cached
        return cached

    def distinct_in_all(self, paths: tuple[str, ...], among: int, count: float) -> float:
        """The same, estimated for ``count`` documents of the collection like these.

        Haas and Stokes' estimator Duj1, as PostgreSQL's ANALYZE uses it.
        """
        found, once = self.distinct(paths, among)
        rows = among.bit_count()
        if not rows or self.whole:
            return float(found)
        many = max(count, rows)
        return min(many, rows * found / max(1.0, rows - once + once * rows / many))
