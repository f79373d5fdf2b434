"""mongo.redundant-index"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dbtune.finding import Finding, check
from dbtune.mongo.indexes.checks import retire, subject
from dbtune.mongo.indexes.facts import Collection
from dbtune.mongo.indexes.propose import keys_text
from dbtune.mongo.indexes.redundant import pairs
from dbtune.text import bytes_text, plain


@check("mongo.redundant-index", tags=("indexes",))
def redundant_index(collections: Sequence[Collection]) -> Iterator[Finding]:
    """An index is the beginning of another one, which can stand in for it.

    Why: Each write maintains both, both take memory, and the planner tries both.

    Mistaken when: A hint names it; or it is much smaller than the other one and read very often.
    An index over arrays is not taken as a stand-in for one without, since it has several keys of a
    document.

    Remedy: Hide it, and drop it when nothing has become slower.
    """
    for collection in collections:
        for one, other in pairs(collection.indexes):
            if other.multikey and not one.multikey:
                continue
            size = f", {bytes_text(one.size_bytes)}" if one.size_bytes is not None else ""
            yield Finding(
                subject=subject(one),
                message=(
                    f"{keys_text(one)} is the beginning of {plain(other.name)} "
                    f"{keys_text(other)}{size}"
                ),
                evidence={
                    "size_bytes": one.size_bytes,
                    "ops": one.ops,
                    "stands_in": other.name,
                    "stands_in_size_bytes": other.size_bytes,
                },
                remedy=retire(one, f"{plain(other.name)} serves the same queries."),
            )
