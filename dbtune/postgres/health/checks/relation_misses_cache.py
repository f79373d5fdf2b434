"""A table or an index is read past the cache."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.postgres.facts.block_reads import BlockReads
from dbtune.text import bytes_text, ratio_text

_BLOCK = 8192


@check("pg.relation-misses-cache", level=Level.info, tags=("memory", "io"))
def relation_misses_cache(
    block_reads: tuple[BlockReads, ...],
    *,
    min_read_per_second: float = 500,
    min_table_ratio: float = 0.9,
    min_index_ratio: float = 0.95,
    most: int = 10,
) -> Iterator[Finding]:
    """A table or an index is read past the cache.

    Why: Its blocks come from the operating system or the disk; of an index that is several in a
        row for each look-up.

    Mistaken when: A report or a backup reads it once; the operating system has it cached; it has
        just been made.

    Remedy: dbtune slow-queries --by io shows the statements; an index in place of reading it whole,
        or more shared_buffers if what is needed all the time is larger than them.
    """
    found = 0
    for one in sorted(block_reads, key=lambda one: (-one.read, one.schema, one.name)):
        if not one.seconds or one.read < min_read_per_second * one.seconds:
            continue
        ratio = one.hit / one.fetched
        if ratio >= (min_index_ratio if one.is_index else min_table_ratio):
            continue
        found += 1
        if found > most:
            return
        kind = "index" if one.is_index else "table"
        yield Finding(
            f"{kind} {one.schema}.{one.name}",
            f"{ratio_text(ratio)} of its blocks were found in shared buffers, "
            f"{one.read / one.seconds:,.0f} a second were not; it is "
            f"{bytes_text(one.pages * _BLOCK)}",
            Remedy("See who reads it: dbtune slow-queries --by io --interval 60s."),
            {
                "hit_ratio": ratio,
                "blocks_read": one.read,
                "blocks_fetched": one.fetched,
                "seconds": one.seconds,
                "pages": one.pages,
            },
        )
