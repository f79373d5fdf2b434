"""Statements have to write out dirty pages themselves."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.postgres.facts.checkpoints import Checkpoints
from dbtune.text import ratio_text


@check("pg.backends-write-buffers", level=Level.info, tags=("checkpoints", "io"))
def backends_write_buffers(
    checkpoints: Checkpoints, *, min_buffers: float = 10_000, min_ratio: float = 0.3
) -> Iterator[Finding]:
    """Statements have to write out dirty pages themselves.

    Why: A statement that needs a buffer waits for a page of somebody else to be written first.

    Mistaken when: Bulk loads and VACUUM write their own pages by design; before PostgreSQL 16
        they are counted, too.

    Remedy: A busier background writer (bgwriter_lru_maxpages, bgwriter_delay), or more
        shared_buffers.
    """
    own = checkpoints.buffers_backend
    if own is None:
        return
    written = own + checkpoints.buffers_checkpointer + checkpoints.buffers_cleaner
    if own < min_buffers or own < min_ratio * written:
        return
    yield Finding(
        "shared_buffers",
        f"{ratio_text(own / written)} of the pages written were written by backends "
        f"({own:,.0f} of {written:,.0f})",
        Remedy(
            "Let the background writer clean more.",
            sql="ALTER SYSTEM SET bgwriter_lru_maxpages = 1000;\n"
            "ALTER SYSTEM SET bgwriter_lru_multiplier = 4;\nSELECT pg_reload_conf();",
        ),
        {"buffers_backend": own, "buffers_written": written, "seconds": checkpoints.seconds},
    )
