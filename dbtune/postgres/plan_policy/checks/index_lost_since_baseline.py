"""plan.index-lost-since-baseline"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from dbtune.finding import Finding, Level, check
from dbtune.postgres.plan_diff.checks import index_lost as diff
from dbtune.postgres.plan_diff.compare import Comparison
from dbtune.postgres.plan_policy.policy import Policy


@check("plan.index-lost-since-baseline", level=Level.critical)
def index_lost_since_baseline(comparison: Comparison, policy: Policy) -> Iterator[Finding]:
    """A table that the baseline's plan searched by an index is read as a whole.

    Why: The change that is checked dropped the index, or made a condition that it does not serve.

    Mistaken when: So many rows are wanted that reading the whole table is right: then write the
    baseline anew.

    Remedy: Compare with dbtune explain diff; accept with --write-baseline.
    """
    if not policy.index_lost:
        return
    for finding in diff.index_lost(comparison, min_rows=policy.near_empty_rows):
        yield replace(
            finding,
            evidence={**finding.evidence, "table": finding.subject.split(" ")[0]},
            level=None,
            why="",
            mistaken_when="",
        )
