"""plan.above-block-limit"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.postgres.plan_policy.policy import Policy
from dbtune.text import count_text


@check("plan.above-block-limit", level=Level.critical)
def above_block_limit(blocks: float, policy: Policy) -> Iterator[Finding]:
    """The statement touches more blocks than the policy allows.

    Why: The policy file has a limit for it.

    Mistaken when: The data are larger than those that the limit was set for.

    Remedy: See dbtune explain for what it is spent on, or add an exception with a reason.
    """
    limit = policy.max_blocks
    if limit is None or blocks <= limit:
        return
    yield Finding(
        "the statement",
        f"blocks touched: {count_text(blocks)}; the policy allows {count_text(limit)}",
        Remedy("See dbtune explain for what it is spent on."),
        evidence={"blocks": blocks, "limit": limit},
    )
