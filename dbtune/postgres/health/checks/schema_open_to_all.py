"""Everybody may create objects in a schema."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Remedy, check
from dbtune.postgres.facts.schema import Flaw
from dbtune.postgres.plans.ddl import quote


@check("pg.schema-open-to-all", tags=("security",))
def schema_open_to_all(schema_flaws: tuple[Flaw, ...]) -> Iterator[Finding]:
    """Everybody may create objects in a schema.

    Why: A function or table of that name is found before the right one by whoever has the
        schema in its search_path: it runs with their rights (CVE-2018-1058).

    Mistaken when: Everybody who can log in is trusted.

    Remedy: REVOKE CREATE ... FROM PUBLIC, which is the default since PostgreSQL 15.
    """
    for one in schema_flaws:
        if one.kind == "public-create":
            yield Finding(
                f"schema {one.name}",
                f"PUBLIC may create objects in the schema {one.name}",
                Remedy(
                    "Take the right away.",
                    sql=f"REVOKE CREATE ON SCHEMA {quote(one.name)} FROM PUBLIC;",
                ),
                {"schema": one.name},
            )
