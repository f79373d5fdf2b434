"""Replicas had to be copied anew."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.redis.facts.info import Info
from dbtune.text import bytes_text, ms_text


@check("redis.full-resyncs", level=Level.info, tags=("replication",))
def full_resyncs(info: Info, *, min_times: float = 3) -> Iterator[Finding]:
    """Replicas had to be copied anew.

    Why: Each full copy forks, reads all keys and sends them: the master is slow meanwhile.

    Mistaken when: Replicas were added on purpose.

    Remedy: A larger repl-backlog-size, so that short breaks are caught up.
    """
    full = info.grown("sync_full")
    if full < min_times or (not info.before and info.seconds > 86_400 * full):
        return
    yield Finding(
        "replication",
        f"{full:,.0f} full resynchronisations in {ms_text(info.seconds * 1000)}; the backlog is "
        f"{bytes_text(info.number('repl_backlog_size'))}",
        Remedy("Keep more of the stream.", config="repl-backlog-size 256mb"),
        {"sync_full": full, "seconds": info.seconds},
    )
