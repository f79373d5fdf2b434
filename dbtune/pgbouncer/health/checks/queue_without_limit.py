"""Clients wait for a connection without a limit."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Confidence, Finding, Level, Remedy, check
from dbtune.pooling.pooler import Bouncer


@check(
    "pgbouncer.queue-without-limit",
    level=Level.info,
    confidence=Confidence.rule_of_thumb,
    tags=("pools",),
)
def queue_without_limit(bouncer: Bouncer, *, most_seconds: float = 60) -> Iterator[Finding]:
    """Clients may wait for a connection for longer than anybody waits for an answer.

    Why: When the pool is exhausted, requests whose users are long gone still take their turn; with
    a limit they fail fast, and the queue does not outlive its cause.

    Mistaken when: Only batches come here, which can wait.

    Remedy: query_wait_timeout below the application's own time limit for a request.
    """
    limit = bouncer.number("query_wait_timeout")
    if limit is None or 0 < limit <= most_seconds:
        return
    shown = "without limit" if limit == 0 else f"up to {limit:g} s"
    yield Finding(
        "query_wait_timeout",
        f"clients wait for a connection {shown}",
        Remedy(
            "Set it below the application's time limit.",
            config="query_wait_timeout = 15",
            effect="RELOAD",
        ),
        {"query_wait_timeout_seconds": limit},
    )
