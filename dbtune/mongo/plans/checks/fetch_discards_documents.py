"""mongo.fetch-discards-documents"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, check
from dbtune.mongo.plans.checks import fields, index_remedy, level, on_stage, removed
from dbtune.mongo.plans.model import Plan
from dbtune.text import count_text, ratio_text


@check("mongo.fetch-discards-documents")
def fetch_discards_documents(
    plan: Plan, *, min_docs: int = 500, min_removed_ratio: float = 0.5
) -> Iterator[Finding]:
    """Documents that an index found are fetched, only to be thrown away by the rest of the filter.

    Why: Fetching a document costs several times as much as reading an index key; fields that are
    not in the index can only be checked on the document.

    Mistaken when: The removed documents are few each time, and the field would make the index much
    larger or is changed all the time.

    Remedy: Add the fields of the remaining filter to the index, so that it decides.
    """
    for stage in plan.nodes:
        gone = removed(plan, stage)
        if stage.type != "FETCH" or not stage.filter or gone is None:
            continue
        read = stage.docs_examined or 0
        if read < min_docs or gone < min_removed_ratio * read:
            continue
        names = ", ".join(fields(stage.filter)) or "its expression"
        below = plan.children(stage)
        using = f" that {below[0].index} finds" if below and below[0].index else ""
        yield on_stage(
            plan,
            stage,
            f"fetches {count_text(read)} documents{using} and throws away {count_text(gone)} "
            f"({ratio_text(gone / read)}) for {names}",
            index_remedy(plan, f"Add {names} to the index."),
            evidence={"docs_examined": read, "removed": gone, "fields": names},
            level=level(plan, (stage, *below)),
        )
