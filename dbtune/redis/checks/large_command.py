"""redis.large-command"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dbtune.finding import Finding, Remedy, check
from dbtune.redis.checks import subject, times, times_text
from dbtune.redis.slowlog import SlowCommand
from dbtune.text import bytes_text, count_text


@check("redis.large-command", tags=("commands", "latency"))
def large_command(
    commands: Sequence[SlowCommand], *, min_bytes: int = 1024 * 1024, min_arguments: int = 1000
) -> Iterator[Finding]:
    """One command carries very much data or very many arguments.

    Why: Copying it takes the one thread that serves all clients, its buffers take memory, and
    whoever reads such a value moves as much over the network.

    Mistaken when: Large values are what this server is for, and nothing else needs it to be quick.

    Remedy: Split values (a hash by field, chunks of some 100 kB), compress them, or keep them
    elsewhere; batches of some hundred arguments in a pipeline are as fast as one of many thousands.
    """
    for command in commands:
        size, count = command.max_argument_bytes, command.max_arguments
        if size < min_bytes and count < min_arguments:
            continue
        what = f"{bytes_text(size)} of data" if size >= min_bytes else ""
        what = what or f"{count_text(count)} arguments"
        yield Finding(
            subject=subject(command),
            message=f"carried up to {what}; slow {times_text(command)}",
            evidence={
                **times(command, commands),
                "max_argument_bytes": size,
                "max_arguments": count,
            },
            remedy=Remedy(
                "Split the value, or keep it elsewhere."
                if size >= min_bytes
                else "Send batches of some hundred arguments, in a pipeline.",
                effect="a change in the application",
            ),
        )
