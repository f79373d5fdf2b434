"""pg.table-bloated"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Confidence, Finding, Level, Remedy, check
from dbtune.postgres.bloat.checks import subject
from dbtune.postgres.bloat.facts import Bloat, Kind, Method
from dbtune.postgres.bloat.remedy import best
from dbtune.postgres.bloat.table import spread_text
from dbtune.text import bytes_text


@check("pg.table-bloated", confidence=Confidence.estimated, tags=("bloat",))
def table_bloated(
    bloat: Bloat,
    *,
    warning_ratio: float = 0.3,
    warning_bytes: int = 256 * 1024**2,
    critical_ratio: float = 0.5,
    critical_bytes: int = 5 * 1024**3,
) -> Iterator[Finding]:
    """Much of a table's file, or of its TOAST table's, is empty or dead.

    Why: Scans read it, backups copy it, it takes room in the cache that rows could have.

    Mistaken when: It was emptied on purpose and is about to be filled again: free space in a table
        is used for new rows.

    Remedy: First end what makes it (the other findings); then rewrite the table by the safest way
        there is, and VACUUM FULL only where a window without users can be had.
    """
    for one in bloat.estimates:
        ratio, wasted = one.bloat_ratio, one.bloat_bytes
        if one.relation.kind is Kind.INDEX or one.relation.catalog or ratio is None:
            continue
        if wasted is None or ratio < warning_ratio or wasted < warning_bytes:
            continue
        way = best(one, bloat)
        severe = ratio >= critical_ratio and wasted >= critical_bytes
        yield Finding(
            subject(one, bloat),
            f"{bytes_text(wasted)} of {bytes_text(one.relation.size_bytes)} are bloat: "
            f"{spread_text(one)}",
            Remedy(
                f"{way.action} gives it back." if way else "Let VACUUM reuse the space.",
                sql=way.statement if way and way.is_sql else "",
                config=way.statement if way and not way.is_sql else "",
                effect=way.effect if way else "",
            ),
            {
                "size_bytes": one.relation.size_bytes,
                "bloat_bytes": round(wasted),
                "bloat_low_bytes": round(one.bloat_low_bytes),
                "bloat_high_bytes": round(one.bloat_high_bytes),
                "bloat_ratio": ratio,
                "method": one.method.value,
            },
            level=Level.critical if severe else Level.warning,
            confidence=None if one.method is Method.statistics else Confidence.measured,
        )
    bloat.require_estimates(warning_bytes, Kind.TABLE, Kind.TOAST, Kind.MATERIALIZED_VIEW)
