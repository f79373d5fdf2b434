"""Lettuce under Spring Boot: ``spring.data.redis`` in ``application.yml``."""

from __future__ import annotations

from dbtune.apps.pool import AppPool
from dbtune.snippet import Line, Snippet, block, entry, heading, milliseconds

DOCUMENT = (
    "https://docs.spring.io/spring-boot/appendix/application-properties/index.html"
    "#application-properties.data.spring.data.redis.lettuce.pool.enabled"
)


def snippet(pool: AppPool) -> Snippet:
    """Timeouts, and a pool for what can't share a connection."""
    answer = min(5.0, pool.request_seconds / 4)
    times = (
        Line(
            "timeout",
            f"{milliseconds(answer)}ms",
            "An answer that takes longer is not worth having: the cache is to be faster than what"
            " it saves.",
            "60s",
        ),
        Line(
            "connect-timeout",
            f"{milliseconds(min(2.0, answer))}ms",
            "A server that does not answer is given up in time.",
            "10s",
        ),
    )
    sizes = (
        Line(
            "enabled",
            "true",
            "Lettuce shares one connection between all threads, which is enough for plain commands."
            " Transactions and blocking commands need one each: for them is this pool (it needs"
            " commons-pool2).",
            "true if commons-pool2 is there",
        ),
        Line("max-active", str(pool.largest), "Most connections of this process.", "8"),
        Line(
            "max-idle",
            str(pool.largest),
            "As many as may be open: with fewer they would be closed and opened all the time.",
            "8",
        ),
        Line("min-idle", str(pool.smallest), "Stay open.", "0"),
        Line(
            "max-wait",
            f"{milliseconds(pool.acquire_seconds)}ms",
            "How long a request waits for a connection, less than it may take itself.",
            "-1ms (for ever)",
        ),
        Line(
            "time-between-eviction-runs",
            "30s",
            "Without it min-idle does nothing.",
            "none",
        ),
    )
    text = f"""{heading("application.yml for Spring Boot 3 and later with Lettuce.")}
spring:
  data:
    redis:
      # redis://user@host:6379/0; the password from the environment
      url: ${{REDIS_URL}}
{block(times, entry, margin=" " * 6)}
      lettuce:
        pool:
{block(sizes, entry, margin=" " * 10)}
"""
    return Snippet("application.yml", "yaml", text, (*times, *sizes), DOCUMENT)
