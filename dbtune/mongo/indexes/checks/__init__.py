"""Checks on indexes.

The facts are ``collections`` (:class:`~dbtune.mongo.indexes.facts.Collection`, with the use of
their indexes), ``advice`` (:class:`~dbtune.mongo.indexes.advise.Advice`), and ``usages``, the
workload.
"""

from __future__ import annotations

from dbtune.finding import Remedy
from dbtune.mongo.indexes.facts import Index
from dbtune.mongo.shellprint import collection_text, shell_text
from dbtune.text import plain, shorten

DROPPING = (
    "hiding keeps the index up to date, so it can be shown again at once; dropping takes a short "
    "exclusive lock, and making it anew reads the whole collection"
)


def subject(index: Index) -> str:
    """An index as the subject of a finding."""
    return shorten(plain(f"{index.namespace} {index.name}"), 200)


def retire(index: Index, why: str) -> Remedy:
    """Hide an index, see that nothing gets slower, then drop it."""
    where = collection_text(index.namespace)
    name = shell_text(index.name)
    return Remedy(
        f"{why} Hide it first; when nothing has become slower for some days, drop it. "
        f"unhideIndex({name}) takes it back. Hiding starts its count of uses anew.",
        sql=f"{where}.hideIndex({name})\n// days later:\n// {where}.dropIndex({name})",
        effect=DROPPING,
    )
