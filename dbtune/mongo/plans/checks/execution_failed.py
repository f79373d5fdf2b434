"""mongo.execution-failed"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.mongo.plans.checks import on_stage
from dbtune.mongo.plans.model import Plan
from dbtune.text import plain, shorten


@check("mongo.execution-failed", level=Level.critical)
def execution_failed(plan: Plan) -> Iterator[Finding]:
    """The operation failed while it was executed.

    Why: Its numbers end where it failed, so they tell less than the whole.

    Mistaken when: It was interrupted on purpose, by a time limit that is too short for it.

    Remedy: What the server's message says: a sort over its memory needs an index or allowDiskUse,
    a time limit needs a better plan or more time.
    """
    if plan.error:
        memory = "emory" in plan.error
        yield on_stage(
            plan,
            plan.root,
            f"it ended with an error: {shorten(plain(plan.error), 300)}",
            Remedy(
                "An index that has the sort's order makes the memory unnecessary; allowDiskUse "
                "lets it spill instead of failing."
                if memory
                else "See what the stages did up to then: the one that took most is the cause of "
                "a time limit that passed."
            ),
        )
