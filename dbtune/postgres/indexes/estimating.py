"""Ask a server for the estimated plan of a statement, and find the indexes in it."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from psycopg import sql

from dbtune.postgres.indexes.planner import NotPlannable
from dbtune.postgres.session import Row, Transaction
from dbtune.postgres.sqltext import has_parameters

Document = dict[str, Any]
_OPTIONS = "FORMAT JSON, VERBOSE"  # verbose tells the schemas


class Estimate(NamedTuple):
    """What the planner says of a statement.

    Attributes:
        cost: total cost.
        documents: of ``EXPLAIN (FORMAT JSON)``; several if a rule makes several statements of one.
    """

    cost: float
    documents: list[Document]

    @property
    def largest(self) -> Document:
        """The document of what costs most."""
        return max(self.documents, key=lambda one: float(one["Plan"]["Total Cost"]))


def estimate(transaction: Transaction, major: int, statement: str) -> Estimate:
    """Plan a statement in a transaction that is rolled back; names are looked up by its path.

    Parameters get a generic plan. The statement is sent so that the server refuses more than one,
    and it is not executed: what EXPLAIN takes is only planned.

    Raises:
        NotPlannable: it is no statement that has a plan.
        psycopg.Error: the server refuses it.
    """
    if re.search("[\0\ud800-\udfff]", statement):
        raise NotPlannable("it holds characters that no statement can hold")
    if not statement.strip():
        raise NotPlannable("there is no statement")
    text = sql.SQL(statement)
    text = sql.SQL(statement)
    if has_parameters(statement) and major < 16:
        documents = _checked(_of_prepared(transaction, text))
        cost = _cost(documents)
        if _is_pruned(documents):
            # The NULLs in place of values have hidden partitions, though their cost is in the sum.
            transaction.rows("SET LOCAL enable_partition_pruning = off")
            documents = _checked(_of_prepared(transaction, text))
        return Estimate(cost, documents)
    # Without parameters a generic plan would only hide what is pruned.
    generic = ", GENERIC_PLAN" if has_parameters(statement) else ""
    explain = sql.SQL(f"EXPLAIN ({_OPTIONS}{generic}) ") + text
    documents = _checked(transaction.rows(explain, alone=True))
    return Estimate(_cost(documents), documents)


def _checked(rows: list[Row]) -> list[Document]:
    documents = rows[0]["QUERY PLAN"] if rows else []
    if not documents or not all(isinstance(one, dict) and "Plan" in one for one in documents):
        raise NotPlannable("such a statement has no plan")
    return list(documents)


def _cost(documents: Sequence[Document]) -> float:
    return float(sum(document["Plan"]["Total Cost"] for document in documents))


def _of_prepared(transaction: Transaction, text: sql.SQL) -> list[Row]:
    name = f"dbtune_{secrets.token_hex(8)}"
    quoted = sql.Identifier(name)
    transaction.rows(sql.SQL("PREPARE {} AS\n").format(quoted) + text, alone=True)
    transaction.afterwards.append(f"DEALLOCATE {name}")
    found = transaction.rows(
        "SELECT pg_catalog.cardinality(parameter_types) AS wanted, "
        "pg_catalog.set_config('plan_cache_mode', 'force_generic_plan', true) "
        "FROM pg_catalog.pg_prepared_statements WHERE name = %s",
        (name,),
    )
    values = sql.SQL(", ").join([sql.NULL] * found[0]["wanted"])
    explain = sql.SQL(f"EXPLAIN ({_OPTIONS}) EXECUTE {{}}({{}})")
    return transaction.rows(explain.format(quoted, values))


def _is_pruned(documents: Sequence[Document]) -> bool:
    return any(node.get("Subplans Removed") for one in documents for node in _nodes(one["Plan"]))


def _nodes(node: Document) -> Iterator[Document]:
    yield node
    for child in node.get("Plans", ()):
        yield from _nodes(child)


class Reference(NamedTuple):
    """An index in a plan: the node that names it, its schema, its name there."""

    node: Document
    schema: str
    name: str


def references(documents: Sequence[Document]) -> Iterator[Reference]:
    """The indexes that plans read, and those by which INSERT ... ON CONFLICT finds conflicts."""
    for document in documents:
        yield from _references(document["Plan"], "")


def _references(node: Document, schema: str) -> Iterator[Reference]:
    # A bitmap's index scan tells no schema: it is that of the heap scan above.
    schema = node.get("Schema", schema)
    if "Index Name" in node:
        yield Reference(node, schema, node["Index Name"])
    for name in node.get("Conflict Arbiter Indexes", ()):
        yield Reference({}, schema, name)
    for child in node.get("Plans", ()):
        yield from _references(child, schema)
