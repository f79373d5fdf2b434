"""A pooler between the applications and the server would save a lot."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Confidence, Finding, Level, Remedy, check
from dbtune.pooling.load import Load
from dbtune.pooling.model import PoolPlan
from dbtune.text import count_text, ms_text, ratio_text


@check("pool.pooler-missing", level=Level.info, confidence=Confidence.estimated)
def pooler_missing(
    plan: PoolPlan,
    load: Load,
    *,
    min_connections: float = 20,
    min_idle_ratio: float = 0.75,
    warning_used_ratio: float = 0.5,
    min_connecting_ms_per_second: float = 50,
) -> Iterator[Finding]:
    """Applications hold many idle connections, or connect all the time: a pooler is worth it.

    Why: PgBouncer in transaction mode lends a server connection for a transaction only, so that a
    few serve many clients; and clients that connect anew cost it next to nothing.

    Mistaken when: The applications need what a session keeps (LISTEN, temporary tables, advisory
    locks of the session), which transaction mode does not keep; or one process has them all, and
    its own pool could simply be smaller.

    Remedy: PgBouncer with the sizes above, in front of the applications with the most connections.
    """
    if load.pooled or not load.sampled:
        return
    kept = sum(load.looks.connections) / load.count
    held = sum(load.looks.held) / load.count
    most = max(load.looks.held)
    idle = 1 - held / kept if kept else 0.0
    rate = load.sessions_per_second or 0.0
    connecting = rate * (load.connect_ms or 0.0)
    reasons = []
    if kept >= min_connections and idle >= min_idle_ratio and most <= kept / 2:
        reasons.append(
            f"{count_text(kept)} connections are kept and {ratio_text(idle)} of them idle,"
            f" at most {most} were used at once"
        )
    if connecting >= min_connecting_ms_per_second:
        reasons.append(
            f"{count_text(rate)} connections are opened a second, which takes"
            f" {ms_text(connecting)} of each"
        )
    if not reasons:
        return
    size = "" if plan.pool_size is None else f" with {plan.pool_size} server connections"
    crowded = kept >= warning_used_ratio * load.room.max_connections
    yield Finding(
        "connections",
        "; ".join(reasons),
        Remedy(
            f"Put PgBouncer in transaction mode in between{size} (dbtune gen-config pgbouncer);"
            " or lower the applications' own pools."
        ),
        {
            "connections": kept,
            "held_connections": held,
            "idle_ratio": idle,
            "sessions_per_second": load.sessions_per_second,
            "connect_ms": load.connect_ms,
            "max_connections": load.room.max_connections,
        },
        level=Level.warning if crowded else Level.info,
    )
