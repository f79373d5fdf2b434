"""Plans by hand, as FORMAT JSON has them, through the reader."""

from __future__ import annotations

import json
from typing import Any

from dbtune.postgres.plans.model import Plan
from dbtune.postgres.plans.read import read_plans

Raw = dict[str, Any]


def node(kind: str, ms: float, rows: float, *children: Raw, **more: Any) -> Raw:
    """A node of a plan.

    Args:
        kind: its Node Type.
        ms: total time, all loops together; below a Gather: of all processes together.
        rows: rows of all loops together.
        children: nodes below it.
        more: `loops`, `plan_rows`, `width`; other keys as in FORMAT JSON with ``_`` for spaces.
    """
    loops = more.pop("loops", 1)
    raw: Raw = {
        "Node Type": kind,
        "Startup Cost": 0.0,
        "Total Cost": more.pop("cost", 1000.0),
        "Plan Rows": round(more.pop("plan_rows", rows / (loops or 1))),
        "Plan Width": more.pop("width", 50),
        "Actual Startup Time": 0.01 if loops else 0.0,
        "Actual Total Time": round(ms / loops, 3) if loops else 0.0,
        "Actual Rows": round(rows / loops) if loops else 0,
        "Actual Loops": loops,
    }
    raw |= {key.replace("_", " "): value for key, value in more.items()}
    if children:
        raw["Plans"] = [
            {"Parent Relationship": "Inner" if number and "Join" in kind else "Outer", **child}
            for number, child in enumerate(children)
        ]
    return raw


def sub(kind: str, name: str, raw: Raw) -> Raw:
    """A node as a sub-plan: `kind` is InitPlan or SubPlan."""
    return {**raw, "Parent Relationship": kind, "Subplan Name": name}


def document(root: Raw, **more: Any) -> Raw:
    """A whole plan; keys as in FORMAT JSON with ``_`` for spaces."""
    found = {"Plan": root, "Planning Time": 0.2, "Execution Time": root["Actual Total Time"] + 0.1}
    found |= {key.replace("_", " "): value for key, value in more.items()}
    return {key: value for key, value in found.items() if value is not None}


def read(raw: Raw) -> Plan:
    """The plan that a document stands for; a bare node is one, too."""
    (plan,) = read_plans(json.dumps([raw if "Plan" in raw else document(raw)]))
    return plan


def scan(ms: float, rows: float, table: str = "t", /, **more: Any) -> Raw:
    """A sequential scan."""
    return node("Seq Scan", ms, rows, Relation_Name=table, Alias=more.pop("alias", table), **more)
