"""plan.foreign-key-without-index"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Confidence, Finding, Remedy, check
from dbtune.postgres.plans.checks import MIN_MS, worth
from dbtune.postgres.plans.impact import of_time, statement_finding
from dbtune.postgres.plans.model import Plan, Trigger
from dbtune.text import count_text, ms_text, plain

_REFERENCING_SIDE = "RI_ConstraintTrigger_c_"


@check("plan.foreign-key-without-index", confidence=Confidence.estimated)
def foreign_key_without_index(
    plan: Plan,
    *,
    min_ms_per_call: float = 0.5,
    min_ms: float = MIN_MS,
    min_share: float = 0.1,
) -> Iterator[Finding]:
    """Deleting (or changing the key of) a row searches a referencing table without an index.

    Why: For each row deleted the foreign key looks for rows that refer to it; PostgreSQL makes no
    index on the referencing columns by itself, so each look reads the whole table.

    Mistaken when: The foreign key cascades and has many rows to delete itself, or it waits for
    locks on the referencing rows; the plan shows the time but not what it went into.

    Remedy: An index on the referencing columns. CREATE INDEX CONCURRENTLY does not block writes.

    Verify: EXPLAIN (ANALYZE) the DELETE in a transaction that is rolled back: the constraint's
    trigger takes a fraction of the time.
    """
    for trigger in plan.triggers:
        if not _checks_referencing_rows(plan, trigger):
            continue
        spent, calls = trigger.time_ms or 0.0, max(1.0, trigger.calls)
        if spent / calls < min_ms_per_call or not worth(plan, spent, min_ms, min_share):
            continue
        name = plain(trigger.constraint or "")
        yield statement_finding(
            plan,
            f"the foreign key {name} took {ms_text(spent)} for {count_text(trigger.calls)} rows, "
            f"{ms_text(spent / calls)} each{of_time(plan, spent)}",
            Remedy(
                "Ask the server for the referencing table and columns; if no index starts with "
                "them, make one.",
                sql=_definition(trigger.constraint or ""),
                effect="reads the catalog; the CREATE INDEX CONCURRENTLY that it prints takes time "
                "and space, and blocks no writes",
            ),
            what=f"foreign key {name}",
            saving_ms=spent,
            evidence={
                "constraint": name,
                "relation": trigger.relation,
                "calls": round(trigger.calls),
                "ms_per_call": spent / calls,
            },
        )


def is_missing_index(plan: Plan, trigger: Trigger, min_ms_per_call: float = 0.5) -> bool:
    """Whether a trigger's time is what this check is about."""
    spent = (trigger.time_ms or 0.0) / max(1.0, trigger.calls)
    return _checks_referencing_rows(plan, trigger) and spent >= min_ms_per_call


def _checks_referencing_rows(plan: Plan, trigger: Trigger) -> bool:
    """Whether it is a foreign key's trigger on the referenced side.

    A look from the referencing side (INSERT) goes by the referenced table's unique index. Which
    side it is the trigger's name tells, with VERBOSE; else the constraint's, as it usually begins
    with the referencing table's.
    """
    if not trigger.constraint or (trigger.name or "").startswith(_REFERENCING_SIDE):
        return False
    operations = {node.operation for node in plan.nodes if node.type == "ModifyTable"}
    if "Delete" in operations:
        return True
    referencing = not trigger.name and trigger.constraint.startswith(f"{trigger.relation}_")
    return bool(operations & {"Update", "Merge"}) and not referencing


def _definition(constraint: str) -> str:
    name = constraint.replace("'", "''")
    return (
        "SELECT format('CREATE INDEX CONCURRENTLY ON %s (%s);', conrelid::regclass,\n"
        "    string_agg(quote_ident(attname), ', ' ORDER BY k.n))\n"
        "FROM pg_constraint\n"
        "    CROSS JOIN unnest(conkey) WITH ORDINALITY AS k(attnum, n)\n"
        "    JOIN pg_attribute AS a ON a.attrelid = conrelid AND a.attnum = k.attnum\n"
        f"WHERE contype = 'f' AND conname = '{plain(name)}'\n"
        "GROUP BY pg_constraint.oid, conrelid;"
    )
