"""Sessions that matter: in a transaction, running, waiting, or holding others up."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from dbtune.errors import Unavailable
from dbtune.facts import fact
from dbtune.postgres.session import Session
from dbtune.text import plural

MAX_SESSIONS = 500


@dataclass(frozen=True, slots=True)
class Backend:
    """A server process with an open transaction, a running statement, or somebody waiting for it.

    Attributes:
        pid: number of the process.
        kind: ``client backend``, ``autovacuum worker``, ``walsender``, ``parallel worker`` ...
        user, database, application, client: who; "" where unknown. ``client`` is an address.
        state: ``active``, ``idle``, ``idle in transaction`` ...; "" if this role may not see it.
        transaction_seconds: since the transaction began; ``None`` outside of one.
        statement_seconds: since the running (or last) statement began.
        state_seconds: since the state changed.
        wait: what it waits for, ``Lock:transactionid``, or "".
        xmin_age: transactions since the oldest row version that it may still need.
        statement: the running or last statement, constants masked; "" if hidden.
        blocked_by: processes that hold what it waits for; 0 is a prepared transaction.
        began: when the session began; ``None`` if hidden.
    """

    pid: int
    kind: str
    user: str
    database: str
    application: str
    client: str
    state: str
    transaction_seconds: float | None = None
    statement_seconds: float | None = None
    state_seconds: float | None = None
    wait: str = ""
    xmin_age: int | None = None
    statement: str = ""
    blocked_by: tuple[int, ...] = ()
    began: datetime | None = None

    @property
    def who(self) -> str:
        """Role and application, for messages."""
        return f"{self.user or self.kind}{f' ({self.application})' if self.application else ''}"


@dataclass(frozen=True, slots=True)
class Sessions:
    """Sessions at one moment.

    Attributes:
        backends: longest transaction first; idle ones outside a transaction only if they block.
        hidden: client sessions whose state this role may not see.
        cut: there were more than :data:`MAX_SESSIONS`.
        role: who looked.
    """

    backends: tuple[Backend, ...]
    hidden: int = 0
    cut: bool = False
    role: str = ""

    @property
    def unseen(self) -> Unavailable | None:
        """Why not all sessions are seen."""
        return hidden_sessions(self.hidden, self.role)

    def by_pid(self) -> dict[int, Backend]:
        """Backends by process."""
        return {one.pid: one for one in self.backends}


def hidden_sessions(count: int, role: str) -> Unavailable | None:
    """What to say of sessions whose state a role may not see."""
    if not count:
        return None
    quoted = role.replace('"', '""')
    return Unavailable(
        f"the state of {plural(count, 'session')} of other roles is hidden from {role}",
        f'GRANT pg_monitor TO "{quoted}";',
    )


@fact("sessions")
def sessions(session: Session) -> Sessions:
    """Who does what, and who waits for whom. States of others need pg_read_all_stats."""
    from dbtune.postgres.sqltext import masked
    from dbtune.text import plain

    rows = session.fact("sessions", {"limit": MAX_SESSIONS + 1})
    backends = [
        Backend(
            **{key: row[key] for key in ("pid", "kind", "user", "database", "application")},
            client=row["client"],
            state=row["state"],
            transaction_seconds=row["transaction_seconds"],
            statement_seconds=row["statement_seconds"],
            state_seconds=row["state_seconds"],
            wait=row["wait"],
            xmin_age=row["xmin_age"],
            statement=plain(masked(row["statement"]))[:500],
            blocked_by=tuple(dict.fromkeys(row["blocked_by"] or ())),
            began=row["began"],
        )
        for row in rows[:MAX_SESSIONS]
    ]
    waits = session.fact("sessions_waits")
    return Sessions(
        tuple(backends),
        hidden=sum(row["sessions"] for row in waits if row["wait"] is None),
        cut=len(rows) > MAX_SESSIONS,
        role=session.user,
    )
