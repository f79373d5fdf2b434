"""redis.blocking-delete"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dbtune.finding import Finding, Remedy, check
from dbtune.redis.checks import SLOW_MS, subject, times, times_text
from dbtune.redis.slowlog import SlowCommand

_INSTEAD = {"DEL": "UNLINK", "FLUSHALL": "FLUSHALL ASYNC", "FLUSHDB": "FLUSHDB ASYNC"}


@check("redis.blocking-delete", tags=("commands", "latency"))
def blocking_delete(
    commands: Sequence[SlowCommand], *, min_max_ms: float = SLOW_MS
) -> Iterator[Finding]:
    """Large keys are freed while all clients wait.

    Why: DEL frees each element of a collection before the next command is run; UNLINK takes the
    key away at once and leaves the freeing to a thread in the background.

    Mistaken when: The server is older than 4.0, which has no UNLINK.

    Remedy: UNLINK for DEL; lazyfree-lazy-user-del yes makes DEL the same without a change in the
    application (6.0), lazyfree-lazy-expire, -eviction and -server-del do it for what Redis deletes.
    """
    for command in commands:
        instead = _INSTEAD.get(command.name)
        if instead is None or (command.statement.max_ms or 0) < min_max_ms:
            continue
        option = "-del" if command.name == "DEL" else "-flush"
        yield Finding(
            subject=subject(command),
            message=f"ran {times_text(command)}; all other clients waited for so long",
            evidence=times(command, commands),
            remedy=Remedy(
                f"Use {instead} in the application, or let the server treat it so:",
                config=f"lazyfree-lazy-user{option} yes",
                effect="CONFIG SET applies it without a restart",
            ),
        )
