"""Settings wait for a restart."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.postgres.facts.settings import Settings
from dbtune.text import plural


@check("pg.restart-pending", level=Level.info, tags=("settings",))
def restart_pending(settings: Settings) -> Iterator[Finding]:
    """Settings wait for a restart.

    Why: What the file says is not what runs: the next restart, at whatever hour, changes the
        server.

    Mistaken when: The restart is planned.

    Remedy: Restart at a time of your choice, or take the change back.
    """
    waiting = sorted(name for name, one in settings.by_name.items() if one.pending_restart)
    if waiting:
        yield Finding(
            ", ".join(waiting),
            f"{plural(len(waiting), 'setting')} changed in the file and need a restart: "
            f"{', '.join(waiting)}",
            Remedy("Restart the server at a quiet time."),
            {"settings": ", ".join(waiting)},
        )
