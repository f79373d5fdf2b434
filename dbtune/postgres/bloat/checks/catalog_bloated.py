"""pg.catalog-bloated"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Confidence, Finding, Remedy, check
from dbtune.postgres.bloat.checks import subject
from dbtune.postgres.bloat.facts import Bloat
from dbtune.postgres.bloat.remedy import best
from dbtune.postgres.bloat.table import spread_text
from dbtune.text import bytes_text


@check("pg.catalog-bloated", confidence=Confidence.estimated, tags=("bloat",))
def catalog_bloated(
    bloat: Bloat, *, min_ratio: float = 0.5, min_bytes: int = 50 * 1024**2
) -> Iterator[Finding]:
    """A table or index of the system catalog is mostly bloat.

    Why: Each new connection and each plan looks into it: the whole server gets slower.

    Mistaken when: A migration has just created and dropped very many tables, and nothing does so
        every day.

    Remedy: End the churn (temporary tables made in every transaction, partitions by the hour),
        then rewrite it in a window: that needs a superuser and stops everybody for moments.
    """
    for one in bloat.estimates:
        ratio, wasted = one.bloat_ratio, one.bloat_bytes
        if not one.relation.catalog or ratio is None or wasted is None:
            continue
        if ratio < min_ratio or wasted < min_bytes:
            continue
        way = best(one, bloat)
        counters = one.relation.counters
        yield Finding(
            subject(one, bloat),
            f"{bytes_text(wasted)} of {bytes_text(one.relation.size_bytes)} are bloat: "
            f"{spread_text(one)}; {counters.deleted:,} rows were deleted since statistics began",
            Remedy(
                "Find what creates and drops so many objects; then rewrite it in a window.",
                sql=way.statement if way else "",
                effect=way.effect if way else "",
            ),
            {
                "size_bytes": one.relation.size_bytes,
                "bloat_bytes": round(wasted),
                "bloat_ratio": ratio,
                "deleted": counters.deleted,
                "method": one.method.value,
            },
        )
