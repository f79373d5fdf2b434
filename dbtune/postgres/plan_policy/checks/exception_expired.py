"""plan.exception-expired"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.postgres.plan_policy.policy import Policy


@check("plan.exception-expired", level=Level.warning)
def exception_expired(policy: Policy, today: date) -> Iterator[Finding]:
    """An exception of the policy has expired and lets nothing through any more.

    Why: It was granted for a time; what it let through is a finding again.

    Mistaken when: Never: the date stands in the policy file.

    Remedy: Mend what it was for and remove it, or give it a new date and reason.
    """
    for one in policy.exemptions:
        if one.until < today:
            yield Finding(
                f"exception for {one.rule} on {one.plan} {one.table}".rstrip(),
                f"it ended on {one.until.isoformat()}: {one.reason}",
                Remedy("Remove it, or give it a new date and reason."),
                evidence={"until": one.until.isoformat(), "days": (today - one.until).days},
                file=policy.file,
                line=one.line,
            )
