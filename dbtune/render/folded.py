"""Folded stacks, the input of flame graph tools: ``statement;Sort;Seq Scan on t 1234``.

The numbers are whole: microseconds, blocks, or hundredths of the planner's cost. They add up to
the whole of all plans, and stacks that are alike are one line, so that a log of many plans gives
one picture, and two pictures can be subtracted (difffolded).
"""

from __future__ import annotations

from collections import defaultdict

from dbtune.plan_tree import Unit
from dbtune.render import Style
from dbtune.render.frames import frames
from dbtune.report import Report
from dbtune.text import plain

_SCALE: dict[Unit, int] = {"ms": 1000, "blocks": 1, "cost": 100}


def render(report: Report, style: Style) -> str:
    """One line for each stack that took anything, in the plans' order."""
    stacks: dict[str, int] = defaultdict(int)
    for table in report.tables:
        for tree in table.trees:
            path: list[str] = []
            reached, counted = 0.0, 0
            for frame in frames(tree):
                path[frame.depth :] = [_name(frame.title)]
                # Rounded where each ends, not each for itself: the sum stays right.
                reached += frame.amount * _SCALE[tree.unit]
                if number := round(reached) - counted:
                    stacks[";".join(path)] += number
                    counted += number
    return "\n".join(f"{stack} {number}" for stack, number in stacks.items())


def _name(title: str) -> str:
    """A title that does not look like two frames."""
    return plain(title).replace(";", ",")
