"""Reading a block from outside the cache takes long."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.errors import Unavailable
from dbtune.finding import Finding, Level, Remedy, check
from dbtune.postgres.facts.databases import Database
from dbtune.postgres.facts.settings import Settings
from dbtune.text import ms_text


@check("pg.reads-slow", tags=("io",))
def reads_slow(
    databases: tuple[Database, ...],
    settings: Settings,
    *,
    warning_ms: float = 5,
    critical_ms: float = 25,
    min_reads: float = 1000,
) -> Iterator[Finding]:
    """Reading a block from outside the cache takes long.

    Why: A plan that reads ten thousand blocks waits ten thousand times for it.

    Mistaken when: The disk was busy with a backup or another machine's work for a moment; storage
        of a few milliseconds is what was bought.

    Remedy: See who reads (dbtune slow-queries --by io); more memory; faster storage, or its limit
        of operations a second raised.
    """
    if not settings.is_on("track_io_timing"):
        raise Unavailable(
            "the time of reads is not measured: track_io_timing is off",
            "ALTER SYSTEM SET track_io_timing = on; SELECT pg_reload_conf();",
        )
    for one in databases:
        if one.read_ms is None or not one.watched or one.blocks_read < min_reads:
            continue
        mean = one.read_ms / one.blocks_read
        if mean < warning_ms:
            continue
        yield Finding(
            f"database {one.name}",
            f"a read took {ms_text(mean)} on average, of {one.blocks_read:,.0f} blocks",
            Remedy("See who reads so much: dbtune slow-queries --by io --interval 60s."),
            {"mean_read_ms": mean, "blocks_read": one.blocks_read, "seconds": one.seconds},
            level=Level.critical if mean >= critical_ms else Level.warning,
        )
