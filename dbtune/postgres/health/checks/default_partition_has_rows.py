"""Rows went into the default partition."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Confidence, Finding, Remedy, check
from dbtune.postgres.facts.schema import Flaw
from dbtune.text import plural


@check(
    "pg.default-partition-has-rows", confidence=Confidence.estimated, tags=("schema", "partitions")
)
def default_partition_has_rows(
    schema_flaws: tuple[Flaw, ...], *, min_rows: float = 1
) -> Iterator[Finding]:
    """Rows went into the default partition.

    Why: A partition for them was missing; making it now has to look through the default one
        under a lock.

    Mistaken when: The default partition is meant for the rest.

    Remedy: Make partitions ahead of time (pg_partman, cron), and move the rows.
    """
    for one in schema_flaws:
        if one.kind == "default-partition-used" and one.rows >= min_rows:
            yield Finding(
                f"table {one.name}",
                f"{plural(round(one.rows), 'row')} in the default partition of {one.detail}",
                Remedy(
                    "Make the missing partitions: detach the default one, create them, move rows."
                ),
                {"rows": one.rows, "size_bytes": one.size_bytes},
            )
