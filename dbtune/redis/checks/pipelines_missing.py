"""redis.pipelines-missing"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.redis.facts.info import Info
from dbtune.text import bytes_text


@check("redis.pipelines-missing", level=Level.info, tags=("commands", "latency"))
def pipelines_missing(
    info: Info,
    *,
    min_commands_per_second: float = 2000.0,
    max_commands_per_read: float = 1.2,
    max_bytes_per_command: float = 200.0,
    min_per_client_per_second: float = 200.0,
) -> Iterator[Finding]:
    """Many small commands come one by one, each with a round trip of its own.

    Why: A round trip takes many times what the server needs for the command, and each read and
    write of a socket takes more of its only thread than a GET does.

    Mistaken when: Each command needs the answer of the one before; or the clients are many, and
    each sends few.

    Remedy: Send what belongs together at once: a pipeline, MGET and HMGET, or a client that
    pipelines by itself (Lettuce, StackExchange.Redis, ioredis with enableAutoPipelining).

    Verify: total_commands_processed grows faster than total_reads_processed.
    """
    commands, reads = info.grown("total_commands_processed"), info.grown("total_reads_processed")
    clients = max(1.0, info.number("connected_clients") - 1)
    rate = commands / info.seconds
    if not reads or rate < min_commands_per_second or rate / clients < min_per_client_per_second:
        return
    size = info.grown("total_net_input_bytes") / commands
    if commands / reads > max_commands_per_read or size > max_bytes_per_command:
        return
    yield Finding(
        "commands of the applications",
        f"{rate:,.0f} commands a second of {bytes_text(size)} each, {commands / reads:.2f} with "
        f"each read of a socket, {rate / clients:,.0f} a second for each client",
        Remedy(
            "Send what belongs together as one pipeline, or as MGET, HMGET and the like.",
            effect="a change in the application",
        ),
        {
            "commands_per_second": rate,
            "commands_per_read": commands / reads,
            "bytes_per_command": size,
            "clients": round(clients),
        },
    )
