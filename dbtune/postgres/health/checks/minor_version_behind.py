"""The server lacks fixes that are out."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.postgres.server import Server
from dbtune.text import plural

_KNOWN = {13: 23, 14: 23, 15: 20, 16: 14, 17: 10, 18: 6}
"""The newest minor version of each major one that was seen when this was written, November 2026."""


@check("pg.minor-version-behind", level=Level.info, tags=("versions",))
def minor_version_behind(server: Server, *, warning_releases: int = 3) -> Iterator[Finding]:
    """The server lacks fixes that are out.

    Why: Minor versions hold nothing but fixes of errors, some of which lose data, and of
        security holes.

    Mistaken when: A vendor has put the fixes into an older number; this list may itself be
        older than the newest release.

    Remedy: Install the newest minor version and restart; no dump or upgrade is needed.
    """
    major, minor = divmod(server.version, 10000)
    newest = _KNOWN.get(major)
    if newest is None or minor >= newest:
        return
    behind = newest - minor
    yield Finding(
        f"PostgreSQL {major}",
        f"{server.version_text} lacks {plural(behind, 'minor release')}: {major}.{newest} is out",
        Remedy("Install the packages and restart.", effect="a restart"),
        {"version": server.version_text, "newest": f"{major}.{newest}", "behind": behind},
        level=Level.warning if behind >= warning_releases else Level.info,
    )
