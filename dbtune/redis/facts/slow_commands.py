"""Commands that took long lately, by pattern."""

from __future__ import annotations

from datetime import timedelta

from dbtune.errors import Unavailable
from dbtune.facts import fact
from dbtune.redis.session import Session
from dbtune.redis.slowlog import SlowCommand, read_slowlog, slow_commands

LATELY = timedelta(hours=24)


@fact("commands")
def commands(session: Session) -> tuple[SlowCommand, ...]:
    """Of SLOWLOG's last day, without keys and values. Least privilege: +slowlog|get."""
    try:
        settings = session.config("slowlog-*")
    except Unavailable:
        settings = {}
    found = read_slowlog(session, settings)
    if (found.threshold_us or 0) < 0 or found.max_entries == 0:
        raise Unavailable(
            "SLOWLOG is off", "CONFIG SET slowlog-log-slower-than 10000; slowlog-max-len 1024"
        )
    recent = (one for one in found.entries if found.at - one.at <= LATELY)
    return tuple(slow_commands(recent))
