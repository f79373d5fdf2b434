"""What a cache before a query gives at which hit ratio: from times of the parts."""

from __future__ import annotations

from typing import NamedTuple


class Parts(NamedTuple):
    """Mean times in ms.

    Attributes:
        query: the query, its rows fetched.
        hit: GET of the stored result, and decoding it.
        miss: GET of a key that is not there.
        encode: the rows as text.
        store: SET of that text.
    """

    query: float
    hit: float
    miss: float
    encode: float
    store: float

    @property
    def filling(self) -> float:
        """What a miss costs on top of the query."""
        return self.miss + self.encode + self.store


def mean_ms(parts: Parts, hit_ratio: float) -> float:
    """Mean time of a request through the cache: ``h · hit + (1 − h) · (query + filling)``."""
    return hit_ratio * parts.hit + (1 - hit_ratio) * (parts.query + parts.filling)


def break_even(parts: Parts) -> float | None:
    """The hit ratio from which on requests are faster with the cache than without.

    It solves :func:`mean_ms` = query for the hit ratio: ``filling / (query + filling − hit)``.

    Returns:
        A share of one; ``None`` if a hit is no faster than the query: then no ratio is enough.
    """
    if parts.hit >= parts.query:
        return None
    return parts.filling / (parts.query + parts.filling - parts.hit)
