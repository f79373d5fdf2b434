"""PgBouncer's version has known holes."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Remedy, check
from dbtune.pooling.pooler import Bouncer

FIXED = {
    (1, 16, 1): ("CVE-2021-3935",),
    (1, 24, 1): ("CVE-2025-2291",),
    (1, 25, 1): ("CVE-2025-12819",),
    (1, 25, 2): ("CVE-2026-6664", "CVE-2026-6665", "CVE-2026-6666", "CVE-2026-6667"),
}
"""What a version mended, by PgBouncer's changelog."""


@check("pgbouncer.version-vulnerable", tags=("security", "versions"))
def version_vulnerable(bouncer: Bouncer) -> Iterator[Finding]:
    """PgBouncer's version lacks fixes of known security holes.

    Why: PgBouncer takes connections before anybody has logged in, and knows everybody's password
    or its verifier.

    Mistaken when: A distribution has put the fixes into an older version: its package's changelog
    tells.

    Remedy: Install the newest version; with so_reuseport, or systemd's socket, no client notices.
    """
    holes = [hole for since, names in FIXED.items() if bouncer.version < since for hole in names]
    if not holes or bouncer.version == (0, 0, 0):
        return
    newest = ".".join(map(str, max(FIXED)))
    yield Finding(
        "PgBouncer",
        f"version {bouncer.version_text} lacks fixes of {', '.join(holes)}",
        Remedy(f"Install PgBouncer {newest} or later.", effect="restart"),
        {"version": bouncer.version_text, "fixed_in": newest},
    )
