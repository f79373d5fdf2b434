"""Anybody who reaches the port may do anything."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address

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
    bound = [one.removeprefix("-") for one in config.text("bind").split()]
    listens = {config.text("port"), config.text("tls-port")} != {"0"}
    outside = listens and not (bound and all(map(_is_inside, bound)))
    if config.with_password or config.text("protected-mode") != "no" or not outside:
        return
    yield Finding(
        "access",
        f"no password, protected-mode no, bound to {' '.join(bound) or 'all addresses'}",
        Remedy(
            "Listen inside only, and ask for a password (requirepass, or ACL users).",
            config="protected-mode yes\nbind 127.0.0.1",
        ),
        {"bind": config.text("bind")},
    )


def _is_inside(address: str) -> bool:
    """Whether only programs of the same machine reach it."""
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return address == "localhost"
