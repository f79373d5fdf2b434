"""``pg.config-connections-over-cpus``."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Confidence, Finding, Remedy, check
from dbtune.postgres.config.budget import ACTIVE_PER_CORE
from dbtune.postgres.config.plan import Plan


@check("pg.config-connections-over-cpus", confidence=Confidence.rule_of_thumb)
def connections_over_cpus(plan: Plan, *, per_core: int = 50) -> Iterator[Finding]:
    """Far more connections than the CPUs can serve.

    Why: Throughput peaks at about 4 working connections for each core (measured with PgBouncer on
    four workloads that do not mostly wait) and falls beyond; when all become busy at once,
    everything gets slow together, and each connection holds memory all the time.

    Mistaken when: Nearly all connections idle for good reason, or transactions mostly wait for
    something outside the server.

    Remedy: A pooler in transaction mode, sized by `dbtune pool-size`, and fewer max_connections.
    """
    connections, cores = plan.count("max_connections"), plan.inputs.cores
    if connections <= per_core * cores:
        return
    yield Finding(
        subject="max_connections",
        message=(
            f"{connections} connections for {cores} cores are {connections // cores} for each; "
            f"about {ACTIVE_PER_CORE * cores} can work at once."
        ),
        remedy=Remedy(
            "Put PgBouncer in front: `dbtune pool-size` derives its size, "
            "`dbtune gen-config pgbouncer` writes its configuration.",
            effect="restart, once max_connections is lowered",
        ),
        evidence={"connections": connections, "cores": cores, "per_core": connections // cores},
    )
