"""mongo.negation-reads-most"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.mongo.masking import conditions
from dbtune.mongo.plans.checks import MIN_DOCS, on_stage
from dbtune.mongo.plans.model import Plan
from dbtune.text import count_text, ratio_text

_NEGATIONS = ("$ne", "$nin", "$not")


@check("mongo.negation-reads-most", level=Level.info)
def negation_reads_most(
    plan: Plan, *, min_keys: int = MIN_DOCS, min_kept_ratio: float = 0.5
) -> Iterator[Finding]:
    """An index is used for a condition that excludes ($ne, $nin, $not) and reads most of it.

    Why: What is excluded is usually little, so nearly all keys are read and nearly all documents
    fetched, one by one in the index's order: more work than a scan of the collection.

    Mistaken when: The excluded value is what nearly all documents have.

    Remedy: Ask for the values that are wanted ($in), or keep what is asked for in a field of its
    own, with a partial index on it.
    """
    for stage in plan.nodes:
        if stage.type != "IXSCAN" or (stage.keys_examined or 0) < min_keys:
            continue
        names = [name for name in _negated(plan.filter) if name in stage.key_pattern]
        kept, keys = stage.total_rows or 0, stage.keys_examined or 0
        leads = names and names[0] == next(iter(stage.key_pattern), "")
        if not leads or kept < min_kept_ratio * keys:
            continue
        if any(one.type == "LIMIT" for one in plan.ancestors(stage)):
            continue  # it stops when it has enough
        yield on_stage(
            plan,
            stage,
            f"{stage.index} is read for what {names[0]} is not: {count_text(keys)} keys, "
            f"{ratio_text(kept / keys)} of them kept",
            Remedy(
                f"Ask for the values of {names[0]} that are wanted, or mark what is wanted with a "
                "field and give that a partial index."
            ),
            evidence={"keys_examined": keys, "kept": kept},
        )


def _negated(given: Mapping[str, Any]) -> Iterator[str]:
    for name, operator, operand in conditions(given):
        absent = operator == "$exists" and not operand
        if operator in _NEGATIONS or absent:
            yield name
