"""mongo.many-indexes"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dbtune.finding import Confidence, Finding, Level, Remedy, check
from dbtune.mongo.indexes.facts import Collection
from dbtune.text import bytes_text, plain


@check(
    "mongo.many-indexes", level=Level.info, confidence=Confidence.rule_of_thumb, tags=("indexes",)
)
def many_indexes(
    collections: Sequence[Collection], *, max_indexes: int = 15, limit: int = 64
) -> Iterator[Finding]:
    """A collection has very many indexes.

    Why: Each insert writes to all of them, the planner tries up to all that fit, and 64 is the
    most that a collection can have.

    Mistaken when: It is read in many ways and hardly written.

    Remedy: Retire those that are redundant or unused; a wildcard index for fields that come and go.
    """
    for one in collections:
        many = len(one.indexes)
        if many <= max_indexes:
            continue
        size = sum(index.size_bytes or 0 for index in one.indexes)
        yield Finding(
            subject=plain(one.namespace),
            message=f"{many} indexes, {bytes_text(size)}; the data: {bytes_text(one.data_bytes)}",
            evidence={"indexes": many, "index_bytes": size, "data_bytes": one.data_bytes},
            remedy=Remedy(
                "See which of them are redundant or unused; fields that come and go (attributes) "
                "share one wildcard index."
            ),
            level=Level.warning if many >= 0.9 * limit else None,
        )
