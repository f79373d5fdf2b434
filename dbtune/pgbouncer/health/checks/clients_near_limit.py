"""Hardly another client can connect."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.pooling.pooler import Bouncer
from dbtune.text import ratio_text


@check("pgbouncer.clients-near-limit", tags=("connections",))
def clients_near_limit(
    bouncer: Bouncer, *, warning_ratio: float = 0.8, critical_ratio: float = 0.95
) -> Iterator[Finding]:
    """The number of clients is near max_client_conn.

    Why: The next ones are refused: "no more connections allowed".

    Mistaken when: Applications have all the connections that they ever open.

    Remedy: Raise max_client_conn: a client costs PgBouncer about 2 kB; the limit of open files
    must hold clients and servers together.
    """
    limit = bouncer.number("max_client_conn")
    if not limit or bouncer.clients < warning_ratio * limit:
        return
    used = bouncer.clients / limit
    yield Finding(
        "max_client_conn",
        f"{bouncer.clients:,} of {limit:,.0f} clients are connected ({ratio_text(used)})",
        Remedy(
            "Raise it, and the limit of open files with it (LimitNOFILE of its service).",
            config=f"max_client_conn = {round(2 * limit)}",
            effect="RELOAD; a restart if the limit of open files has to grow",
        ),
        {"clients": bouncer.clients, "max_client_conn": limit},
        level=Level.critical if used >= critical_ratio else Level.warning,
    )
