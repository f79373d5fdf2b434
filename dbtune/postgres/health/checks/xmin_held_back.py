"""Something old keeps VACUUM from removing dead rows."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.postgres.facts.prepared_transactions import Prepared
from dbtune.postgres.facts.replication import Replication, Slot
from dbtune.postgres.facts.sessions import Sessions


def _drop(slot: Slot) -> str:
    name = slot.name.replace("'", "''")
    return "" if slot.active else f"SELECT pg_drop_replication_slot('{name}');"


@check("pg.xmin-held-back", tags=("vacuum", "transactions"))
def xmin_held_back(
    sessions: Sessions,
    replication: Replication,
    prepared_transactions: tuple[Prepared, ...],
    *,
    warning_xids: int = 10_000_000,
    critical_xids: int = 100_000_000,
) -> Iterator[Finding]:
    """Something old keeps VACUUM from removing dead rows.

    Why: Rows that died since then stay in tables and indexes: they grow and every scan reads
        them.

    Mistaken when: The database is so busy that so many transactions are minutes.

    Remedy: End the culprit: the session, the slot, the prepared transaction, or the standby's
        query.
    """
    held = [
        *(
            (
                one.xmin_age,
                f"process {one.pid} of {one.who}",
                f"SELECT pg_terminate_backend({one.pid});",
            )
            for one in sessions.backends
            if one.xmin_age is not None
        ),
        *(
            (one.xmin_age, f"replication slot {one.name}", _drop(one))
            for one in replication.slots
            if one.xmin_age is not None
        ),
        *(
            (one.xmin_age, f"standby {one.application}, by hot_standby_feedback", "")
            for one in replication.standbys
            if one.xmin_age is not None
        ),
        *((one.xid_age, f"prepared transaction {one.gid}", "") for one in prepared_transactions),
    ]
    if not held:
        return
    age, what, sql = max(held, key=lambda one: (one[0], one[1]))
    if age < warning_xids:
        return
    yield Finding(
        what.partition(" of ")[2] or what,
        f"{what} holds back VACUUM by {age:,} transactions",
        Remedy("End it, if it is not needed; VACUUM then removes what it held.", sql=sql),
        {"xmin_age": age, "holders": len(held)},
        level=Level.critical if age >= critical_xids else Level.warning,
    )
