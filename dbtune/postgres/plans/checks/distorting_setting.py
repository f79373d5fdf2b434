"""plan.distorting-setting"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from dbtune.finding import Confidence, Finding, Level, Remedy, check
from dbtune.postgres.plans.impact import statement_finding
from dbtune.postgres.plans.model import Plan
from dbtune.text import plain

_OPT_IN = ("enable_partitionwise_join", "enable_partitionwise_aggregate")
_FORCED = ("force_parallel_mode", "debug_parallel_query")
_COLLAPSE = ("join_collapse_limit", "from_collapse_limit")


@check("plan.distorting-setting", level=Level.info, confidence=Confidence.measured)
def distorting_setting(plan: Plan) -> Iterator[Finding]:
    """A planner setting keeps the planner from comparing all ways.

    Why: A setting that was changed for one statement forbids, or makes look cheap, what other
    statements would need.

    Mistaken when: It was set on purpose for this statement (SET LOCAL) to try something out.

    Remedy: RESET it and look at the plan again; find out where it comes from in pg_settings
    (source), ALTER ROLE and ALTER DATABASE included (pg_db_role_setting).

    Verify: Plan it again after RESET and compare the two with dbtune explain diff.
    """
    for name, value in plan.settings.items():
        reason = _reason(plan, name, value)
        if not reason:
            continue
        setting = f"{plain(name)} = {plain(value)}"
        yield statement_finding(
            plan,
            f"{setting}: {reason}",
            Remedy(
                "Plan it again without the setting, and find out where it was set.",
                sql=f"RESET {name};\n"
                f"SELECT source, sourcefile, setting FROM pg_settings WHERE name = '{name}';",
            ),
            what=f"setting {name}",
            evidence={"setting": name, "value": plain(value)},
        )


def _reason(plan: Plan, name: str, value: str) -> str:
    if not name.replace("_", "").isalnum() or not name.isascii():  # it goes into SQL
        return ""
    if name.startswith("enable_") and value == "off" and name not in _OPT_IN:
        return "the planner avoids this way even where it is the best"
    if name in _FORCED and value not in ("off", "false"):
        return "plans are made parallel without need; it is for testing"
    number = _number(value)
    if number is None:
        return ""
    if name in _COLLAPSE and number <= 1:
        return "tables are joined in the order in which they are written"
    if name == "random_page_cost":
        sequential = _number(plan.settings.get("seq_page_cost", "1"))
        if sequential is not None and number < sequential:
            return "random reads look cheaper than sequential ones"
    if name == "cpu_tuple_cost" and number <= 0:
        return "rows look free"
    if name in ("parallel_setup_cost", "parallel_tuple_cost") and number <= 0:
        return "parallel plans look free"
    return ""


def _number(value: str) -> float | None:
    with contextlib.suppress(ValueError):
        return float(value)
    return None
