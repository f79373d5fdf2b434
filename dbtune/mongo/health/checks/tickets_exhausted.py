"""Operations wait for a ticket."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Remedy, check
from dbtune.mongo.facts.status import Status


def _tickets(status: Status, kind: str) -> tuple[float, float]:
    """All tickets and the free ones; they moved from one section to another in 7.0."""
    for prefix in (f"wiredTiger.concurrentTransactions.{kind}", f"queues.execution.{kind}"):
        total = status.number(f"{prefix}.totalTickets")
        if total:
            return total, status.number(f"{prefix}.available")
    return 0.0, 0.0


@check("mongo.tickets-exhausted", tags=("concurrency",))
def tickets_exhausted(status: Status, *, max_free_ratio: float = 0.1) -> Iterator[Finding]:
    """Operations wait for a ticket.

    Why: WiredTiger lets only so many in at a time: the rest queue, whatever they would do.

    Mistaken when: From 7.0 on the number of tickets is small on purpose, and adapts.

    Remedy: Slow operations hold tickets: dbtune slow-queries; a larger number does not help a
        slow disk.
    """
    for kind in ("read", "write"):
        total, free = _tickets(status, kind)
        if total <= 0 or free > max_free_ratio * total:
            continue
        queued = status.number(f"queues.execution.{kind}.normalPriority.queueLength")
        yield Finding(
            f"{kind} tickets",
            f"{free:,.0f} of {total:,.0f} {kind} tickets are free, {queued:,.0f} operations wait",
            Remedy("See which operations hold them: dbtune slow-queries."),
            {"available": free, "total": total, "queued": queued},
        )
