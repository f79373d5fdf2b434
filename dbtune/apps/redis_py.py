"""redis-py: ``BlockingConnectionPool``."""

from __future__ import annotations

from dbtune.apps.pool import PROBE_SECONDS, AppPool
from dbtune.snippet import Line, Snippet, block, heading, keyword, number

DOCUMENT = "https://redis.readthedocs.io/en/stable/connections.html"


def snippet(pool: AppPool) -> Snippet:
    """A client with a pool that lets requests wait."""
    answer = min(5.0, pool.request_seconds / 4)
    lines = (
        Line(
            "max_connections",
            str(pool.largest),
            "Most connections of this process. A subscription or a blocking command (BLPOP, XREAD"
            " BLOCK) keeps one for itself: add one for each.",
            "50",
        ),
        Line(
            "timeout",
            number(pool.acquire_seconds),
            "Seconds that a request waits for a connection, where ConnectionPool would raise an"
            " error at once.",
            "20",
        ),
        Line(
            "socket_timeout",
            number(answer),
            "Seconds. An answer that takes longer is not worth having: the cache is to be faster"
            " than what it saves. Blocking commands need a client with more.",
            "5 since redis-py 8, before None (for ever)",
        ),
        Line(
            "socket_connect_timeout",
            number(min(2.0, answer)),
            "Seconds. A server that does not answer is given up in time.",
            "5 since redis-py 8, before None",
        ),
        Line("socket_keepalive", "True", "Dead peers are noticed.", "False before redis-py 8"),
        Line(
            "health_check_interval",
            str(PROBE_SECONDS),
            "Seconds. A connection that was silent for longer is tried before it is used.",
            "0 (never)",
        ),
    )
    text = f"""{heading("Needs redis 5 or later.")}
import os

import redis

client = redis.Redis.from_pool(
    redis.BlockingConnectionPool.from_url(
        os.environ["REDIS_URL"],
{block(lines, keyword, margin=" " * 8)}
    )
)
"""
    return Snippet(
        "cache.py",
        "python",
        text,
        lines,
        DOCUMENT,
        ("many small commands of one request belong in a pipeline: one round trip for all",),
    )
