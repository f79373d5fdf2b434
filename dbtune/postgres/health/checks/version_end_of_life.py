"""The server's major version gets no more fixes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.postgres.server import Server

_END = {
    13: date(2025, 11, 13),
    14: date(2026, 11, 12),
    15: date(2027, 11, 11),
    16: date(2028, 11, 9),
    17: date(2029, 11, 8),
    18: date(2030, 11, 14),
}
"""Last day of support by major version (postgresql.org/support/versioning)."""


@check("pg.version-end-of-life", tags=("versions",))
def version_end_of_life(
    server: Server, *, info_days: int = 180, warning_after_days: int = 90
) -> Iterator[Finding]:
    """The server's major version gets no more fixes.

    Why: Errors and security holes that are found from now on stay. Until the next quarterly
        releases of the others (90 days) it lacks nothing yet.

    Mistaken when: A vendor supports the version for longer.

    Remedy: pg_upgrade, or logical replication to a new server; read the release notes between.
    """
    major, today = server.version // 10000, server.now.date()
    end = _END.get(major) or (date(2024, 11, 14) if major < min(_END) else None)
    if end is None or (end - today).days > info_days:
        return
    over = end <= today
    yield Finding(
        f"PostgreSQL {major}",
        f"PostgreSQL {major} {'has had' if over else 'gets'} no fixes "
        f"{'since' if over else 'after'} {end.isoformat()}",
        Remedy("Plan the upgrade: pg_upgrade --check tells what stands in the way."),
        {"version": server.version_text, "end_of_life": end.isoformat()},
        level=Level.warning if (today - end).days > warning_after_days else Level.info,
    )
