"""How large a GIN index will be: from the elements of the values that ANALYZE kept as a sample.

An element has an entry with the list of its rows in it, or, if that is long, in pages of its own
(``ginentrypage.c``, ``gindatapage.c``); a row is kept as its distance from the one before, in
7-bit groups (``ginpostinglist.c``). How many different elements there are beyond those of a sample
follows Heaps' law, whose exponent is the share of elements that the sample has once; not so of
trigrams, of which there are only so many.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from dbtune.postgres.relations.facts import ColumnStatistics
from dbtune.postgres.relations.index_size import BLOCK_BYTES

_IN_ENTRY = 2712
"""Bytes of an entry at most (GinMaxItemSize)."""
_ENTRIES_FILLED, _LISTS_FILLED = 0.6, 0.95
_PLACES = 2048
"""Numbers that a block has for rows: eleven bits."""
_LEAST_SAMPLE = 20
_TRIGRAMS = 20_000.0
_FEW_TIMES = 6
_WORD_BYTES = 6.5
"""Of a word with what stands behind it, in texts that no sample is known of."""
_HEAPS = 30.0, 0.55
"""Different words of a text of n words are some K * n ** b (Manning, Introduction to Information
Retrieval, 5.1.1)."""
_ELEMENTS = 5.0
_TAIL = 0.3
"""How often an element occurs that is not among the most common, in terms of the last of these."""
_FIXED = {"_int2": 2, "_int4": 4, "_int8": 8, "_date": 4, "_uuid": 16, "_float8": 8}
_PATH = re.compile(r"(?:->>?|#>>?)\s*'\{?([^'}]*)\}?'")
_WORD = re.compile(r"\w+")


class GinKey(NamedTuple):
    """A key of a GIN index.

    Attributes:
        sql: its expression, or its column's name.
        operator_class: "" for the default.
        base_type: of the column that it is made of.
        statistics: of that column.
    """

    sql: str
    operator_class: str
    base_type: str
    statistics: ColumnStatistics | None


class _Elements(NamedTuple):
    """So many elements, each in so many rows and so many bytes long."""

    number: float
    rows: float
    width: float


def gin_bytes(keys: Sequence[GinKey], rows: float, blocks: float) -> float:
    """Bytes of a GIN index as it is built anew."""
    entries = lists = 0.0
    for key in keys:
        for some in _elements(key, rows):
            inside, outside = _stored(some, blocks)
            entries += some.number * inside
            lists += some.number * outside
    pages = 2 + math.ceil(entries / (BLOCK_BYTES - 32) / _ENTRIES_FILLED)
    return (pages + pages // 150) * BLOCK_BYTES + lists


def _stored(some: _Elements, blocks: float) -> tuple[float, float]:
    """Bytes of an element's entry, and of the pages of its list."""
    # The step from one page to the next is longer than one within a page.
    crossing = min(1.0, max(1.0, blocks) / max(1.0, some.rows))
    step = _PLACES * max(1.0, blocks / max(1.0, some.rows))
    each = 1 - crossing + crossing * max(2, math.ceil(math.log2(step) / 7))
    row_list = 8 + max(0.0, some.rows - 1) * each
    entry = 8 + some.width
    whole = math.ceil((entry + row_list) / 8) * 8 + 4
    if whole <= _IN_ENTRY:
        return whole, 0.0
    pages = math.ceil(row_list / (BLOCK_BYTES - 100) / _LISTS_FILLED)
    return math.ceil(entry / 8) * 8 + 4, (pages + (pages > 1)) * BLOCK_BYTES


def _elements(key: GinKey, rows: float) -> list[_Elements]:
    seen = key.statistics
    if seen is not None and seen.element_values and key.sql.isidentifier():
        return _of_most_common(seen, rows, key.base_type)
    values = (*seen.common_values, *seen.histogram) if seen else ()
    split, width = _splitting(key)
    sets = [frozenset(split(value)) for value in values]
    trigrams = key.operator_class.endswith("gin_trgm_ops")
    if len(sets) >= _LEAST_SAMPLE:
        return _of_trigrams(sets, rows) if trigrams else _of_sample(sets, rows, width)
    mean = float(seen.average_width_bytes) if seen else _ELEMENTS * _WORD_BYTES
    if trigrams:
        return _evenly(rows, mean + 1, _TRIGRAMS, 4)
    factor, power = _HEAPS
    per_row = max(1.0, mean / _WORD_BYTES)
    return _evenly(rows, per_row, factor * (rows * per_row) ** power, width or 8)


def _evenly(rows: float, per_row: float, different: float, width: float) -> list[_Elements]:
    """Elements by Zipf's law, in groups: each twice as many, half as often."""
    references = rows * per_row
    different = max(1.0, min(different, references))
    total = math.log(different) + 0.58
    found, rank = [], 1.0
    while rank <= different:
        count = min(rank, different - rank + 1)
        often = references / total / rank * math.log(2) if rank > 1 else references / total
        found.append(_Elements(count, min(rows, max(1.0, often)), width))
        rank *= 2
    return found


