"""Many transactions are rolled back."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.postgres.facts.databases import Database
from dbtune.text import ratio_text


@check("pg.many-rollbacks", level=Level.info, tags=("transactions",))
def many_rollbacks(
    databases: tuple[Database, ...], *, min_transactions: float = 1000, min_ratio: float = 0.1
) -> Iterator[Finding]:
    """Many transactions are rolled back.

    Why: Their work was for nothing; errors that somebody sees, or an application that uses
        errors as answers.

    Mistaken when: A pool or framework ends every reading transaction with ROLLBACK.

    Remedy: Look for errors in the server's log: dbtune slow-queries --log ranks them.
    """
    for one in databases:
        ended = one.commits + one.rollbacks
        if ended < min_transactions or one.rollbacks < min_ratio * ended:
            continue
        yield Finding(
            f"database {one.name}",
            f"{ratio_text(one.rollbacks / ended)} of {ended:,.0f} transactions were rolled back",
            Remedy("See which errors there are in the server's log."),
            {"rollbacks": one.rollbacks, "transactions": ended, "seconds": one.seconds},
        )
