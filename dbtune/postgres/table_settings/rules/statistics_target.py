"""SET STATISTICS, of columns whose list of common values ends too early."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Confidence
from dbtune.postgres.plans.ddl import quote
from dbtune.postgres.table_settings.model import Advice, Known

LEAST_ROWS = 1_000_000
TIMES = 5
"""The last value in the list is so many times more common than those that are left out, on average:
the list was cut where there was still something to tell apart."""
MOST_TARGET = 1000


def advise(known: Known) -> Iterator[Advice]:
    """A value that is just too seldom for the list is taken to be as common as all the others."""
    leading = {(index.table, index.keys[0].column) for index in known.relations.indexes}
    default = _number(known.relations.settings.get("default_statistics_target"), 100)
    for relation, table in known.tables:
        rows = relation.rows or 0.0
        if table is None or rows < LEAST_ROWS:
            continue
        for column in table.columns:
            found = column.statistics
            if found is None or (relation.oid, column.name) not in leading:
                continue
            common, distinct = found.common_ratios, found.n_distinct
            distinct = distinct if distinct >= 0 else -distinct * rows
            listed = len(common)
            if not default <= listed < MOST_TARGET or distinct <= 2 * listed:
                continue
            rest = max(0.0, 1 - found.null_ratio - sum(common)) / (distinct - listed)
            if rest <= 0 or common[-1] < TIMES * rest:
                continue
            target = min(MOST_TARGET, 5 * listed)
            name = f"{quote(relation.schema)}.{quote(relation.name)}"
            yield Advice(
                relation,
                "statistics",
                target,
                f"the {listed} most common of {distinct:,.0f} values are known, and the last of"
                f" them is {common[-1] / rest:,.0f} times as common as the others on average",
                Confidence.rule_of_thumb,
                column=column.name,
                effect=f"counts from the next ANALYZE {name} on; planning takes a little longer",
                evidence={"listed": listed, "distinct": distinct, "last_ratio": common[-1]},
            )


def _number(text: str | None, default: int) -> int:
    return int(text) if text and text.isdigit() else default
