"""pg_hba.conf lets people in without a password."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.postgres.facts.access import HbaRule


@check("pg.trust-authentication", level=Level.critical, tags=("security",))
def trust_authentication(hba_rules: tuple[HbaRule, ...]) -> Iterator[Finding]:
    """pg_hba.conf lets people in without a password.

    Why: Whoever reaches the port is whoever they say they are, superusers included.

    Mistaken when: Nobody but the server's own machine or container reaches it, and all users of
        that are trusted.

    Remedy: scram-sha-256 in place of trust; peer for the local socket.
    """
    for one in hba_rules:
        if (
            one.method != "trust"
            or one.error
            or ("replication" in one.databases and one.type == "local")
        ):
            continue
        near = one.type == "local" or one.address.startswith(("127.", "::1", "localhost"))
        yield Finding(
            f"pg_hba.conf: {one.type} {','.join(one.databases)} {','.join(one.users)} "
            f"{one.address}",
            f"line {one.line} lets {', '.join(one.users)} into {', '.join(one.databases)} from "
            f"{one.address or 'the local socket'} without a password",
            Remedy("Write scram-sha-256 (peer for local) in place of trust, then reload."),
            {"line": one.line, "address": one.address},
            level=Level.info if near else Level.critical,
        )
