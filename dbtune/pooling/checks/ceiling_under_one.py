"""There are more pools than connections."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Confidence, Finding, Level, Remedy, check
from dbtune.pooling.model import PoolPlan, connections_needed
from dbtune.pooling.queueing import MOST_CONNECTIONS
from dbtune.pooling.sizing import Shortage
from dbtune.text import plural


@check("pool.ceiling-under-one", level=Level.critical, confidence=Confidence.estimated)
def ceiling_under_one(plan: PoolPlan) -> Iterator[Finding]:
    """The server has fewer connections for the application than there are pools.

    Why: A pool needs one connection at least. Those that get none fail with "sorry, too many
    clients already", at the worst moment: when all are busy.

    Mistaken when: Not all processes use the database.

    Remedy: Put PgBouncer between application and server, run fewer processes, or raise
    max_connections.
    """
    limits, pools = plan.limits, plan.setting.peak_pools
    if Shortage.ceiling not in plan.shortages or limits is None or pools is None:
        return
    inputs = plan.inputs
    needed = connections_needed(inputs, pools, 1)
    others = inputs.superuser_reserved + inputs.reserved_connections + inputs.other_connections
    what = "PgBouncer pool" if inputs.pooler else "application process"
    plural_form = "PgBouncer pools" if inputs.pooler else "application processes"
    if needed > MOST_CONNECTIONS:
        instead = (
            "Run fewer PgBouncers, databases or users apart"
            if inputs.pooler
            else "Put PgBouncer in between (--pooler)"
        )
        remedy = Remedy(f"{instead}: PostgreSQL can't have {needed:,} connections.")
    else:
        pooler = "" if inputs.pooler else "Put PgBouncer in between (--pooler), or "
        remedy = Remedy(
            f"{pooler}{'set' if pooler else 'Set'} max_connections to at least {needed:,}"
            + ("." if pooler else ", or run fewer PgBouncers, databases or users apart."),
            sql=f"ALTER SYSTEM SET max_connections = {needed};",
            effect="max_connections needs a restart, on standbys first.",
        )
    yield Finding(
        "server connections",
        f"{plural(limits.budget, 'connection')} for {plural(pools, what, plural_form)}:"
        f" max_connections {inputs.max_connections:,}, of which {others:,} are for others",
        remedy,
        {"budget_connections": limits.budget, "pools": pools},
    )
