"""Slow statements are not logged."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Confidence, Finding, Level, Remedy, check
from dbtune.postgres.facts.settings import Settings


@check(
    "pg.slow-statements-not-logged",
    level=Level.info,
    confidence=Confidence.rule_of_thumb,
    tags=("settings", "logging"),
)
def slow_statements_not_logged(settings: Settings) -> Iterator[Finding]:
    """Slow statements are not logged.

    Why: pg_stat_statements has sums, not the one call at 3 o'clock with its constants.

    Mistaken when: auto_explain or the application's tracing records them.

    Remedy: log_min_duration_statement from a second on; below, log_min_duration_sample.
    """
    durations = (
        "log_min_duration_statement",
        "log_min_duration_sample",
        "auto_explain.log_min_duration",
    )
    if settings.get(durations[0]) and all(settings.get(name) in ("", "-1") for name in durations):
        yield Finding(
            "log_min_duration_statement",
            "log_min_duration_statement is -1: no statement is logged, however slow",
            Remedy(
                "Log what takes more than a second.",
                sql="ALTER SYSTEM SET log_min_duration_statement = '1s';\nSELECT pg_reload_conf();",
                effect="texts with their constants stand in the log",
            ),
            {"log_min_duration_statement": "-1"},
        )
