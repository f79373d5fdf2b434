"""redis.server-stalled"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dbtune.finding import Confidence, Finding, Remedy, check
from dbtune.redis.checks import SLOW_MS
from dbtune.redis.slowlog import SlowCommand
from dbtune.text import ms_text, plural

# Constant time, whatever the size of the key, and neither a large argument nor a large reply.
_CONSTANT = frozenset(
    "DECR DECRBY EXISTS EXPIRE EXPIREAT HEXISTS HINCRBY HLEN INCR INCRBY LLEN PERSIST PEXPIRE PING "
    "PTTL SCARD SISMEMBER STRLEN TTL TYPE XLEN ZCARD ZSCORE".split()
)


@check("redis.server-stalled", confidence=Confidence.estimated, tags=("commands", "latency"))
def server_stalled(
    commands: Sequence[SlowCommand], *, min_max_ms: float = SLOW_MS, min_calls: int = 2
) -> Iterator[Finding]:
    """Commands that take no time by themselves are slow: the server itself was held up.

    Why: Such a command takes a microsecond. When it takes milliseconds, the process did not run:
    memory was swapped out, a fork for a snapshot copied page tables, transparent huge pages were
    copied after it, or another process had the CPU. Every client waited.

    Mistaken when: Only one key was ever affected, or a module serves the command.

    Remedy: On the server's machine look at swap use, CPU steal and latest_fork_usec (INFO stats);
    vm.overcommit_memory = 1, transparent huge pages off, memory to spare for the fork.
    """
    simple = [
        one
        for one in commands
        if one.name in _CONSTANT and (one.statement.max_ms or 0) >= min_max_ms
    ]
    calls = round(sum(one.statement.calls for one in simple))
    if calls < min_calls:
        return
    longest = max(one.statement.max_ms or 0 for one in simple)
    names = ", ".join(sorted({one.name for one in simple})[:5])
    yield Finding(
        subject="server",
        message=(
            f"{plural(calls, 'command')} of constant time ({names}) took up to {ms_text(longest)}"
        ),
        evidence={"calls": calls, "max_ms": longest, "commands": names},
        remedy=Remedy(
            "Look for swapping, CPU steal and the time of forks (INFO stats: latest_fork_usec); "
            "turn transparent huge pages off.",
            config="# as root: echo never > /sys/kernel/mm/transparent_hugepage/enabled",
            effect="settings of the machine; Redis has to be restarted to leave its huge pages",
        ),
    )
