"""plan.foreign-scans-in-turn"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Confidence, Finding, Remedy, check
from dbtune.postgres.plans.checks import MIN_MS, MIN_SHARE, worth
from dbtune.postgres.plans.ddl import table_of
from dbtune.postgres.plans.impact import cautious_level, node_finding, of_time
from dbtune.postgres.plans.model import Node, Plan
from dbtune.text import ms_text, plain

_MOST = 20


@check("plan.foreign-scans-in-turn", confidence=Confidence.rule_of_thumb)
def foreign_scans_in_turn(
    plan: Plan,
    *,
    min_ms: float = MIN_MS,
    min_share: float = MIN_SHARE,
) -> Iterator[Finding]:
    """Foreign tables are asked one after the other, while the other servers wait.

    Why: Each server is sent its query when the one before has answered; asked at the same time,
    the whole would take as long as the slowest.

    Mistaken when: The tables lie on the same server, which has one connection and one query at a
    time; or the wrapper is not postgres_fdw.

    Remedy: The option async_capable of the servers or foreign tables, since PostgreSQL 14.

    Verify: Plan it again: Async Foreign Scan below the Append, and run it to compare the time.
    """
    for append in plan.nodes:
        if append.type != "Append":
            continue
        scans = [node for node in plan.children(append) if _waits(node)]
        took = sorted(node.inclusive_ms or 0.0 for node in scans)
        saving = sum(took[:-1])
        timed = all(node.inclusive_ms is not None for node in scans)
        if len(scans) < 2 or not timed or not worth(plan, saving, min_ms, min_share):
            continue
        tables = [f"ALTER FOREIGN TABLE {plain(table_of(node))}" for node in scans if node.relation]
        statements = [f"{table} OPTIONS (ADD async_capable 'true');" for table in tables]
        yield node_finding(
            plan,
            append,
            f"{len(scans)} foreign scans ran one after the other; all but the longest took "
            f"{ms_text(saving)}{of_time(plan, saving)}",
            Remedy(
                "Let them be asked at the same time, if they lie on different servers.",
                sql="\n".join(statements[:_MOST]),
                effect="at once, for statements planned from then on",
            ),
            saving_ms=saving,
            evidence={"foreign_scans": len(scans)},
            level_=cautious_level(plan, saving),
        )


def _waits(node: Node) -> bool:
    return node.type == "Foreign Scan" and node.executed and not node.props.get("Async Capable")
