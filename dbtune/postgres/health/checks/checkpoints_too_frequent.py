"""WAL forces checkpoints before their time."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Confidence, Finding, Remedy, check
from dbtune.postgres.facts.checkpoints import Checkpoints
from dbtune.text import bytes_text


def _wanted(checkpoints: Checkpoints) -> int:
    """MiB that hold twice the WAL of one checkpoint_timeout, at least twice what is set now.

    What was watched for less than that may be a burst: then at most eight times what is set.
    """
    least = most = 2 * checkpoints.max_wal_bytes
    if checkpoints.wal_bytes and checkpoints.seconds:
        rate = checkpoints.wal_bytes / checkpoints.seconds
        most = max(least, round(2 * rate * checkpoints.timeout_seconds))
        if checkpoints.seconds < checkpoints.timeout_seconds:
            most = min(most, 8 * checkpoints.max_wal_bytes)
    return -(-most // 1024**3) * 1024


def _of_another_time(checkpoints: Checkpoints) -> bool:
    """Whether so little WAL was written that max_wal_size as it is now forced none of them.

    It does so after max_wal_size / (1 + checkpoint_completion_target), at least the half of it, so
    that a quarter leaves room. They were forced while it was smaller, then, or by hand.
    """
    if checkpoints.watched or checkpoints.wal_bytes is None:
        return False  # sessions report their WAL late: in a watched moment it may be missing
    return checkpoints.wal_bytes < checkpoints.requested * checkpoints.max_wal_bytes / 4


@check("pg.checkpoints-too-frequent", confidence=Confidence.measured, tags=("wal", "checkpoints"))
def checkpoints_too_frequent(
    checkpoints: Checkpoints, *, min_requested: float = 3, min_ratio: float = 0.3
) -> Iterator[Finding]:
    """WAL forces checkpoints before their time.

    Why: Each writes all dirty pages at once, and after it every page is logged in full again:
        more WAL, more I/O, slower commits.

    Mistaken when: A bulk load or CREATE DATABASE is running, or somebody ran CHECKPOINT by
        hand.

    Remedy: Raise max_wal_size, so that checkpoint_timeout decides; it takes so much disk at
        most.
    """
    done = checkpoints.timed + checkpoints.requested
    if checkpoints.requested < min_requested or checkpoints.requested < min_ratio * done:
        return
    if _of_another_time(checkpoints):
        return
    wanted = _wanted(checkpoints)
    yield Finding(
        "max_wal_size",
        f"{checkpoints.requested:.0f} of {done:.0f} checkpoints were forced "
        f"(max_wal_size is {bytes_text(checkpoints.max_wal_bytes)})",
        Remedy(
            "Let checkpoint_timeout decide.",
            sql=f"ALTER SYSTEM SET max_wal_size = '{wanted}MB';\nSELECT pg_reload_conf();",
            effect="takes up to so much disk in pg_wal; recovery after a crash takes longer",
        ),
        {
            "requested": checkpoints.requested,
            "timed": checkpoints.timed,
            "seconds": checkpoints.seconds,
        },
    )
