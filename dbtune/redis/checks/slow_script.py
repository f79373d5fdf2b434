"""redis.slow-script"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dbtune.finding import Finding, Remedy, check
from dbtune.redis.checks import SLOW_MS, subject, times, times_text
from dbtune.redis.slowlog import SlowCommand

_SCRIPTS = frozenset(("EVAL", "EVALSHA", "EVAL_RO", "EVALSHA_RO", "FCALL", "FCALL_RO"))


@check("redis.slow-script", tags=("commands", "latency"))
def slow_script(
    commands: Sequence[SlowCommand], *, min_max_ms: float = SLOW_MS
) -> Iterator[Finding]:
    """A script or function keeps the server to itself.

    Why: A script is one command to Redis: however many steps it has, all other clients wait until
    its end.

    Mistaken when: It runs seldom, at a time when nobody waits.

    Remedy: Do less in one script: a bounded number of keys or elements in each call, called again
    until done.
    """
    for command in commands:
        if command.name not in _SCRIPTS or (command.statement.max_ms or 0) < min_max_ms:
            continue
        yield Finding(
            subject=subject(command),
            message=f"ran {times_text(command)}; all other clients waited for so long",
            evidence=times(command, commands),
            remedy=Remedy(
                "Bound what one call does (so many keys or elements), and call it again until it "
                "is done.",
                effect="a change in the application",
            ),
        )
