"""pg.unservable-condition"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dbtune.finding import Confidence, Finding, Level, Remedy, check
from dbtune.postgres.indexes.obstacles import Unserved
from dbtune.postgres.plans.ddl import INDEX_EFFECT
from dbtune.text import plain, plural, ratio_text, shorten


@check("pg.unservable-condition", level=Level.info, confidence=Confidence.rule_of_thumb)
def unservable_condition(unserved: Sequence[Unserved]) -> Iterator[Finding]:
    """A condition reads a table in whole, and no index can serve it as it is written.

    Why: Whatever indexes there are, each execution looks at all rows.

    Mistaken when: The condition is true for many rows, or another one already leaves few: nothing
    was costed, since the planner knows neither such an index nor how many rows it would find.

    Remedy: Write the condition in a form that an index serves, install the extension that has such
    an index, or let ANALYZE learn of an expression how many rows meet a condition on it.
    """
    for one in unserved:
        obstacle = one.obstacle
        condition = " ".join((plain(obstacle.key), obstacle.operator)).strip()
        yield Finding(
            subject=shorten(
                f"{plain(obstacle.table.schema)}.{plain(obstacle.table.name)} {condition}", 200
            ),
            message=(
                f"{obstacle.reason}; {plural(one.statements, 'statement')} with "
                f"{ratio_text(one.cost_ratio)} of the workload's cost "
                f"{'has' if one.statements == 1 else 'have'} this condition"
            ),
            evidence={"statements": one.statements, "cost_ratio": one.cost_ratio},
            remedy=Remedy(
                obstacle.remedy, sql=obstacle.sql, effect=INDEX_EFFECT if obstacle.sql else ""
            ),
        )
