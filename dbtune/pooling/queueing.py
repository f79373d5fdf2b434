"""Waiting for a free connection: a queue of transactions before a pool of equal servers.

The model is M/M/c: random (Poisson) arrivals, one queue, ``servers`` connections. Everything
follows from the **offered load** ``a = λ·S``, the number of connections that are busy on average
(Little's law), and from the mean hold time ``S``.

How far to trust it: measured through a real PgBouncer, the mean wait was 0.79–1.24 of what this
module predicts, in pools of 4, 8 and 16 at utilisations of 0.6 to 0.9, where that was 1 ms or more
(``scripts/bench/queueing``: three runs of 30 s each). Above, a queue takes minutes to settle.

Units: rates per second, times in milliseconds, offered load and servers in connections.
"""

from __future__ import annotations

import math
from typing import NamedTuple

MOST_CONNECTIONS = 262_143
"""Upper limit of PostgreSQL's ``max_connections`` (``MAX_BACKENDS``, 2^18 − 1)."""


FEWEST_TAKING_TURNS = 2
"""With one session nobody would have the lock while its client asks for the next transaction."""


class Wait(NamedTuple):
    """How long a transaction waits for a connection.

    Attributes:
        probability: share of transactions that wait at all.
        mean_ms: mean over all transactions, those that don't wait included.
        p50_ms: half of all transactions wait no longer than this; so p95 and p99.
    """

    probability: float
    mean_ms: float
    p50_ms: float
    p95_ms: float
    p99_ms: float


def busy_connections(per_second: float, hold_ms: float) -> float:
    """Little's law, ``L = λ·S``: connections that are busy on average.

    Source: J. D. C. Little, "A Proof for the Queuing Formula: L = λW", Operations Research 9, 1961.
    """
    return per_second * hold_ms / 1000


def erlang_b(offered: float, servers: int) -> float:
    """Share of arrivals that find every server busy when nobody waits (they go away).

    The recursion ``B(0) = 1, B(c) = a·B(c−1) / (c + a·B(c−1))`` stays between 0 and 1 at every
    step, so neither factorials nor powers can overflow, whatever the number of servers.
    """
    blocked = 1.0
    for server in range(1, servers + 1):
        blocked = offered * blocked / (server + offered * blocked)
    return blocked


def erlang_c(offered: float, servers: int) -> float:
    """Share of arrivals that must wait for a free server; 1 when the queue cannot keep up.

    ``C = B / (1 − ρ·(1 − B))`` with ``ρ = a/c``. Source: A. K. Erlang, 1917.
    """
    return _wait_probability(erlang_b(offered, servers), offered, servers)


def smallest_taking_turns(working: float, idle: float) -> int:
    """The fewest sessions that keep a lock busy, which one of them at a time can hold.

    A session that does not want the lock comes back to it after a time; so the lock is the
    repairman of a machine-repair model, and idle for the share ``B(N, working − 1)`` of the time.
    Source: C. Palm, 1947; in Kendall's notation M/M/1//N. Times that scatter less need fewer.

    Args:
        working: sessions that don't wait, the lock being busy all the time: its holder, and those
            in the other parts of their transactions.
        idle: share of the time in which nobody may hold the lock.
    """
    others = max(0.0, working - 1)
    sessions, blocked = 0, 1.0
    while blocked > idle or sessions < FEWEST_TAKING_TURNS:
        sessions += 1
        blocked = others * blocked / (sessions + others * blocked)
    return sessions


def waiting(offered: float, hold_ms: float, servers: int, variance: float = 1.0) -> Wait | None:
    """Waits in front of a pool; ``None`` when the queue grows without bound (``a ≥ c``).

    Args:
        offered: busy connections on average (see :func:`busy_connections`).
        hold_ms: mean time that a transaction holds a connection.
        servers: size of the pool.
        variance: squared coefficient of variation of the hold time: 1 is exponential (M/M/c,
            exact), 0 constant. For others the wait is scaled by ``(1 + cs²)/2`` (A. O. Allen and
            J. W. Cunneen), which is exact in the mean for one server (Pollaczek–Khinchine).
    """
    if offered >= servers:
        return None
    probability = erlang_c(offered, servers)
    tail = _tail_ms(offered, hold_ms, servers, variance)
    p50, p95, p99 = (_quantile(probability, tail, share) for share in (0.5, 0.95, 0.99))
    return Wait(probability, probability * tail, p50, p95, p99)


def smallest_pool(
    offered: float,
    hold_ms: float,
    target_ms: float,
    *,
    variance: float = 1.0,
    quantile: float = 0.95,
) -> int | None:
    """The smallest pool in which ``quantile`` of all transactions wait at most ``target_ms``.

    Returns:
        The size, or ``None`` when even PostgreSQL's largest ``max_connections`` is too small.
    """
    if offered >= MOST_CONNECTIONS:
        return None
    blocked = 1.0
    for servers in range(1, MOST_CONNECTIONS + 1):
        blocked = offered * blocked / (servers + offered * blocked)
        if servers <= offered:
            continue
        probability = _wait_probability(blocked, offered, servers)
        tail = _tail_ms(offered, hold_ms, servers, variance)
        if _quantile(probability, tail, quantile) <= target_ms:
            return servers
    return None


def _wait_probability(blocked: float, offered: float, servers: int) -> float:
    if offered >= servers:
        return 1.0
    return blocked / (1 - offered / servers * (1 - blocked))


def _tail_ms(offered: float, hold_ms: float, servers: int, variance: float) -> float:
    """Mean wait of those that wait: ``S/(c − a)``, scaled for variance."""
    return hold_ms / (servers - offered) * (1 + variance) / 2


def _quantile(probability: float, tail_ms: float, quantile: float) -> float:
    """The wait that ``quantile`` of all arrivals do not exceed: P(W > t) = C·exp(−t/tail)."""
    beyond = 1 - quantile
    return tail_ms * math.log(probability / beyond) if probability > beyond else 0.0
