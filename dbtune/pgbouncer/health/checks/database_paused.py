"""A database is paused or disabled."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Remedy, check
from dbtune.pooling.pooler import Entry


@check("pgbouncer.database-paused", tags=("availability",))
def database_paused(entries: tuple[Entry, ...]) -> Iterator[Finding]:
    """A database is paused or disabled: its clients wait, or are refused.

    Why: PAUSE and DISABLE stay until somebody takes them back; after maintenance they are easily
    forgotten.

    Mistaken when: Maintenance goes on right now.

    Remedy: RESUME or ENABLE on the admin console.
    """
    for one in entries:
        if not one.paused and not one.disabled:
            continue
        name = '"' + one.name.replace('"', '""') + '"'
        state, back = ("paused", "RESUME") if one.paused else ("disabled", "ENABLE")
        yield Finding(
            f"database {one.name}",
            f"it is {state}, with {one.connections} server connections",
            Remedy("Take it back on the admin console.", sql=f"{back} {name};"),
            {"paused": one.paused, "disabled": one.disabled},
        )
