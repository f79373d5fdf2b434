"""Queries from samples of ``$currentOp``, for servers whose profiler is off (and for mongos).

Shares of time are unbiased; calls are a lower bound, because an operation that starts and ends
between two samples is not seen. Ten samples a second; each takes the server about a millisecond.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from time import perf_counter

from dbtune.mongo import APP_NAME
from dbtune.mongo.session import Document, Session
from dbtune.mongo.shape import query_hash, shape_of
from dbtune.statements import Statement, Wait

RATE_HZ = 10
_WAITS = ("waitingForLock", "waitingForLatch", "waitingForFlowControl")
_FILTER: Document = {
    "active": True,
    "type": "op",
    "appName": {"$ne": APP_NAME},
    "op": {"$in": ["query", "getmore", "command", "insert", "update", "remove"]},
    # Replication and internal threads have no client; hello waits for changes on purpose.
    "$or": [{"client": {"$exists": True}}, {"client_s": {"$exists": True}}],
    "ns": {"$not": {"$regex": r"^(local|config)\.|^[^.]*\.system\."}},
    "command.hello": {"$exists": False},
    "command.isMaster": {"$exists": False},
    "command.ismaster": {"$exists": False},
    # Such a cursor waits for news: a change stream or a tailing reader, not work.
    "cursor.awaitData": {"$ne": True},
}


_FIELDS = (
    "op ns command cursor.originatingCommand opid microsecs_running planSummary effectiveUsers "
    "queryHash planCacheShapeHash"
).split() + list(_WAITS)


@dataclass(slots=True)
class _Seen:
    """What was seen of one shape."""

    samples: int = 0
    operations: set[str] = field(default_factory=set)
    longest_ms: float = 0.0
    waits: Counter[str] = field(default_factory=Counter)
    plans: Counter[str] = field(default_factory=Counter)
    users: set[str] = field(default_factory=set)
    hashes: set[str] = field(default_factory=set)
    database: str = ""


@dataclass(slots=True)
class Samples:
    """What was running at each of many moments; the operations themselves are not kept.

    Attributes:
        seconds: observed time.
        count: samples taken.
        running: operations seen, once for each sample.
        user: only operations of this user, ``name`` or ``name@database``, are counted.
    """

    user: str = ""
    seconds: float = 0.0
    count: int = 0
    running: int = 0
    _shapes: defaultdict[str, _Seen] = field(default_factory=lambda: defaultdict(_Seen))

    def add(self, row: Document) -> None:
        """Count one operation of one sample."""
        users = set(users_of(row))
        if self.user and self.user not in users | {one.rpartition("@")[0] for one in users}:
            return
        shape = shape_of(row)
        seen = self._shapes[shape.text]
        seen.samples += 1
        seen.operations.add(str(row.get("opid")))
        took = row.get("microsecs_running")
        if isinstance(took, int | float):
            seen.longest_ms = max(seen.longest_ms, took / 1000)
        seen.waits[waiting_for(row)] += 1
        seen.plans[str(row.get("planSummary") or "")[:200]] += 1
        seen.users |= users
        seen.hashes |= {query_hash(row)} - {""}
        seen.database = shape.namespace.partition(".")[0]
        self.running += 1

    def statements(self) -> list[Statement]:
        """Statements with estimated time, one for each shape that was seen running."""
        period_ms = 1000 * self.seconds / max(1, self.count)
        return [_estimate(text, seen, period_ms) for text, seen in self._shapes.items()]


def take_samples(session: Session, seconds: float, wait: Wait, user: str = "") -> Samples:
    """Sample ``$currentOp`` while the time passes.

    Args:
        session: an open session.
        seconds: how long.
        wait: lets that time pass and takes the samples.
        user: only this user's operations.

    Raises:
        Unavailable: this user may not see others' operations.
        TargetError: the connection broke.
    """
    samples = Samples(user)
    started = perf_counter()
    wait(seconds, "sampling $currentOp", 1 / RATE_HZ, lambda: _sample(session, samples))
    samples.seconds = max(perf_counter() - started, 1 / RATE_HZ)
    return samples


def _sample(session: Session, samples: Samples) -> None:
    stages = [
        {"$currentOp": {"allUsers": True, "idleConnections": False}},
        {"$match": _FILTER},
        {"$project": dict.fromkeys(_FIELDS, 1)},
    ]
    command = {"aggregate": 1, "pipeline": stages, "cursor": {}}
    for row in session.documents("admin", command):
        samples.add(row)
    samples.count += 1


def waiting_for(row: Document) -> str:
    """``lock``, ``latch``, ``flowcontrol``, or "" for an operation that waits for none of them."""
    waiting = next((name for name in _WAITS if row.get(name) is True), "")
    return waiting.removeprefix("waitingFor").lower()


def users_of(row: Document) -> Iterator[str]:
    """Who runs an operation: ``name@database``."""
    users = row.get("effectiveUsers")
    for user in users if isinstance(users, list) else ():
        if isinstance(user, dict):
            yield f"{user.get('user')}@{user.get('db')}"


def _estimate(text: str, seen: _Seen, period_ms: float) -> Statement:
    total_ms = seen.samples * period_ms
    plans = [plan for plan, _ in seen.plans.most_common() if plan]
    return Statement(
        text=text,
        calls=len(seen.operations),
        total_ms=total_ms,
        mean_ms=total_ms / len(seen.operations),
        max_ms=seen.longest_ms or None,
        plan_summary="; ".join(plans[:2]),
        waits=tuple(
            f"{name} {100 * count / seen.samples:.0f} %"
            for name, count in sorted(seen.waits.items(), key=lambda item: (-item[1], item[0]))
            if name
        ),
        databases=(seen.database,),
        users=tuple(sorted(seen.users)),
        ids=tuple(sorted(seen.hashes)),
    )
