"""A DROP DATABASE was interrupted."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Remedy, check
from dbtune.postgres.facts.schema import Flaw
from dbtune.postgres.plans.ddl import quote


@check("pg.database-invalid", tags=("schema",))
def database_invalid(schema_flaws: tuple[Flaw, ...]) -> Iterator[Finding]:
    """A DROP DATABASE was interrupted.

    Why: Nobody can connect to what is left, it takes space, and its transaction ids still hold the
        limit of the whole server back.

    Mistaken when: Somebody is dropping it at this moment.

    Remedy: DROP DATABASE again.
    """
    for one in schema_flaws:
        if one.kind == "database-invalid":
            yield Finding(
                f"database {one.name}",
                f"the database {one.name} is half dropped (datconnlimit is -2)",
                Remedy("Drop it.", sql=f"DROP DATABASE {quote(one.name)};", effect="final"),
            )
