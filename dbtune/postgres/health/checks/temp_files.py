"""Much is written to temporary files."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Remedy, check
from dbtune.postgres.facts.databases import Database
from dbtune.text import bytes_text


@check("pg.temp-files", tags=("memory", "io"))
def temp_files(
    databases: tuple[Database, ...],
    *,
    min_bytes: float = 100 * 1024**2,
    warning_bytes_per_second: float = 5 * 1024**2,
) -> Iterator[Finding]:
    """Much is written to temporary files.

    Why: Sorts and hashes that do not fit into work_mem go through the disk, and compete for it.

    Mistaken when: Index builds and reports spill whatever the memory; the files stay in the
        operating system's cache.

    Remedy: dbtune slow-queries --by temp shows which statements; raise work_mem for those.
    """
    for one in databases:
        if not one.seconds or one.temp_bytes < min_bytes:
            continue
        rate = one.temp_bytes / one.seconds
        if rate < warning_bytes_per_second:
            continue
        yield Finding(
            f"database {one.name}",
            f"{bytes_text(rate)} a second to temporary files "
            f"({bytes_text(one.temp_bytes)} in {one.temp_files:,.0f} files)",
            Remedy(
                "Find the statements: dbtune slow-queries --by temp.",
                sql="ALTER SYSTEM SET log_temp_files = '10MB';\nSELECT pg_reload_conf();",
            ),
            {"temp_bytes": one.temp_bytes, "temp_files": one.temp_files, "seconds": one.seconds},
        )
