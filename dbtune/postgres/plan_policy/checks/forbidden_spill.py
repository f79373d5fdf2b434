"""plan.forbidden-spill"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.postgres.plan_policy.policy import Policy
from dbtune.postgres.plans.checks import about
from dbtune.postgres.plans.model import Node, Plan
from dbtune.text import bytes_text


@check("plan.forbidden-spill", level=Level.critical)
def forbidden_spill(executed: Plan, policy: Policy) -> Iterator[Finding]:
    """The policy forbids temporary files, and the statement writes some.

    Why: The policy file says so. What does not fit into work_mem is done on disk.

    Mistaken when: work_mem is smaller where the plan was made than in production.

    Remedy: dbtune explain says what work_mem it needs, or how to do without.
    """
    for node in executed.nodes if policy.spill else ():
        disk = _disk_bytes(node)
        if disk:
            yield Finding(
                about(node),
                f"{bytes_text(disk)} of temporary files are written",
                Remedy("See dbtune explain for the work_mem that this needs."),
                evidence={"node": node.id, "temp_bytes": disk},
            )


def _disk_bytes(node: Node) -> float:
    if node.self_buffers is not None and node.self_buffers.temp_written:
        return node.self_buffers.temp_written * 8192
    on_disk = node.text("Sort Space Type") == "Disk"
    sort = (node.number("Sort Space Used") or 0) if on_disk else 0
    of_workers = [
        one.props.get("Sort Space Used")
        for one in node.workers
        if one.props.get("Sort Space Type") == "Disk"
    ]
    sort += sum(kb for kb in of_workers if isinstance(kb, int | float))
    batches = (node.number("Hash Batches") or 1) > 1
    hashed = (node.number("Peak Memory Usage") or 0) if batches else 0
    return 1024 * max(sort, node.number("Disk Usage") or 0, hashed)
