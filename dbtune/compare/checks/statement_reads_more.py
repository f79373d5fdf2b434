"""compare.statement-reads-more"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.compare.model import Comparison
from dbtune.compare.noise import Verdict
from dbtune.compare.statements import mentions, per_call
from dbtune.compare.told import (
    REBUILD_EFFECT,
    calls_told,
    rebuild_sql,
    share_after,
    time_told,
)
from dbtune.finding import Finding, Level, Remedy, check
from dbtune.text import significant


@check("compare.statement-reads-more", tags=("statements",))
def statement_reads_more(
    comparison: Comparison, *, min_share_ratio: float = 0.01, critical_ratio: float = 10.0
) -> Iterator[Finding]:
    """A statement asks for far more blocks a call than before, for as many rows.

    Why: Blocks do not depend on load or caches: the statement is executed in another way (another
    plan, an index that is gone or bloated), or its table grew under a plan that reads all of it.

    Mistaken when: It was called with other parameters, or rows that nobody may see yet
    (a long transaction, VACUUM behind) are read along.

    Remedy: Look at its plan now (dbtune explain) and at the indexes that changed; bring back what
    is gone, ANALYZE the tables, or suggest an index (dbtune suggest-indexes).
    """
    gone = [one for one in comparison.indexes or () if one.state in ("gone", "now invalid")]
    for one in comparison.statements or ():
        if one.work_verdict is not Verdict.worse or one.before is None or one.after is None:
            continue
        share = share_after(comparison, one)
        if share < min_share_ratio:
            continue
        old = per_call(one.before, one.before.blocks) or 0
        new = per_call(one.after, one.after.blocks) or 0
        lost = [index for index in gone if mentions(one.after.text, [index.table])]
        slower = one.verdict is Verdict.worse
        level = Level.warning if slower else Level.info
        if slower and (one.shift.ratio or 0) >= critical_ratio:
            level = Level.critical
        yield Finding(
            one.after.text,
            f"{significant(new)} blocks a call instead of {significant(old)}, for "
            f"{significant(per_call(one.after, one.after.rows) or 0)} rows instead of "
            f"{significant(per_call(one.before, one.before.rows) or 0)}; {time_told(one)}; "
            f"{calls_told(one)}"
            + "".join(f"; index {index.name} is {index.state}" for index in lost),
            Remedy(
                "Bring back the index, or see what is searched instead."
                if lost
                else "Look at its plan now, at its tables' statistics and what changed on them.",
                sql="\n".join(filter(None, (rebuild_sql(index.definition) for index in lost))),
                effect=REBUILD_EFFECT if lost else "",
            ),
            evidence={
                "before_blocks_per_call": old,
                "after_blocks_per_call": new,
                "before_mean_ms": one.before.mean_ms,
                "after_mean_ms": one.after.mean_ms,
                "p": one.shift.p,
                "time_share_ratio": share,
            },
            level=level,
        )
