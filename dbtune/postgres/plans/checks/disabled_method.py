"""plan.disabled-method"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.postgres.plans.impact import node_finding
from dbtune.postgres.plans.model import Plan

_DISABLE_COST = 1e10


@check("plan.disabled-method", level=Level.info)
def disabled_method(plan: Plan) -> Iterator[Finding]:
    """The planner had to use a method that a setting (enable_...) disables.

    Why: There was no other way, so that the setting only hides the plan's real cost; up to 17 the
    cost of 10,000,000,000 that stands for it drowns all differences between plans.

    Mistaken when: The method was disabled on purpose, to see the next best plan.

    Remedy: RESET the setting. If another method should have been possible, see what it lacks: an
    index, a hashable or sortable type, a condition with =.

    Verify: Plan it again after RESET and compare cost and time of the two plans.
    """
    for node in plan.nodes:
        old_style = node.self_cost is not None and node.self_cost >= _DISABLE_COST * 0.9
        if not node.disabled and not old_style:
            continue
        off = sorted(
            name
            for name, value in plan.settings.items()
            if name.startswith("enable_") and value == "off" and name.replace("_", "").isalnum()
        )
        yield node_finding(
            plan,
            node,
            f"{node.label} is used although it is disabled"
            + (f" (off: {', '.join(off)})" if off else ""),
            Remedy(
                "Enable it again, or look what the other methods lack.",
                sql="".join(f"RESET {name};\n" for name in off).rstrip(),
            ),
            saving_ms=node.inclusive_ms,
            evidence={"total_cost": node.total_cost, "settings_off": ", ".join(off)},
            level_=Level.info,
        )
