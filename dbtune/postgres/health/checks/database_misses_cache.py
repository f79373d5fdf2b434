"""Many blocks are not found in shared buffers."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.postgres.facts.databases import Database
from dbtune.text import ratio_text


@check("pg.database-misses-cache", level=Level.info, tags=("memory", "io"))
def database_misses_cache(
    databases: tuple[Database, ...], *, min_ratio: float = 0.95, min_read_per_second: float = 1000
) -> Iterator[Finding]:
    """Many blocks are not found in shared buffers.

    Why: Each has to be asked of the operating system, and some of them of the disk.

    Mistaken when: The operating system has them cached; a report has read a large table; the
        server has just started.

    Remedy: dbtune slow-queries --by io shows who reads; more shared_buffers help if it is
        everybody.
    """
    for one in databases:
        blocks = one.blocks_hit + one.blocks_read
        if (
            not one.watched
            or not one.seconds
            or one.blocks_read < min_read_per_second * one.seconds
        ):
            continue
        if one.blocks_hit >= min_ratio * blocks:
            continue
        yield Finding(
            f"database {one.name}",
            f"{ratio_text(one.blocks_hit / blocks)} of the blocks were found in shared buffers, "
            f"{one.blocks_read / one.seconds:,.0f} a second were not",
            Remedy("See who reads so much: dbtune slow-queries --by io --interval 60s."),
            {"hit_ratio": one.blocks_hit / blocks, "blocks_read": one.blocks_read},
        )
