"""A constraint was never checked against the rows that were there."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.postgres.facts.schema import Flaw
from dbtune.postgres.plans.ddl import quote, rewritten


@check("pg.constraint-not-validated", level=Level.info, tags=("schema",))
def constraint_not_validated(schema_flaws: tuple[Flaw, ...]) -> Iterator[Finding]:
    """A constraint was never checked against the rows that were there.

    Why: Old rows may break it, and the planner can't rely on it.

    Mistaken when: It was added just now, to be validated later.

    Remedy: VALIDATE CONSTRAINT, which blocks neither reading nor writing.
    """
    for one in schema_flaws:
        if one.kind == "constraint-not-validated":
            _, name = one.parts
            yield Finding(
                f"constraint {name} on {one.detail}",
                f"{name} on {one.detail} is NOT VALID ({max(one.rows, 0):,.0f} rows)",
                Remedy(
                    "Validate it.",
                    sql=f"ALTER TABLE {rewritten(one.detail)} VALIDATE CONSTRAINT {quote(name)};",
                    effect="reads the whole table; blocks neither reading nor writing",
                ),
                {"rows": one.rows},
            )
