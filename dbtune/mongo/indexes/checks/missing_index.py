"""mongo.missing-index"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dbtune.finding import Confidence, Finding, Level, Remedy, check
from dbtune.mongo.indexes.advise import Advice, Case
from dbtune.mongo.indexes.propose import create_text, hidden_one, keys_text
from dbtune.mongo.indexes.work import Work
from dbtune.text import bytes_text, count_text, plain, plural, shorten


@check("mongo.missing-index", confidence=Confidence.estimated, tags=("indexes",))
def missing_index(
    advice: Sequence[Advice], *, critical_share: float = 0.4, critical_ms: float = 60_000
) -> Iterator[Finding]:
    """An index would spare queries most of what they read.

    Why: Each call reads documents only to throw them away, or sorts what an index would have in
    order; what is read pushes out of the cache what others need.

    Mistaken when: The values that were recorded are not the usual ones, or the data is changing;
    the estimate is made on a sample. Each index makes writes a little dearer.

    Remedy: Make the index; builds since 4.2 let reads and writes go on, and take a lock only at
    their start and end. On a replica set all members build it at the same time.
    """
    total = sum(case.usage.total_ms for one in advice for case in one.cases)
    for one in advice:
        for index in one.indexes:
            cases = [case for case in one.cases if index in case.by]
            before = sum(case.now.cost * case.weight for case in cases)
            after = sum(case.then.cost * case.weight for case in cases)
            took = sum(case.usage.total_ms for case in cases)
            most = max(cases, key=lambda case: (case.now.cost - case.then.cost) * case.weight)
            now, then = most.now, most.then
            heavy = took >= critical_ms and took >= critical_share * total
            replaced = one.replaced.get(index, ())
            yield Finding(
                subject=shorten(plain(f"{one.collection.namespace} {keys_text(index)}"), 200),
                message=(
                    f"{_served(cases)} would examine {plural(round(then.keys), 'key')} and "
                    f"{plural(round(then.docs), 'document')} a call, not {_examined(now)}: "
                    f"{shorten(plain(most.usage.text), 120)}"
                ),
                evidence={
                    "calls": round(sum(case.usage.calls for case in cases)),
                    "total_ms": took,
                    "before_keys": now.keys,
                    "before_docs": now.docs + now.scanned,
                    "before_sorted_docs": now.sorted,
                    "after_keys": then.keys,
                    "after_docs": then.docs + then.scanned,
                    "after_sorted_docs": then.sorted,
                    "work_ratio": after / before if before else None,
                    "sampled_docs": one.sampled,
                    "size_bytes": round(one.sizes[index]),
                },
                remedy=Remedy(
                    (
                        "Show the index: it is there, and hidden."
                        if hidden_one(index, one.collection)
                        else f"Make the index, about {bytes_text(one.sizes[index])}."
                    )
                    + (
                        " It can stand in for "
                        + ", ".join(plain(old.name) for old in replaced)
                        + ": hide that afterwards, and drop it when nothing gets slower."
                        if replaced
                        else ""
                    ),
                    sql=create_text(index, one.collection),
                    effect="reads the collection once; each insert, and each update of its fields, "
                    f"then writes to {len(one.collection.indexes) + 1} indexes, not "
                    f"{len(one.collection.indexes)}",
                ),
                level=Level.critical if heavy else Level.warning,
                serves=tuple(shorten(plain(case.usage.text), 300) for case in cases),
            )


def _served(cases: Sequence[Case]) -> str:
    if len(cases) == 1:
        return "one query shape"
    return f"the one of {plural(len(cases), 'query shape')} that gains most"


def _examined(work: Work) -> str:
    docs = plural(round(work.docs + work.scanned), "document")
    keys = f"{plural(round(work.keys), 'key')} and " if work.keys >= 1 else ""
    sorts = f", sorted {count_text(round(work.sorted))}" if work.sorted >= 1 else ""
    return keys + docs + sorts
