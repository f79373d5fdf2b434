"""A transaction was idle all the time."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.errors import Unavailable
from dbtune.finding import Finding, Level, Remedy, check
from dbtune.pooling.load import Load
from dbtune.text import ms_text, plural


@check("pool.transaction-left-open", tags=("transactions",))
def transaction_left_open(
    load: Load, *, min_seconds: float = 2, critical_seconds: float = 600
) -> Iterator[Finding]:
    """Connections sat in an open transaction all the time and did nothing: a leak, most likely.

    Why: Nobody gives such a connection back; each one lost makes the pool smaller, until it is
    exhausted. Its locks stay, and VACUUM can't remove what it might still see.

    Mistaken when: A person has a transaction open on purpose.

    Remedy: Find the path in the application that neither commits nor rolls back (an exception, an
    early return), and let the driver's context manager end transactions.
    """
    if 0 < load.seconds < min_seconds:
        raise Unavailable(f"watched for less than {min_seconds:g} s")
    for one in load.uses:
        if not one.stuck:
            continue
        longest = one.idle_in_transaction_ms
        yield Finding(
            one.who,
            f"{plural(one.stuck, 'connection')} sat idle in a transaction all the time, the longest"
            f" for {ms_text(longest)}",
            Remedy(
                "End them (dbtune activity terminate), and let the server do so from now on.",
                sql="ALTER SYSTEM SET idle_in_transaction_session_timeout = '5min';\n"
                "SELECT pg_reload_conf();",
                effect="longer idle transactions are rolled back and their sessions end",
            ),
            {"connections": one.stuck, "longest_ms": longest},
            level=Level.critical if longest >= critical_seconds * 1000 else Level.warning,
        )
