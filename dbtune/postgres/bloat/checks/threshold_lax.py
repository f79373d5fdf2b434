"""pg.vacuum-threshold-lax"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Confidence, Finding, Level, Remedy, check
from dbtune.postgres.bloat.autovacuum import advice, dead_rate, is_off, threshold
from dbtune.postgres.bloat.checks import subject
from dbtune.postgres.bloat.facts import Bloat, Kind
from dbtune.text import bytes_text, ms_text, ratio_text


@check(
    "pg.vacuum-threshold-lax",
    level=Level.info,
    confidence=Confidence.rule_of_thumb,
    tags=("bloat", "vacuum"),
)
def threshold_lax(
    bloat: Bloat, *, min_size_bytes: int = 256 * 1024**2, min_changes_ratio: float = 0.2
) -> Iterator[Finding]:
    """Autovacuum comes to a table only when very many of its rows are dead.

    Why: The table then is as much larger as it has dead rows when autovacuum comes, for good: a
        fifth with the default scale factor.

    Mistaken when: The table is changed in one nightly run with a VACUUM behind it.

    Remedy: Settings for this table, from how many rows die in it.
    """
    for one in bloat.estimates:
        relation, counters = one.relation, one.relation.counters
        if relation.kind is not Kind.TABLE or relation.catalog or is_off(relation, bloat.sizes):
            continue
        rows = relation.rows or float(counters.live)
        changed = counters.updated + counters.deleted
        if relation.size_bytes < min_size_bytes or changed < min_changes_ratio * rows:
            continue
        better = advice(relation, bloat.sizes)
        if better is None:
            continue
        now = threshold(relation, bloat.sizes)
        rate = dead_rate(relation, bloat.sizes)
        often = ""
        if rate and better.every_seconds:
            often = (
                f"; {rate:,.3g} rows die in a second: it would come every "
                f"{ms_text(better.every_seconds * 1000)} instead of every "
                f"{ms_text(now.rows / rate * 1000)}"
            )
        yield Finding(
            subject(one, bloat),
            f"autovacuum comes at {now.rows:,.0f} dead rows, "
            f"{ratio_text(now.rows / max(1.0, rows))} of {rows:,.0f} "
            f"({bytes_text(relation.size_bytes)}){often}",
            Remedy(
                f"Let it come at {better.rows:,.0f}.",
                sql=better.sql,
                effect="SHARE UPDATE EXCLUSIVE for a moment; VACUUM runs more often",
            ),
            {
                "threshold_rows": round(now.rows),
                "scale_factor": now.factor,
                "better_threshold_rows": round(better.rows),
                "rows": round(rows),
                "dead_rows_per_second": rate,
            },
        )
