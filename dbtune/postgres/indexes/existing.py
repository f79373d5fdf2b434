"""Candidates against the indexes that there are: what exists already, what it would replace."""

from __future__ import annotations

from collections.abc import Sequence

from dbtune.postgres.indexes.definition import Definition, Key
from dbtune.postgres.relations.facts import Index, IndexKey


def has_already(index: Index, candidate: Definition) -> bool:
    """Whether an index has all that a candidate would have: keys, stored columns and rows."""
    if not _comparable(index, candidate) or len(index.keys) < len(candidate.keys):
        return False
    if not all(map(_same_key, index.keys, candidate.keys)):
        return False
    stored = {*index.include, *(key.column for key in index.keys if key.column)}
    return stored.issuperset(candidate.include)


def would_replace(candidate: Definition, index: Index) -> bool:
    """Whether an index becomes superfluous with a candidate, and may be dropped.

    Never one that a constraint, a replica identity or CLUSTER needs, nor one that enforces
    uniqueness.
    """
    needed = index.unique or index.exclusion or index.replica_identity or index.clustered
    if needed or index.constraint or index.referenced_by or index.parent or index.extension:
        return False
    if not _comparable(index, candidate) or len(index.keys) > len(candidate.keys):
        return False
    if not all(map(_same_key, index.keys, candidate.keys)):
        return False
    stored = {*candidate.include, *(key.column for key in candidate.keys if key.column)}
    return stored.issuperset(index.include)


def replaced(candidate: Definition, indexes: Sequence[Index]) -> list[Index]:
    """The indexes of a table that a candidate makes superfluous."""
    return [index for index in indexes if would_replace(candidate, index)]


def _comparable(index: Index, candidate: Definition) -> bool:
    if not index.valid or index.method != candidate.method or index.method != "btree":
        return False
    return index.predicate == candidate.predicate or (
        not index.predicate and not candidate.predicate
    )


def _same_key(index: IndexKey, candidate: Key) -> bool:
    if not index.column or index.column != candidate.column or index.collation:
        return False
    first = candidate.nulls_first if candidate.nulls_first is not None else candidate.descending
    return (
        index.operator_class == candidate.operator_class
        and index.descending == candidate.descending
        and index.nulls_first == first
        and not candidate.collation
    )
