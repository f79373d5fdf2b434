"""End a statement or a session: the one that was shown, and no other."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from dbtune.activity import ENDED
from dbtune.errors import Unavailable, UsageError
from dbtune.postgres.server import read_server, target
from dbtune.postgres.sqltext import masked
from dbtune.report import Report, record
from dbtune.text import ms_text, plain

if TYPE_CHECKING:
    from dbtune.postgres.session import Row, Session

Action = Literal["cancel", "terminate"]
_CLIENT = "client backend"
_PATIENCE_SECONDS = 5.0


def end(
    session: Session,
    pid: int,
    action: Action,
    *,
    began: datetime | None,
    confirm: Callable[[str], bool],
) -> Report:
    """Cancel a session's statement, or end the session.

    Args:
        session: an open session on the same server.
        pid: the process.
        action: which of the two.
        began: when the session began, if the caller knows: it must be that one.
        confirm: asked with a sentence that says what would be ended.

    Raises:
        UsageError: there is no such session, it is none of a client, somebody else has the number
            now, this role may not, or nobody confirmed.
    """
    row = _process(session, pid)
    _refuse(row, action, began)
    if not confirm(_sentence(row, action)):
        raise UsageError("nothing was done")
    _signal(session, row, action)
    done = _wait(session, row, action)
    values = {key: row[key] for key in ("pid", "state", "seconds", "transaction_seconds")}
    values |= {key: plain(row[key]) for key in ("user", "database", "application", "client")}
    values |= {
        "action": action,
        "stopped": done,
        "statement": plain(masked(row["statement"]))[:500],
    }
    notes = () if done else (_still(action),)
    server = read_server(session)
    return Report(
        "activity",
        (record(ENDED.name, ENDED.title, ENDED.columns, values),),
        notes=notes,
        target=target(session, server),
        collected_at=server.now,
    )


def _process(session: Session, pid: int) -> Row:
    found = session.fact("activity_process", {"pid": pid})
    if not found:
        raise UsageError(f"there is no process {pid} on this server: it has ended, or never was")
    return found[0]


def _refuse(row: Row, action: Action, began: datetime | None) -> None:
    pid, kind = row["pid"], row["kind"]
    if row["own"]:
        raise UsageError(f"process {pid} is dbtune's own session")
    if not kind or row["backend_start"] is None:
        raise UsageError(
            f"this role may not see what process {pid} is, so it is left alone; "
            "GRANT pg_monitor and pg_signal_backend to the role"
        )
    cancels_vacuum = action == "cancel" and kind == "autovacuum worker"
    if kind != _CLIENT and not cancels_vacuum:
        raise UsageError(
            f"process {pid} is a {kind}, no client's session: dbtune ends only those"
            + {
                "walsender": "; stop the standby or the subscription that it feeds",
                "parallel worker": "; end its leader, whose statement it works for",
            }.get(kind, "")
        )
    if began is not None and _utc(began) != _utc(row["backend_start"]):
        raise UsageError(
            f"process {pid} is another session now: it began "
            f"{row['backend_start'].astimezone(UTC).isoformat()}; nothing was done"
        )
    if action == "cancel" and row["state"] != "active":
        raise UsageError(
            f"process {pid} executes nothing (it is {row['state'] or 'hidden'}): there is no "
            "statement to cancel; dbtune activity terminate ends the session"
        )


def _utc(at: datetime) -> datetime:
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)


def _sentence(row: Row, action: Action) -> str:
    who = plain(row["user"] or row["kind"])
    what = f"{row['application']} " if row["application"] else ""
    where = f" from {row['client']}" if row["client"] else ""
    does = "Cancel the statement of" if action == "cancel" else "End"
    loses = " Its transaction is rolled back." if row["transaction_seconds"] is not None else ""
    statement = plain(masked(row["statement"]))[:200] or "(no statement)"
    return (
        f"{does} process {row['pid']}: {plain(what)}{who} in {plain(row['database']) or '-'}"
        f"{where}, {row['state'] or '-'} for {ms_text((row['seconds'] or 0) * 1000)}: "
        f"{statement}.{loses}"
    )


def _signal(session: Session, row: Row, action: Action) -> None:
    given = {
        "pid": row["pid"],
        "began": row["backend_start"],
        "query_start": row["query_start"],
    }
    try:
        sent = session.fact(f"activity_{action}", given)
    except Unavailable as refused:
        role = session.user.replace('"', '""')
        raise UsageError(
            f"process {row['pid']} was left alone: {refused.reason}; "
            f'GRANT pg_signal_backend TO "{role}", or be the session\'s role'
        ) from None
    if not sent:
        raise UsageError(
            f"process {row['pid']} does something else by now than what was shown; nothing was done"
        )


def _wait(session: Session, row: Row, action: Action) -> bool:
    """Whether it stops soon: a session ends when it next looks whether it should."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        now = next(iter(session.fact("activity_process", {"pid": row["pid"]})), None)
        if now is None or now["backend_start"] != row["backend_start"]:
            return True
        stopped = now["state"] != "active" or now["query_start"] != row["query_start"]
        if action == "cancel" and stopped:
            return True
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)


def _still(action: Action) -> str:
    what = "its statement still runs" if action == "cancel" else "it is still there"
    return (
        f"the server has sent the signal, and {what} after {_PATIENCE_SECONDS:g} s: it ends when "
        "it next looks (rolling back, or waiting for the disk or a remote server, takes its time)"
    )
