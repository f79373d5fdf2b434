"""compare.index-unused-now"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.compare.model import Comparison
from dbtune.finding import Finding, Level, Remedy, check
from dbtune.text import plural


@check("compare.index-unused-now", level=Level.info, tags=("indexes",))
def index_unused_now(comparison: Comparison) -> Iterator[Finding]:
    """An index that was searched is not searched any more.

    Why: A plan changed, or what searched it is gone: it may be a regression, or may be dropped.

    Mistaken when: It serves a report that has not run in this period.

    Remedy: Look at the statements on its table that became slower; if there are none, and that
    stays so for weeks, it may go (dbtune suggest-indexes).
    """
    for one in comparison.indexes or ():
        if one.state == "no longer used":
            yield Finding(
                one.name,
                f"searched {plural(round(one.before_scans or 0), 'time')} before, never after",
                Remedy("Look at the statements on its table that became slower."),
                evidence={
                    "before_scans": one.before_scans,
                    "after_scans": one.after_scans,
                    "size_bytes": one.after_bytes,
                    "table": one.table,
                },
            )
