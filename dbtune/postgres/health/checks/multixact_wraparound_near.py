"""Multixact ids come near to their end."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.postgres.facts.xids import XID_LIMIT, Xids
from dbtune.postgres.plans.ddl import quote
from dbtune.text import ratio_text


@check("pg.multixact-wraparound-near", tags=("vacuum", "wraparound"))
def multixact_wraparound_near(
    xids: Xids,
    *,
    warning_factor: float = 1.5,
    warning_age: int = 300_000_000,
    critical_age: int = 1_000_000_000,
) -> Iterator[Finding]:
    """Multixact ids come near to their end.

    Why: When the limit is near, the server refuses every write until old rows are frozen, which
        takes hours.

    Mistaken when: An anti-wraparound VACUUM is running and will bring the age down: see
        pg_stat_progress_vacuum.

    Remedy: VACUUM (FREEZE) the oldest tables, after ending what holds VACUUM back
        (pg.xmin-held-back).
    """
    for one in xids.databases:
        age = one.multixact_age
        if age < max(warning_age, warning_factor * xids.multixact_freeze_max_age):
            continue
        tables = sorted(xids.tables, key=lambda table: -table.multixact_age)[:3]
        here = [f"VACUUM (FREEZE, VERBOSE) {quote(t.schema)}.{quote(t.name)};" for t in tables]
        yield Finding(
            f"database {one.name}",
            f"the oldest multixact id is {age:,} old, {ratio_text(age / XID_LIMIT)} of the way "
            "to the limit (autovacuum begins to force VACUUM at "
            f"{xids.multixact_freeze_max_age:,})",
            Remedy(
                "Find what keeps VACUUM from freezing, then vacuum the oldest tables of that "
                "database.",
                sql="\n".join(here),
                effect="reads the whole table; does not block reading or writing",
            ),
            {
                "age": age,
                "limit": XID_LIMIT,
                "autovacuum_multixact_freeze_max_age": xids.multixact_freeze_max_age,
            },
            level=Level.critical if age >= critical_age else Level.warning,
        )
