"""Updates of a table seldom stay on their page."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Confidence, Finding, Level, Remedy, check
from dbtune.postgres.plans.ddl import quote
from dbtune.postgres.relations.facts import Relations
from dbtune.text import ratio_text


@check(
    "pg.fillfactor-full-but-updated",
    level=Level.info,
    confidence=Confidence.rule_of_thumb,
    tags=("vacuum", "schema"),
)
def fillfactor_full_but_updated(
    relations: Relations, *, min_updates: int = 100_000, max_hot_ratio: float = 0.3
) -> Iterator[Finding]:
    """Updates of a table seldom stay on their page.

    Why: An update that finds no room on its page has to write every index of the table; HOT
        updates write none.

    Mistaken when: Indexed columns change in each update: room on the page does not help then.

    Remedy: A fillfactor of 80 to 90 for the table; it holds for pages written from then on.
    """
    for table in relations.tables.values():
        activity = table.activity
        if activity is None or table.kind != "r" or activity.updated < min_updates:
            continue
        hot = activity.hot_updated / activity.updated
        indexes = sum(index.table == table.oid for index in relations.indexes)
        if hot >= max_hot_ratio or "fillfactor" in table.options or indexes < 2:
            continue
        yield Finding(
            f"table {table.schema}.{table.name}",
            f"{ratio_text(hot)} of {activity.updated:,} updates were HOT, with {indexes} indexes "
            "and "
            "pages filled to the brim",
            Remedy(
                "Leave room on each page.",
                sql=f"ALTER TABLE {quote(table.schema)}.{quote(table.name)} SET (fillfactor = 85);",
                effect="the table grows by a sixth as it is rewritten",
            ),
            {"hot_ratio": hot, "updates": activity.updated, "indexes": indexes},
        )
