"""``pg.config-worst-case-over-ram``."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Confidence, Finding, Level, Remedy, check
from dbtune.postgres.config.budget import Budget
from dbtune.text import bytes_text, ratio_text


@check("pg.config-worst-case-over-ram", confidence=Confidence.estimated)
def worst_case_over_ram(budget: Budget) -> Iterator[Finding]:
    """More connections than RAM can carry when all of them work at once.

    Why: When memory runs out, Linux kills a server process, and PostgreSQL then ends every
    connection and recovers as after a crash. Swapping before that is hardly better.

    Mistaken when: A pooler, or the application's own pools, never let so many connections work at
    the same moment; then only the expected case counts.

    Remedy: Put a pooler such as PgBouncer in front and lower max_connections to what fits (needs a
    restart), or give the server more RAM.
    """
    if budget.fits:
        return
    excess = budget.expected > budget.ram_bytes
    fitting = budget.fitting_connections
    least = budget.connections * 0.05
    how = (
        f"lower max_connections to {fitting} or less and put a pooler in front"
        if fitting > least
        else "give the server more RAM; so little does not carry this workload at all"
    )
    yield Finding(
        subject="max_connections",
        message=(
            f"At worst {budget.connections} connections and the rest take "
            f"{bytes_text(budget.worst)}, {ratio_text(budget.worst / budget.ram_bytes)} of "
            f"{bytes_text(budget.ram_bytes)} RAM"
            + (
                f", and even with {budget.active} at work {bytes_text(budget.expected)}."
                if excess
                else f" (with {budget.active} at work: {bytes_text(budget.expected)})."
            )
        ),
        remedy=Remedy(
            f"{how[0].upper()}{how[1:]}.",
            config=f"max_connections = {fitting}" if fitting > least else "",
            effect="restart",
        ),
        evidence={
            "worst_bytes": round(budget.worst),
            "expected_bytes": round(budget.expected),
            "ram_bytes": budget.ram_bytes,
            "connections": budget.connections,
            "active_connections": budget.active,
            "fitting_connections": fitting,
        },
        level=Level.critical if excess else Level.warning,
    )
