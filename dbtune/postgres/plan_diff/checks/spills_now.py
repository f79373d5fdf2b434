"""plan.spills-now"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Remedy, check
from dbtune.postgres.plan_diff.compare import Comparison
from dbtune.text import bytes_text

_BLOCK = 8192


@check("plan.spills-now")
def spills_now(comparison: Comparison, *, min_blocks: float = 128) -> Iterator[Finding]:
    """The statement writes temporary files, which it did not before.

    Why: A sort or a hash table does not fit into work_mem any more, so it is done on disk.

    Mistaken when: The files are small and stay in the operating system's cache.

    Remedy: dbtune explain on the plan after says which node it is and what work_mem it needs.
    """
    before, after = comparison.before.root.buffers, comparison.after.root.buffers
    if not (comparison.before.buffers and comparison.after.buffers and before and after):
        return
    if before.temp_written or after.temp_written < min_blocks:
        return
    yield Finding(
        "the statement",
        f"{bytes_text(after.temp_written * _BLOCK)} of temporary files are written, none before",
        Remedy("Raise work_mem for this statement, or read fewer rows; see dbtune explain."),
        evidence={"temp_blocks_written": after.temp_written},
    )
