"""mongo.wasted-index-storage"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dbtune.finding import Finding, Level, check
from dbtune.mongo.storage.checks import compact_remedy
from dbtune.mongo.storage.facts import CollectionStorage
from dbtune.text import bytes_text, plain, ratio_text

_MIB = 1 << 20


@check("mongo.wasted-index-storage", level=Level.info)
def wasted_index_storage(
    storage: Sequence[CollectionStorage],
    version: str,
    role: str,
    *,
    min_bytes: int = 50 * _MIB,
    min_ratio: float = 0.3,
) -> Iterator[Finding]:
    """Much of an index's file is free blocks.

    Why: The file never shrinks by itself, and is copied by backups.

    Mistaken when: As much is inserted as is deleted: then the space is used again.

    Remedy: compact of the collection, which takes its indexes, too; or make the index anew.
    """
    for one in storage:
        for index in one.indexes:
            free = index.free_bytes or 0
            if free < min_bytes or free < min_ratio * index.size_bytes:
                continue
            yield Finding(
                subject=plain(f"{one.namespace} {index.name}{one.where}"),
                message=(
                    f"{bytes_text(free)} of {bytes_text(index.size_bytes)} "
                    f"({ratio_text(free / index.size_bytes)}) are free blocks"
                ),
                evidence={"size_bytes": index.size_bytes, "free_bytes": free},
                remedy=compact_remedy(one, version, role),
            )
