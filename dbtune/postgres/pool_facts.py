"""What pool sizes need to know of a server: its limits, and the load it has just now.

Rate and hold time come from two readings of ``pg_stat_database``, the share of waiting from samples
of ``pg_stat_activity`` between them: a session that is active and waits for nothing is on a CPU or
wants to be.

Sessions report to ``pg_stat_database`` at most once a second. Since PostgreSQL 15 a transaction
that touches no table is not reported until a later one of its session does (seen on 15 to 18),
which is rare in an application but common in experiments with ``pg_sleep``.
"""

from __future__ import annotations

from dataclasses import dataclass

from dbtune.errors import Unavailable
from dbtune.finding import Skipped
from dbtune.postgres.session import Row, Session
from dbtune.statements import Wait

SAMPLES_PER_SECOND = 10
FEWEST_OBSERVATIONS = 50
"""Busy connections seen, over all samples, from which on a share is told: ±14 points at worst."""
MOST_WAIT_SHARE = 0.99
"""A share of 1 would mean that the CPUs can serve any number of connections."""

_GRANT = "GRANT pg_read_all_stats TO CURRENT_USER;  -- or pg_monitor, which includes it"


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """Connections that a server allows.

    Attributes:
        max_connections: in all.
        superuser_reserved: of which only superusers get these.
        reserved_connections: of which only roles with ``pg_use_reserved_connections`` get these;
            0 before PostgreSQL 16.
    """

    max_connections: int
    superuser_reserved: int
    reserved_connections: int


@dataclass(frozen=True, slots=True)
class Load:
    """The load that was observed; ``None`` where it could not be.

    Attributes:
        seconds: observed time.
        per_second: transactions per second, of all databases.
        hold_ms: mean time that each held its connection.
        wait_share: share of that time off the CPU.
        observations: busy connections seen in all samples together.
        skipped: what could not be observed, and why.
    """

    seconds: float
    per_second: float | None = None
    hold_ms: float | None = None
    wait_share: float | None = None
    observations: int = 0
    skipped: tuple[Skipped, ...] = ()


def read_limits(session: Session) -> ConnectionLimits:
    """Read the server's limits.

    Raises:
        Unavailable: the settings can't be read.
        TargetError: the connection broke.
    """
    row = session.fact("pool_limits")[0]
    return ConnectionLimits(
        row["max_connections"], row["superuser_reserved"], row["reserved_connections"] or 0
    )


def observe(session: Session, seconds: float, wait: Wait) -> Load:
    """Observe the load for some time.

    Raises:
        Unavailable: the statistics can't be read.
        TargetError: the connection broke.
    """
    samples: list[Row] = []
    first = session.fact("pool_work")[0]
    wait(
        seconds,
        "observing the load",
        1 / SAMPLES_PER_SECOND,
        lambda: samples.append(session.fact("pool_sample")[0]),
    )
    second = session.fact("pool_work")[0]
    # Each of dbtune's own reads is a transaction too; the second reading does not see its own.
    return load_between(first, second, samples, own_transactions=len(samples) + 1)


def load_between(first: Row, second: Row, samples: list[Row], *, own_transactions: int = 0) -> Load:
    """The load between two readings, with samples taken meanwhile."""
    seconds = (second["at"] - first["at"]).total_seconds()
    skipped: list[Skipped] = []
    per_second = hold_ms = wait_share = None
    try:
        transactions = _transactions(first, second, own_transactions)
        per_second = transactions / seconds
        hold_ms = _hold_ms(first, second, transactions)
    except Unavailable as missing:
        what = "demand" if per_second is None else "hold time"
        skipped.append(Skipped(what, missing.reason, missing.remedy))
    try:
        wait_share = wait_share_of(samples)
    except Unavailable as missing:
        skipped.append(Skipped("share of waiting", missing.reason, missing.remedy))
    observations = sum(sample["held"] for sample in samples)
    return Load(seconds, per_second, hold_ms, wait_share, observations, tuple(skipped))


def _transactions(first: Row, second: Row, own: int) -> int:
    ended = second["transactions"] - first["transactions"]
    if ended < 0 or second["stats_reset"] != first["stats_reset"]:
        raise Unavailable("the statistics were reset meanwhile; try again")
    if ended - own <= 0:
        raise Unavailable(
            "no transaction was counted while dbtune observed; use a longer --interval, at a busy"
            " time",
            "or give --rps and --hold-time",
        )
    return int(ended - own)


def _hold_ms(first: Row, second: Row, transactions: int) -> float:
    if first["held_ms"] is None:
        raise Unavailable(
            "PostgreSQL 13 does not count the time of sessions (14 does)", "give --hold-time"
        )
    held = float(second["held_ms"] - first["held_ms"])
    if held <= 0:
        raise Unavailable(
            "no session reported its time while dbtune observed; use a longer --interval",
            "or give --hold-time",
        )
    return held / transactions


def wait_share_of(samples: list[Row]) -> float:
    """The share of time off the CPU of connections that are held.

    Raises:
        Unavailable: sessions are hidden from this role, or too few were busy.
    """
    if any(sample["hidden"] for sample in samples):
        raise Unavailable("what other roles' sessions do is hidden from this role", _GRANT)
    held = sum(int(sample["held"]) for sample in samples)
    if held < FEWEST_OBSERVATIONS:
        raise Unavailable(
            f"only {held} busy connections were seen in {len(samples)} samples; use a longer"
            " --interval, at a busy time",
            "or give --wait-share",
        )
    on_cpu = sum(int(sample["on_cpu"]) for sample in samples)
    # Parallel workers are on CPUs for one held connection: they can be more than it.
    return min(MOST_WAIT_SHARE, max(0.0, 1 - on_cpu / held))
