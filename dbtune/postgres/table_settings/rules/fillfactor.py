"""fillfactor, of tables whose updates find no room on their page."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Confidence
from dbtune.postgres.table_settings.model import Advice, Known
from dbtune.text import ratio_text

LEAST_UPDATES = 100_000
MOST_HOT = 0.8
LEAST_MOVED = 0.2
_PAGE = 8168
"""Bytes of a page that rows can have."""
_LEAST = 60


def advise(known: Known) -> Iterator[Advice]:
    """An update that stays on its page writes no index, if it changes no indexed column, either.

    PostgreSQL 16 and later count the updates that moved: what room would have spared. Before, it
    is only known that they were not HOT, which may be for an indexed column's sake.
    """
    indexed = {index.table for index in known.relations.indexes}
    for relation, _ in known.tables:
        counters = relation.counters
        if (
            counters.updated < LEAST_UPDATES
            or relation.fillfactor(100) < 100
            or relation.oid not in indexed
            or not relation.rows
        ):
            continue
        hot = counters.hot_updated / counters.updated
        moved = None if known.moved is None else known.moved.get(relation.oid, 0)
        share = None if moved is None else moved / counters.updated
        if hot > MOST_HOT or (share is not None and share < LEAST_MOVED):
            continue
        row = relation.size_bytes / relation.rows
        room = max(0.1, 2 * row / _PAGE)  # for two more versions, a tenth at least
        value = int(100 * (1 - room)) // 5 * 5
        if value < _LEAST:
            continue  # rows of kilobytes: the table would grow by more than updates cost
        why = (
            f"{ratio_text(share)} of {counters.updated:,} updates went to another page"
            if share is not None
            else f"{ratio_text(1 - hot)} of {counters.updated:,} updates were not HOT"
        )
        yield Advice(
            relation,
            "fillfactor",
            value,
            f"{why}; rows of {row:,.0f} bytes: room for two more versions on each page",
            Confidence.measured if share is not None else Confidence.rule_of_thumb,
            effect="counts for pages that are written from then on; a rewrite fills all anew",
            # Without the count it may be the indexed columns: then room only costs.
            check=""
            if share is not None
            else "-- Room helps only if the updates change no indexed column: look at them.",
            evidence={"updates": counters.updated, "hot_ratio": hot, "moved_ratio": share},
        )
