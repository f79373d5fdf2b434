"""mongo.index-keys-discarded"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, check
from dbtune.mongo.plans.checks import MIN_DOCS, index_remedy, level, on_stage
from dbtune.mongo.plans.model import Plan, Stage
from dbtune.text import count_text, shorten

_POINT_ENDS = ("MinKey", "MaxKey")


@check("mongo.index-keys-discarded")
def index_keys_discarded(
    plan: Plan, *, min_keys: int = MIN_DOCS, min_keys_per_kept: float = 10
) -> Iterator[Finding]:
    """An index scan reads many keys for each one that it keeps.

    Why: The order of the index's fields does not fit: a field with a range stands before one that
    is compared for equality, so that keys in between are read and skipped; or a filter (a regular
    expression) is checked on every key.

    Mistaken when: Keys of one document are many because the field is an array: see the stage's
    multikey mark.

    Remedy: Put fields that are compared for equality first, ranges last.
    """
    for stage in plan.nodes:
        if stage.type != "IXSCAN" or _leads_with_all(stage):
            continue
        keys, kept = stage.keys_examined or 0, stage.total_rows or 0
        if keys < min_keys or keys < min_keys_per_kept * max(1, kept):
            continue
        wide = _wide(stage)
        reason = f", because {wide} is no single value" if wide else ""
        yield on_stage(
            plan,
            stage,
            f"reads {count_text(keys)} keys of {stage.index} and keeps {count_text(kept)}{reason}",
            index_remedy(plan, "Reorder the index: what is compared for equality comes first."),
            evidence={"keys_examined": keys, "kept": kept, "seeks": stage.number("seeks")},
            level=level(plan, (stage,)),
        )


def _leads_with_all(stage: Stage) -> bool:
    first = next(iter(stage.bounds.values()), ())
    return bool(first) and all(end in first[0] for end in _POINT_ENDS)


def _wide(stage: Stage) -> str:
    """The first field whose bounds are no points, if another field follows it."""
    names = list(stage.bounds)
    for name in names[:-1]:
        for one in stage.bounds[name]:
            low, _, high = one.strip("[]()").partition(", ")
            if low != high:
                return shorten(f"{name}: {one}", 80)
    return ""
