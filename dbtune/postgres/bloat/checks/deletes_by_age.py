"""pg.deletes-by-age"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Confidence, Finding, Level, Remedy, check
from dbtune.postgres.bloat.checks import subject
from dbtune.postgres.bloat.facts import Bloat, Kind
from dbtune.text import bytes_text


@check(
    "pg.deletes-by-age",
    level=Level.info,
    confidence=Confidence.rule_of_thumb,
    tags=("bloat",),
)
def deletes_by_age(
    bloat: Bloat,
    *,
    min_size_bytes: int = 1024**3,
    min_deleted_ratio: float = 0.3,
    min_correlation: float = 0.9,
) -> Iterator[Finding]:
    """Rows of a large table are deleted about as fast as they are inserted, in one order.

    Why: Each row is written, marked dead, vacuumed and logged; dropping a partition does none of
        that and gives the space back at once.

    Mistaken when: Rows are deleted one by one for reasons of their own, not by age.

    Remedy: Partition the table by that column; DROP or DETACH the oldest partition instead of
        deleting its rows.
    """
    for one in bloat.estimates:
        relation, counters = one.relation, one.relation.counters
        if relation.kind is not Kind.TABLE or relation.root != relation.oid or relation.catalog:
            continue
        if relation.size_bytes < min_size_bytes or counters.inserted <= 0:
            continue
        if counters.deleted < min_deleted_ratio * counters.inserted:
            continue
        if counters.updated > counters.deleted:
            continue
        shape = bloat.sizes.tables.get(relation.oid)
        ordered = [
            column.name
            for column in (shape.columns if shape else ())
            if abs(column.correlation or 0.0) >= min_correlation and not column.may_be_null
        ]
        if not ordered:
            continue
        yield Finding(
            subject(one, bloat),
            f"{counters.deleted:,} rows deleted and {counters.inserted:,} inserted since "
            f"statistics began; {bytes_text(relation.size_bytes)}, in the order of {ordered[0]}",
            Remedy(
                f"Partition it by range of {ordered[0]}, and drop old partitions.",
                effect="a migration: rows have to be moved, unique keys have to hold that column",
            ),
            {
                "deleted": counters.deleted,
                "inserted": counters.inserted,
                "size_bytes": relation.size_bytes,
            },
        )
