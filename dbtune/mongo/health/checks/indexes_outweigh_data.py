"""A database's indexes are larger than its data."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.mongo.facts.profiling import Profiling
from dbtune.text import bytes_text


@check("mongo.indexes-outweigh-data", level=Level.info, tags=("indexes", "memory"))
def indexes_outweigh_data(
    profiling: tuple[Profiling, ...], *, min_bytes: int = 256 * 1024**2, min_factor: float = 1.0
) -> Iterator[Finding]:
    """A database's indexes are larger than its data.

    Why: They have to be in the cache to be fast, and every write maintains them.

    Mistaken when: Documents are small and each index is used.

    Remedy: dbtune suggest-indexes names those that are unused or redundant.
    """
    for one in profiling:
        if one.index_bytes < min_bytes or one.index_bytes < min_factor * one.data_bytes:
            continue
        yield Finding(
            f"database {one.database}",
            f"{one.indexes} indexes take {bytes_text(one.index_bytes)}, the data "
            f"{bytes_text(one.data_bytes)}",
            Remedy("See which can go: dbtune suggest-indexes."),
            {"index_bytes": one.index_bytes, "data_bytes": one.data_bytes},
        )
