"""The ladder of timeouts between an application and its server: what is inside gives up first.

Request > acquiring a connection > PgBouncer's ``query_wait_timeout`` > ``statement_timeout``: so
the error that says what is wrong arrives while the application can still handle it.
"""

from __future__ import annotations

from dataclasses import dataclass

_LONGEST_WAIT = 15
_LONGEST_CONNECT = 5


@dataclass(frozen=True, slots=True)
class Timeouts:
    """The ladder below a request's own time limit; all in seconds.

    Attributes:
        request: how long the application lets a request take.
    """

    request: float = 30.0

    @property
    def queue(self) -> int:
        """PgBouncer's ``query_wait_timeout``: half of the request's, from 1 to 15."""
        return max(1, min(_LONGEST_WAIT, int(self.request / 2)))

    @property
    def acquire_behind_pooler(self) -> float:
        """For a connection of the application's own pool: longer than PgBouncer's queue."""
        return (self.request + self.queue) / 2

    @property
    def statement(self) -> int:
        """``statement_timeout``: the server gives up before those who wait for it."""
        return max(1, self.queue * 2 // 3)

    @property
    def connect(self) -> int:
        """For a server that does not answer."""
        return min(_LONGEST_CONNECT, self.queue)
