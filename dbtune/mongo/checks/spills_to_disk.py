"""mongo.spills-to-disk"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dbtune.finding import Finding, Remedy, check
from dbtune.mongo.checks import index_advice, subject, time_share
from dbtune.mongo.operations import Query
from dbtune.text import count_text


@check("mongo.spills-to-disk")
def spills_to_disk(queries: Sequence[Query], *, min_spills: int = 1) -> Iterator[Finding]:
    """A sort or group does not fit into memory and spills to disk.

    Why: Over 100 MB a stage writes temporary files and reads them again, and competes for the disk
    with everybody; without allowDiskUse the query would fail.

    Mistaken when: It is a report that runs seldom and nobody waits for it.

    Remedy: An index that has the documents in order makes the sort unnecessary; else filter and
    project before sorting and grouping, so that less is held.
    """
    for query in queries:
        if query.disk_uses < min_spills:
            continue
        one = query.statement
        advice = f"{index_advice(query)} Else " if query.shape.sort else ""
        action = "filter more and project fewer fields before the stage that sorts or groups."
        yield Finding(
            subject=subject(query),
            message=(
                f"{count_text(query.disk_uses)} of {count_text(round(one.calls))} calls wrote "
                "temporary files"
            ),
            evidence={
                "calls": round(one.calls),
                "disk_uses": query.disk_uses,
                "mean_ms": one.mean_ms,
                "time_share_ratio": time_share(query, queries),
            },
            remedy=Remedy(
                advice + action if advice else action[0].upper() + action[1:],
                effect="a change in the application, or an index that each write maintains",
            ),
        )
