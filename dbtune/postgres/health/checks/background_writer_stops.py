"""The background writer stops before it is done."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.postgres.facts.checkpoints import Checkpoints


@check("pg.background-writer-stops", level=Level.info, tags=("checkpoints", "io"))
def background_writer_stops(
    checkpoints: Checkpoints, *, min_times: float = 3, min_per_second: float = 0.5
) -> Iterator[Finding]:
    """The background writer stops before it is done.

    Why: At bgwriter_lru_maxpages it leaves the rest of its round; sessions that need a buffer then
        write a dirty one themselves.

    Mistaken when: A bulk load was running, or backends hardly write (pg.backends-write-buffers is
        silent).

    Remedy: A higher bgwriter_lru_maxpages, and a shorter bgwriter_delay.
    """
    stopped, seconds = checkpoints.cleaner_stopped, checkpoints.seconds
    if not seconds or stopped < min_times or stopped / seconds < min_per_second:
        return
    yield Finding(
        "bgwriter_lru_maxpages",
        f"the background writer stopped {stopped:,.0f} times at bgwriter_lru_maxpages, "
        f"{stopped / seconds:,.1f} a second",
        Remedy(
            "Let it write more in a round.",
            sql="ALTER SYSTEM SET bgwriter_lru_maxpages = 1000;\nSELECT pg_reload_conf();",
            effect="more writing in the background",
        ),
        {"stopped": stopped, "seconds": seconds, "buffers_cleaned": checkpoints.buffers_cleaner},
    )
