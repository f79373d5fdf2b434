"""compare.statement-new"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.compare.model import Comparison
from dbtune.compare.told import share_after
from dbtune.finding import Finding, Level, Remedy, check
from dbtune.text import count_text, ms_text, ratio_text


@check("compare.statement-new", level=Level.info, tags=("statements",))
def statement_new(comparison: Comparison, *, min_share_ratio: float = 0.1) -> Iterator[Finding]:
    """A statement that did not run before takes a large share of the time.

    Why: What came with a release is best looked at while it is new.

    Mistaken when: It runs once a day, or was evicted from the statistics before, so that the period
    before does not know it.

    Remedy: Look at its plan (dbtune explain), and whether an index would serve it.
    """
    for one in comparison.statements or ():
        if one.state != "new" or one.after is None:
            continue
        share = share_after(comparison, one)
        if share >= min_share_ratio:
            yield Finding(
                one.after.text,
                f"new, and {ratio_text(share)} of the time: {count_text(round(one.after.calls))} "
                f"calls of {ms_text(one.after.mean_ms)}",
                Remedy("Look at its plan, and whether an index would serve it."),
                evidence={
                    "time_share_ratio": share,
                    "calls": one.after.calls,
                    "mean_ms": one.after.mean_ms,
                },
            )
