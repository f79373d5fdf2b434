"""A collation sorts differently from what indexes were built with."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.postgres.facts.versions import Collation
from dbtune.postgres.plans.ddl import quote
from dbtune.text import plural


def _refresh(one: Collation) -> str:
    if one.name:
        schema, _, name = one.name.partition(".")
        return (
            "REINDEX INDEX CONCURRENTLY ...;  -- each index that uses it\n"
            f"ALTER COLLATION {quote(schema)}.{quote(name)} REFRESH VERSION;"
        )
    return (
        "REINDEX (CONCURRENTLY) DATABASE;  -- or each index on text\n"
        "-- then: ALTER DATABASE ... REFRESH COLLATION VERSION;"
    )


@check("pg.collation-version-changed", level=Level.critical, tags=("versions", "damage"))
def collation_version_changed(collations: tuple[Collation, ...]) -> Iterator[Finding]:
    """A collation sorts differently from what indexes were built with.

    Why: Indexes on text may be corrupt now: rows are not found, and unique ones admit
        duplicates.

    Mistaken when: Only strings that the database has none of sort differently; amcheck can
        tell.

    Remedy: REINDEX what uses the collation, then record the new version.
    """
    for one in collations:
        if one.name and not one.indexes:
            continue
        what = f"collation {one.name}" if one.name else "the database's default collation"
        yield Finding(
            what,
            f"{what} was version {one.recorded}, the library's is {one.actual}"
            + (f"; {plural(one.indexes, 'index', 'indexes')} use it" if one.name else ""),
            Remedy(
                "Rebuild the indexes on text, then record the version.",
                sql=_refresh(one),
                effect="REINDEX CONCURRENTLY blocks neither reading nor writing",
            ),
            {"recorded": one.recorded, "actual": one.actual, "indexes": one.indexes},
        )
