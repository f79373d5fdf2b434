"""pg.high-variance"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.postgres.statements.checks import subject, time_share
from dbtune.statements import Statement
from dbtune.text import count_text, ms_text, ratio_text


@check("pg.high-variance", level=Level.info)
def high_variance(
    statements: Sequence[Statement],
    *,
    min_variation: float = 3,
    min_calls: int = 100,
    min_mean_ms: float = 1,
    min_stddev_ms: float = 20,
    min_time_share: float = 0.02,
) -> Iterator[Finding]:
    """The same statement is sometimes very much slower than usual.

    Why: The mean hides what users complain about: lock waits, cold data, a few constants that match
    far more rows, or a plan that flips.

    Mistaken when: The slow calls happened once, after a restart or during a backup; look at an
    interval (--interval) to see whether it goes on.

    Remedy: Find what the slow calls have in common: log them with auto_explain and
    log_lock_waits, then compare the constants with the statistics.
    """
    for one in statements:
        deviation = one.stddev_ms or 0
        share = time_share(one, statements)
        if (
            one.calls < min_calls
            or one.mean_ms < min_mean_ms
            or deviation < min_stddev_ms
            or deviation < min_variation * one.mean_ms
            or share < min_time_share
        ):
            continue
        worst = f", slowest {ms_text(one.max_ms)}" if one.max_ms else ""
        threshold = max(10, round(one.mean_ms + 2 * deviation))
        yield Finding(
            subject=subject(one),
            message=(
                f"takes {ms_text(one.mean_ms)} ± {ms_text(deviation)}{worst}: the deviation is "
                f"{count_text(round(deviation / one.mean_ms, 1))} times the mean; "
                f"{ratio_text(share)} of the server's time"
            ),
            evidence={
                "mean_ms": one.mean_ms,
                "stddev_ms": deviation,
                "max_ms": one.max_ms,
                "calls": round(one.calls),
                "time_share_ratio": share,
            },
            remedy=Remedy(
                "Log the slow calls with their plans, and see what they have in common.",
                sql="-- in a session, or with ALTER SYSTEM for all (superuser):\n"
                "LOAD 'auto_explain';\n"
                f"SET auto_explain.log_min_duration = '{threshold}ms';\n"
                "SET log_lock_waits = on;",
                effect="logs statements with their constants",
            ),
        )
