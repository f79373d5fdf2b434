"""mongo.unanchored-regex"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from dbtune.finding import Finding, Remedy, check
from dbtune.mongo.masking import conditions
from dbtune.mongo.plans.checks import MIN_DOCS, level, on_stage
from dbtune.mongo.plans.model import Plan
from dbtune.text import count_text


@check("mongo.unanchored-regex")
def unanchored_regex(plan: Plan, *, min_examined: int = MIN_DOCS) -> Iterator[Finding]:
    """A regular expression without ^, or with the option i, is tried on every key or document.

    Why: An index narrows only a search for how a text begins, and only with the case as it is
    written; everything else reads the whole index or collection.

    Mistaken when: Other conditions leave few documents to try it on.

    Remedy: For case-insensitive search, an index with collation strength 2 and a comparison for
    equality instead of the regular expression. For words, a text index or a search engine. For
    the end of a text, a field with the text reversed.
    """
    for stage in plan.nodes:
        found = next(_patterns(stage.filter), None)
        if found is None:
            continue
        examined = stage.keys_examined or stage.docs_examined or 0
        if plan.analyzed and (examined < min_examined or (stage.total_rows or 0) > 0.5 * examined):
            continue
        name, insensitive = found
        reason = "with the option i" if insensitive else "without ^ at its start"
        where = "keys" if stage.keys_examined else "documents"
        tried = f"every one of {count_text(examined)} {where}" if examined else "every document"
        yield on_stage(
            plan,
            stage,
            f"the regular expression on {name}, {reason}, is tried on {tried}",
            _remedy(insensitive),
            evidence={"examined": examined or None, "kept": stage.total_rows, "field": name},
            level=level(plan, (stage,)),
        )


def _patterns(given: Mapping[str, Any]) -> Iterator[tuple[str, bool]]:
    """Fields with a regular expression that no index narrows, and whether case is the reason."""
    for name, operator, operand in conditions(given):
        if not operator and isinstance(operand, list):
            for one in operand:
                yield from _patterns(one)
            continue
        pattern = getattr(operand, "pattern", None)
        if pattern is None:
            continue
        flags = getattr(operand, "flags", 0)
        told = bool(flags & re.IGNORECASE) if isinstance(flags, int) else "i" in str(flags)
        if told or not str(pattern).startswith(("^", "\\A")):
            yield name, told


def _remedy(insensitive: bool) -> Remedy:
    if insensitive:
        return Remedy(
            "Index the field with {collation: {locale: 'en', strength: 2}}, and compare for "
            "equality under the same collation instead of the regular expression."
        )
    return Remedy(
        "Search for how the text begins (^), or use a text index, or a search engine; for the "
        "end of a text, store it reversed and search for its beginning."
    )
