"""mongo.multikey-repeats-documents"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Remedy, check
from dbtune.mongo.plans.checks import BUILDING, MIN_DOCS, level, on_stage
from dbtune.mongo.plans.model import Plan
from dbtune.text import count_text


@check("mongo.multikey-repeats-documents")
def multikey_repeats_documents(
    plan: Plan, *, min_keys: int = MIN_DOCS, min_keys_per_doc: float = 3
) -> Iterator[Finding]:
    """An index on an array is read many times for the same documents.

    Why: An array has a key for each of its elements. A range on it finds one document again and
    again, and of two bounds on the array (greater and less) only one narrows the scan, because
    different elements may meet them.

    Mistaken when: The arrays are short.

    Remedy: If one element must meet both bounds, say so with $elemMatch: then both narrow the
    scan. Keep arrays short, or a computed field (smallest, latest) beside them to search by.
    """
    for stage in plan.nodes:
        keys, kept = stage.keys_examined or 0, stage.total_rows or 0
        dropped = stage.number("dupsDropped") or 0
        if stage.type != "IXSCAN" or not stage.multikey or keys < min_keys:
            continue
        if dropped < (1 - 1 / min_keys_per_doc) * keys:
            continue
        yield on_stage(
            plan,
            stage,
            f"reads {count_text(keys)} keys of the array index {stage.index} for "
            f"{count_text(kept)} documents",
            Remedy(
                "Use $elemMatch if one element must meet all conditions, so that all of them "
                "narrow the scan; or search by a field that has one value for each document.",
                effect=BUILDING,
            ),
            evidence={"keys_examined": keys, "kept": kept, "duplicates": int(dropped)},
            level=level(plan, (stage,)),
        )
