"""The planner believes in spinning disks."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Confidence, Finding, Level, Remedy, check
from dbtune.postgres.facts.instance import Instance
from dbtune.postgres.facts.settings import Settings


@check(
    "pg.random-page-cost-of-disks",
    level=Level.info,
    confidence=Confidence.rule_of_thumb,
    tags=("settings", "planner"),
)
def random_page_cost_of_disks(
    settings: Settings, instance: Instance, *, min_cost: float = 2.5
) -> Iterator[Finding]:
    """The planner believes in spinning disks.

    Why: With random_page_cost 4 it prefers reading whole tables where an index would be faster
        on this storage.

    Mistaken when: Statistics are wrong in a way that this setting makes up for, or most statements
        read much of their tables (a data warehouse): there indexes are taken too soon with less.

    Remedy: random_page_cost 1.1 on SSDs; try it for a session first.
    """
    cost = settings.number("random_page_cost")
    if instance.storage not in ("ssd", "nvme", "san") or cost is None or cost < min_cost:
        return
    yield Finding(
        "random_page_cost",
        f"random_page_cost is {cost:g} on {instance.storage} ({instance.source})",
        Remedy(
            "Tell the planner what the storage is.",
            sql="ALTER SYSTEM SET random_page_cost = 1.1;\nSELECT pg_reload_conf();",
            effect="plans change: compare with dbtune explain diff",
        ),
        {"random_page_cost": cost, "storage": instance.storage},
    )
