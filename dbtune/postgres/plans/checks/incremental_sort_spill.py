"""plan.incremental-sort-spill"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from dbtune.finding import Confidence, Finding, check
from dbtune.postgres.plans import memory
from dbtune.postgres.plans.checks import MIN_MS, MIN_SHARE, worth
from dbtune.postgres.plans.impact import node_finding, of_time
from dbtune.postgres.plans.model import Node, Plan
from dbtune.text import bytes_text

_GROUPS = ("Full-sort Groups", "Pre-sorted Groups")


@check("plan.incremental-sort-spill", confidence=Confidence.estimated)
def incremental_sort_spill(
    plan: Plan,
    *,
    min_ms: float = MIN_MS,
    min_share: float = MIN_SHARE,
) -> Iterator[Finding]:
    """An incremental sort meets a group of equal leading keys that does not fit into work_mem.

    Why: An incremental sort is cheap because its groups are small; a group that goes to disk is
    a full sort of that group.

    Mistaken when: Only one of many groups is that large and the rest is what counts.

    Remedy: An index on all keys of the sort makes it unnecessary; else raise work_mem for the
    statement to what the largest group takes.

    Verify: Run it again with the setting: no Disk among its groups' sort space.
    """
    for node in plan.nodes:
        peak = max(_peaks(node), default=0)
        saving = node.self_ms
        if (
            node.type != "Incremental Sort"
            or not peak
            or not worth(plan, saving, min_ms, min_share)
        ):
            continue
        # The rows of the largest group are not shown: they follow from the rows' planned width.
        rows = peak * 1024 / ((node.plan_width or 24) + 10)
        need = memory.sort_bytes(rows, peak * 1024, memory.version(plan))
        advised = memory.advised_bytes(plan, need)
        keys = ", ".join(node.texts("Sort Key"))
        presorted = ", ".join(node.texts("Presorted Key"))
        yield node_finding(
            plan,
            node,
            f"a group of rows that are equal in {presorted or 'the presorted keys'} took "
            f"{bytes_text(peak * 1024)} on disk, about {bytes_text(need)} in memory"
            + of_time(plan, saving),
            memory.remedy(
                plan, f"An index on {keys or 'all keys'} would make the sort unnecessary.", advised
            ),
            saving_ms=saving,
            evidence={"disk_bytes": round(peak * 1024), "work_mem_needed_bytes": advised},
        )


def _peaks(node: Node) -> Iterator[float]:
    """Kilobytes on disk of the largest group of each kind, in each process."""
    for props in (node.props, *(worker.props for worker in node.workers)):
        for kind in _GROUPS:
            groups = props.get(kind)
            space = groups.get("Sort Space Disk") if isinstance(groups, Mapping) else None
            peak = space.get("Peak Sort Space Used") if isinstance(space, Mapping) else None
            if isinstance(peak, int | float):
                yield float(peak)
