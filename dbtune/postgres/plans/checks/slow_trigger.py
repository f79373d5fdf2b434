"""plan.slow-trigger"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.postgres.plans.checks import MIN_MS, worth
from dbtune.postgres.plans.checks.foreign_key_without_index import is_missing_index
from dbtune.postgres.plans.impact import of_time, statement_finding
from dbtune.postgres.plans.model import Plan
from dbtune.text import count_text, ms_text, plain


@check("plan.slow-trigger")
def slow_trigger(
    plan: Plan,
    *,
    min_ms: float = MIN_MS,
    min_share: float = 0.1,
    usual_ms_per_call: float = 0.1,
) -> Iterator[Finding]:
    """Triggers take a large part of a writing statement's time.

    Why: A row trigger runs its function, with every statement in it, once for each row written.

    Mistaken when: The trigger's work is wanted and cannot be done for all rows at once.

    Remedy: A statement trigger with a transition table (REFERENCING NEW TABLE) does the work once
    for all rows; a WHEN condition or UPDATE OF columns lets it run only where it is needed. A
    foreign key's check is a trigger, too: insert fewer rows at a time that refer to the same row,
    or look what they wait for.

    Verify: EXPLAIN (ANALYZE) in a transaction that is rolled back: the trigger's time and calls
    fell.
    """
    for trigger in plan.triggers:
        spent = trigger.time_ms
        if spent is None or is_missing_index(plan, trigger):
            continue
        if not worth(plan, spent, min_ms, min_share):
            continue
        calls = max(1.0, trigger.calls)
        kind = "foreign key or constraint" if trigger.constraint else "trigger"
        name = plain(trigger.constraint or trigger.name or "without a name")
        advice = (
            "The check of a constraint costs some microseconds a row. If it takes more, it waits "
            "for locks on the referenced rows, or its indexes are not in memory; SET CONSTRAINTS "
            "... DEFERRED only moves it to the commit."
            if trigger.constraint
            else "If it works row by row, make it a statement trigger with a transition table "
            "(REFERENCING NEW TABLE AS ...), or restrict it with WHEN (...) or UPDATE OF columns. "
            "auto_explain.log_nested_statements shows the plans of what it runs."
        )
        # So much the check of a row costs, and there is little to do about it.
        usual = trigger.constraint is not None and spent / calls < usual_ms_per_call
        before = trigger.phase == "before"
        yield statement_finding(
            plan,
            f"the {kind} {name} took {ms_text(spent)} in {count_text(trigger.calls)} calls, "
            f"{ms_text(spent / calls)} each{of_time(plan, spent)}"
            + (" (this time is part of its node's)" if before else ""),
            Remedy(advice),
            what=f"{kind} {name}" + (f" on {trigger.relation}" if trigger.relation else ""),
            saving_ms=spent,
            level_=Level.info if usual else None,
            evidence={"calls": round(trigger.calls), "ms_per_call": spent / calls},
        )
