"""redis.full-collection-read"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dbtune.finding import Finding, Remedy, check
from dbtune.redis.checks import SLOW_MS, subject, times, times_text
from dbtune.redis.slowlog import SlowCommand

_INSTEAD = {
    "HGETALL": "HSCAN, or HMGET for the fields that are needed",
    "HKEYS": "HSCAN",
    "HVALS": "HSCAN, or HMGET for the fields that are needed",
    "SMEMBERS": "SSCAN, or SISMEMBER for the members in question",
    **dict.fromkeys(
        ("LINDEX", "LINSERT", "LPOS", "LREM", "LSET"),
        "a set, a sorted set or a hash: a list is searched from its end",
    ),
    "SORT": "a sorted set that is kept in order, or sort on a replica",
    **dict.fromkeys(
        ("SDIFF", "SINTER", "SUNION", "SDIFFSTORE", "SINTERSTORE", "SUNIONSTORE"),
        "smaller sets, a result kept up to date as members change, or a replica",
    ),
    **dict.fromkeys(
        ("ZDIFF", "ZINTER", "ZUNION", "ZDIFFSTORE", "ZINTERSTORE", "ZUNIONSTORE"),
        "smaller sets, a result kept up to date as members change, or a replica",
    ),
}


@check("redis.full-collection-read", tags=("commands", "latency"))
def full_collection_read(
    commands: Sequence[SlowCommand], *, min_max_ms: float = SLOW_MS
) -> Iterator[Finding]:
    """A command reads a whole collection at once.

    Why: Redis runs one command at a time: its time grows with the collection, and all other
    clients wait meanwhile.

    Mistaken when: The server itself was stopped at that moment (swapping, a fork, no CPU): then
    simple commands are in SLOWLOG, too.

    Remedy: Read in steps (HSCAN, SSCAN, ZSCAN, ranges), read only what is needed, or split the key.
    """
    for command in commands:
        one = command.statement
        instead = _INSTEAD.get(command.name, "")
        if command.whole_reads:
            instead = "a range of some hundred elements at a time"
        if not instead or (one.max_ms or 0) < min_max_ms:
            continue
        yield Finding(
            subject=subject(command),
            message=f"ran {times_text(command)}; all other clients waited for so long",
            evidence=times(command, commands),
            remedy=Remedy(f"Use {instead}.", effect="a change in the application"),
        )
