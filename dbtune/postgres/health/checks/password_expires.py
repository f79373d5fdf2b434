"""A password is about to end, or has."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.postgres.facts.access import Logins
from dbtune.postgres.plans.ddl import quote
from dbtune.text import ms_text


@check("pg.password-expires", tags=("security",))
def password_expires(logins: Logins, *, warning_days: float = 14) -> Iterator[Finding]:
    """A password is about to end, or has.

    Why: From that day on the role can't log in: an application stops.

    Mistaken when: The role is meant to end.

    Remedy: ALTER ROLE ... VALID UNTIL, with a new password.
    """
    for one in logins.roles:
        left = one.expires_seconds
        if left is None or left > warning_days * 86_400 or not one.has_password:
            continue
        when = (
            f"ended {ms_text(-left * 1000)} ago" if left < 0 else f"ends in {ms_text(left * 1000)}"
        )
        yield Finding(
            f"role {one.name}",
            f"the password of {one.name} {when}",
            Remedy(
                "Set a new one, and a new end.",
                sql=f"ALTER ROLE {quote(one.name)} VALID UNTIL 'infinity';  -- or a date",
            ),
            {"expires_seconds": left, "connections": one.connections},
            level=Level.warning if one.connections or left >= 0 else Level.info,
        )
