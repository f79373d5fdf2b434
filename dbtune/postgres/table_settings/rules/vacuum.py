"""autovacuum_vacuum_scale_factor and autovacuum_vacuum_threshold, from how many rows die."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Confidence
from dbtune.postgres.bloat.autovacuum import advice, dead_rate, is_off, threshold
from dbtune.postgres.table_settings.model import Advice, Known
from dbtune.text import ms_text, ratio_text

LEAST_CHANGES = 0.2
"""Changed rows, as a share of all, from which on a table is more than read."""


def advise(known: Known) -> Iterator[Advice]:
    """A fifth of a large table is dead before autovacuum comes by default."""
    for relation, _ in known.tables:
        counters = relation.counters
        rows = relation.rows or float(counters.live)
        changed = counters.updated + counters.deleted
        if is_off(relation, known.sizes) or changed < LEAST_CHANGES * rows:
            continue
        better = advice(relation, known.sizes)
        if better is None:
            continue
        now, rate = threshold(relation, known.sizes), dead_rate(relation, known.sizes)
        reason = (
            f"autovacuum comes at {now.rows:,.0f} dead rows, {ratio_text(now.rows / rows)} of"
            f" {rows:,.0f}, and would come at {better.rows:,.0f}"
        )
        if rate and better.every_seconds:
            every = ms_text(better.every_seconds * 1000)
            reason += f": every {every} with {rate:,.3g} rows dying in a second"
        evidence = {"rows": rows, "threshold_rows": now.rows, "dead_rows_per_second": rate}
        for option, value in (
            ("autovacuum_vacuum_scale_factor", better.factor),
            ("autovacuum_vacuum_threshold", float(better.base)),
        ):
            yield Advice(relation, option, value, reason, Confidence.measured, evidence=evidence)
