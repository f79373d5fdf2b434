"""A look at a server's sessions as tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from dbtune.activity import BLOCKING, LOCKS, NOW, PROGRESS, SESSIONS, STATEMENTS, WAITS
from dbtune.postgres.activity.tree import Node, trees
from dbtune.postgres.facts.connections import Connections
from dbtune.postgres.facts.lock_waits import LockWait
from dbtune.postgres.facts.prepared_transactions import Prepared
from dbtune.postgres.facts.progress import Progress
from dbtune.postgres.facts.sessions import Backend, Sessions
from dbtune.postgres.facts.waits import Waits
from dbtune.postgres.statements.facts import Entry, Key
from dbtune.postgres.statements.interval import Difference
from dbtune.report import Row, Table, of_those_seen
from dbtune.text import plain, shorten

_TEXT = 500


def now_table(connections: Connections | None, sessions: Sessions) -> Table:
    """How many sessions are in which state."""
    clients = [one for one in sessions.backends if one.kind == "client backend"]
    running = [one.statement_seconds for one in clients if one.state == "active"]
    open_for = [one.transaction_seconds for one in clients]
    groups = connections.groups if connections else ()
    row: Row = {
        "connections": max(0, connections.used - 1) if connections else None,
        "max_connections": connections.max_connections if connections else None,
        "active": sum(one.state == "active" for one in clients),
        "blocked": sum(bool(one.blocked_by) for one in sessions.backends),
        "idle_in_transaction": sum(one.state.startswith("idle in") for one in clients),
        "idle": sum(one.idle for one in groups) if connections else None,
        "hidden": sessions.hidden or None,
        "oldest_transaction_seconds": max((s for s in open_for if s is not None), default=None),
        "longest_statement_seconds": max((s for s in running if s is not None), default=None),
    }
    return replace(NOW, rows=(row,))


def blocking_table(sessions: Sessions, prepared: Sequence[Prepared], limit: int) -> Table:
    """Trees of who waits for whom."""
    nodes = trees(sessions.backends)
    rows = tuple(_node_row(one, prepared) for one in nodes[:limit])
    left = len(nodes) - len(rows)
    roots = [str(row["frees"]) for row in rows if row["frees"]]
    footer = f"to free them: {' '.join(roots[:3])}" if roots else ""
    if left:
        footer += f" (and {left} more)"
    return replace(BLOCKING, rows=rows, footer=footer)


def _node_row(node: Node, prepared: Sequence[Prepared]) -> Row:
    one = node.backend
    corner = "└" if node.last else "├"
    branch = corner + "──" * (node.depth - 1) + " " if node.depth else ""
    process = f"{branch}{node.pid or 'prepared'}"
    common = {"process": process, "pid": node.pid, "depth": node.depth, "root_pid": node.root,
              "blocked": node.blocked}  # fmt: skip
    if one is None:
        oldest = max(prepared, key=lambda p: p.age_seconds, default=None) if not node.pid else None
        return {
            **common,
            "user": plain(oldest.owner) if oldest else "",
            "state": "prepared transaction" if oldest else "(not visible)",
            "seconds": oldest.age_seconds if oldest else None,
            "statement": f"gid {plain(oldest.gid)}" if oldest else "",
            "frees": _rollback(oldest) if oldest else "",
        }
    waits = bool(one.blocked_by)
    return {
        **common,
        "user": plain(one.user or one.kind),
        "application": plain(one.application),
        "state": one.wait.removeprefix("Lock:") if waits else one.state,
        "seconds": one.state_seconds if one.state != "active" else one.statement_seconds,
        "statement": one.statement,
        "frees": "" if node.depth else _frees(one),
    }


def _rollback(one: Prepared) -> str:
    gid = one.gid.replace("'", "''")
    return f"ROLLBACK PREPARED '{gid}';"


def _frees(root: Backend) -> str:
    """The gentlest statement that lets go of what a root holds."""
    if root.state == "active" and root.kind != "client backend":
        return f"SELECT pg_cancel_backend({root.pid});"
    return f"SELECT pg_terminate_backend({root.pid});"


def sessions_table(sessions: Sessions, limit: int) -> Table:
    """Sessions, those first that are in a transaction for longest."""
    shown = [one for one in sessions.backends if _matters(one)]
    rows = tuple(_session_row(one) for one in shown[:limit])
    left = len(shown) - len(rows)
    more = f"and {left}{' or more' if sessions.cut else ''} more (--limit)" if left else ""
    return of_those_seen(replace(SESSIONS, rows=rows, footer=more), sessions.hidden)


def _matters(one: Backend) -> bool:
    """Whether somebody has to do with it: not the server's own processes that always wait."""
    if one.kind == "client backend":
        return True
    return one.transaction_seconds is not None or bool(one.blocked_by)


