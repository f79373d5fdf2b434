"""Roles have passwords that are stored as MD5."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.errors import Unavailable
from dbtune.finding import Finding, Remedy, check
from dbtune.postgres.facts.access import Logins
from dbtune.postgres.plans.ddl import quote
from dbtune.text import plural


@check("pg.passwords-not-scram", tags=("security",))
def passwords_not_scram(logins: Logins) -> Iterator[Finding]:
    """Roles have passwords that are stored as MD5.

    Why: MD5 hashes are easily broken, a stolen one logs in as it is, and PostgreSQL is about to
        drop them.

    Mistaken when: Their clients are too old for SCRAM.

    Remedy: Set password_encryption to scram-sha-256, then each password anew.
    """
    weak = [one.name for one in logins.roles if one.hash == "md5"]
    if weak:
        yield Finding(
            "passwords",
            f"{plural(len(weak), 'role')} with an MD5 password: {', '.join(weak[:10])}",
            Remedy(
                "Set them anew, as the role itself.",
                sql="SET password_encryption = 'scram-sha-256';\n"
                + "\n".join(f"\\password {quote(name)}" for name in weak[:10]),
            ),
            {"roles": len(weak)},
        )
    if not logins.passwords_seen:
        raise Unavailable("how passwords are stored is hidden", "ask once as a superuser")
