"""toast_tuple_target, of tables that copy wide values with every update."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Confidence
from dbtune.postgres.table_settings.model import Advice, Known
from dbtune.text import ratio_text

_LEAST_ROW, _MOST_ROW = 500, 2100
"""Bytes of a row: below there is nothing to move, above PostgreSQL moves values already."""
_WIDE_SHARE = 0.6
_HEADER = 32
_LEAST_TARGET = 128
_LEAST_ROWS = 10_000


def advise(known: Known) -> Iterator[Advice]:
    """Values of some hundred bytes stay in the row: each update of another column copies them."""
    for relation, table in known.tables:
        rows, counters = relation.rows or 0.0, relation.counters
        if (
            table is None
            or rows < _LEAST_ROWS
            or counters.updated < rows
            or "toast_tuple_target" in relation.options
        ):
            continue
        widths = {
            one.name: one.statistics.average_width_bytes * (1 - one.statistics.null_ratio)
            for one in table.columns
            if one.statistics is not None
        }
        if len(widths) < len(table.columns):
            continue  # not all is known
        movable = {one.name for one in table.columns if one.storage in ("x", "e")}
        widest = max(movable, key=lambda name: widths[name], default="")
        whole = _HEADER + sum(widths.values())
        if not widest or not _LEAST_ROW <= whole <= _MOST_ROW:
            continue
        share = widths[widest] / whole
        target = max(_LEAST_TARGET, int(whole - widths[widest]) // 8 * 8 + 64)
        if share < _WIDE_SHARE or target > whole / 2:
            continue
        yield Advice(
            relation,
            "toast_tuple_target",
            target,
            f"rows of {whole:,.0f} bytes, of which {widest} has {ratio_text(share)}; each was"
            f" updated {counters.updated / rows:.1f} times on average",
            Confidence.rule_of_thumb,
            effect="counts for rows that are written from then on; reading that column then takes"
            " an index lookup",
            check="-- Worth it if most updates and scans leave that column alone: look at them.",
            evidence={"row_bytes": whole, "wide_ratio": share, "updates": counters.updated},
        )
