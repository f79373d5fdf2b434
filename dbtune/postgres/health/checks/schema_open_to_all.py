"""Everybody may create objects in a schema."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.postgres.facts.access import Logins
from dbtune.postgres.facts.schema import Flaw
from dbtune.postgres.plans.ddl import quote
from dbtune.postgres.server import Server


@check("pg.schema-open-to-all", tags=("security",))
def schema_open_to_all(
    schema_flaws: tuple[Flaw, ...], logins: Logins, server: Server
) -> Iterator[Finding]:
    """Everybody may create objects in a schema.

    Why: A function or table of that name is found before the right one by whoever has the
        schema in its search_path: it runs with their rights (CVE-2018-1058).

    Mistaken when: Everybody who can log in is trusted.

    Remedy: REVOKE CREATE ... FROM PUBLIC, which is the default since PostgreSQL 15.
    """
    others = sum(not one.superuser and one.name != server.user for one in logins.roles)
    for one in schema_flaws:
        if one.kind == "public-create":
            yield Finding(
                f"schema {one.name}",
                f"PUBLIC may create objects in the schema {one.name}",
                Remedy(
                    "Take the right away.",
                    sql=f"REVOKE CREATE ON SCHEMA {quote(one.name)} FROM PUBLIC;",
                ),
                {"schema": one.name, "other_logins": others},
                level=None if others else Level.info,  # nobody there to do so
            )
