"""What a query examines and sorts, and what that costs."""

from __future__ import annotations

import math
from typing import NamedTuple

KEY_COST, FETCH_COST, SCAN_COST, SORT_COST = 1.0, 4.0, 2.0, 1.0
"""Cost of a key, of a document fetched by an index, of one in a collection scan, and of sorting,
times the documents and the logarithm to base 2 of what is kept. Measured in memory on 6.0: 0.5 µs,
0.8 to 2.2 µs, 0.3 µs, and 0.06 µs; a fetch from disk is dearer, and so is what a blocking sort
holds in memory."""


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
