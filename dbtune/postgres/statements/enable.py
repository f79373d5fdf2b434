"""How to get pg_stat_statements on this server: self-managed, or the managed service's way."""

from __future__ import annotations

from dbtune.errors import Unavailable
from dbtune.postgres.statements.facts import Setup

CREATE = "CREATE EXTENSION pg_stat_statements;  -- in this database, as its owner or a superuser"

_MANAGED = {
    "rds": "Amazon RDS loads it by default; if a custom parameter group took it out, add "
    "pg_stat_statements to shared_preload_libraries there and reboot.",
    "aurora": "Amazon Aurora loads it by default; if a custom cluster parameter group took it out, "
    "add pg_stat_statements to shared_preload_libraries there and reboot.",
    "cloudsql": "Cloud SQL has it loaded already; only the extension has to be created.",
    "alloydb": "AlloyDB has it loaded already; only the extension has to be created.",
    "azure": "On Azure, allow it first: server parameter azure.extensions += PG_STAT_STATEMENTS, "
    "and check that shared_preload_libraries has pg_stat_statements (restart).",
    "neon": "Neon has it loaded already; only the extension has to be created.",
    "supabase": "Supabase: Database > Extensions > pg_stat_statements, or the statement below.",
    "heroku": "Heroku has it loaded already; only the extension has to be created.",
}


def why_missing(missing: Unavailable, setup: Setup, provider: str) -> Unavailable:
    """What kept pg_stat_statements from being read; where it is absent, how to get it."""
    absent = not setup.schema or "shared_preload_libraries" in missing.reason
    return how_to_enable(setup, provider) if absent else missing


def how_to_enable(setup: Setup, provider: str) -> Unavailable:
    """Why pg_stat_statements can't be read here, with what has to be done in which order."""
    if setup.preloaded is not False and setup.schema:
        return Unavailable("pg_stat_statements is created but does not answer", _preload(setup))
    if provider in _MANAGED:
        reason = "pg_stat_statements is not created in this database"
        return Unavailable(f"{reason}. {_MANAGED[provider]}", CREATE)
    if setup.preloaded:
        return Unavailable(
            "pg_stat_statements is loaded, but not created in this database (or connect to the "
            "one where it was created: it covers the whole server)",
            CREATE,
        )
    if setup.preloaded is None:
        return Unavailable(
            "pg_stat_statements is not created in this database; whether it is loaded, this role "
            "can't see (GRANT pg_read_all_settings TO the role)",
            f"-- if SHOW shared_preload_libraries lacks it:\n{_preload(setup)}",
        )
    return Unavailable("pg_stat_statements is not loaded by this server", _preload(setup))


def _preload(setup: Setup) -> str:
    libraries = [name.strip() for name in setup.preload_libraries.split(",") if name.strip()]
    if "pg_stat_statements" not in libraries:
        libraries.append("pg_stat_statements")
    quoted = ", ".join("'" + name.replace("'", "''") + "'" for name in libraries)
    lines = [
        f"ALTER SYSTEM SET shared_preload_libraries = {quoted};  -- then restart the server",
        "ALTER SYSTEM SET track_io_timing = on;",
    ]
    return "\n".join([*lines, *([] if setup.schema else [CREATE])])
