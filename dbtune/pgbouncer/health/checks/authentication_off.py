"""PgBouncer lets clients in without a password."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.pooling.pooler import Bouncer

_LEVELS = {"any": Level.critical, "trust": Level.critical, "plain": Level.warning}


@check("pgbouncer.authentication-off", tags=("security",))
def authentication_off(bouncer: Bouncer) -> Iterator[Finding]:
    """PgBouncer lets clients in without a password, or with one in clear text.

    Why: Whoever reaches its port is any user of the databases behind it, without the server being
    asked.

    Mistaken when: It listens on a socket only, which nobody else may open.

    Remedy: auth_type = scram-sha-256, with auth_query or userlist.txt.
    """
    kind = bouncer.settings.get("auth_type", "")
    if kind not in _LEVELS:
        return
    reachable = bouncer.settings.get("listen_addr", "") != ""
    yield Finding(
        "auth_type",
        f"auth_type is {kind}" + ("" if reachable else "; it listens on a socket only"),
        Remedy(
            "Let passwords be checked (dbtune gen-config pgbouncer sets it up).",
            config="auth_type = scram-sha-256",
            effect="RELOAD; clients need passwords from then on",
        ),
        {"auth_type": kind, "listens_on_tcp": reachable},
        level=_LEVELS[kind] if reachable else Level.info,
    )
