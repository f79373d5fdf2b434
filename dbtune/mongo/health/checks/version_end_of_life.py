"""The server's version gets no more fixes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.mongo.facts.status import Status

_END = {
    "4.4": date(2024, 2, 29),
    "5.0": date(2024, 10, 31),
    "6.0": date(2025, 7, 31),
    "7.0": date(2027, 8, 31),
    "8.0": date(2029, 10, 31),
}
"""Last day of support (MongoDB's software lifecycle schedules)."""


@check("mongo.version-end-of-life", tags=("versions",))
def version_end_of_life(
    status: Status, *, warning_days: int = 180, as_of: str = ""
) -> Iterator[Finding]:
    """The server's version gets no more fixes.

    Why: Errors and security holes that are found from now on stay.

    Mistaken when: A vendor supports the version for longer.

    Remedy: Upgrade one major version at a time; set the feature compatibility version each
        time.
    """
    major = ".".join(status.version.split(".")[:2])
    end = _END.get(major)
    if end is None:
        return
    today = date.fromisoformat(as_of) if as_of else date.today()
    if (end - today).days > warning_days:
        return
    over = end <= today
    yield Finding(
        f"MongoDB {major}",
        f"MongoDB {major} {'has had' if over else 'gets'} no fixes "
        f"{'since' if over else 'after'} {end.isoformat()}",
        Remedy("Plan the upgrade, one major version at a time."),
        {"version": status.version, "end_of_life": end.isoformat()},
        level=Level.warning if over else Level.info,
    )
