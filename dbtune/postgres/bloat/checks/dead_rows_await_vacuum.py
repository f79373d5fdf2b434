"""pg.dead-rows-await-vacuum"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Remedy, check
from dbtune.postgres.bloat.autovacuum import is_off, threshold
from dbtune.postgres.bloat.checks import dead_rows, subject, vacuumed
from dbtune.postgres.bloat.facts import Bloat
from dbtune.postgres.bloat.remedy import Risk, ways_for
from dbtune.text import ms_text, ratio_text


@check("pg.dead-rows-await-vacuum", tags=("bloat", "vacuum"))
def dead_rows_await_vacuum(
    bloat: Bloat, *, min_ratio: float = 0.2, min_rows: int = 10_000
) -> Iterator[Finding]:
    """Many rows of a table are dead and wait for VACUUM.

    Why: Until it comes, new rows make the table grow, and every scan reads the dead ones.

    Mistaken when: A mass update or delete has just ended, and autovacuum is at work.

    Remedy: VACUUM now; in mass changes, change a part of the rows at a time with a VACUUM in
        between, so that their space is used again.
    """
    for one in dead_rows(bloat).tables:
        dead, rows = one.dead_rows or 0.0, one.rows or 0.0
        if dead < min_rows or dead < min_ratio * (dead + rows):
            continue
        way = next((way for way in ways_for(one, bloat) if way.risk is Risk.none), None)
        comes_at = threshold(one.relation, bloat.sizes).rows
        last = vacuumed(one.relation)
        if reason := is_off(one.relation, bloat.sizes):
            why = reason
        elif dead < comes_at:
            why = f"autovacuum comes at {comes_at:,.0f}"
        else:
            why = f"autovacuum was due at {comes_at:,.0f}"
        when = "never vacuumed"
        if last:
            when = f"last vacuumed {ms_text((bloat.sizes.at - last).total_seconds() * 1000)} ago"
        yield Finding(
            subject(one, bloat),
            f"{dead:,.0f} dead rows, {ratio_text(dead / (dead + rows))} of all; {why}; {when}",
            Remedy(
                "Vacuum it.",
                sql=way.statement if way else "",
                effect=way.effect if way else "",
            ),
            {
                "dead_rows": round(dead),
                "rows": round(rows),
                "threshold_rows": round(comes_at),
                "vacuums": one.relation.counters.vacuums + one.relation.counters.autovacuums,
            },
        )
