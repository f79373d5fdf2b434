"""What collections and their indexes take on disk, and what of it is waste."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Method = Literal["sample", "statistics"]


@dataclass(frozen=True, slots=True)
class IndexStorage:
    """An index's file.

    Attributes:
        name: the index.
        size_bytes: its file.
        free_bytes: of it, blocks that are free to be written again; ``None`` if not told.
    """

    name: str
    size_bytes: int
    free_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class CollectionStorage:
    """A collection's file and what would be left of it if it were written anew.

    Attributes:
        namespace: ``database.collection``.
        count: documents.
        data_bytes: their size, not compressed.
        size_bytes: the collection's file.
        free_bytes: of it, blocks that are free to be written again: the least that is wasted.
        compressor: ``snappy``, ``zlib``, ``zstd``, ``none``; "" if not told.
        indexes: its indexes' files.
        fresh_ratio: size of a freshly written file, of ``data_bytes``; ``None`` if not sampled.
        sampled: documents that were looked at for it.
        capped: it keeps a fixed size by wish.
        time_series: its file holds buckets; ``count`` is theirs.
        orphans: documents that belong to another shard.
        unsampled: why no documents were looked at.
        unsampled_remedy: what would change that; "" if nothing is known.
        shard: of a cluster, the shard that has this part; "" for a whole collection.
        host: the member that told of the part.
        members: all members of the shard, as far as they may be listed.
        parts: through a mongos, what each shard has.
    """

    namespace: str
    count: int
    data_bytes: int
    size_bytes: int
    free_bytes: int | None
    compressor: str = ""
    indexes: tuple[IndexStorage, ...] = ()
    fresh_ratio: float | None = None
    sampled: int = 0
    capped: bool = False
    time_series: bool = False
    orphans: int = 0
    unsampled: str = ""
    unsampled_remedy: str = ""
    shard: str = ""
    host: str = ""
    members: tuple[str, ...] = ()
    parts: tuple[CollectionStorage, ...] = ()

    @property
    def label(self) -> str:
        """Its name, and the shard of a part."""
        return self.namespace + self.where

    @property
    def where(self) -> str:
        """The shard of a part, as it stands behind a name."""
        return f" on shard {self.shard}" if self.shard else ""

    @property
    def index_bytes(self) -> int:
        """Its indexes' files."""
        return sum(index.size_bytes for index in self.indexes)

    @property
    def index_free_bytes(self) -> int | None:
        """Free blocks in these; ``None`` if not told."""
        told = [index.free_bytes for index in self.indexes if index.free_bytes is not None]
        return sum(told) if told else None

    @property
    def method(self) -> Method:
        """How the waste was found."""
        return "statistics" if self.fresh_ratio is None else "sample"

    @property
    def rewritten_bytes(self) -> int | None:
        """Its size if it were written anew."""
        return None if self.fresh_ratio is None else round(self.data_bytes * self.fresh_ratio)

    @property
    def bloat_bytes(self) -> int:
        """What writing it anew gives back: free blocks, and pages that are not full."""
        least = self.free_bytes or 0
        if self.rewritten_bytes is None:
            return least
        return min(self.size_bytes, max(least, self.size_bytes - self.rewritten_bytes))

    @property
    def bounds(self) -> tuple[int, int | None]:
        """Lower and upper bound of the waste; without a sample there is no upper one.

        The estimate of a fresh file was within 9 % of the truth for six kinds of documents and
        four compressors; free blocks are counted by the server.
        """
        least = max(0, (self.free_bytes or 0) - _LEFT_BYTES)
        if self.rewritten_bytes is None:
            return least, None
        error = FRESH_ERROR * self.rewritten_bytes
        low = max(least, round(self.size_bytes - self.rewritten_bytes - error))
        high = max(low, round(self.size_bytes - self.rewritten_bytes + error))
        return min(low, self.size_bytes), min(high, self.size_bytes)


FRESH_ERROR = 0.1
"""Of the estimate of a freshly written file."""
_LEFT_BYTES = 128 * 1024
"""More than compact was seen to leave free in a file."""
