"""How large a b-tree is when it is freshly built: the server's own rules, deduplication included.

Sources: ``_bt_buildadd`` (nbtsort.c) for when a page counts as full, ``_bt_dedup_save_htid`` and
``_bt_load`` (nbtdedup.c, nbtsort.c) for posting lists, ``index_form_tuple`` (indextuple.c) for the
length of an entry. A key of one bigint gives 366 entries on a leaf page, as the server does.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

BLOCK_BYTES = 8192
_LINE_POINTER = 4
_FREE = BLOCK_BYTES - 24 - 16 - 2 * _LINE_POINTER  # header, special space, high key's pointer
_TID = 6
_POSTING_LIMIT = BLOCK_BYTES // 10 // 8 * 8 - _LINE_POINTER  # 812
_INTERNAL_FILLFACTOR = 70
_SIMULATED_PAGES, _SIMULATED_ENTRIES = 24, 400
"""Pages that are filled on paper; of many small entries fewer, as these pages are all alike."""
_LEAST_PAGES = 2
_LONG_RUN_ROWS = 3000  # such a key fills pages of its own
_NORMAL = (-1.65, -1.03, -0.67, -0.39, -0.13, 0.13, 0.39, 0.67, 1.03, 1.65)  # its deciles' middles


class Equal(NamedTuple):
    """Keys that many rows share.

    Attributes:
        rows: rows that have the same key, on average.
        keys: how many such keys there are.
        exact: whether each has just about that many, or they scatter around it.
        length: of an entry for such a key; ``None`` if it is as any other's.
    """

    rows: float
    keys: float
    exact: bool = True
    length: int | None = None


class Entry(NamedTuple):
    """An entry of a leaf page.

    Attributes:
        size: its bytes, aligned.
        extra: the part that is a posting list's, which a high key does without.
    """

    size: int
    extra: int = 0


def entry_bytes(data_bytes: int, *, nulls: bool = False) -> int:
    """Length of an index entry whose keys take so many bytes, with header and alignment."""
    return _align((16 if nulls else 8) + data_bytes)


def btree_bytes(
    lengths: Sequence[int],
    rows: float,
    equal: Sequence[Equal] | None = None,
    *,
    fillfactor: int = 90,
) -> float:
    """Size of a freshly built b-tree.

    Args:
        lengths: lengths of some of its entries (:func:`entry_bytes`), as they are distributed.
        rows: rows that it has entries for.
        equal: how many rows share a key; ``None`` where entries are not deduplicated.
        fillfactor: of its leaf pages.
    """
    if rows < 1 or not lengths:
        return float(BLOCK_BYTES)
    leaves = leaf_pages(lengths, rows, equal, fillfactor=fillfactor)
    pages = (
        leaves + inner_pages(leaves, _pivot(lengths, equal)) + 1
    )  # the first page is the index's own
    return pages * BLOCK_BYTES


def _pivot(lengths: Sequence[int], equal: Sequence[Equal] | None) -> float:
    """Mean length of keys that end a page: the more room one takes, the likelier it does."""
    weights: list[tuple[float, float]] = [(length, length + _LINE_POINTER) for length in lengths]
    middle = sum(lengths) / len(lengths)
    if equal is not None:
        weights = []
        for group in equal:
            length = group.length or middle
            made = postings(round(length), max(1, round(group.rows)))
            size = sum((one.size + _LINE_POINTER) * times for one, times in made)
            weights.append((length, size * group.keys))
    total = sum(weight for _, weight in weights)
    return sum(length * weight for length, weight in weights) / total if total else middle


def leaf_pages(
    lengths: Sequence[int],
    rows: float,
    equal: Sequence[Equal] | None = None,
    *,
    fillfactor: int = 90,
) -> float:
    """Leaf pages of a freshly built b-tree, at least one; arguments as of :func:`btree_bytes`."""
    if equal is None:
        each = sum(lengths) / len(lengths) + _LINE_POINTER
        leaves = rows * each / _page_bytes([_key(size, 1) for size in lengths], fillfactor)
    else:
        leaves = _deduplicated(lengths, equal, fillfactor)
    return float(max(1, math.ceil(leaves)))


def inner_pages(leaves: float, pivot_bytes: float) -> float:
    """Pages above so many leaf pages, if their entries have this length."""
    pivot = _align(math.ceil(pivot_bytes))
    filled = _page_bytes([_key(pivot, 1)], _INTERNAL_FILLFACTOR)
    fanout = max(2.0, filled / (pivot + _LINE_POINTER))
    pages, level = 0.0, leaves
    while level > 1.0:
        level = math.ceil(level / fanout)
        pages += level
    return pages


@functools.lru_cache(4096)
def postings(length: int, rows: int) -> tuple[tuple[Entry, int], ...]:
    """The entries that so many rows with one key become, each with how many of it there are."""
    most = max(2, (_POSTING_LIMIT // 8 * 8 - length) // _TID)
    if length + 2 * _TID > _POSTING_LIMIT:  # no room for a list
        return ((Entry(length), rows),)
    full, rest = divmod(rows, most)
    made = [(_posting(length, most), full)] if full else []
    if rest:
        made.append((_posting(length, rest) if rest > 1 else Entry(length), 1))
    return tuple(made)


class _Key(NamedTuple):
    """The entries of a key, and the bytes that they take on a page."""

    entries: tuple[Entry, ...]
    bytes: int


@functools.lru_cache(8192)
def _key(length: int, rows: int) -> _Key:
    made = tuple(entry for entry, times in postings(length, rows) for _ in range(times))
    return _Key(made, sum(entry.size + _LINE_POINTER for entry in made))


@functools.lru_cache(512)
def scattered(mean: float) -> list[tuple[int, float]]:
    """How many keys have how many rows, if rows fall on keys by chance: counts and shares.

    A Poisson distribution without zero, since a key without rows is none.
    """
    if mean <= 1.0005:
        return [(1, 1.0)]
    if mean > 60:
        deviation = math.sqrt(mean)
        return [(round(mean + z * deviation), 1 / len(_NORMAL)) for z in _NORMAL]
    rate = chance_rate(mean)
    share = rate * math.exp(-rate) / -math.expm1(-rate)
    found, count = [], 1
    while count <= mean + 6 * math.sqrt(mean) + 6:
        found.append((count, share))
        count += 1
        share *= rate / count
    return found


def chance_rate(mean: float) -> float:
    """The rate of a Poisson distribution that has this mean without its zeros; 0 for 1 or less."""
    if mean <= 1:
        return 0.0
    low, high = 0.0, mean
    for _ in range(50):
        rate = (low + high) / 2
        if rate < mean * -math.expm1(-rate):
            low = rate
        else:
            high = rate
    return low


def _posting(length: int, rows: int) -> Entry:
    size = _align(length + _TID * rows)
    return Entry(size, size - length)


def _deduplicated(lengths: Sequence[int], equal: Sequence[Equal], fillfactor: int) -> float:
    """Leaf pages: runs of one key by themselves, the short ones in random order."""
    kinds: dict[bool, list[tuple[_Key, float]]] = {True: [], False: []}
    pages = 0.0
    spread = _quantiles(lengths)
    for group in equal:
        if group.keys <= 0 or group.rows <= 0:
            continue
        if group.rows > _LONG_RUN_ROWS:
            run = postings(group.length or _middle(lengths), round(group.rows))
            for one, times in run:
                key = _Key((one,), one.size + _LINE_POINTER)
                pages += key.bytes * times * group.keys / _page_bytes([key], fillfactor)
            continue
        for rows, share in _around(group.rows) if group.exact else scattered(group.rows):
            lengths_here = [group.length] if group.length else spread
            keys = group.keys * share / len(lengths_here)
            for length in lengths_here:
                key = _key(length, rows)
                kinds[len(key.entries) == 1].append((key, keys))
    for alike in kinds.values():
        total = sum(key.bytes * keys for key, keys in alike)
        if total > 0:
            pages += total / _page_bytes(_drawn(alike), fillfactor)
    return pages


def _around(rows: float) -> list[tuple[int, float]]:
    low = max(1, math.floor(rows))
    part = min(1.0, max(0.0, rows - low))
    return [(low, 1 - part), (low + 1, part)] if part > 1e-3 else [(low, 1.0)]


def _middle(lengths: Sequence[int]) -> int:
    return sorted(lengths)[len(lengths) // 2]


def _quantiles(lengths: Sequence[int], count: int = 8) -> list[int]:
    ordered = sorted(lengths)
    if ordered[0] == ordered[-1]:
        return [ordered[0]]
    return [ordered[len(ordered) * (2 * i + 1) // (2 * count)] for i in range(count)]


def _drawn(kinds: Sequence[tuple[_Key, float]], count: int = 1009) -> list[_Key]:
    """Keys' entries in the shares that they have: evenly spaced points of the cumulative share."""
    total = sum(share for _, share in kinds)
    found: list[_Key] = []
    reached = 0.0
    for key, share in kinds:
        reached += share
        found += [key] * (math.ceil(reached / total * count - 0.5) - len(found))
    return found or [max(kinds, key=lambda kind: kind[1])[0]]


