"""mongo.hidden-index"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.mongo.indexes.checks import DROPPING, subject
from dbtune.mongo.indexes.facts import Collection
from dbtune.mongo.shellprint import collection_text, shell_text
from dbtune.text import bytes_text


@check("mongo.hidden-index", level=Level.info, tags=("indexes",))
def hidden_index(collections: Sequence[Collection]) -> Iterator[Finding]:
    """An index is hidden: no query uses it, every write still maintains it.

    Why: Hiding is the trial before dropping; when the trial is over, it is only a cost.

    Mistaken when: The trial has just begun, or it is unique or a TTL index, which works hidden.

    Remedy: Drop it, or show it again.
    """
    for collection in collections:
        for one in collection.indexes:
            if not one.hidden or one.unique or one.expire_seconds is not None:
                continue
            where, name = collection_text(one.namespace), shell_text(one.name)
            size = f" ({bytes_text(one.size_bytes)})" if one.size_bytes is not None else ""
            yield Finding(
                subject=subject(one),
                message=f"hidden, and still written to{size}",
                evidence={"size_bytes": one.size_bytes},
                remedy=Remedy(
                    "Drop it if nothing has become slower since it was hidden.",
                    sql=f"{where}.dropIndex({name})\n// or take it back:\n"
                    f"// {where}.unhideIndex({name})",
                    effect=DROPPING,
                ),
            )
