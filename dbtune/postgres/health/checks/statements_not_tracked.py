"""pg_stat_statements is not there."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.postgres.server import Server


def _load(libraries: tuple[str, ...] | None) -> str:
    names = [*(libraries or ()), "pg_stat_statements"]
    wanted = ", ".join("'" + name.replace("'", "''") + "'" for name in names)
    beside = "-- beside what SHOW shared_preload_libraries tells\n" if libraries is None else ""
    return (
        f"{beside}ALTER SYSTEM SET shared_preload_libraries = {wanted};\n"
        "-- restart, then:\nCREATE EXTENSION pg_stat_statements;"
    )


@check("pg.statements-not-tracked", level=Level.info, tags=("settings",))
def statements_not_tracked(server: Server) -> Iterator[Finding]:
    """pg_stat_statements is not there.

    Why: Without it nobody can tell which statements cost the time.

    Mistaken when: The statements of another database of this server are what matters, and it is
        there.

    Remedy: Load it (restart), and create it in the database.
    """
    if "pg_stat_statements" in server.extensions:
        return
    loaded = (
        server.preload_libraries is not None and "pg_stat_statements" in server.preload_libraries
    )
    yield Finding(
        "pg_stat_statements",
        "pg_stat_statements is "
        + ("loaded, but not created in this database" if loaded else "not installed here"),
        Remedy(
            "Create it." if loaded else "Load it, restart, and create it.",
            sql="CREATE EXTENSION pg_stat_statements;"
            if loaded
            else _load(server.preload_libraries),
            effect="" if loaded else "needs a restart",
        ),
        {"loaded": loaded},
    )
