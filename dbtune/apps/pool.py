"""What an application's pool is set to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from dbtune.pooling.timeouts import Timeouts
from dbtune.snippet import Snippet

LIFETIME_SECONDS = 1500
"""25 minutes: below PgBouncer's ``server_lifetime`` and what proxies and firewalls allow (1 h)."""
IDLE_SECONDS = 200
"""Load balancers forget a silent connection, Azure's after 240 s, AWS' after 350 s."""
PROBE_SECONDS = 30
"""How long a connection may be silent before somebody looks whether it is still alive."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AppPool:
    """The pool of one application process. Connections are counted, times are seconds.

    Attributes:
        largest: most connections.
        smallest: connections that are kept open.
        pooler: PgBouncer in transaction mode stands in between.
        prepares: a driver may keep statements prepared from one transaction to the next.
        request_seconds: how long the application lets a request take.
    """

    largest: int
    smallest: int
    pooler: bool
    prepares: bool
    request_seconds: float = 30.0

    @property
    def timeouts(self) -> Timeouts:
        """The ladder of timeouts below the request's."""
        return Timeouts(self.request_seconds)

    @property
    def acquire_seconds(self) -> float:
        """How long to wait for a connection: the request must still be able to answer.

        Behind PgBouncer longer than its ``query_wait_timeout``, so that its error, which says what
        is wrong, comes first.
        """
        times = self.timeouts
        return times.acquire_behind_pooler if self.pooler else float(times.queue)

    @property
    def connect_seconds(self) -> int:
        """How long to wait for a server that does not answer."""
        return self.timeouts.connect

    @property
    def statement_seconds(self) -> int:
        """``statement_timeout``: the server gives up before the application does."""
        return self.timeouts.statement


def whole(seconds: float) -> int:
    """Whole seconds, where 0 would mean for ever."""
    return max(1, round(seconds))


Framework = Callable[[AppPool], Snippet]
