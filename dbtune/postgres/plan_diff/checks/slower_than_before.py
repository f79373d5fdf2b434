"""plan.slower-than-before"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.postgres.plan_diff.compare import Comparison, TableChange
from dbtune.text import ms_text, significant


@check("plan.slower-than-before")
def slower_than_before(
    comparison: Comparison,
    *,
    min_ratio: float = 1.5,
    critical_ratio: float = 5.0,
    min_ms: float = 5,
) -> Iterator[Finding]:
    """The statement takes longer than with the plan before.

    Why: What changed between the two (statement, data, indexes, settings, version) made it slower.

    Mistaken when: The execution after was the first on a cold cache, waited for a lock, or ran
    beside other load: compare the blocks, which do not depend on that.

    Remedy: Look at the tables whose own time grew, and undo what changed for them.
    """
    time = comparison.measures["time"]
    if time.verdict != "more" or time.before is None or time.after is None:
        return
    ratio = time.after / max(time.before, 0.001)
    if ratio < min_ratio or time.after - time.before < min_ms:
        return
    worst = _worst(comparison)
    blocks = comparison.measures["blocks"]
    yield Finding(
        "the statement",
        f"{ms_text(time.before)} became {ms_text(time.after)}, {significant(ratio)} times as long"
        + (f"; most of it on {worst.alias}" if worst else ""),
        Remedy(
            f"Look at {worst.alias}: {worst.text or 'it is read as before'}."
            if worst
            else "No table's own time grew so much: compare the joins and sorts of both plans."
        ),
        evidence={
            "before_ms": time.before,
            "after_ms": time.after,
            "ratio": ratio,
            "before_blocks": blocks.before,
            "after_blocks": blocks.after,
        },
        level=Level.critical if ratio >= critical_ratio else None,
    )


def _worst(comparison: Comparison) -> TableChange | None:
    """The table whose own time grew most, if that is a third of the whole."""

    def growth(change: TableChange) -> float:
        return (change.time.after or 0) - (change.time.before or 0)

    time = comparison.measures["time"]
    worst = max(comparison.tables, key=growth, default=None)
    whole = (time.after or 0) - (time.before or 0)
    return worst if worst and growth(worst) >= whole / 3 else None
