"""mongo.index-scanned-whole"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Level, check
from dbtune.mongo.plans.checks import MIN_DOCS, index_remedy, level, on_stage
from dbtune.mongo.plans.model import Plan, Stage
from dbtune.text import count_text

_ALL = ("[MinKey, MaxKey]", "[MaxKey, MinKey]")


@check("mongo.index-scanned-whole")
def index_scanned_whole(
    plan: Plan, *, min_keys: int = MIN_DOCS, min_keys_per_row: float = 10
) -> Iterator[Finding]:
    """A whole index is walked, because no condition narrows its first field.

    Why: It is chosen for its order or for a hint; each key costs, and each fetched document that
    the filter then removes costs more. Without a match, everything is read.

    Mistaken when: A small limit is reached after few keys with every value that is asked for.

    Remedy: An index that leads with a field that is compared for equality, the sort key after it.
    """
    for stage in plan.nodes:
        if stage.type != "IXSCAN" or not _unbounded(stage):
            continue
        keys, rows = stage.keys_examined or 0, plan.total_rows or 0
        if keys < min_keys or keys < min_keys_per_row * max(1, rows):
            continue
        above = plan.ancestors(stage)[:1]
        yield on_stage(
            plan,
            stage,
            f"walks {stage.index} from its start: {count_text(keys)} keys for "
            f"{count_text(rows)} documents",
            index_remedy(plan, "Lead with what the filter narrows, and end with the sort key."),
            evidence={"keys_examined": keys, "returned": rows},
            level=level(plan, (stage, *above), Level.warning),
        )


def _unbounded(stage: Stage) -> bool:
    first = next(iter(stage.bounds.values()), ())
    return bool(first) and first[0] in _ALL
