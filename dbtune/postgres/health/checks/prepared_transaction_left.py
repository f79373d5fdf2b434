"""A prepared transaction was neither committed nor rolled back."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.postgres.facts.prepared_transactions import Prepared
from dbtune.text import ms_text


@check("pg.prepared-transaction-left", tags=("transactions", "vacuum"))
def prepared_transaction_left(
    prepared_transactions: tuple[Prepared, ...],
    *,
    warning_seconds: float = 600,
    critical_seconds: float = 3600,
) -> Iterator[Finding]:
    """A prepared transaction was neither committed nor rolled back.

    Why: It keeps its locks and holds VACUUM back for ever, through restarts, and no timeout
        ends it.

    Mistaken when: A transaction manager is about to finish it.

    Remedy: Ask the transaction manager; else commit it or roll it back by hand.
    """
    for one in prepared_transactions:
        if one.age_seconds < warning_seconds:
            continue
        name = one.gid.replace("'", "''")
        yield Finding(
            f"{one.gid} in {one.database}",
            f"prepared {ms_text(one.age_seconds * 1000)} ago by {one.owner}, "
            f"{one.xid_age:,} transactions old",
            Remedy(
                f"In the database {one.database}, if its transaction manager has forgotten it:",
                sql=f"ROLLBACK PREPARED '{name}';  -- or COMMIT PREPARED",
                effect="what it did is lost",
            ),
            {"age_seconds": one.age_seconds, "xid_age": one.xid_age},
            level=Level.critical if one.age_seconds >= critical_seconds else Level.warning,
        )
