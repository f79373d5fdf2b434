"""plan.above-time-limit"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.postgres.plan_policy.policy import Policy
from dbtune.text import ms_text


@check("plan.above-time-limit", level=Level.critical)
def above_time_limit(time_ms: float, policy: Policy) -> Iterator[Finding]:
    """The statement takes longer than the policy allows.

    Why: The policy file has a limit for it.

    Mistaken when: One execution was measured: on a cold cache or beside other load it takes longer.

    Remedy: See dbtune explain for what it is spent on, or add an exception with a reason.
    """
    limit = policy.max_ms
    if limit is None or time_ms <= limit:
        return
    yield Finding(
        "the statement",
        f"it took {ms_text(time_ms)}; the policy allows {ms_text(limit)}",
        Remedy("See dbtune explain for what it is spent on."),
        evidence={"time_ms": time_ms, "limit": limit},
    )
