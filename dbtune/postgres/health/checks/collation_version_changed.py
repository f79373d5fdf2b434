"""A collation sorts differently from what indexes were built with."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.postgres.facts.versions import Collation
from dbtune.postgres.plans.ddl import quote
from dbtune.text import plural


def _refresh(one: Collation) -> str:
    """Rebuild first: to record the version silences the server's warnings, too."""
    if not one.name:
        database = quote(one.database)
        return (
            f"REINDEX DATABASE CONCURRENTLY {database};\n"
            f"ALTER DATABASE {database} REFRESH COLLATION VERSION;"
        )
    schema = one.schema or one.name.partition(".")[0]
    lines = [f"REINDEX INDEX CONCURRENTLY {name};" for name in one.index_names]
    if one.indexes > len(lines):
        lines.append("-- and the other indexes that use it; then:")
    name = f"{quote(schema)}.{quote(one.name.removeprefix(f'{schema}.'))}"
    return "\n".join([*lines, f"ALTER COLLATION {name} REFRESH VERSION;"])


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
            + (f"; used by {plural(one.indexes, 'index', 'indexes')}" if one.name else ""),
            Remedy(
                "Rebuild the indexes on text, then record the version.",
                sql=_refresh(one),
                effect="REINDEX CONCURRENTLY blocks neither reading nor writing",
            ),
            {"recorded": one.recorded, "actual": one.actual, "indexes": one.indexes},
        )
