"""mongo.many-yields"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Confidence, Finding, Level, Remedy, check
from dbtune.mongo.plans.checks import on_stage
from dbtune.mongo.plans.model import Plan
from dbtune.text import count_text, ms_text


@check("mongo.many-yields", level=Level.info, confidence=Confidence.estimated)
def many_yields(plan: Plan, *, min_ratio: float = 3, min_ms: float = 100) -> Iterator[Finding]:
    """It gave way to others far more often than its time explains.

    Why: An operation yields every 10 ms or 1,000 units of work, and whenever it has to wait: for
    a document that others write at the same time. Many more mean that it waited, so its time is
    not its own.

    Mistaken when: The parameters internalQueryExecYield... were changed.

    Remedy: Look at what ran beside it (writes to the same documents, a full cache) before you
    change the query.
    """
    total = plan.total_ms or 0.0
    root = plan.root
    yields = root.number("saveState") or 0
    due = total / 10 + (root.works or 0) / 1000 + 10
    if total < min_ms or yields < min_ratio * due:
        return
    yield on_stage(
        plan,
        root,
        f"yielded {count_text(round(yields))} times in {ms_text(total)}; some "
        f"{count_text(round(due))} are normal",
        Remedy("Measure it again when the server is quiet, and compare times."),
        evidence={"yields": round(yields), "expected": round(due)},
    )
