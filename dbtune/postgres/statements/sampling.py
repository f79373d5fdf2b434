"""Statements from samples of pg_stat_activity, for servers without pg_stat_statements.

Ten samples a second cost about 0.2 % of one core. Shares of time are unbiased; calls are a lower
bound, because a statement that starts and ends between two samples is not seen.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from dbtune.postgres.session import Row, Session
from dbtune.postgres.sqltext import fingerprint, masked
from dbtune.statements import Statement, Wait

RATE_HZ = 10
_HIDDEN = "<insufficient privilege>"


@dataclass(frozen=True, slots=True)
class Samples:
    """Samples of the sessions that were not idle.

    Attributes:
        seconds: observed time.
        count: samples taken.
        rows: one row for each session in each sample.
    """

    seconds: float
    count: int
    rows: tuple[Row, ...]

    @property
    def active(self) -> list[Row]:
        """Rows of sessions that ran a statement which this role may see."""
        return [row for row in self.rows if row["state"] == "active" and _visible(row)]

    @property
    def hidden(self) -> int:
        """Rows whose statement is hidden from this role."""
        return sum(not _visible(row) for row in self.rows)

    @property
    def idle_in_transaction(self) -> float:
        """Sessions that sat in an open transaction, on average."""
        idle = sum(str(row["state"]).startswith("idle in transaction") for row in self.rows)
        return idle / self.count if self.count else 0.0


def _visible(row: Row) -> bool:
    return row["query"] not in (None, "", _HIDDEN)


def take_samples(session: Session, seconds: float, wait: Wait) -> Samples:
    """Sample pg_stat_activity for a bounded time.

    Raises:
        TargetError: the connection broke.
    """
    taken: list[list[Row]] = []
    wait(
        seconds,
        "sampling pg_stat_activity",
        1 / RATE_HZ,
        lambda: taken.append(session.fact("activity_sample")),
    )
    return Samples(seconds, len(taken), tuple(row for rows in taken for row in rows))


@dataclass(slots=True)
class _Seen:
    samples: int = 0
    executions: set[tuple[object, object]] = field(default_factory=set)
    waits: Counter[str] = field(default_factory=Counter)
    databases: set[str] = field(default_factory=set)
    users: set[str] = field(default_factory=set)
    text: str = ""


def statements_from(samples: Samples) -> list[Statement]:
    """Statements with estimated time; constants in their texts are masked."""
    groups: defaultdict[str, _Seen] = defaultdict(_Seen)
    for row in samples.active:
        seen = groups[fingerprint(row["query"])]
        seen.samples += 1
        seen.executions.add((row["pid"], row["query_start"]))
        seen.waits[_wait_name(row)] += 1
        seen.databases.add(row["database"] or "")
        seen.users.add(row["username"] or "")
        seen.text = seen.text or masked(row["query"])
    period_ms = 1000 * samples.seconds / samples.count
    return [_estimate(seen, period_ms) for seen in groups.values()]


def _wait_name(row: Row) -> str:
    return f"{row['wait_event_type']}:{row['wait_event']}" if row["wait_event"] else "CPU"


def _estimate(seen: _Seen, period_ms: float) -> Statement:
    total_ms = seen.samples * period_ms
    return Statement(
        text=seen.text,
        calls=len(seen.executions),
        total_ms=total_ms,
        mean_ms=total_ms / len(seen.executions),
        waits=tuple(
            f"{name} {100 * count / seen.samples:.0f} %"
            for name, count in sorted(seen.waits.items(), key=lambda item: (-item[1], item[0]))[:3]
        ),
        databases=tuple(sorted(seen.databases - {""})),
        users=tuple(sorted(seen.users - {""})),
    )


def share_error(statements: Sequence[Statement] | Iterable[Statement], samples: Samples) -> float:
    """Half width of the 95 % interval of the largest share, from the binomial distribution.

    Consecutive samples of one long statement are not independent, so it is a lower bound.
    """
    seen = len(samples.active)
    if not seen:
        return 0.0
    largest = max((one.total_ms for one in statements), default=0.0)
    share = min(1.0, largest / (seen * 1000 * samples.seconds / samples.count))
    return 1.96 * math.sqrt(share * (1 - share) / seen)
