"""mongo.search-without-index"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dbtune.finding import Finding, Remedy, check
from dbtune.mongo.indexes.advise import Advice
from dbtune.mongo.indexes.facts import Collection
from dbtune.mongo.indexes.places import kinds_of
from dbtune.mongo.indexes.query import Query, geo_condition, has_text
from dbtune.mongo.indexes.workload import Usage
from dbtune.mongo.shellprint import collection_text, shell_text
from dbtune.text import count_text, plain, shorten

_UNKNOWN = "FIELD"
"""What is searched is not told by a query; whoever reads the statement has to say."""


@check("mongo.search-without-index", tags=("indexes",))
def search_without_index(
    collections: Sequence[Collection], usages: Sequence[Usage], advice: Sequence[Advice]
) -> Iterator[Finding]:
    """A search for text or places has no index of its kind.

    Why: $text and $near fail without one; $geoWithin and $geoIntersects read the whole collection.

    Mistaken when: The index has been made since.

    Remedy: A text index on the fields that are searched; a 2dsphere index for GeoJSON and for
    coordinates on the globe, a 2d index for flat ones ($box, $center, $polygon).
    """
    known = {one.namespace: one for one in collections}
    served = {id(case.usage) for one in advice for case in one.cases if case.by}
    for usage in usages:
        collection = known.get(usage.namespace)
        query = usage.queries[0] if usage.queries else None
        if collection is None or query is None:
            continue
        wanted = _wanted(query)
        if wanted is None or any(
            way in wanted[2] and wanted[0] in (name, _UNKNOWN)
            for index in collection.indexes
            for name, way in index.keys
        ):
            continue
        path, what, ways = wanted
        if id(usage) in served:
            continue  # mongo.missing-index has the index, with what else the query asks
        where = collection_text(usage.namespace)
        failed = " and fails" if usage.failed else ""
        keys = {path: ways[0]}
        yield Finding(
            subject=shorten(plain(usage.text), 300),
            message=f"{what}{failed}: {count_text(round(usage.calls))} calls, no {ways[0]} index",
            evidence={"calls": round(usage.calls), "total_ms": usage.total_ms},
            remedy=Remedy(
                "Make a text index on the fields that are searched; a collection can have one."
                if ways[0] == "text"
                else f"Make a {ways[0]} index on {plain(path)}.",
                sql=f"{'// ' * (path == _UNKNOWN)}{where}.createIndex({shell_text(keys)})",
                effect="building an index reads the collection once; each write then maintains it",
            ),
        )


def _wanted(query: Query) -> tuple[str, str, tuple[str, ...]] | None:
    """The field, what is searched, and the kinds of index that serve it, the best first."""
    if has_text(query):
        return _UNKNOWN, "searches text", ("text",)
    condition = geo_condition(query)
    if condition is None:
        return None
    return (
        condition.path or _UNKNOWN,
        f"searches places ({condition.operator})",
        kinds_of(condition),
    )
