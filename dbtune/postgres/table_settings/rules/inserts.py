"""autovacuum_vacuum_insert_scale_factor, of tables that are mostly added to."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Confidence
from dbtune.postgres.bloat.autovacuum import SHORTEST_SECONDS, is_off
from dbtune.postgres.table_settings.model import Advice, Known
from dbtune.text import ms_text, ratio_text

MOSTLY = 10
"""Inserts for each other change that make a table one that is added to."""
WANTED_RATIO = 0.05
LEAST_ROWS = 100_000
_OPTION = "autovacuum_vacuum_insert_scale_factor"


def advise(known: Known) -> Iterator[Advice]:
    """Until VACUUM has been there, index-only scans look at every new row, and none is frozen."""
    for relation, _ in known.tables:
        counters, rows = relation.counters, relation.rows or float(relation.counters.live)
        others = counters.updated + counters.deleted
        if is_off(relation, known.sizes) or rows < 1 or counters.inserted < MOSTLY * (others + 1):
            continue
        base = known.setting(relation, "autovacuum_vacuum_insert_threshold", 1000)
        if base < 0:
            continue  # switched off on purpose
        now = base + known.setting(relation, _OPTION, 0.2) * rows
        rate = known.rate(counters.inserted)
        wanted = max(LEAST_ROWS, WANTED_RATIO * rows, (rate or 0.0) * SHORTEST_SECONDS)
        if now < 2 * wanted or rate is None:
            continue
        factor = float(f"{max(0.0001, (wanted - base) / rows):.1g}")
        then = base + factor * rows
        unseen = known.sizes.tables.get(relation.oid)
        share = unseen.unseen_blocks / relation.pages if unseen and relation.pages else None
        seen = f"; {ratio_text(share)} of its pages are not known to be visible" if share else ""
        yield Advice(
            relation,
            _OPTION,
            factor,
            f"{counters.inserted:,} rows added, {others:,} changed: autovacuum comes after"
            f" {now:,.0f} new rows (every {ms_text(now / rate * 1000)}), and would come after"
            f" {then:,.0f} (every {ms_text(then / rate * 1000)}){seen}",
            Confidence.measured,
            evidence={
                "rows": rows,
                "inserted": counters.inserted,
                "threshold_rows": now,
                "inserted_rows_per_second": rate,
            },
        )
