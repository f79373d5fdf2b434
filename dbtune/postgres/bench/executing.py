"""Execute a statement that a person gave, read-only, and see what it took."""

from __future__ import annotations

from collections.abc import Sequence

from dbtune.bench.index_report import Execution
from dbtune.errors import UsageError
from dbtune.postgres.explain.live import Request as Explained
from dbtune.postgres.explain.live import explain
from dbtune.postgres.session import Session
from dbtune.text import plain


def try_out(session: Session, statements: Sequence[str]) -> None:
    """Execute each once: it warms the cache, and shows what can't be executed."""
    for statement in statements:
        try:
            execute(session, statement, "")
        except UsageError as error:
            # What it advises is about options of explain.
            reason = str(error).partition(". Leave out")[0]
            raise UsageError(f"can't measure {plain(statement)[:60]!r}: {reason}") from None


def execute(session: Session, statement: str, index: str) -> Execution:
    request = Explained(statement, analyze=True, origin="the statement")
    plan = explain(session, request).plans[0]
    buffers = plan.root.buffers
    return Execution(
        plan.execution_ms or 0.0,
        None if buffers is None else round(buffers.shared_hit + buffers.shared_read),
        any(node.index == index for node in plan.nodes) if index else False,
    )
