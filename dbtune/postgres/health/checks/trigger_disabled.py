"""A trigger is switched off."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Remedy, check
from dbtune.postgres.facts.schema import Flaw
from dbtune.postgres.plans.ddl import quote, rewritten


@check("pg.trigger-disabled", tags=("schema",))
def trigger_disabled(schema_flaws: tuple[Flaw, ...]) -> Iterator[Finding]:
    """A trigger is switched off.

    Why: What it keeps right (sums, copies, foreign keys) is wrong from the first write on.

    Mistaken when: A bulk load is running, and it will be switched on again.

    Remedy: ENABLE TRIGGER, after mending what it missed.
    """
    for one in schema_flaws:
        if one.kind == "trigger-disabled":
            _, name = one.parts
            yield Finding(
                f"trigger {name} on {one.detail}",
                f"{name} on {one.detail} is disabled",
                Remedy(
                    "Switch it on, after mending what it missed.",
                    sql=f"ALTER TABLE {rewritten(one.detail)} ENABLE TRIGGER {quote(name)};",
                ),
                {"table": one.detail},
            )
