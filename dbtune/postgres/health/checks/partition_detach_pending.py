"""A DETACH PARTITION CONCURRENTLY was interrupted."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Remedy, check
from dbtune.postgres.facts.schema import Flaw
from dbtune.postgres.plans.ddl import rewritten


@check("pg.partition-detach-pending", tags=("schema", "partitions"))
def partition_detach_pending(schema_flaws: tuple[Flaw, ...]) -> Iterator[Finding]:
    """A DETACH PARTITION CONCURRENTLY was interrupted.

    Why: The partition belongs neither here nor there: queries leave it out, its bounds are still
        taken, and no other partition can be detached.

    Mistaken when: It is being detached at this moment.

    Remedy: ALTER TABLE ... DETACH PARTITION ... FINALIZE.
    """
    for one in schema_flaws:
        if one.kind == "partition-detach-pending":
            yield Finding(
                f"table {one.name}",
                f"{one.name} is half detached from {one.detail}",
                Remedy(
                    "Finish it.",
                    sql=rewritten(
                        f"ALTER TABLE {one.detail} DETACH PARTITION {one.name} FINALIZE;"
                    ),
                    effect="SHARE UPDATE EXCLUSIVE on the parent for a moment",
                ),
            )
