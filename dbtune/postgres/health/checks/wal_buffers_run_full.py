"""WAL is written because its buffers are full."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.postgres.facts.checkpoints import Checkpoints
from dbtune.postgres.facts.settings import Settings

_MOST = 64 * 128
"""64 MB, which is advised, in blocks of 8 kB."""


@check("pg.wal-buffers-run-full", level=Level.info, tags=("wal",))
def wal_buffers_run_full(
    checkpoints: Checkpoints,
    settings: Settings,
    *,
    min_times: float = 100,
    min_per_second: float = 1.0,
) -> Iterator[Finding]:
    """WAL is written because its buffers are full.

    Why: Sessions write the log while they hold its locks, instead of at their commit.

    Mistaken when: A bulk load was running.

    Remedy: wal_buffers up to 64 MB (restart).
    """
    full, seconds = checkpoints.wal_buffers_full or 0, checkpoints.seconds
    if not seconds or full < min_times or full / seconds < min_per_second:
        return
    if (settings.number("wal_buffers") or 0) >= _MOST:
        return
    yield Finding(
        "wal_buffers",
        f"the buffers were full {full:,.0f} times, {full / seconds:,.1f} a second",
        Remedy(
            "Make them larger.",
            sql="ALTER SYSTEM SET wal_buffers = '64MB';",
            effect="needs a restart",
        ),
        {"wal_buffers_full": full, "seconds": seconds},
    )
