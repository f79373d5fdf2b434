"""``activity`` on MongoDB: operations that are running, by ``$currentOp``."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from dbtune.activity import NOW, SESSIONS, WAITS
from dbtune.errors import Unavailable
from dbtune.finding import Skipped
from dbtune.mongo import APP_NAME
from dbtune.mongo.sampling import users_of, waiting_for
from dbtune.mongo.session import Document, Session
from dbtune.mongo.shape import shape_of
from dbtune.report import Report, Row, Table
from dbtune.text import plain, shorten

MOST = 1000
_MATCH: Document = {
    "active": True,
    "type": "op",
    "appName": {"$ne": APP_NAME},
    "$or": [{"client": {"$exists": True}}, {"client_s": {"$exists": True}}],
    # Drivers wait in hello for news, change streams for changes: no work.
    **{f"command.{name}": {"$exists": False} for name in ("hello", "isMaster", "ismaster")},
    "cursor.awaitData": {"$ne": True},
}


class Watch:
    """Looks at a server again and again; each look is a report."""

    def __init__(self, session: Session, limit: int) -> None:
        self._session = session
        self._limit = limit
        self._samples = 0
        self._waits: Counter[str] = Counter()
        self._skipped: dict[str, Skipped] = {}

    def sample(self) -> None:
        """Look what operations wait for."""
        self._count(self._operations())

    def look(self) -> Report:
        """What runs now, and what was waited for since the last look.

        Raises:
            TargetError: the connection broke.
        """
        rows = sorted(self._operations(), key=lambda row: -_seconds(row))
        self._count(rows)
        shown = tuple(_row(row) for row in rows[: self._limit])
        left = len(rows) - len(shown)
        sessions = replace(SESSIONS, rows=shown, footer=f"and {left} more" if left else "")
        whole = sum(self._waits.values())
        waits: list[Row] = [
            {"wait": name, "sessions": count / self._samples, "share_ratio": count / whole}
            for name, count in self._waits.most_common(self._limit)
        ]
        self._samples, self._waits = 0, Counter()
        return Report(
            "activity",
            (self._now(rows), sessions, replace(WAITS, rows=tuple(waits))),
            skipped=tuple(self._skipped.values()),
            target=self._session.target(),
            collected_at=self._session.now(),
        )

    def _count(self, rows: list[Document]) -> None:
        self._samples += 1
        self._waits.update(waiting_for(row) or "no wait" for row in rows)

    def _now(self, rows: list[Document]) -> Table:
        try:
            connections = self._session.command("admin", {"serverStatus": 1}).get("connections", {})
        except Unavailable as missing:
            self._skipped["connections"] = Skipped("connections", missing.reason, missing.remedy)
            connections = {}
        current, free = connections.get("current"), connections.get("available")
        row: Row = {
            "connections": current,
            "max_connections": None if current is None or free is None else current + free,
            "active": len(rows),
            "blocked": sum(waiting_for(one) == "lock" for one in rows),
            "longest_statement_seconds": max(map(_seconds, rows), default=None),
        }
        return replace(NOW, rows=(row,))

    def _operations(self) -> list[Document]:
        try:
            return self._current(all_users=True)
        except Unavailable as missing:
            self._skipped["operations"] = Skipped(
                "operations of other users", missing.reason, missing.remedy
            )
        try:
            return self._current(all_users=False)
        except Unavailable:
            return []

    def _current(self, *, all_users: bool) -> list[Document]:
        stages = [
            {"$currentOp": {"allUsers": all_users, "idleConnections": False}},
            {"$match": _MATCH},
            {"$limit": MOST},
        ]
        command = {"aggregate": 1, "pipeline": stages, "cursor": {}}
        return list(self._session.documents("admin", command))


def _seconds(row: Document) -> float:
    micros = row.get("microsecs_running")
    return micros / 1e6 if isinstance(micros, int | float) else 0.0


def _row(row: Document) -> Row:
    shape = shape_of(row)
    return {
        "pid": row["opid"] if isinstance(row.get("opid"), int) else None,
        "user": plain(", ".join(users_of(row))),
        "database": plain(str(row.get("ns", "")).partition(".")[0]),
        "application": plain(str(row.get("appName", ""))),
        "client": plain(str(row.get("client") or row.get("client_s") or "").rpartition(":")[0]),
        "state": plain(str(row.get("op", ""))),
        "seconds": _seconds(row),
        "wait": waiting_for(row),
        "statement": shorten(plain(shape.text), 500),
    }
