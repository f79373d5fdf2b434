"""What active sessions wait for, from several looks where time allows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from dbtune.errors import Unavailable
from dbtune.facts import samples
from dbtune.postgres.facts.sessions import hidden_sessions
from dbtune.postgres.session import Session


@dataclass(frozen=True, slots=True)
class Waits:
    """Active client backends by what they wait for, added up over all looks.

    Attributes:
        samples: how often was looked.
        sessions: by wait, ``IO:DataFileRead``; ``CPU`` is no wait.
        hidden: sessions whose state this role may not see, in one look.
        role: who looked.
    """

    samples: int
    sessions: Mapping[str, int]
    hidden: int = 0
    role: str = ""

    @property
    def unseen(self) -> Unavailable | None:
        """Why not all sessions are seen."""
        return hidden_sessions(self.hidden, self.role)

    @property
    def active(self) -> float:
        """Active sessions that are seen, on average."""
        return sum(self.sessions.values()) / self.samples


def plus(one: Waits, other: Waits) -> Waits:
    """Both together."""
    sessions = Counter(one.sessions) + Counter(other.sessions)
    return Waits(
        one.samples + other.samples, dict(sessions), max(one.hidden, other.hidden), other.role
    )


@samples("waits", plus)
def waits(session: Session) -> Waits:
    """Least privilege: none; states of other roles' sessions need pg_read_all_stats."""
    rows = session.fact("sessions_waits")
    return Waits(
        1,
        {row["wait"]: row["sessions"] for row in rows if row["wait"] is not None},
        hidden=sum(row["sessions"] for row in rows if row["wait"] is None),
        role=session.user,
    )
