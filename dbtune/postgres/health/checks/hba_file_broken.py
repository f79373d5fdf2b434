"""pg_hba.conf has lines that the server can't read."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.postgres.facts.access import HbaRule


@check("pg.hba-file-broken", level=Level.critical, tags=("security", "settings"))
def hba_file_broken(hba_rules: tuple[HbaRule, ...]) -> Iterator[Finding]:
    """pg_hba.conf has lines that the server can't read.

    Why: A reload keeps the old rules; a restart does not start.

    Mistaken when: Somebody is editing the file right now.

    Remedy: Mend the line, then reload.
    """
    for one in hba_rules:
        if one.error:
            yield Finding(
                f"pg_hba.conf, line {one.line}",
                f"line {one.line}: {one.error}",
                Remedy("Mend it, then reload.", sql="SELECT pg_reload_conf();"),
                {"line": one.line},
            )
