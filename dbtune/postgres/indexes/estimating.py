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


class Estimator:
    """Asks for estimates on one session."""

    def __init__(self, major: int) -> None:
        """
        Args:
            major: the server's major version.
        """
        self._major = major
        self._single: set[str] = set()

    def estimate(self, transaction: Transaction, statement: str) -> Estimate:
        """Plan a statement; names are looked up by the transaction's search_path.

        Parameters get a generic plan. The statement is sent so that the server refuses more than
        one, and it is not executed: what EXPLAIN takes is only planned.

        Raises:
            NotPlannable: it is no statement that has a plan.
            psycopg.Error: the server refuses it.
        """
        text = _text(statement)
        if not has_parameters(statement):
            # A generic plan would only hide what is pruned.
            explain = sql.SQL(f"EXPLAIN ({_OPTIONS}) ") + text
            return _estimate_of(transaction.rows(explain, alone=True))
        if self._major < 16:
            return self._of_prepared(transaction, text)
        if statement not in self._single:
            # The extended protocol would want values for the parameters, and the simple one takes
            # several statements: the server has to have taken the text for one before.
            _prepare(transaction, text)
            self._single.add(statement)
        return _estimate_of(
            transaction.rows(sql.SQL(f"EXPLAIN ({_OPTIONS}, GENERIC_PLAN) ") + text)
        )

    def parameter_types(self, transaction: Transaction, statement: str) -> list[str]:
        """Types of a statement's parameters, as ``format_type`` writes them without sizes.

        Raises:
            NotPlannable, psycopg.Error: as of :meth:`estimate`.
        """
        name = _prepare(transaction, _text(statement))
        rows = transaction.rows(
            "SELECT pg_catalog.format_type(t.oid, NULL) AS type "
            "FROM pg_catalog.pg_prepared_statements p, "
            "pg_catalog.unnest(p.parameter_types::oid[]) WITH ORDINALITY AS t(oid, place) "
            "WHERE p.name = %s ORDER BY t.place",
            (name,),
        )
        return [row["type"] for row in rows]

    def _of_prepared(self, transaction: Transaction, text: sql.SQL) -> Estimate:
        found = _estimate_of(_explain_prepared(transaction, text))
        if not _is_pruned(found.documents):
            return found
        # The NULLs in place of values have hidden partitions, though their cost is in the sum.
        transaction.rows("SET LOCAL enable_partition_pruning = off")
        return Estimate(found.cost, _estimate_of(_explain_prepared(transaction, text)).documents)


def _text(statement: str) -> sql.SQL:
    if re.search("[\0\ud800-\udfff]", statement):
        raise NotPlannable("it holds characters that no statement can hold")
    if not statement.strip():
        raise NotPlannable("there is no statement")
    return sql.SQL(statement)


def _estimate_of(rows: list[Row]) -> Estimate:
    documents = rows[0]["QUERY PLAN"] if rows else []
    if not documents or not all(isinstance(one, dict) and "Plan" in one for one in documents):
        raise NotPlannable("such a statement has no plan")
    return Estimate(float(sum(one["Plan"]["Total Cost"] for one in documents)), documents)


def _prepare(transaction: Transaction, text: sql.SQL) -> str:
    name = f"dbtune_{secrets.token_hex(8)}"
    prepare = sql.SQL("PREPARE {} AS\n").format(sql.Identifier(name))
    transaction.rows(prepare + text, alone=True)
    transaction.afterwards.append(f"DEALLOCATE {name}")
    return name


def _explain_prepared(transaction: Transaction, text: sql.SQL) -> list[Row]:
    name = _prepare(transaction, text)
    found = transaction.rows(
        "SELECT pg_catalog.cardinality(parameter_types) AS wanted, "
        "pg_catalog.set_config('plan_cache_mode', 'force_generic_plan', true) "
        "FROM pg_catalog.pg_prepared_statements WHERE name = %s",
        (name,),
    )
    values = sql.SQL(", ").join([sql.NULL] * found[0]["wanted"])
    explain = sql.SQL(f"EXPLAIN ({_OPTIONS}) EXECUTE {{}}({{}})")
    return transaction.rows(explain.format(sql.Identifier(name), values))


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
