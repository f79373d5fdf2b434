"""pg.high-plan-time"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dbtune.finding import Finding, Remedy, check
from dbtune.postgres.statements.checks import subject
from dbtune.statements import Statement
from dbtune.text import count_text, ms_text


@check("pg.high-plan-time")
def high_plan_time(
    statements: Sequence[Statement],
    *,
    min_plan_ms: float = 1000,
    min_plan_ratio: float = 1.0,
    min_share_of_all: float = 0.02,
) -> Iterator[Finding]:
    """Planning takes longer than execution.

    Why: The plan is made anew on each call though it is the same each time.

    Mistaken when: The statement has very different best plans for different constants: a cached
    generic plan could then be slower than planning each time.

    Remedy: Let the driver prepare the statement (in PgBouncer's transaction mode since 1.21 with
    max_prepared_statements), lower the number of partitions or joins it sees, or of indexes on its
    tables.
    """
    everything = sum(one.total_ms + (one.planning_ms or 0) for one in statements if not one.nested)
    for one in statements:
        planning_ms = one.planning_ms or 0
        if (
            planning_ms < min_plan_ms
            or planning_ms < min_plan_ratio * one.total_ms
            or planning_ms < min_share_of_all * everything
        ):
            continue
        yield Finding(
            subject=subject(one),
            message=(
                f"planning took {ms_text(planning_ms)}, execution {ms_text(one.total_ms)}: "
                f"{ms_text(planning_ms / one.calls)} and {ms_text(one.mean_ms)} a call over "
                f"{count_text(one.calls)} calls"
            ),
            evidence={
                "planning_ms": planning_ms,
                "total_ms": one.total_ms,
                "calls": round(one.calls),
                "plan_share_ratio": planning_ms / everything,
            },
            remedy=Remedy(
                "Prepare it in the driver, so that the plan is kept.",
                config="# psycopg: prepare_threshold=5 (the default); JDBC: prepareThreshold=5\n"
                "# PgBouncer >= 1.21: max_prepared_statements = 200",
                effect="a change in the application",
            ),
        )
