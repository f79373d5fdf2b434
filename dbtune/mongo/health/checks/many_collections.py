"""The server has very many collections and indexes."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.errors import Unavailable
from dbtune.finding import Confidence, Finding, Level, Remedy, check
from dbtune.mongo.facts.collections import MOST
from dbtune.mongo.facts.profiling import Profiling
from dbtune.text import count_text


@check(
    "mongo.many-collections",
    level=Level.info,
    confidence=Confidence.rule_of_thumb,
    tags=("memory", "indexes"),
)
def many_collections(
    profiling: tuple[Profiling, ...], *, max_files: int = 20_000
) -> Iterator[Finding]:
    """The server has very many collections and indexes.

    Why: Each is a file of its own: WiredTiger keeps handles and memory for those in use, and
    checkpoints, starts and commands that list them take longer. MongoDB's advice is to stay below
    10,000 collections; each has one index at least.

    Mistaken when: Few of them are in use at a time, and starts are quick enough.

    Remedy: Keep tenants or days in one collection, told apart by a field that indexes begin with.
    """
    collections = sum(one.collections for one in profiling)
    files = collections + sum(one.indexes for one in profiling)
    if files > max_files:
        largest = max(profiling, key=lambda one: one.collections + one.indexes)
        yield Finding(
            "collections",
            f"{count_text(collections)} collections and {count_text(files - collections)} indexes "
            f"are {count_text(files)} files; {largest.database} has "
            f"{count_text(largest.collections + largest.indexes)} of them",
            Remedy(
                "Keep tenants or days in one collection, told apart by a field that indexes begin "
                "with, and drop those that nobody needs."
            ),
            {"collections": collections, "files": files},
        )
    if collections > MOST:
        raise Unavailable(
            f"indexes of {count_text(MOST)} of {count_text(collections)} collections were looked "
            "at",
            "dbtune suggest-indexes --database NAME",
        )
