"""Events that held the server up, as its latency monitor has seen them."""

from __future__ import annotations

from dataclasses import dataclass

from dbtune.facts import fact
from dbtune.redis.session import Session


@dataclass(frozen=True, slots=True)
class Event:
    """A kind of event.

    Attributes:
        name: ``command``, ``fork``, ``aof-write`` ...
        last_ms, max_ms: how long.
    """

    name: str
    last_ms: int
    max_ms: int


@fact("latency")
def latency(session: Session) -> tuple[Event, ...]:
    """Least privilege: +latency|latest."""
    found = session.command("LATENCY", "LATEST")
    return tuple(
        Event(str(one[0]), int(one[2]), int(one[3]))
        for one in found
        if isinstance(one, list) and len(one) >= 4
    )
