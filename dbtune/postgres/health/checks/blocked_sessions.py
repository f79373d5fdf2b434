"""Sessions wait for a lock that another one holds."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.postgres.facts.sessions import Backend, Sessions
from dbtune.text import ms_text, plural


def _trees(sessions: Sessions) -> dict[int, list[Backend]]:
    """Sessions that wait, by the process at the root of what they wait for."""
    by_pid = sessions.by_pid()
    trees: dict[int, list[Backend]] = {}
    for one in sessions.backends:
        if one.blocked_by:
            trees.setdefault(_root(one, by_pid), []).append(one)
    return trees


def _root(one: Backend, by_pid: dict[int, Backend]) -> int:
    """Who is at the end of the chain; a deadlock that is being found has none, then the first."""
    seen: set[int] = set()
    pid = one.pid
    while (found := by_pid.get(pid)) and found.blocked_by and pid not in seen:
        seen.add(pid)
        pid = found.blocked_by[0]
    return pid


def _unknown(root: int) -> str:
    return "a session that is not visible" if root else "a prepared transaction"


@check("pg.blocked-sessions", tags=("sessions", "locks"))
def blocked_sessions(
    sessions: Sessions,
    *,
    warning_seconds: float = 5,
    critical_seconds: float = 60,
    critical_sessions: int = 5,
) -> Iterator[Finding]:
    """Sessions wait for a lock that another one holds.

    Why: Everybody behind the lock stands still, and who comes next queues behind them: one
        forgotten transaction stops an application.

    Mistaken when: A migration holds the lock and is about to finish.

    Remedy: Free the root of the tree: end the session that waits for nobody itself.
    """
    for root, waiting in sorted(_trees(sessions).items()):
        longest = max(one.state_seconds or one.statement_seconds or 0 for one in waiting)
        if longest < warning_seconds:
            continue
        holder = sessions.by_pid().get(root)
        subject = f"{holder.who} in {holder.database}" if holder else _unknown(root)
        doing = f", {holder.state}: {holder.statement}" if holder else ""
        first = max(waiting, key=lambda one: one.state_seconds or 0)
        yield Finding(
            subject,
            f"{plural(len(waiting), 'session')} wait up to {ms_text(longest * 1000)} for "
            f"{f'process {root}' if root else 'a prepared transaction'}{doing}; first of them "
            f"process {first.pid}: {first.statement or '(hidden)'}",
            Remedy(
                "End what holds the lock, if it may be ended."
                if root
                else "Commit or roll back the prepared transaction: see pg_prepared_xacts.",
                sql=f"SELECT pg_terminate_backend({root});" if root else "",
                effect="its transaction is rolled back" if root else "",
            ),
            {"blocking_pid": root, "blocked": len(waiting), "longest_seconds": longest},
            level=Level.critical
            if longest >= critical_seconds or len(waiting) >= critical_sessions
            else Level.warning,
        )
