"""How long tuples are and how many pages they fill: the rules of heaps, TOAST tables and indexes.

Sources: ``heap_compute_data_size`` (heaptuple.c), ``raw_heap_insert`` (rewriteheap.c), which fills
pages for VACUUM FULL, ``heap_toast_insert_or_update`` (heaptoast.c).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

BLOCK_BYTES = 8192
_PAGE_HEADER = 24
_LINE_POINTER = 4
_MOST_TUPLES = 291
TOAST_TARGET = 2032
"""A longer row has values compressed or moved out (TOAST_TUPLE_TARGET)."""
_TOAST_MAIN_TARGET = 8160
POINTER_BYTES = 18
"""What a value leaves behind when it is moved out."""
CHUNK_BYTES = 1996
"""What of a value a row of a TOAST table holds (TOAST_MAX_CHUNK_SIZE)."""
_CHUNK_HEADER = 24 + 4 + 4 + 4


def align(size: int, to: int = 8) -> int:
    """The size rounded up to a multiple."""
    return -(-size // to) * to


def heap_header(attributes: int, *, nulls: bool) -> int:
    """Bytes before a row's first column; with nulls there is a bit for each attribute."""
    return align(23 + (attributes + 7) // 8) if nulls else 24


LONGEST_SHORT = 127
"""A varying-length value so long has the header of one byte, and is not aligned."""


class Run(NamedTuple):
    """Tuples of one length in a row."""

    length: int
    times: int = 1


def pages(runs: Iterable[Run], fillfactor: int = 100) -> float:
    """Pages that tuples fill one after the other; the last one counts by how full it is."""
    reserve = BLOCK_BYTES * (100 - fillfactor) // 100
    room = BLOCK_BYTES - _PAGE_HEADER
    full, used, on_page = 0, 0, 0
    for length, count in runs:
        each = align(length) + _LINE_POINTER
        left = count
        while left:
            fits = min((room - reserve - used) // each, _MOST_TUPLES - on_page)
            if fits <= 0 and not on_page:
                fits = 1  # a page takes one tuple whatever the reserve
            if fits >= left:
                used, on_page, left = used + left * each, on_page + left, 0
            else:
                left -= max(0, fits)
                full, used, on_page = full + 1, 0, 0
    return full + min(1.0, used / max(1, room - reserve))


def chunks(size: int) -> list[Run]:
    """Rows of a TOAST table that a value of so many bytes becomes."""
    whole, rest = divmod(size, CHUNK_BYTES)
    made = [Run(align(_CHUNK_HEADER + CHUNK_BYTES), whole)] if whole else []
    if rest:
        made.append(Run(align(_CHUNK_HEADER + rest)))
    return made


def moved_out(
    length: int, values: Sequence[tuple[int, str]], target: int = TOAST_TARGET
) -> list[bool]:
    """Which values of a row are moved out until it is short enough: the longest first.

    Args:
        length: of the row with all values in it.
        values: stored length and storage (``x``, ``e``, ``m``) of those that may be moved.
        target: the table's toast_tuple_target.
    """
    moved = [False] * len(values)
    if length <= TOAST_TARGET:
        return moved
    longest = sorted(range(len(values)), key=lambda place: -values[place][0])
    for storages, limit in (("xe", target), ("m", _TOAST_MAIN_TARGET)):
        for place in longest:
            size, storage = values[place]
            if length <= limit or size <= align(POINTER_BYTES):
                break
            if storage in storages:
                length -= size - POINTER_BYTES
                moved[place] = True
    return moved
