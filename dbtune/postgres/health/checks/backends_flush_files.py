"""Backends had to flush files to disk themselves."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Remedy, check
from dbtune.postgres.facts.checkpoints import Checkpoints


@check("pg.backends-flush-files", tags=("checkpoints", "io"))
def backends_flush_files(checkpoints: Checkpoints, *, min_fsyncs: float = 100) -> Iterator[Finding]:
    """Backends had to flush files to disk themselves.

    Why: The queue of the checkpointer was full, and statements waited for the disk instead.

    Mistaken when: It happened once, during a storm that is over.

    Remedy: More shared_buffers (the queue is as long), slower writing, or a faster disk.
    """
    if (checkpoints.backend_fsyncs or 0) >= min_fsyncs:
        yield Finding(
            "checkpointer",
            f"backends flushed files {checkpoints.backend_fsyncs:,.0f} times",
            Remedy("Give the server more shared_buffers, or a faster disk."),
            {"backend_fsyncs": checkpoints.backend_fsyncs, "seconds": checkpoints.seconds},
        )
