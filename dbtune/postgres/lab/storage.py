"""The files of the lab's tables and indexes: as long as the target's, but sparse and without rows.

The planner takes a table's size from the length of its file. An index's cost also depends on the
height of its tree, which stands in the b-tree's metapage (access/nbtree/nbtpage.c). The planner
looks into b-trees for the largest and smallest value, so there has to be a path to an empty leaf.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from math import ceil

from dbtune.postgres.embedded.server import EmbeddedPostgres

BLOCK_BYTES = 8192
_SEGMENT_BLOCKS = 1024**3 // BLOCK_BYTES
LEVEL_OF_HYPOPG = -1
"""HypoPG leaves a b-tree's height open, and the planner then charges nothing for the descent."""

# bufpage.h, nbtree.h: PageHeaderData, BTPageOpaqueData; fields of BTMetaPageData behind magic and
# version: root, level, fast root, its level.
_HEADER, _OPAQUE, _META = struct.Struct("=QHHHHHHI"), struct.Struct("=IIIHH"), struct.Struct("=4I")
_META_OFFSET = 24 + 8
_ALL_EQUAL_IMAGE_OFFSET = 24 + 40
_LEAF, _ROOT = 1, 2
_PAGE_VERSION = BLOCK_BYTES | 4
_SPECIAL = BLOCK_BYTES - 16
_PIVOT_BYTES = 8
_ALT_TID = 0x2000
_NONLEAF_FILL = 0.7


class Storage:
    """Changes the files of a lab's server. The server must not have read what is changed."""

    def __init__(self, server: EmbeddedPostgres) -> None:
        self._server = server

    def resize(self, path: str, pages: int) -> None:
        """Make a relation so many blocks long; what is added takes no room on the disk.

        Args:
            path: as ``pg_relation_filepath`` tells it.
            pages: blocks.
        """
        first = self._server.data / path
        for number in range(pages // _SEGMENT_BLOCKS + 1):
            segment = first.with_name(f"{first.name}.{number}") if number else first
            if not segment.exists():
                segment.touch(mode=0o600)
                self._server.own(segment)
            blocks = min(pages - number * _SEGMENT_BLOCKS, _SEGMENT_BLOCKS)
            os.truncate(segment, blocks * BLOCK_BYTES)

    def grow_btree(self, path: str, pages: int, level: int) -> None:
        """Make an empty b-tree a larger one of empty pages.

        Args:
            path: as of :meth:`resize`.
            pages: blocks; with less than a tree of this height needs, it stays an empty one.
            level: of its root, that of leaves being 0; or :data:`LEVEL_OF_HYPOPG`.
        """
        blocks = list(_chain(level))
        if len(blocks) < pages:
            with (self._server.data / path).open("r+b") as file:
                file.seek(_META_OFFSET)
                file.write(_META.pack(1, level % 2**32, 1, level % 2**32))
                for number, block in enumerate(blocks, 1):
                    file.seek(number * BLOCK_BYTES)
                    file.write(block)
        self.resize(path, pages)

    def stores_equal_keys_once(self, path: str) -> bool:
        """Whether a b-tree's types allow deduplication, as its metapage says (PostgreSQL 13)."""
        with (self._server.data / path).open("rb") as file:
            file.seek(_ALL_EQUAL_IMAGE_OFFSET)
            return file.read(1) == b"\1"


def _chain(level: int) -> Iterator[bytes]:
    """Pages from the root down to a leaf that is empty."""
    # HypoPG's height is none; a page that claims to be of it leads straight to the leaf.
    levels = [level, 0] if level < 0 else list(range(level, -1, -1))
    for number, one in enumerate(levels, 1):
        yield _page(one, number + 1, is_root=number == 1)


def _page(level: int, child: int, *, is_root: bool) -> bytes:
    """A page that is the only one of its level; an inner one has one item, which leads down."""
    flags = (_ROOT if is_root else 0) | (_LEAF if level == 0 else 0)
    items = 0 if level == 0 else 1
    lower, upper = 24 + 4 * items, _SPECIAL - _PIVOT_BYTES * items
    page = bytearray(BLOCK_BYTES)
    _HEADER.pack_into(page, 0, 0, 0, 0, lower, upper, _SPECIAL, _PAGE_VERSION, 0)
    _OPAQUE.pack_into(page, _SPECIAL, 0, 0, level % 2**32, flags, 0)
    if items:
        struct.pack_into("=I", page, 24, upper | 1 << 15 | _PIVOT_BYTES << 17)
        info = _PIVOT_BYTES | _ALT_TID
        struct.pack_into("=HHHH", page, upper, child >> 16, child & 0xFFFF, 0, info)
    return bytes(page)


def tree_level(pages: int, separator_bytes: float) -> int:
    """The level of a b-tree's root, as CREATE INDEX builds it: inner pages 70 % full (nbtsort.c).

    Args:
        pages: blocks of the whole index.
        separator_bytes: of the key columns that tell one leaf from the next.
    """
    item = 4 + 8 + ceil(separator_bytes / 8) * 8
    fanout = max(2, int((_SPECIAL - 24 - BLOCK_BYTES * (1 - _NONLEAF_FILL)) / item))
    nodes = (pages - 1) * (1 - 1 / fanout)
    level = 0
    while nodes > 1:
        nodes = ceil(nodes / fanout)
        level += 1
    return level
