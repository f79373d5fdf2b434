"""plan.correlated-subplan"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Confidence, Finding, Remedy, check
from dbtune.postgres.plans.checks import MIN_MS, worth
from dbtune.postgres.plans.impact import node_finding, of_time
from dbtune.postgres.plans.model import Plan
from dbtune.text import count_text, ms_text, plain


@check("plan.correlated-subplan", confidence=Confidence.estimated)
def correlated_subplan(
    plan: Plan,
    *,
    min_loops: int = 100,
    min_ms: float = MIN_MS,
    min_share: float = 0.1,
) -> Iterator[Finding]:
    """A sub-query is run again for each row.

    Why: What depends on the outer row is computed once per row, one after the other; a join reads
    the same data once.

    Mistaken when: Few rows were meant to need it, and an index makes each run cheap.

    Remedy: Write it as a join with the sub-query aggregated per key (LEFT JOIN ... GROUP BY), or
    as LATERAL with LIMIT; else give the sub-query an index on the column that it is correlated by.

    Verify: Run it again: there is no SubPlan with a loop for each row, and the total time fell.
    """
    for node in plan.nodes:
        runs = (node.loops or 0) / max(1.0, node.processes)
        # What does not depend on the row is kept in a Materialize: see plan.subplan-not-hashed.
        if node.relationship != "SubPlan" or runs < min_loops or node.type == "Materialize":
            continue
        saving = None
        if node.inclusive_ms is not None:
            error = 0.0005 * (node.loops or 0) / max(1.0, node.processes)
            saving = max(0.0, node.inclusive_ms - error) * (1 - 1 / runs)
        if not worth(plan, saving, min_ms, min_share):
            continue
        scans = [
            one
            for one in (node, *plan.descendants(node))
            if one.type == "Seq Scan" and one.relation and (one.loops or 0) >= min_loops
        ]
        advice = (
            "Write it as a join with the sub-query aggregated per key, or as LEFT JOIN LATERAL."
        )
        if scans:
            advice += (
                f" As long as it stays, each run reads all of {scans[0].relation}: an index on the "
                f"column that is compared with the outer row would help most"
                + (
                    f": {plain(scans[0].conditions['Filter'])}."
                    if "Filter" in scans[0].conditions
                    else "."
                )
            )
        each = "" if node.inclusive_ms is None else f", {ms_text(node.inclusive_ms / runs)} each"
        yield node_finding(
            plan,
            node,
            f"{node.subplan or 'a sub-query'} ran {count_text(round(runs))} times{each}"
            + of_time(plan, saving),
            Remedy(advice),
            saving_ms=saving,
            evidence={"loops": node.loops, "reads_whole_table": bool(scans)},
        )
