"""Remedies as a script for psql: the safest first, what stops others commented out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime

from dbtune.finding import Finding
from dbtune.postgres.bloat.facts import Bloat
from dbtune.postgres.bloat.remedy import Risk, Way
from dbtune.postgres.bloat.table import kind, label, spread_text
from dbtune.report import Artifact
from dbtune.text import bytes_text, visible

FILENAME = "bloat.sql"
_HEADER = """\
-- Space that can be got back in the database {database}, as of {at}.
-- Made by dbtune bloat --format sql; run it with: psql --dbname={database} --file={filename}
-- The safest and most rewarding come first. Each statement is one transaction, and Ctrl-C stops it.
-- A REINDEX CONCURRENTLY that was stopped leaves an invalid index behind whose name ends in _ccnew:
-- DROP INDEX removes it. What stops reading or writing, and what is no SQL, is commented out.
"""
_SETTINGS = """\
\\set ON_ERROR_STOP on
SET statement_timeout = 0;
"""


def script(ways: Sequence[Way], settings: Iterable[str], bloat: Bloat, at: datetime) -> Artifact:
    """The script.

    Args:
        ways: in the order in which they shall stand.
        settings: statements that change settings of tables.
        bloat: what they are for.
        at: when it was measured.
    """
    head = _HEADER.format(
        database=visible(bloat.sizes.database), at=f"{at:%Y-%m-%d %H:%M %Z}", filename=FILENAME
    )
    changes = list(settings)
    parts = [head, _SETTINGS] if ways or changes else [head]
    if changes:
        parts.append("-- Settings, so that it does not grow again.\n" + "".join(changes))
    parts += [_block(way, bloat) for way in ways]
    if not ways and not changes:
        parts.append("-- Nothing is worth doing.\n")
    return Artifact(FILENAME, "\n".join(parts), "sql")


def settings_of(findings: Iterable[Finding]) -> list[str]:
    """Statements of findings that change settings of tables, each with why."""
    found = []
    for finding in findings:
        statement = finding.remedy.sql
        if statement.startswith("ALTER TABLE") and "\n" not in statement:
            why = f"-- {visible(finding.subject)}: {visible(finding.message)}\n"
            found.append(f"{why}{statement}\n")
    return found


def _block(way: Way, bloat: Bloat) -> str:
    relation = way.estimate.relation
    what = f"{kind(relation, bloat.sizes)} {label(relation, bloat.sizes)}"
    lines = [f"{what}: {way.action}, {gain_text(way)}"]
    if way.estimate.bloat_ratio is not None:
        lines.append(f"  bloat {spread_text(way.estimate)} of {bytes_text(relation.size_bytes)}")
    lines.append(f"  {way.effect}")
    if way.needs:
        lines.append(f"  needs {way.needs}")
    comment = "".join(f"-- {visible(line)}\n" for line in lines)
    live = way.is_sql and way.risk < Risk.outage and not way.needs
    if live:
        return f"{comment}{way.statement}\n"
    statement = way.statement if way.is_sql else f"$ {way.statement}"
    if way.risk is Risk.outage:
        statement = f"SET lock_timeout = '5s';  -- or others queue up behind it\n{statement}"
    # A name may hold a line break, which would end the comment.
    return comment + "".join(f"-- {line}\n" for line in re.split(r"[\r\n]", statement))


def gain_text(way: Way) -> str:
    """What it gives, in words."""
    if way.gain_high_bytes <= 0:
        return f"{bytes_text(way.reuse_bytes)} become free for new rows"
    low, high = bytes_text(way.gain_low_bytes), bytes_text(way.gain_high_bytes)
    return f"gives back {low}" if low == high else f"gives back {low} to {high}"
