"""``activity`` on Redis: its clients, by CLIENT LIST."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from dbtune.activity import NOW, SESSIONS, WAITS
from dbtune.errors import Unavailable
from dbtune.finding import Skipped
from dbtune.redis import CLIENT_NAME
from dbtune.redis.facts.clients import MOST, fields_of
from dbtune.redis.nodes import joined, open_nodes
from dbtune.redis.session import Session
from dbtune.report import Report, Row, Table
from dbtune.text import plain

_BUSY_SECONDS = 1
"""Redis runs one command at a time: who sent one just now stands for who keeps it busy."""


def watch(session: Session, limit: int) -> Watch | NodesWatch:
    """What looks at the server, or at all nodes of its cluster.

    Raises:
        TargetError: the connection broke.
    """
    try:
        opened, lost = open_nodes(session)
    except Unavailable as missing:
        alone = Watch(session, limit)
        alone.skipped["nodes"] = Skipped("the other nodes", missing.reason, missing.remedy)
        return alone
    return NodesWatch(session, opened, lost, limit) if opened else Watch(session, limit)


class NodesWatch:
    """Looks at several nodes."""

    def __init__(
        self, session: Session, nodes: Sequence[Session], lost: Sequence[Skipped], limit: int
    ) -> None:
        self._session = session
        self._lost = lost
        self._watches = [(one.node, Watch(one, limit)) for one in nodes]

    def sample(self) -> None:
        """Nothing, as of one node."""

    def look(self) -> Report:
        """Who is connected where.

        Raises:
            TargetError: a connection broke.
        """
        looks = [(name, one.look()) for name, one in self._watches]
        return joined(self._session.target(), looks, self._lost)


class Watch:
    """Looks at a server again and again; each look is a report.

    Attributes:
        skipped: what can't be looked at, by name.
    """

    def __init__(self, session: Session, limit: int) -> None:
        self._session = session
        self._limit = limit
        self._seen: Counter[str] = Counter()
        self._samples = 0
        self.skipped: dict[str, Skipped] = {}

    def sample(self) -> None:
        """Nothing: CLIENT LIST holds everybody up for a moment, so it is asked at looks only."""

    def look(self) -> Report:
        """Who is connected now, and which commands were the last.

        Raises:
            TargetError: the connection broke.
        """
        try:
            clients = self._clients()
        except Unavailable as missing:
            self.skipped["clients"] = Skipped("clients", missing.reason, missing.remedy)
            clients = []
        busy = [one for one in clients if _is_busy(one)]
        self._samples += 1
        self._seen.update(one.get("cmd", "") for one in busy)
        busy.sort(key=lambda one: (not _is_blocked(one), _int(one, "idle"), -_int(one, "omem")))
        shown = tuple(_row(one) for one in busy[: self._limit])
        left = len(busy) - len(shown)
        sessions = replace(
            SESSIONS,
            title="Clients that sent a command just now, or wait",
            empty="no client sent a command just now",
            rows=shown,
            footer=f"and {left} more" if left else "",
        )
        return Report(
            "activity",
            (self._now(clients, busy), sessions, self._commands()),
            skipped=tuple(self.skipped.values()),
            target=self._session.target(),
            collected_at=datetime.now(UTC),
        )

    def _clients(self) -> list[dict[str, str]]:
        lines = str(self._session.command("CLIENT", "LIST")).splitlines()[:MOST]
        found = [fields_of(line) for line in lines]
        return [one for one in found if one.get("name") != CLIENT_NAME]

    def _now(self, clients: list[dict[str, str]], busy: list[dict[str, str]]) -> Table:
        try:
            limit = int(self._session.config("maxclients").get("maxclients", ""))
        except (Unavailable, ValueError):
            limit = None
        waiting = [one for one in clients if _is_blocked(one)]
        row: Row = {
            "connections": len(clients),
            "max_connections": limit,
            "active": len(busy) - len(waiting),
            "blocked": len(waiting),
            "idle": len(clients) - len(busy),
        }
        return replace(NOW, rows=(row,))

    def _commands(self) -> Table:
        whole = sum(self._seen.values())
        rows: list[Row] = [
            {"wait": plain(name), "sessions": count / self._samples, "share_ratio": count / whole}
            for name, count in self._seen.most_common(self._limit)
        ]
        return replace(
            WAITS,
            title="Last commands of busy clients",
            rows=tuple(rows),
            empty="no client is busy",
        )


def _is_blocked(fields: Mapping[str, str]) -> bool:
    return "b" in fields.get("flags", "")


def _is_busy(fields: Mapping[str, str]) -> bool:
    return _is_blocked(fields) or _int(fields, "idle") <= _BUSY_SECONDS


def _int(fields: Mapping[str, str], name: str) -> int:
    text = fields.get(name, "")
    return int(text) if text.isdigit() else 0


def _row(fields: Mapping[str, str]) -> Row:
    return {
        "pid": _int(fields, "id"),
        "user": plain(fields.get("user", "")),
        "database": fields.get("db", ""),
        "application": plain(fields.get("name") or fields.get("lib-name", "")),
        "client": plain(fields.get("addr", "").rpartition(":")[0]),
        "state": "blocked" if _is_blocked(fields) else "active",
        "seconds": float(_int(fields, "idle")),
        "statement": plain(fields.get("cmd", "")),
    }
