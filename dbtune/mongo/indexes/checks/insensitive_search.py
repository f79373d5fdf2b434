"""mongo.insensitive-search"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from dbtune.finding import Confidence, Finding, Level, Remedy, check
from dbtune.mongo.indexes.advise import Advice, Case
from dbtune.mongo.indexes.match import is_regex
from dbtune.mongo.shellprint import collection_text, shell_text
from dbtune.text import count_text, plain, shorten


@check(
    "mongo.insensitive-search", level=Level.info, confidence=Confidence.estimated, tags=("indexes",)
)
def insensitive_search(advice: Sequence[Advice], *, min_docs: float = 1000) -> Iterator[Finding]:
    """A search that ignores case is done by a regular expression, which no index narrows.

    Why: With the option i every key of an index, or every document, is tried: an index makes it
    hardly faster (258 ms instead of 306 ms on 300,000 documents, measured).

    Mistaken when: The expression is no whole word or name, but a part in the middle of a text.

    Remedy: An index with a collation of strength 2, and a comparison for equality under the same
    collation instead of the regular expression.
    """
    for one in advice:
        for case in one.cases:
            path = _insensitive(case)
            examined = case.then.docs + case.then.scanned
            if not path or examined < min_docs:
                continue
            where = collection_text(one.collection.namespace)
            made = any(
                index.paths[0] == path and index.collation.get("strength") in (1, 2)
                for index in one.collection.indexes
            )
            yield Finding(
                subject=shorten(plain(case.usage.text), 300),
                message=(
                    f"tries the expression on {count_text(round(examined))} documents a call to "
                    f"find {count_text(round(case.now.returned))}"
                ),
                evidence={"calls": round(case.usage.calls), "docs": examined, "field": path},
                remedy=Remedy(
                    f"If whole values of {plain(path)} are searched, compare for equality under a "
                    "collation that ignores case; the query has to name the same collation.",
                    sql=""
                    if made
                    else f"{where}.createIndex({shell_text({path: 1})}, "
                    '{collation: {locale: "en", strength: 2}})',
                    effect="a change in the application: the index for it is there"
                    if made
                    else "building an index reads the collection once; each write maintains it",
                ),
            )


def _insensitive(case: Case) -> str:
    """The field that is searched without regard to case; "" if there is none."""
    for condition in case.examples[0].conditions:
        operand = condition.operand
        told = "i" in str(condition.siblings.get("$options", ""))
        if is_regex(operand):
            flags = operand.flags
            told = told or (bool(flags & re.IGNORECASE) if isinstance(flags, int) else False)
        if told and (condition.operator == "$regex" or is_regex(operand)):
            return condition.path
    return ""
