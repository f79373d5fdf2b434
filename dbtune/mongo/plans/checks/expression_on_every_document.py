"""mongo.expression-on-every-document"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from dbtune.finding import Finding, Remedy, check
from dbtune.mongo.plans.checks import MIN_DOCS, level, on_stage
from dbtune.mongo.plans.model import Plan
from dbtune.text import count_text

_SCRIPTS = ("$where", "$function")


@check("mongo.expression-on-every-document")
def expression_on_every_document(plan: Plan, *, min_docs: int = MIN_DOCS) -> Iterator[Finding]:
    """$where, $function or $expr is evaluated on every document, since no index can serve it.

    Why: JavaScript costs some hundred times a comparison; $expr uses an index only for comparisons
    of a field with a constant.

    Mistaken when: Other conditions leave few documents to evaluate it on.

    Remedy: Write it as a comparison of a field with a value; store what is computed ($expr over
    two fields) in a field of its own and index that.
    """
    for stage in plan.nodes:
        names = sorted(_expressions(stage.filter))
        if not names:
            continue
        docs = stage.docs_examined or 0
        if plan.analyzed and (docs < min_docs or (stage.total_rows or 0) > 0.5 * docs):
            continue
        on = f"{count_text(docs)} documents" if docs else "every document"
        yield on_stage(
            plan,
            stage,
            f"{' and '.join(names)} is evaluated on {on}",
            Remedy(
                "Compare a field with a value instead; where two fields are compared, store the "
                "outcome in a field of its own and index that."
            ),
            evidence={"docs_examined": docs or None, "kept": stage.total_rows},
            level=level(plan, (stage,)),
        )


def _expressions(given: Any, depth: int = 0) -> set[str]:
    """Which of the operators a filter has, wherever they stand."""
    if depth > 30:
        return set()
    if isinstance(given, list):
        return {name for one in given for name in _expressions(one, depth + 1)}
    if not isinstance(given, Mapping):
        return set()
    found = {str(key) for key in given} & {*_SCRIPTS, "$expr"}
    for key, one in given.items():
        if str(key) in ("$and", "$or", "$nor", "$expr"):
            inner = _expressions(one, depth + 1)
            found |= inner & set(_SCRIPTS) if key == "$expr" else inner
    return found
