"""mongo.match-after-unwind"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Remedy, check
from dbtune.mongo.plans.checks import MIN_DOCS, fields, on_stage
from dbtune.mongo.plans.model import Plan
from dbtune.mongo.plans.raw import mapping, text
from dbtune.mongo.shellprint import shell_text
from dbtune.text import count_text, ratio_text, shorten


@check("mongo.match-after-unwind")
def match_after_unwind(
    plan: Plan, *, min_docs: int = MIN_DOCS, max_kept_ratio: float = 0.3
) -> Iterator[Finding]:
    """An aggregation takes arrays apart, and only then throws most of the elements away.

    Why: A $match on the array after $unwind can't use an index: every document is read and each of
    its elements made a document, before the first is thrown away.

    Mistaken when: Nearly every document has an element that matches.

    Remedy: The same $match once more before the $unwind: it leaves the documents that have such an
    element at all, and it can use an index.
    """
    for stage in plan.nodes:
        if stage.type != "$match":
            continue
        unwind = next((one for one in plan.children(stage) if one.type == "$unwind"), None)
        came, kept = (unwind.total_rows if unwind else None) or 0, stage.total_rows or 0
        if unwind is None or came < min_docs or kept > max_kept_ratio * came:
            continue
        path = text(mapping(unwind.props.get("specification")).get("path")).lstrip("$")
        given = mapping(stage.props.get("specification"))
        if not any(name == path or name.startswith(f"{path}.") for name in fields(given)):
            continue
        yield on_stage(
            plan,
            stage,
            f"keeps {count_text(kept)} of {count_text(came)} elements of {path} "
            f"({ratio_text(kept / came)}) after all of them were made documents",
            Remedy(
                "Put the same condition before the $unwind, too, and index the field: "
                f"{{$match: {shorten(shell_text(given), 200)}}}"
            ),
            evidence={"elements": came, "kept": kept},
        )
