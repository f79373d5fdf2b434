"""pg.unused-index"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.errors import Unavailable
from dbtune.finding import Confidence, Finding, Level, check
from dbtune.postgres.indexes.inventory import Inventory
from dbtune.postgres.indexes.removal import drop_remedy, subject
from dbtune.postgres.indexes.usage import Usage, servers_text
from dbtune.text import plural


@check("pg.unused-index", level=Level.info, tags=("indexes",))
def unused_index(
    inventory: Inventory,
    usage: Usage,
    *,
    min_observed_days: float = 14,
    max_scans: int = 0,
    min_bytes: int = 65_536,
    warning_bytes: int = 10_485_760,
) -> Iterator[Finding]:
    """An index has not been scanned since scans are counted.

    Why: Every INSERT and most UPDATEs write an entry for it, VACUUM reads it, it takes space,
    cache and WAL, and it keeps updates from being HOT; nothing reads it.

    Mistaken when: It is younger than the statistics, or used by something rare (a report at the
    end of the year), by a standby that was not asked, or only by the planner for its statistics on
    an expression. Unique indexes, those of constraints, and those that a foreign key's look-ups
    need are left out.

    Remedy: Drop it with DROP INDEX CONCURRENTLY, and keep the statement that makes it again.
    """
    if usage.seconds < min_observed_days * 86_400:
        raise Unavailable(
            f"scans are counted for {usage.period} only: an index that is used by the week or the "
            "month would seem unused",
            "lower the rule's min_observed_days (suggest-indexes: --min-observed)",
        )
    for index, table in inventory:
        scans = usage.scans.get(index.oid, 0)
        size = inventory.index_bytes(index)
        if scans > max_scans or size < min_bytes or not inventory.may_go(index):
            continue
        used = f"{plural(scans, 'scan')}" if scans else "no scan"
        yield Finding(
            subject=subject(index),
            message=(
                f"{used} in {usage.period}{servers_text(usage)}; dropping it gives back "
                f"{inventory.saved_text(index, table)}"
            ),
            level=Level.warning if size >= warning_bytes else None,
            confidence=Confidence.estimated
            if usage.unseen_standbys or not usage.certain
            else Confidence.measured,
            evidence={
                "scans": scans,
                "observed_seconds": round(usage.seconds),
                "servers": usage.servers,
                "unseen_standbys": usage.unseen_standbys,
                "age_transactions": index.age_transactions,
                **inventory.saved(index, table),
            },
            remedy=drop_remedy(index, table, "Drop it, if no rare job and no standby needs it."),
        )