def _page_bytes(keys: Sequence[_Key], fillfactor: int) -> float:
    """Bytes of entries on a page, on average, if keys come in random order."""
    reserve = BLOCK_BYTES * (100 - fillfactor) // 100
    first = keys[0]
    if len(first.entries) == 1 and keys.count(first) == len(keys):
        return _fill_alike(first.entries[0], reserve)
    # In steps of about the golden ratio, which mixes as well as chance does.
    step = next(
        n for n in range(round(len(keys) * 0.618), 2 * len(keys)) if math.gcd(n, len(keys)) == 1
    )
    order = (keys[place * step % len(keys)] for place in itertools.count())
    return _fill(
        itertools.chain.from_iterable(key.entries for key in order), reserve, _SIMULATED_PAGES
    )


@functools.lru_cache(1024)
def _fill_alike(entry: Entry, reserve: int) -> float:
    return _fill(itertools.repeat(entry), reserve, 2)


def _fill(entries: Iterable[Entry], reserve: int, pages: int) -> float:
    """Fill pages as the server does when it builds an index; bytes on each.

    A page is full when less than its reserve is free before the next entry; the last entry then
    moves on to the next page, and what is left of it is the high key.
    """
    free, on_page, placed, done, before = _FREE, 0, 0, 0, 0
    last_size = last_extra = 0
    for size, extra in entries:
        if on_page and (free < size + 8 or (free + last_extra < reserve and on_page > 1)):
            moves = on_page > 1
            placed += _FREE - free - (last_size + _LINE_POINTER if moves else 0)
            done, before = done + 1, before + on_page
            if done == pages or (done >= _LEAST_PAGES and before >= _SIMULATED_ENTRIES):
                break
            free, on_page = (_FREE - last_size - _LINE_POINTER, 1) if moves else (_FREE, 0)
        free -= size + _LINE_POINTER
        on_page += 1
        last_size, last_extra = size, extra
    return max(1.0, placed / max(1, done))


def _align(size: int) -> int:
    return (size + 7) // 8 * 8
