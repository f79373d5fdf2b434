"""Anybody who reaches the port may do anything."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.redis.facts.config import Config


@check("redis.open-to-everybody", level=Level.critical, tags=("security",))
def open_to_everybody(config: Config) -> Iterator[Finding]:
    """Anybody who reaches the port may do anything.

    Why: Keys are read and deleted by strangers, and CONFIG SET writes files: servers like this
        are taken over.

    Mistaken when: A firewall lets only the application in.

    Remedy: A password or ACL users, bind to inner addresses, protected-mode yes.
    """
    bound = config.text("bind").replace("-", "").split()
    outside = not bound or any(one not in ("127.0.0.1", "::1", "localhost") for one in bound)
    if config.with_password or config.text("protected-mode") != "no" or not outside:
        return
    yield Finding(
        "access",
        f"no password, protected-mode no, bound to {' '.join(bound) or 'all addresses'}",
        Remedy(
            "Ask for a password, and listen inside only.",
            config="protected-mode yes\nrequirepass ...\nbind 127.0.0.1",
        ),
        {"bind": config.text("bind")},
    )
