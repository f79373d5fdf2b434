"""redis.slowlog-overflow"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.redis.slowlog import Slowlog
from dbtune.text import count_text, ms_text


@check("redis.slowlog-overflow", level=Level.info, tags=("commands", "latency"))
def slowlog_overflow(
    slowlog: Slowlog, *, min_span_seconds: float = 3600, suggested_entries: int = 1024
) -> Iterator[Finding]:
    """SLOWLOG is full, and what it keeps goes back only a short time.

    Why: New entries drive out old ones: what was slow last night can't be seen in the morning.

    Mistaken when: The entries are collected elsewhere as they come.

    Remedy: A larger slowlog-max-len (an entry takes some hundred bytes, 4 kB at most), or a higher
    slowlog-log-slower-than.
    """
    if not slowlog.is_full or slowlog.since is None or slowlog.max_entries is None:
        return
    span = (slowlog.at - slowlog.since).total_seconds()
    if span >= min_span_seconds:
        return
    entries = max(suggested_entries, 2 * slowlog.max_entries)
    yield Finding(
        subject="slowlog-max-len",
        message=(
            f"all {count_text(slowlog.max_entries)} entries are of the last "
            f"{ms_text(max(1.0, span) * 1000)}"
        ),
        evidence={
            "slowlog_max_len": slowlog.max_entries,
            "span_seconds": span,
            "lost_entries": slowlog.lost,
            "slowlog_log_slower_than_us": slowlog.threshold_us,
        },
        remedy=Remedy(
            "Keep more entries:",
            config=f"slowlog-max-len {entries}",
            effect="CONFIG SET applies it without a restart; at most 4 kB an entry",
        ),
    )
