"""Transaction ids come near to their end."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.postgres.facts.xids import XID_LIMIT, Xids
from dbtune.postgres.plans.ddl import quote
from dbtune.text import ratio_text


def _days_left(age: int, xids: Xids) -> float | None:
    """Until the limit, at the rate that was watched; ``None`` if that is not known, or nothing."""
    return (XID_LIMIT - age) / xids.per_second / 86_400 if xids.per_second else None


@check("pg.xid-wraparound-near", tags=("vacuum", "wraparound"))
def xid_wraparound_near(
    xids: Xids,
    *,
    warning_factor: float = 1.5,
    warning_age: int = 300_000_000,
    critical_age: int = 1_000_000_000,
    warning_days: float = 30,
    critical_days: float = 7,
) -> Iterator[Finding]:
    """Transaction ids come near to their end.

    Why: When the limit is near, the server refuses every write until old rows are frozen, which
        takes hours.

    Mistaken when: An anti-wraparound VACUUM is running and will bring the age down: see
        pg_stat_progress_vacuum.

    Remedy: VACUUM (FREEZE) the oldest tables, after ending what holds VACUUM back
        (pg.xmin-held-back).
    """
    for one in xids.databases:
        age = one.xid_age
        days = _days_left(age, xids)
        if age < max(warning_age, warning_factor * xids.freeze_max_age) and (
            # A burst is no danger where autovacuum has not even begun to force its way.
            days is None or days >= warning_days or age < xids.freeze_max_age
        ):
            continue
        tables = sorted(xids.tables, key=lambda table: -table.xid_age)[:3]
        here = [f"VACUUM (FREEZE, VERBOSE) {quote(t.schema)}.{quote(t.name)};" for t in tables]
        yield Finding(
            f"database {one.name}",
            f"the oldest transaction id is {age:,} old, {ratio_text(age / XID_LIMIT)} of the way "
            f"to the limit (autovacuum begins to force VACUUM at {xids.freeze_max_age:,})"
            + ("" if days is None else f"; {days:,.1f} days are left at the present rate"),
            Remedy(
                "Find what keeps VACUUM from freezing, then vacuum the oldest tables of that "
                "database.",
                sql="\n".join(here),
                effect="reads the whole table; does not block reading or writing",
            ),
            {
                "age": age,
                "limit": XID_LIMIT,
                "autovacuum_freeze_max_age": xids.freeze_max_age,
                "xids_per_second": xids.per_second,
                "days_left": days,
            },
            level=Level.critical
            if age >= critical_age or (days is not None and days < critical_days)
            else Level.warning,
        )
