"""Who may log in, how, and what everybody may do."""

from __future__ import annotations

from dataclasses import dataclass

from dbtune.errors import Unavailable
from dbtune.facts import fact
from dbtune.postgres.session import Session


@dataclass(frozen=True, slots=True)
class Login:
    """A role that may log in.

    Attributes:
        name: its name.
        superuser: whether it is one.
        hash: of its password: ``scram``, ``md5``, ``none``; "" if this role may not see it.
        expires_seconds: until the password's end; negative after it; ``None`` without an end.
        connections: it has now.
    """

    name: str
    superuser: bool
    hash: str = ""
    expires_seconds: float | None = None
    connections: int = 0

    @property
    def has_password(self) -> bool:
        """Whether it has one, or may have one."""
        return self.hash != "none"


@dataclass(frozen=True, slots=True)
class Logins:
    """Roles that may log in; ``passwords_seen`` tells whether their passwords' kind was read."""

    roles: tuple[Login, ...]
    passwords_seen: bool


@dataclass(frozen=True, slots=True)
class HbaRule:
    """A line of pg_hba.conf.

    Attributes:
        line: its number.
        type: ``local``, ``host``, ``hostssl`` ...
        databases, users: whom it is for.
        address: from where; "" for a socket.
        method: ``trust``, ``scram-sha-256`` ...
        error: why the server can't read the line, or "".
    """

    line: int
    type: str
    databases: tuple[str, ...]
    users: tuple[str, ...]
    address: str
    method: str
    error: str = ""


@fact("logins")
def logins(session: Session) -> Logins:
    """Least privilege: none; the kind of passwords needs a superuser."""
    rows = session.fact("logins")
    try:
        kinds = {row["name"]: row["kind"] for row in session.fact("logins_passwords")}
    except Unavailable:
        kinds = {}
    return Logins(
        tuple(Login(**row, hash=kinds.get(row["name"], "")) for row in rows),
        passwords_seen=bool(kinds),
    )


@fact("hba_rules")
def hba_rules(session: Session) -> tuple[HbaRule, ...]:
    """Least privilege: superuser, or EXECUTE on pg_hba_file_rules."""
    return tuple(
        HbaRule(
            row["line"], row["type"], tuple(row["databases"]), tuple(row["users"]),
            row["address"], row["method"], row["error"],
        )
        for row in session.fact("hba_rules")
    )  # fmt: skip
