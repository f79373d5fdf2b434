"""An extension's objects are older than its library."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.postgres.facts.versions import Extension
from dbtune.postgres.plans.ddl import quote


@check("pg.extension-outdated", level=Level.info, tags=("versions",))
def extension_outdated(extensions: tuple[Extension, ...]) -> Iterator[Finding]:
    """An extension's objects are older than its library.

    Why: Functions and fixes of the installed package are not there in this database until it is
        told.

    Mistaken when: Another database or standby still has the older package.

    Remedy: ALTER EXTENSION UPDATE, after reading the extension's notes.
    """
    for one in extensions:
        if not one.available or one.available == one.installed:
            continue
        yield Finding(
            f"extension {one.name}",
            f"{one.name} is {one.installed} here, {one.available} is installed on the machine",
            Remedy(
                "Update it.",
                sql=f"ALTER EXTENSION {quote(one.name)} UPDATE;",
                effect="locks the extension's objects for a moment",
            ),
            {"installed": one.installed, "available": one.available},
        )
