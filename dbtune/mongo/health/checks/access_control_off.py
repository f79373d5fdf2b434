"""The server asks nobody who they are."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Remedy, check
from dbtune.mongo.facts.status import Status


@check("mongo.access-control-off", tags=("security",))
def access_control_off(status: Status) -> Iterator[Finding]:
    """The server asks nobody who they are.

    Why: Whoever reaches the port reads, changes and deletes everything; such servers are held
        to ransom.

    Mistaken when: Nobody but this machine reaches the port.

    Remedy: security.authorization: enabled, after making an administrator.
    """
    if not status.user:
        yield Finding(
            "security.authorization",
            "serverStatus was answered without a login",
            Remedy(
                "Make a user, then turn authorization on.",
                config="security:\n  authorization: enabled",
                effect="needs a restart; every client then needs a user",
            ),
            {"user": ""},
        )
