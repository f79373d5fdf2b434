"""Memory settings are as initdb made them."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Confidence, Finding, Level, Remedy, check
from dbtune.postgres.facts.settings import Settings


def _is_untouched(settings: Settings, name: str) -> bool:
    """Whether a setting is the default; initdb itself writes shared_buffers into the file."""
    one = settings.by_name.get(name)
    if one is None:
        return False
    return one.source == "default" or (name == "shared_buffers" and one.value == "16384")


@check(
    "pg.memory-never-set",
    level=Level.info,
    confidence=Confidence.rule_of_thumb,
    tags=("settings", "memory"),
)
def memory_never_set(settings: Settings) -> Iterator[Finding]:
    """Memory settings are as initdb made them.

    Why: 128 MB of shared_buffers and 4 MB of work_mem are for the smallest machine that there
        is.

    Mistaken when: The machine is that small, or the database fits into it.

    Remedy: dbtune gen-config postgresql derives them from the machine and the workload.
    """
    names = ("shared_buffers", "effective_cache_size", "work_mem", "maintenance_work_mem")
    kept = [name for name in names if _is_untouched(settings, name)]
    if len(kept) < len(names):
        return
    yield Finding(
        "shared_buffers",
        f"none of {', '.join(names)} was ever set",
        Remedy("dbtune gen-config postgresql derives values with a reason for each."),
        {f"{name}_bytes": settings.size(name) for name in names},
    )
