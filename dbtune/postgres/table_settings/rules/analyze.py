"""autovacuum_analyze_scale_factor, of large tables whose statistics grow old."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Confidence
from dbtune.postgres.bloat.autovacuum import is_off
from dbtune.postgres.table_settings.model import Advice, Known
from dbtune.text import ms_text

WANTED_RATIO = 0.02
LEAST_ROWS = 50_000
SHORTEST_SECONDS = 3600.0
"""ANALYZE reads 30,000 pages of the table: more often than hourly it is a load of its own."""
OFTEN_SECONDS = 86_400.0
"""Daily statistics are good enough."""
_OPTION = "autovacuum_analyze_scale_factor"


def advise(known: Known) -> Iterator[Advice]:
    """A query for the newest rows is planned by statistics that have not seen them."""
    for relation, _ in known.tables:
        counters, rows = relation.counters, relation.rows or float(relation.counters.live)
        changed = counters.inserted + counters.updated + counters.deleted
        rate = known.rate(changed)
        if is_off(relation, known.sizes) or rows < 1 or not rate:
            continue
        base = known.setting(relation, "autovacuum_analyze_threshold", 50)
        now = base + known.setting(relation, _OPTION, 0.1) * rows
        wanted = max(LEAST_ROWS, WANTED_RATIO * rows, rate * SHORTEST_SECONDS)
        if now < 2 * wanted or changed < now or now / rate < OFTEN_SECONDS:
            continue
        factor = float(f"{max(0.0001, (wanted - base) / rows):.1g}")
        then = base + factor * rows
        yield Advice(
            relation,
            _OPTION,
            factor,
            f"{rate:,.3g} rows change in a second: ANALYZE comes every"
            f" {ms_text(now / rate * 1000)} ({now:,.0f} rows), and would come every"
            f" {ms_text(then / rate * 1000)} ({then:,.0f})",
            Confidence.measured,
            evidence={"rows": rows, "threshold_rows": now, "changed_rows_per_second": rate},
        )
