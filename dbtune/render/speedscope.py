"""speedscope's file format: one profile for each plan. https://www.speedscope.app"""

from __future__ import annotations

from typing import Any

from dbtune import __version__
from dbtune.plan_tree import PlanTree
from dbtune.render import Style
from dbtune.render.frames import frames
from dbtune.render.json import dumps
from dbtune.report import Report
from dbtune.text import plain

_SCHEMA = "https://www.speedscope.app/file-format-schema.json"


def render(report: Report, style: Style) -> str:
    """One JSON document. Each frame has its node's number, so that none are taken for one."""
    names: dict[str, int] = {}
    trees = [tree for table in report.tables for tree in table.trees]
    return dumps(
        {
            "$schema": _SCHEMA,
            "exporter": f"dbtune {__version__}",
            "name": f"dbtune {report.command}",
            "profiles": [_profile(tree, names) for tree in trees],
            "shared": {"frames": [{"name": name} for name in names]},
        }
    )


def _profile(tree: PlanTree, names: dict[str, int]) -> dict[str, Any]:
    path: list[int] = []
    samples, weights = [], []
    for frame in frames(tree):
        number = f"#{frame.node.id} " if frame.node else ""
        path[frame.depth :] = [names.setdefault(number + plain(frame.title), len(names))]
        if frame.amount:
            samples.append(list(path))
            weights.append(frame.amount)
    return {
        "type": "sampled",
        "name": plain(tree.headline),
        "unit": "milliseconds" if tree.unit == "ms" else "none",
        "startValue": 0,
        "endValue": sum(weights),
        "samples": samples,
        "weights": weights,
    }
