"""``pg.config-pending-restart``."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.postgres.config.plan import Plan
from dbtune.text import plural


@check("pg.config-pending-restart", level=Level.info)
def pending_restart(plan: Plan) -> Iterator[Finding]:
    """The configuration file says something that waits for a restart.

    Why: The next restart, wanted or not, changes more than anybody thinks of at that moment; and
    what is advised here was compared with the values in force, not with those in the file.

    Mistaken when: That restart is planned.

    Remedy: Look at the settings, then restart or take them back.
    """
    server = plan.server
    waiting = sorted(n for n, s in server.settings.items() if s.pending_restart) if server else []
    if waiting:
        yield Finding(
            subject="configuration file",
            message=(
                f"{plural(len(waiting), 'setting')} in the file differ{'s' * (len(waiting) == 1)} "
                f"from what is in force until a restart: {', '.join(waiting)}."
            ),
            remedy=Remedy(
                "Compare the file with what is in force.",
                sql=(
                    "SELECT name, setting FROM pg_file_settings WHERE name IN "
                    f"({', '.join(repr(name) for name in waiting)});"
                ),
                effect="restart",
            ),
            evidence={"settings": len(waiting)},
        )
