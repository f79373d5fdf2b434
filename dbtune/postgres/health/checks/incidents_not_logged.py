"""The log will not tell what went wrong."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Confidence, Finding, Level, Remedy, check
from dbtune.postgres.facts.settings import Settings


@check(
    "pg.incidents-not-logged",
    level=Level.info,
    confidence=Confidence.rule_of_thumb,
    tags=("settings", "logging"),
)
def incidents_not_logged(settings: Settings) -> Iterator[Finding]:
    """The log will not tell what went wrong.

    Why: Lock waits, temporary files, checkpoints and long autovacuum runs leave no trace to
        look at afterwards.

    Mistaken when: Something else records them.

    Remedy: They cost next to nothing; turn them on.
    """
    advised = {
        "log_lock_waits": ("off", "on"),
        "log_checkpoints": ("off", "on"),
        "log_temp_files": ("-1", "'10MB'"),
        "log_autovacuum_min_duration": ("-1", "'10s'"),
    }
    wrong = [name for name, (bad, _) in advised.items() if settings.get(name) == bad]
    if wrong:
        yield Finding(
            "logging",
            f"not logged: {', '.join(wrong)}",
            Remedy(
                "Log them.",
                sql="\n".join(f"ALTER SYSTEM SET {name} = {advised[name][1]};" for name in wrong)
                + "\nSELECT pg_reload_conf();",
            ),
            {name: settings.get(name) for name in wrong},
        )
