"""pg.checkpoints-forced"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Remedy, check
from dbtune.postgres.logs.digest import Digest
from dbtune.text import bytes_text, plural, ratio_text


@check("pg.checkpoints-forced", tags=("log",))
def checkpoints_forced(
    digest: Digest, seconds: float, *, min_forced: int = 5, min_share: float = 0.3
) -> Iterator[Finding]:
    """WAL forces checkpoints before checkpoint_timeout has passed.

    Why: Each writes all dirty pages at once, and after it every page is logged in full again: more
    WAL, more I/O, slower commits.

    Mistaken when: A bulk load ran, and the rest of the day is quiet.

    Remedy: Raise max_wal_size, so that checkpoint_timeout decides; it takes so much disk at most.
    """
    checkpoints = digest.events.checkpoints
    forced = checkpoints.causes.get("wal", 0)
    started = sum(checkpoints.causes.values())
    if forced < min_forced or forced < min_share * started:
        return
    most = checkpoints.distance_bytes.largest
    # WAL of two checkpoints must fit (xlog.c, CalculateCheckpointSegments), in 5 minutes each.
    rate = checkpoints.distance_bytes.total / seconds if seconds else 0.0
    wanted = max(2 * most, 2.2 * rate * 300)
    gigabytes = max(1, -(-round(wanted) // 1024**3))
    yield Finding(
        subject="max_wal_size",
        message=(
            f"{forced} of {plural(started, 'checkpoint')} ({ratio_text(forced / started)}) were "
            f"forced by WAL, {bytes_text(most)} of it between two at the most"
        ),
        evidence={
            "forced": forced,
            "checkpoints": started,
            "largest_distance_bytes": round(most),
            "warnings_of_frequency": checkpoints.too_frequent,
        },
        remedy=Remedy(
            "Let checkpoint_timeout decide (the size is for 5 minutes at the logged rate).",
            sql=f"ALTER SYSTEM SET max_wal_size = '{gigabytes}GB';\nSELECT pg_reload_conf();",
            effect="takes up to so much disk in pg_wal; recovery after a crash takes longer",
        ),
    )
