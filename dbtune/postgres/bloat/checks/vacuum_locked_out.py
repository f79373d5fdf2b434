"""pg.vacuum-locked-out"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Remedy, check
from dbtune.postgres.bloat.autovacuum import threshold
from dbtune.postgres.bloat.checks import dead_rows, subject
from dbtune.postgres.bloat.facts import Bloat
from dbtune.postgres.facts.sessions import Sessions
from dbtune.postgres.facts.table_locks import TableLock
from dbtune.text import ms_text


@check("pg.vacuum-locked-out", tags=("bloat", "vacuum", "locks"))
def vacuum_locked_out(
    bloat: Bloat,
    sessions: Sessions,
    table_locks: tuple[TableLock, ...],
    *,
    min_seconds: float = 60,
    min_dead_rows: int = 1000,
) -> Iterator[Finding]:
    """A session holds a lock on a table that has dead rows, so that autovacuum passes it over.

    Why: Autovacuum does not wait for locks, and ends itself when somebody else waits for its own:
        a table that is locked whenever it comes is never vacuumed.

    Mistaken when: It is an index being built or a change of the table that ends soon.

    Remedy: Shorten the transactions that lock it, or VACUUM by hand, which waits for its turn.
    """
    by_pid = sessions.by_pid()
    dead = {one.relation.oid: one for one in dead_rows(bloat).tables}
    for lock in table_locks:
        one = dead.get(lock.table)
        if one is None or lock.kind == "autovacuum worker":
            continue
        rows = one.dead_rows or 0.0
        if rows < max(min_dead_rows, threshold(one.relation, bloat.sizes).rows):
            continue
        holder = by_pid.get(lock.pid)
        seconds = (holder.transaction_seconds if holder else None) or 0.0
        if lock.pid and seconds < min_seconds:
            continue
        who = f"process {lock.pid}" if lock.pid else "a prepared transaction"
        name = f" of {holder.who}" if holder else ""
        yield Finding(
            subject(one, bloat),
            f"{who}{name} holds {lock.mode} for {ms_text(seconds * 1000)}, and {rows:,.0f} rows "
            "are dead",
            Remedy(
                "End that transaction, or VACUUM when it has ended.",
                sql=f"SELECT pg_terminate_backend({lock.pid});" if lock.pid else "",
                effect="the transaction is rolled back" if lock.pid else "",
            ),
            {"pid": lock.pid, "transaction_seconds": seconds, "dead_rows": round(rows)},
        )
