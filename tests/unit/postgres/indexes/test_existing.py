"""Candidates against existing indexes: what is there already, what may go."""

from __future__ import annotations

from dataclasses import replace

from dbtune.postgres.indexes.catalog import Catalog
from dbtune.postgres.indexes.definition import Definition, column_key
from dbtune.postgres.indexes.existing import Existing
from dbtune.postgres.relations.facts import Index
from tests.unit.postgres.indexes.relations import index, relations, table

ORDERS = table("orders", "a int", "b int", "c int")


def has_already(there: Index, candidate: Definition, *, prefixes: bool = False) -> bool:
    existing = Existing(Catalog(relations(ORDERS, indexes=(there,))))
    return existing.serves(candidate, prefixes=prefixes)


def would_replace(candidate: Definition, there: Index) -> bool:
    return bool(Existing(Catalog(relations(ORDERS, indexes=(there,)))).replaced(candidate))


def candidate(*columns: str, include: tuple[str, ...] = ()) -> Definition:
    return Definition("public", "orders", tuple(map(column_key, columns)), include)


def test_a_prefix_of_an_index_is_there_already() -> None:
    there = index(ORDERS, "a", "b")
    assert has_already(there, candidate("a"))
    assert has_already(there, candidate("a", "b"))
    assert has_already(there, candidate("a", include=("b",)))
    assert not has_already(there, candidate("b"))
    assert not has_already(there, candidate("a", "c"))
    assert not has_already(there, candidate("a", "b", include=("c",)))
    assert not has_already(replace(there, predicate="(c > 1)"), candidate("a"))
    assert not has_already(replace(there, valid=False), candidate("a"))
    assert has_already(index(ORDERS, "a DESC"), candidate("a")), "read backwards"


def test_an_index_that_a_wider_one_makes_superfluous() -> None:
    there = index(ORDERS, "a")
    assert would_replace(candidate("a", "b"), there)
    assert would_replace(candidate("a", include=("b",)), there)
    assert not would_replace(candidate("b", "a"), there)
    assert not would_replace(candidate("a", "b"), index(ORDERS, "a", include=("c",)))
    assert would_replace(candidate("a", "b", include=("c",)), index(ORDERS, "a", include=("c",)))


def test_what_a_constraint_needs_is_never_superfluous() -> None:
    there = index(ORDERS, "a")
    for needed in (
        replace(there, unique=True),
        replace(there, referenced_by=1),
        replace(there, replica_identity=True),
        replace(there, clustered=True),
        replace(there, exclusion=True),
    ):
        assert not would_replace(candidate("a", "b"), needed)
