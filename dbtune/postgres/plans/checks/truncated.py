"""plan.truncated"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.postgres.plans.impact import statement_finding
from dbtune.postgres.plans.model import Plan
from dbtune.text import plural


@check("plan.truncated", level=Level.info)
def truncated(plan: Plan) -> Iterator[Finding]:
    """The plan ends in the middle.

    Why: Nodes, times and conditions are missing, so that what is said of the rest may be wrong:
    the time of a missing node looks like its parent's.

    Mistaken when: The plan is complete and only what follows it was cut off.

    Remedy: Get the whole plan: a file instead of a terminal or chat; csvlog or jsonlog instead of
    syslog, which cuts messages; track_activity_query_size does not matter here.

    Verify: Read the new file with dbtune explain: this finding is gone.
    """
    if not plan.truncated:
        return
    yield statement_finding(
        plan,
        f"the plan breaks off after {plural(len(plan.nodes), 'node')}",
        Remedy(
            "Write the plan into a file and read that; from a log, take csvlog or jsonlog, or let "
            "auto_explain write FORMAT JSON.",
            sql="\\o plan.json\nEXPLAIN (ANALYZE, BUFFERS, VERBOSE, FORMAT JSON) ...\n\\o",
        ),
        what="plan",
        evidence={"nodes_read": len(plan.nodes)},
    )
