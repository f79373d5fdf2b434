"""Candidates against the indexes that there are: what exists already, what it would replace."""

from __future__ import annotations

from collections.abc import Sequence

from dbtune.postgres.indexes.coverage import covers, form_of_definition, form_of_index, why_kept
from dbtune.postgres.indexes.definition import Definition
from dbtune.postgres.relations.facts import Index


def has_already(index: Index, candidate: Definition) -> bool:
    """Whether an index has all that a candidate would have: keys, stored columns and rows."""
    usable = index.valid and index.ready
    return usable and covers(form_of_index(index, beside_new=True), form_of_definition(candidate))


def would_replace(candidate: Definition, index: Index) -> bool:
    """Whether an index becomes superfluous with a candidate, and may be dropped.

    Never one that a constraint, a replica identity or CLUSTER needs, nor one that enforces
    uniqueness.
    """
    if not index.valid or index.constraint or why_kept(index):
        return False
    return covers(form_of_definition(candidate), form_of_index(index, beside_new=True))


def replaced(candidate: Definition, indexes: Sequence[Index]) -> list[Index]:
    """The indexes of a table that a candidate makes superfluous."""
    return [index for index in indexes if would_replace(candidate, index)]
