"""Which planner answers: HypoPG on the target, or the planner lab."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import NamedTuple

from dbtune.errors import Unavailable, UsageError
from dbtune.postgres.indexes.hypopg import open_hypopg
from dbtune.postgres.indexes.planner import Planner, PlannerChoice
from dbtune.postgres.indexes.routed import RoutedPlanner
from dbtune.postgres.session import Session
from dbtune.postgres.sqltext import names
from dbtune.text import plural


class Opened(NamedTuple):
    """A planner, and a sentence for the report that says which it is and why."""

    planner: Planner
    why: str


def open_planner(
    session: Session,
    choice: PlannerChoice = PlannerChoice.auto,
    *,
    statements: Collection[str] = (),
    hiding: bool = False,
    max_tables: int = 2000,
    advance: Callable[[float], None] = lambda _: None,
) -> Opened:
    """Open the planner that was chosen, or with ``auto`` HypoPG where it can be used, else the lab.

    Args:
        session: of the target. HypoPG needs it as long as the planner is used, the lab only now.
        choice: which.
        statements: the workload.
        hiding: whether plans without existing indexes will be asked for.
        max_tables: how many tables a lab may have.
        advance: told the share that is done; a lab takes seconds.

    Raises:
        UsageError: the one chosen is not available.
        TargetError: the target or the lab's server failed.
    """
    if choice is PlannerChoice.lab:
        return Opened(_lab(session, statements, max_tables, advance), "planner lab, as asked for")
    try:
        planner = open_hypopg(session)
        obstacle = "" if choice is PlannerChoice.hypopg else _obstacle(session, statements)
        if hiding and not planner.can_hide and choice is PlannerChoice.auto:
            obstacle = "this version of HypoPG cannot leave out existing indexes"
    except Unavailable as missing:
        obstacle = missing.reason
        if choice is PlannerChoice.hypopg:
            remedy = f"; {missing.remedy}" if missing.remedy else ""
            raise UsageError(f"{obstacle}{remedy} (or choose the planner lab)") from None
    if not obstacle:
        if choice is PlannerChoice.hypopg:
            return Opened(planner, "HypoPG on the target, as asked for")
        both = RoutedPlanner(planner, lambda: _lab(session, statements, max_tables, advance))
        return Opened(both, "HypoPG on the target, which is installed")
    try:
        return Opened(_lab(session, statements, max_tables, advance), f"planner lab: {obstacle}")
    except UsageError as error:
        raise UsageError(f"{obstacle}, and the planner lab is not available: {error}") from None


def _lab(
    session: Session,
    statements: Collection[str],
    max_tables: int,
    advance: Callable[[float], None],
) -> Planner:
    from dbtune.postgres.lab.open import open_lab

    try:
        return open_lab(session, statements, max_tables=max_tables, advance=advance)
    except Unavailable as missing:
        raise UsageError(f"the planner lab can't be made: {missing.reason}") from None


def _obstacle(session: Session, statements: Collection[str]) -> str:
    """Why HypoPG would not do: EXPLAIN wants the privilege to read the tables, the lab does not."""
    words = sorted(frozenset().union(*map(names, statements)))
    rows = session.rows(
        "SELECT count(*) AS hidden FROM pg_catalog.pg_class c "
        "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
        "WHERE c.relkind IN ('r', 'p', 'm', 'v', 'f') AND n.nspname <> 'information_schema' "
        "AND n.nspname NOT LIKE 'pg\\_%%' AND (%(all)s OR c.relname = ANY(%(words)s::text[])) "
        "AND NOT pg_catalog.has_table_privilege(c.oid, 'SELECT')",
        {"all": not words, "words": words},
    )
    hidden = rows[0]["hidden"]
    if hidden:
        return f"role {session.user} may not read {plural(hidden, 'table')} of the statements"
    return ""
