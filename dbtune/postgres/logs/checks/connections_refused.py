"""pg.connections-refused"""

from __future__ import annotations

import re
from collections.abc import Iterator

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.postgres.logs.digest import Digest
from dbtune.text import plain, plural

_FULL = re.compile(r"sorry, too many clients|remaining connection slots|too many connections for")
_DENIED = re.compile(
    r"password authentication failed|no pg_hba\.conf entry|authentication failed for user"
    r"|role \".*\" does not exist|database \".*\" does not exist|role \".*\" is not permitted"
)
_DENIED_STATES = ("28000", "28P01", "3D000")
"""What csvlog and jsonlog have, in whatever language the messages are."""


@check("pg.connections-refused", tags=("log",))
def connections_refused(
    digest: Digest, *, min_full: int = 1, min_denied: int = 20
) -> Iterator[Finding]:
    """Connections are refused: there are too many, or logins fail.

    Why: With all slots taken nobody gets in, not even who is to help. Many failed logins are an
    application with a wrong password, or somebody who tries passwords.

    Mistaken when: The failed logins are a scanner of your own.

    Remedy: Put a pooler before the server or make the pools smaller (dbtune pool-size); for failed
    logins see from which host they come.
    """
    for one in digest.events.errors.classes.values():
        if one.level != "FATAL":
            continue
        full = one.state == "53300" or _FULL.search(one.message) is not None
        denied = one.state in _DENIED_STATES or _DENIED.search(one.message) is not None
        if not (full and one.count >= min_full) and not (denied and one.count >= min_denied):
            continue
        yield Finding(
            subject=plain(one.message),
            level=Level.critical if full else None,
            message=f"{plural(one.count, 'connection')} refused",
            evidence={"refused": one.count, "users": ", ".join(sorted(one.users)) or None},
            remedy=Remedy(
                "Fewer connections: dbtune pool-size computes how many."
                if full
                else "Find the client: log_connections tells the host of each attempt."
            ),
        )
