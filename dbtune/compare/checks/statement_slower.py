"""compare.statement-slower"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.compare.model import Comparison
from dbtune.compare.noise import Verdict
from dbtune.compare.told import calls_told, share_after, time_told
from dbtune.finding import Finding, Level, Remedy, check
from dbtune.text import significant


@check("compare.statement-slower", tags=("statements",))
def statement_slower(
    comparison: Comparison,
    *,
    min_ratio: float = 2.0,
    warning_ratio: float = 3.0,
    min_share_ratio: float = 0.02,
) -> Iterator[Finding]:
    """A statement takes longer for about the same work, more so than the others do.

    Why: It waits: for locks, for a disk, for a CPU; or it spends its time where no block is asked
    for, as in sorts, functions, compilation.

    Mistaken when: It ran beside other load in one of the periods, or the cache was cold: by how
    much all statements became slower is taken out, but some feel it more than others.

    Remedy: See what it waits for while it runs (dbtune activity), and what changed beside it.
    """
    drift = comparison.workload.drift or 1.0
    for one in comparison.statements or ():
        own = one.own_ratio or 0
        if one.verdict is not Verdict.worse or one.work_verdict is Verdict.worse:
            continue
        share = share_after(comparison, one)
        if own < min_ratio or share < min_share_ratio or one.before is None or one.after is None:
            continue
        beside = f"; all others {significant(drift)} times" if drift > 1.1 else ""
        same = " for about the same work" if one.work_verdict else ""
        rows = (
            f"; {significant(one.rows)} times the rows a call"
            if one.rows and one.rows >= 1.25
            else ""
        )
        yield Finding(
            one.after.text,
            f"{time_told(one)}{same}{rows}{beside}; {calls_told(one)}",
            Remedy("See what it waits for while it runs, and what changed beside it."),
            evidence={
                "before_mean_ms": one.before.mean_ms,
                "after_mean_ms": one.after.mean_ms,
                "p": one.shift.p,
                "drift_ratio": drift,
                "time_share_ratio": share,
            },
            level=Level.warning if own >= warning_ratio else Level.info,
        )
