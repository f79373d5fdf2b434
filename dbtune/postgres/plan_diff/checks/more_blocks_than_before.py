"""plan.more-blocks-than-before"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Remedy, check
from dbtune.postgres.plan_diff.compare import Comparison
from dbtune.text import count_text, significant


@check("plan.more-blocks-than-before")
def more_blocks_than_before(
    comparison: Comparison, *, min_ratio: float = 1.5, min_blocks: float = 1000
) -> Iterator[Finding]:
    """The statement touches more blocks than with the plan before.

    Why: Blocks do not depend on the cache or on other load: more of them is more work, which will
    show as time sooner or later.

    Mistaken when: It is asked for more than before, or the tables have grown meanwhile.

    Remedy: Look at the tables whose blocks grew, and undo what changed for them.
    """
    blocks = comparison.measures["blocks"]
    if blocks.verdict != "more" or blocks.before is None or blocks.after is None:
        return
    ratio = blocks.after / max(blocks.before, 1)
    if ratio < min_ratio or blocks.after - blocks.before < min_blocks:
        return
    grown = {
        change.alias: (change.after.blocks or 0)
        - ((change.before.blocks or 0) if change.before else 0)
        for change in comparison.tables
        if change.after
    }
    worst = max(grown, key=lambda alias: grown[alias], default="")
    most = f", {count_text(grown[worst])} more on {worst}" if worst and grown[worst] > 0 else ""
    yield Finding(
        "the statement",
        f"{count_text(blocks.before)} blocks became {count_text(blocks.after)}, "
        f"{significant(ratio)} times as many{most}",
        Remedy("Look at how that table is read now." if most else "Compare the nodes' blocks."),
        evidence={"before_blocks": blocks.before, "after_blocks": blocks.after, "ratio": ratio},
    )