def _session_row(one: Backend) -> Row:
    running = one.state == "active"
    return {
        "pid": one.pid,
        "user": plain(one.user),
        "database": plain(one.database),
        "application": plain(one.application),
        "client": plain(one.client),
        "kind": "" if one.kind == "client backend" else one.kind,
        "state": one.state or "(hidden)",
        "seconds": one.statement_seconds if running else one.state_seconds,
        "transaction_seconds": one.transaction_seconds,
        "wait": "" if one.wait == "Client:ClientRead" else one.wait,
        "xmin_age": one.xmin_age,
        "statement": one.statement,
        "began": one.began,
    }


def waits_table(waits: Waits, limit: int, hidden: int) -> Table:
    """What active sessions wait for; of some the role may not see it."""
    whole = sum(waits.sessions.values())
    ordered = sorted(waits.sessions.items(), key=lambda item: (-item[1], item[0]))
    rows: list[Row] = [
        {"wait": name, "sessions": count / waits.samples, "share_ratio": count / whole}
        for name, count in ordered[:limit]
    ]
    return of_those_seen(replace(WAITS, rows=tuple(rows)), hidden)


def statements_table(between: Difference, texts: Mapping[Key, str], limit: int) -> Table:
    """Statements by the time that they took in the interval."""
    seconds = between.seconds
    whole = sum(one.total_ms for one in between.entries)
    ordered = sorted(between.entries, key=lambda one: (-one.total_ms, str(one.key)))
    rows = tuple(_statement_row(one, texts, whole, seconds) for one in ordered[:limit])
    left = len(ordered) - len(rows)
    return replace(STATEMENTS, rows=rows, footer=f"and {left} more" if left else "")


def _statement_row(one: Entry, texts: Mapping[Key, str], whole: float, seconds: float) -> Row:
    from dbtune.postgres.sqltext import masked

    text = texts.get(one.key, "")
    read = one.counters.get("shared_blks_read", 0.0)
    return {
        "share_ratio": one.total_ms / whole if whole else 0.0,
        "calls_per_second": one.calls / seconds,
        "mean_ms": one.total_ms / one.calls,
        "rows_per_call": one.counters.get("rows", 0.0) / one.calls,
        "blocks_read_per_second": read / seconds,
        "user": plain(one.user),
        "database": plain(one.database),
        "query_id": str(one.key.queryid),
        "statement": shorten(plain(masked(text)), _TEXT) or "(text not read)",
    }


def progress_table(progress: Sequence[Progress]) -> Table:
    """Commands that tell how far they are."""
    return replace(PROGRESS, rows=tuple(_progress_rows(progress)))


def _progress_rows(progress: Sequence[Progress]) -> Iterator[Row]:
    for one in progress:
        ratio = one.done / one.total if one.done is not None and one.total else None
        yield {
            "pid": one.pid,
            "command": plain(one.command),
            "object": plain(one.object),
            "phase": plain(one.phase),
            "done_ratio": ratio,
            "done": one.done,
            "total": one.total,
            "unit": one.unit,
        }


def locks_table(waits: Sequence[LockWait], limit: int) -> Table:
    """Locks that are waited for."""
    rows: list[Row] = [
        {
            "pid": one.pid,
            "object": plain(one.object),
            "mode": one.mode.removesuffix("Lock"),
            "held": [held.removesuffix("Lock") for held in one.held],
            "seconds": one.seconds,
        }
        for one in waits[:limit]
    ]
    left = len(waits) - len(rows)
    return replace(LOCKS, rows=tuple(rows), footer=f"and {left} more" if left else "")
