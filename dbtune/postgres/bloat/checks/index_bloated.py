"""pg.index-bloated"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Confidence, Finding, Level, Remedy, check
from dbtune.postgres.bloat.checks import subject
from dbtune.postgres.bloat.facts import Bloat, Kind, Method
from dbtune.postgres.bloat.remedy import best, comes_back
from dbtune.postgres.bloat.table import spread_text
from dbtune.text import bytes_text


@check("pg.index-bloated", confidence=Confidence.estimated, tags=("bloat",))
def index_bloated(
    bloat: Bloat,
    *,
    warning_ratio: float = 0.4,
    warning_bytes: int = 256 * 1024**2,
    critical_ratio: float = 0.7,
    critical_bytes: int = 5 * 1024**3,
) -> Iterator[Finding]:
    """Much of an index is empty, or for rows that are gone.

    Why: It takes room in the cache, and range scans walk through pages that hold little.

    Mistaken when: Its keys come in random order: such an index settles at about two thirds full,
        and would do so again soon.

    Remedy: REINDEX INDEX CONCURRENTLY, which needs room for the new index and blocks nobody.
    """
    for one in bloat.estimates:
        ratio, wasted = one.bloat_ratio, one.bloat_bytes
        if one.relation.kind is not Kind.INDEX or one.relation.catalog or ratio is None:
            continue
        if wasted is None or ratio < warning_ratio or wasted < warning_bytes:
            continue
        way = best(one, bloat)
        severe = ratio >= critical_ratio and wasted >= critical_bytes
        random = comes_back(one.relation, bloat)
        again = " Its keys come in random order: part of it will come back." if random else ""
        yield Finding(
            subject(one, bloat),
            f"{bytes_text(wasted)} of {bytes_text(one.relation.size_bytes)} are bloat: "
            f"{spread_text(one)}",
            Remedy(
                f"Build it anew.{again}",
                sql=way.statement if way else "",
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
    bloat.require_estimates(warning_bytes, Kind.INDEX)
