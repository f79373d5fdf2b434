"""redis.keys-command"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dbtune.finding import Finding, Remedy, check
from dbtune.redis.checks import subject, times, times_text
from dbtune.redis.slowlog import SlowCommand


@check("redis.keys-command", tags=("commands", "latency"))
def keys_command(commands: Sequence[SlowCommand], *, min_max_ms: float = 1.0) -> Iterator[Finding]:
    """KEYS walks through every key of the database.

    Why: Redis runs one command at a time: until KEYS has seen all keys, every client waits, and
    the more keys there are, the longer.

    Mistaken when: A person ran it once by hand.

    Remedy: SCAN with MATCH and COUNT, which goes in small steps; or keep the names that are needed
    in a set. The ACL rule -keys forbids it for good.
    """
    for command in commands:
        if command.name != "KEYS" or (command.statement.max_ms or 0) < min_max_ms:
            continue
        yield Finding(
            subject=subject(command),
            message=f"ran {times_text(command)}; all other clients waited for so long",
            evidence=times(command, commands),
            remedy=Remedy(
                "Use SCAN with MATCH and COUNT, or keep the names that are needed in a set.",
                effect="a change in the application",
            ),
        )
