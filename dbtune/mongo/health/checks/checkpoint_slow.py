"""Checkpoints take long."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Remedy, check
from dbtune.mongo.facts.status import Status
from dbtune.text import ms_text


@check("mongo.checkpoint-slow", tags=("io",))
def checkpoint_slow(status: Status, *, min_ms: float = 60_000) -> Iterator[Finding]:
    """Checkpoints take long.

    Why: The disk is behind: after a crash more has to be replayed, and eviction waits.

    Mistaken when: A bulk load was running.

    Remedy: A faster disk; the journal on a disk of its own.
    """
    took = status.number("wiredTiger.transaction.transaction checkpoint most recent time (msecs)")
    if took >= min_ms:
        yield Finding(
            "checkpoint",
            f"the last checkpoint took {ms_text(took)}",
            Remedy("See the disk's load."),
            {"checkpoint_ms": took},
        )
