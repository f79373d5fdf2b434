"""pg_stat_statements is not there."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.postgres.server import Server


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
            else "ALTER SYSTEM SET shared_preload_libraries = 'pg_stat_statements';\n"
            "-- beside what is there already; restart, then:\nCREATE EXTENSION pg_stat_statements;",
            effect="" if loaded else "needs a restart",
        ),
        {"loaded": loaded},
    )
