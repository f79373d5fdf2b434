"""``pg.config-overridden``."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Remedy, check
from dbtune.postgres.config.forms import Form
from dbtune.postgres.config.plan import Plan
from dbtune.postgres.config.running import Current


@check("pg.config-overridden")
def overridden(plan: Plan, form: Form) -> Iterator[Finding]:
    """A setting that should change is set where a line in a configuration file does not count.

    Why: The command line (Patroni and containers start servers so) beats ALTER SYSTEM, which beats
    postgresql.conf and everything that it includes; a value of a role or a database beats them all.

    Mistaken when: never; at worst somebody wanted it so.

    Remedy: Change it where it is set.
    """
    for decision in plan.changes:
        current = decision.current
        place = _place(current) if current else None
        if place is None or (current and current.by_alter_system and form is Form.alter_system):
            continue
        where, remedy, sql = place
        yield Finding(
            subject=decision.name,
            message=(
                f"{decision.name} = {decision.guc.text(decision.old)} is set {where}: "
                "a line in a configuration file does not change it."
            ),
            remedy=Remedy(remedy, sql=sql.format(decision.name)),
        )


def _place(current: Current) -> tuple[str, str, str] | None:
    """Where a setting is set that beats configuration files, and how to change it there."""
    if current.by_alter_system:
        remedy = "Generate with --form alter-system, or take the old value back first."
        return "by ALTER SYSTEM", remedy, "ALTER SYSTEM RESET {};"
    if current.source in ("command line", "environment variable"):
        remedy = "Change it where the server is started: Patroni's or the container's settings."
        return f"on the server's {current.source}", remedy, ""
    if current.source in ("database", "user", "database user"):
        remedy = "Take it back, or generate as a role without such settings."
        setter = {"user": "ROLE", "database": "DATABASE"}.get(current.source, "ROLE")
        name = "CURRENT_USER" if setter == "ROLE" else "current_database_name"
        return f"for this {current.source}", remedy, f"ALTER {setter} {name} RESET {{}};"
    return None
