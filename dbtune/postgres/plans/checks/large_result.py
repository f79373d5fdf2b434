"""plan.large-result"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Confidence, Finding, Level, Remedy, check
from dbtune.postgres.plans.impact import statement_finding
from dbtune.postgres.plans.model import Plan
from dbtune.text import bytes_text, count_text

_MIB = 1024 * 1024


@check("plan.large-result", level=Level.info, confidence=Confidence.estimated)
def large_result(
    plan: Plan,
    *,
    min_rows: int = 10_000,
    min_bytes: int = 10 * _MIB,
) -> Iterator[Finding]:
    """The statement returns very many rows.

    Why: They are sent over the network and kept by the client, which EXPLAIN doesn't count; often
    only the first page is looked at.

    Mistaken when: It is an export, a CREATE TABLE AS, or part of a function that needs all rows.

    Remedy: LIMIT with keyset pagination, aggregation in the database, fewer columns; for exports
    COPY, or a cursor that fetches in parts.

    Verify: Count what the application uses of the rows; run it again and compare rows and time.
    """
    rows, width = plan.root.total_rows or 0, plan.root.plan_width or 0
    said = plan.serialization.output_kb if plan.serialization else None
    volume = said * 1024 if said else rows * width
    if plan.root.type == "ModifyTable" or rows < min_rows or volume < min_bytes:
        return
    yield statement_finding(
        plan,
        f"it returns {count_text(round(rows))} rows, about {bytes_text(volume)}",
        Remedy(
            "Return what is looked at: LIMIT with a condition on the last row seen (keyset "
            "pagination), aggregate in the database, name the columns instead of *."
        ),
        what="result",
        saving_ms=plan.serialization.time_ms if plan.serialization else None,
        evidence={"rows": round(rows), "bytes": round(volume)},
        level_=Level.info,
    )
