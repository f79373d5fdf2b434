"""Operations wait for a lock."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Remedy, check
from dbtune.mongo.facts.status import Status


@check("mongo.operations-queue", tags=("concurrency",))
def operations_queue(status: Status, *, min_waiting: float = 10) -> Iterator[Finding]:
    """Operations wait for a lock.

    Why: They stand behind each other: one long operation or a command that locks a database.

    Mistaken when: It was a moment's picture.

    Remedy: See db.currentOp({waitingForLock: true}).
    """
    waiting = status.number("globalLock.currentQueue.total")
    if waiting >= min_waiting:
        yield Finding(
            "global lock",
            f"{waiting:,.0f} operations wait: "
            f"{status.number('globalLock.currentQueue.readers'):,.0f} read, "
            f"{status.number('globalLock.currentQueue.writers'):,.0f} write",
            Remedy("Find what they wait for.", sql="db.currentOp({waitingForLock: true})"),
            {"waiting": waiting},
        )
