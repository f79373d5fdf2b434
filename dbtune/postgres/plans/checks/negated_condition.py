"""plan.negated-condition"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from dbtune.finding import Finding, Remedy, check
from dbtune.postgres.plans.checks import MIN_MS, MIN_SHARE
from dbtune.postgres.plans.conditions import Column, Term
from dbtune.postgres.plans.ddl import (
    INDEX_EFFECT,
    UNVERIFIED,
    create_index,
    is_strong,
    without_alias,
)
from dbtune.postgres.plans.impact import node_finding
from dbtune.postgres.plans.model import Node, Plan
from dbtune.postgres.plans.scans import discards, executions
from dbtune.text import shorten

_CONSTANT = re.compile(r"(?s)\(?(?:[eE]?'(?:[^']|'')*'|-?[\d.]+)\)?(?:::[\w\" \[\]]+)?")
_NOT_IMMUTABLE = re.compile(r"::[\w ]*(?:time|date)|reg\w+")
"""Comparing such types may depend on the session's time zone, and no index may be made of it."""


@check("plan.negated-condition")
def negated_condition(
    plan: Plan,
    *,
    min_removed_rows: int = 1000,
    max_kept_ratio: float = 0.1,
    min_ms: float = MIN_MS,
    min_share: float = MIN_SHARE,
) -> Iterator[Finding]:
    """A whole table is read because the condition says what is not wanted (<>, NOT IN, NOT LIKE).

    Why: An index leads to values, not to everything but a value; so all rows are fetched, though
    few of them are left.

    Mistaken when: The value that is excluded differs from call to call, or most rows have others.

    Remedy: Say what is wanted (status IN ('open', 'waiting')), which an index can be searched by;
    or make a partial index of the rows that are left, if the constants never change.

    Verify: Plan it again: an index scan in place of the Seq Scan, and fewer blocks read.
    """
    found = discards(
        plan,
        ("Seq Scan",),
        min_removed=min_removed_rows,
        max_kept_ratio=max_kept_ratio,
        min_ms=min_ms,
        min_share=min_share,
    )
    for one in found:
        negated = [term for term in one.terms if term.kind == "unequal" and term.column]
        if not negated or executions(one.node) > 1.5 or any(map(is_strong, one.terms)):
            continue
        yield node_finding(
            plan,
            one.node,
            f"{one.message}; it asks for what is not: {shorten(negated[0].text, 120)}",
            _remedy(one.node, negated, one.partition_hint),
            saving_ms=one.saving_ms,
            evidence={"condition": shorten(negated[0].text, 200), **one.evidence},
        )


def _remedy(node: Node, negated: Sequence[Term], hint: str) -> Remedy:
    column = negated[0].column
    assert column is not None
    wanted = f"Ask for the values of {column.name} that are wanted, if they can be listed"
    constant = [term for term in negated if _never_changes(term)]
    if not constant:
        return Remedy(f"{wanted}, and make an index on it.{hint}")
    predicate = " AND ".join(f"({without_alias(term.text, node)})" for term in constant)
    return Remedy(
        f"{wanted}; else a partial index of the rows that are left serves just this condition."
        f"{hint} {UNVERIFIED}",
        sql=create_index(node, [Column(column.name)], where=predicate),
        effect=INDEX_EFFECT,
    )


def _never_changes(term: Term) -> bool:
    """Whether it compares with a constant, in a way that an index may be made of."""
    return bool(_CONSTANT.fullmatch(term.value)) and not _NOT_IMMUTABLE.search(term.value)
