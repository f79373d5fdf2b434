"""Clients do not fetch their answers."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Remedy, check
from dbtune.redis.facts.clients import Clients
from dbtune.text import bytes_text


@check("redis.output-buffer-large", tags=("connections", "memory"))
def output_buffer_large(clients: Clients, *, min_bytes: int = 10 * 1024**2) -> Iterator[Finding]:
    """Clients do not fetch their answers.

    Why: The server keeps them in memory, on top of maxmemory, until the client reads or is cut
        off.

    Mistaken when: A large answer is just on its way.

    Remedy: See what it asks for; client-output-buffer-limit.
    """
    for one in clients.largest:
        if one.output_bytes < min_bytes:
            continue
        yield Finding(
            f"client {one.name or one.address} ({one.kind})",
            f"{bytes_text(one.output_bytes)} of answers wait for it; its last command: "
            f"{one.command}",
            Remedy(
                "Limit what is kept for clients.",
                config="client-output-buffer-limit normal 256mb 64mb 60\n"
                "client-output-buffer-limit pubsub 32mb 8mb 60",
                effect="clients over the limit are disconnected",
            ),
            {"output_bytes": one.output_bytes, "idle_seconds": one.idle_seconds},
        )
