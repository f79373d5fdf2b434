"""compare.index-gone"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.compare.model import Comparison
from dbtune.compare.told import REBUILD_EFFECT, rebuild_sql
from dbtune.finding import Finding, Level, Remedy, check
from dbtune.text import plural


@check("compare.index-gone", tags=("indexes",))
def index_gone(comparison: Comparison, *, min_scans: int = 1) -> Iterator[Finding]:
    """An index that was searched is gone, or no statement may use it any more.

    Why: What searched it reads more now, if no other index serves.

    Mistaken when: Another index has the same leading columns, or what searched it is gone as well.

    Remedy: Make it again, or see that the statements that searched it have not become slower.
    """
    replaced = {
        one.remark.removeprefix("was ").removesuffix(" before")
        for one in comparison.indexes or ()
        if one.state == "new" and one.remark.startswith("was ")
    }
    for one in comparison.indexes or ():
        if one.state not in ("gone", "now invalid") or one.name in replaced:
            continue
        scans = one.before_scans or 0
        if scans < min_scans:
            continue
        gone = one.state == "gone"
        yield Finding(
            one.name,
            f"{'gone' if gone else 'now invalid'}, and was searched "
            f"{plural(round(scans), 'time')} in the period before",
            Remedy(
                "Make it again, unless another one serves." if gone else "Build it anew.",
                sql=rebuild_sql(one.definition) if gone else "",
                effect=REBUILD_EFFECT if gone else "",
            ),
            evidence={"before_scans": scans, "before_bytes": one.before_bytes, "table": one.table},
            level=Level.warning,
        )
