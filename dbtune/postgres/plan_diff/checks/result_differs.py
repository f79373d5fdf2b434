"""plan.result-differs"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.postgres.plan_diff.compare import Comparison
from dbtune.text import count_text


@check("plan.result-differs", level=Level.info)
def result_differs(comparison: Comparison) -> Iterator[Finding]:
    """The plans return different numbers of rows.

    Why: They did not do the same work: the statement, its parameters or the data are others, and
    what is faster may be so because it is asked for less.

    Mistaken when: The data are known to have changed.

    Remedy: Execute both with the same parameters on the same data before comparing times.
    """
    rows = comparison.measures["rows"]
    if rows.verdict not in ("less", "more") or rows.before is None or rows.after is None:
        return
    yield Finding(
        "the statement",
        f"{count_text(round(rows.before))} rows were returned, now {count_text(round(rows.after))}",
        Remedy("Execute both with the same parameters on the same data, then compare again."),
        evidence={"before_rows": rows.before, "after_rows": rows.after},
    )
