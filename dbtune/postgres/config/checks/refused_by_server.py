"""``pg.config-refused-by-server``."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Confidence, Finding, Level, Remedy, check
from dbtune.postgres.config.trial import Trial


@check("pg.config-refused-by-server", level=Level.critical, confidence=Confidence.measured)
def refused_by_server(trial: Trial) -> Iterator[Finding]:
    """A server of the same version does not start with these settings, or reads one otherwise.

    Why: Better here, on an empty data folder, than after the restart of the real one.

    Mistaken when: This machine lacks what the server's has: memory, huge pages, a library.

    Remedy: Change or leave out the setting that is named.
    """
    for subject, problem in trial.problems:
        yield Finding(
            subject,
            f"{trial.server}: {problem}",
            Remedy("Change or leave out that setting, and try again with --verify."),
            {"server": trial.server},
        )