def _of_most_common(seen: ColumnStatistics, rows: float, base_type: str) -> list[_Elements]:
    """Of a column whose most common elements ANALYZE counted."""
    pairs = list(zip(seen.element_values, seen.element_ratios, strict=False))
    fixed = _FIXED.get(base_type, 0)
    found = [
        _Elements(1, max(1.0, ratio * rows), fixed or len(value) + 2) for value, ratio in pairs
    ]
    mean = sum(one.width for one in found) / max(1, len(found))
    # A tsvector keeps of an element its length and places besides, an array a header.
    header, each = (24, mean + 2 * (not fixed)) if base_type.startswith("_") else (0, mean + 5)
    rest = (seen.average_width_bytes - header) / each - sum(ratio for _, ratio in pairs)
    if rest > 0.1 and pairs and len(pairs) >= 100:
        often = max(1.0, min(ratio for _, ratio in pairs) * rows * _TAIL)
        found.append(_Elements(rest * rows / often, often, mean))
    return found


def _of_trigrams(sets: Sequence[frozenset[str]], rows: float) -> list[_Elements]:
    """Of trigrams there are so many and no more: those that a sample lacks are counted by those
    that it has once and twice (Chao 1984), and what it has a few times occurs as often as Good and
    Turing say (Good 1953). Taken as it is, a sample of a few hundred texts in which all trigrams
    are as frequent makes some of them rare, whose lists would fit into their entries."""
    seen = Counter(Counter(element for one in sets for element in one).values())
    ratio = rows / max(1, len(sets))
    found, left = [], 0.0
    for often, number in sorted(seen.items()):
        likely = float(often)
        if often < _FEW_TIMES and seen[often + 1] >= _FEW_TIMES:
            likely = min(likely, (often + 1) * seen[often + 1] / number)
        left += number * (often - likely)
        found.append(_Elements(number, max(1.0, likely * ratio), 4))
    unseen = seen[1] * (seen[1] - 1) / 2 / (seen[2] + 1)
    if unseen and left:
        found.append(_Elements(unseen, max(1.0, left * ratio / unseen), 4))
    return found


def _of_sample(sets: Sequence[frozenset[str]], rows: float, width: float) -> list[_Elements]:
    counted = Counter(element for one in sets for element in one)
    if not counted:
        return []
    ratio = rows / len(sets)
    once = [element for element, count in counted.items() if count == 1]
    found = [
        _Elements(1, count * ratio, width or len(element.encode()) + 2)
        for element, count in counted.items()
        if count > 1
    ]
    if once:
        exponent = len(once) / len(counted)
        different = len(counted) * max(1.0, ratio) ** exponent
        rare = max(float(len(once)), different - len(found))
        mean = width or sum(len(element.encode()) + 2 for element in once) / len(once)
        found.append(_Elements(rare, max(1.0, len(once) * ratio / rare), mean))
    return found


# ----------------------------------------------------------------------------- elements of a value


def _splitting(key: GinKey) -> tuple[Callable[[str], Iterator[str]], float]:
    """What takes a value apart, and the bytes of an element where all have as many."""
    path = [step for one in _PATH.findall(key.sql) for step in one.split(",")]
    if key.operator_class.endswith("gin_trgm_ops"):
        if key.base_type == "jsonb":
            return lambda value: _trigrams(str(_at(value, path) or "")), 4.0
        return _trigrams, 4.0
    if key.base_type == "jsonb":
        if key.operator_class.endswith("jsonb_path_ops"):
            return lambda value: _scalars(_at(value, path), ""), 4.0
        return lambda value: _names(_at(value, path)), 0.0
    return _words, 0.0


def _trigrams(value: str) -> Iterator[str]:
    for word in _WORD.findall(value.lower()):
        padded = f"  {word} "
        yield from (padded[at : at + 3] for at in range(len(padded) - 2))


def _words(value: str) -> Iterator[str]:
    yield from _WORD.findall(value.lower())


def _at(value: str, path: Sequence[str]) -> Any:
    try:
        found = json.loads(value)
    except ValueError:
        return None
    for step in path:
        found = found.get(step) if isinstance(found, dict) else None
    return found


def _names(value: Any) -> Iterator[str]:
    """Keys and values, as jsonb_ops keeps them."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield name
            yield from _names(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _names(inner)
    elif value is not None:
        yield str(value)


def _scalars(value: Any, path: str) -> Iterator[str]:
    """Values with the way to them, as jsonb_path_ops hashes them."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _scalars(inner, f"{path}.{name}")
    elif isinstance(value, list):
        for inner in value:
            yield from _scalars(inner, f"{path}[]")
    elif value is not None:
        yield f"{path}={value}"
