"""What an observed load says of the demand for connections, with intervals of error.

Busy connections are counted look by look; with the rate of transactions they give the time that one
holds its connection (Little's law, backwards). So the hold time is known on every version, long
transactions that end after the observation are in it, and both follow the same looks.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from dbtune.finding import Skipped
from dbtune.pooling import series
from dbtune.pooling.inputs import Contended
from dbtune.pooling.load import Load
from dbtune.pooling.series import Estimate
from dbtune.text import count_text, ms_text

FEWEST_OBSERVATIONS = 50
"""Busy connections seen, over all looks, from which on shares are told: ±14 points at worst."""
FEWEST_WINDOWS = 10
"""Seconds watched from which on their peak is taken for the load's; else it is twice the mean."""
PEAK_OVER_MEAN = 2.0
"""Peak factor where the rate was measured, but no peak."""
MOST_WAIT_SHARE = 0.99
"""A share of 1 would mean that the CPUs can serve any number of connections."""
_SATURATED = 1 / 3
"""Share of sessions blocked by latches from which on these are taken to be busy all the time."""
_QUEUEING = 1 / 4
"""The same for locks, if there is somebody new at them at each look. Of TPC-B with a lock for every
two connections 0.30 are blocked, and more of them were slower (``scripts/bench/pool``)."""
_FEWEST_LOCK_LOOKS = 3
_LEAST_MOVED = 0.5
"""Share of new holders from look to look, from which on sessions take turns."""
REPORT_SECONDS = 0.5
"""Sessions report once a second: by so much may either end of the observation be off."""
FEWEST_CALLS = 100
MOST_CALLS_PER_TRANSACTION = 1.5
"""Where transactions are hardly more than a statement, its variance is theirs."""

HIDDEN = "share of waiting"
"""What is skipped where sessions don't tell what they do."""
_GRANT = "GRANT pg_read_all_stats TO CURRENT_USER;  -- or pg_monitor, which includes it"


class Quantity(NamedTuple):
    """A measured number and where it comes from."""

    estimate: Estimate
    source: str


class About(NamedTuple):
    """What a measured number means: its title, and its unit as in derivations."""

    title: str
    unit: str


ABOUT: Mapping[str, About] = {
    "busy": About("busy connections, mean", "connections"),
    "busy_p95": About("busy connections, 95 % of the time at most", "connections"),
    "busy_peak": About("busy connections, busiest second", "connections"),
    "per_second": About("transactions per second", "/s"),
    "hold_ms": About("mean time that one holds a connection", "ms"),
    "wait_ms": About("mean wait for a connection", "ms"),
    "wait_share": About("share of the held time off the CPU", "share"),
    "cpus_busy": About("processes on a CPU or wanting one", "processes"),
    "variance": About("variance of a statement's time (cs²)", ""),
}
"""All measured numbers, in the order in which reports list them."""

Quantities = Mapping[str, Quantity]
Known = dict[str, tuple[Any, str]]
"""Value and origin by field name of :class:`~dbtune.pooling.inputs.PoolInputs`."""


def of_load(load: Load) -> tuple[Quantities, tuple[Skipped, ...]]:
    """What a server's load says, and what it does not and why."""
    found: dict[str, Quantity] = {}
    skipped = list(load.skipped)
    if load.count:
        found |= _of_looks(load, skipped)
    rate = _rate(load)
    if rate is not None:
        found["per_second"] = Quantity(rate, "pg_stat_database")
    elif not load.skipped:
        skipped.append(_no_rate(load))
    found |= _of_counters(load, found)
    if _idle(found):
        skipped.append(
            Skipped(
                "demand",
                f"only {count_text(load.transactions)} transactions were counted in"
                f" {ms_text(load.seconds * 1000)}: no size follows from so few; use a longer"
                " --interval, at a busy time",
                "give dbtune pool-size --rps and --hold-time",
            )
        )
    if "hold_ms" not in found and not load.skipped and rate is not None:
        why = "too few busy connections were seen; use a longer --interval, at a busy time"
        if not load.seen:
            why = "sessions are hidden, and PostgreSQL 13 does not count their time (14 does)"
        skipped.append(Skipped("hold time", why, "give dbtune pool-size --hold-time"))
    calls = sum(one.calls for one in load.calls)
    if calls >= FEWEST_CALLS and calls <= MOST_CALLS_PER_TRANSACTION * load.transactions:
        found["variance"] = Quantity(
            Estimate(variance(load)), f"pg_stat_statements, {count_text(round(calls))} calls"
        )
    return found, tuple(skipped)


def variance(load: Load) -> float:
    """Squared coefficient of variation of the time of all statements that were called."""
    calls = sum(one.calls for one in load.calls)
    total = sum(one.total_ms for one in load.calls)
    squares = sum(one.squares_ms2 for one in load.calls)
    return max(0.0, squares * calls / total**2 - 1) if total else 1.0


def windows(load: Load) -> int:
    """Looks in a second."""
    return max(1, round(1 / load.looks.every_seconds)) if load.looks.every_seconds else 1


def known_of(found: Quantities) -> Known:
    """Inputs of a pool plan that were measured."""
    names = {
        "requests_per_second": "per_second",
        "hold_time_ms": "hold_ms",
        "wait_share": "wait_share",
        "variance": "variance",
    }
    if _idle(found):
        names = {name: one for name, one in names.items() if one not in {"per_second", "hold_ms"}}
    known: Known = {
        name: (found[one].estimate.value, found[one].source)
        for name, one in names.items()
        if one in found
    }
    if "requests_per_second" in known:
        known["peak_factor"] = (PEAK_OVER_MEAN, "default for a measured mean")
        mean, peak = found.get("busy"), found.get("busy_peak")
        if mean is not None and peak is not None and mean.estimate.value > 0:
            factor = max(1.0, peak.estimate.value / mean.estimate.value)
            known["peak_factor"] = (factor, "the busiest second")
    return known


def _idle(found: Quantities) -> bool:
    """Whether so little ran that the rate can't be told from none: no size follows from that."""
    rate = found.get("per_second")
    return rate is not None and rate.estimate.low == 0


def _of_looks(load: Load, skipped: list[Skipped]) -> dict[str, Quantity]:
    looks = load.looks
    if looks.hidden or looks.untracked:
        why = "what other roles' sessions do is hidden from this role"
        remedy = _GRANT
        if not looks.hidden:
            why, remedy = "sessions do not tell what they do", "SET track_activities = on;"
        skipped.append(Skipped(HIDDEN, why, remedy))
        return {}
    source = f"pg_stat_activity, {load.count:,} looks"
    if any(looks.left_open):
        source += f", without {max(looks.left_open)} left in a transaction"
    found = {}
    held = sum(looks.busy)
    if load.count > 1 and held:
        found["busy"] = Quantity(series.mean(looks.busy), source)
        found["busy_p95"] = Quantity(series.quantile(looks.busy, 0.95), source)
        window = windows(load)
        if load.count >= FEWEST_WINDOWS * window:
            found["busy_peak"] = Quantity(series.peak(looks.busy, window), source)
        found["cpus_busy"] = Quantity(series.mean(looks.on_cpu), source)
    if held < FEWEST_OBSERVATIONS:
        skipped.append(
            Skipped(
                HIDDEN,
                f"only {held} busy connections were seen in {load.count} looks; use a longer"
                " --interval, at a busy time",
                "give dbtune pool-size --wait-share",
            )
        )
        return found
    # Parallel workers are on CPUs for one held connection: they can be more than it.
    share = series.ratio(looks.on_cpu, looks.busy)
    low, high = (None if end is None else _share(1 - end) for end in (share.high, share.low))
    found["wait_share"] = Quantity(
        Estimate(_share(1 - share.value), low, high), f"pg_stat_activity, {held:,} observations"
    )
    return found


def balanced_of(load: Load, cpus: float | None) -> float | None:
    """Connections that keep the scarcest resource busy; ``None`` if looks don't tell.

    A look also sees sessions that are there only because there are so many: those that want a CPU
    when all are taken, and those blocked by another's lock or latch. More connections would make
    more of these and nothing faster. So there are two bounds (asymptotic bounds of balanced jobs,
    Denning and Buzen 1978):

    * ``CPUs · S0 / C``: the time that a request takes alone by the CPU time in it;
    * ``L · (1 − b)``: of ``L`` busy connections a share ``b`` of a third or more is blocked by
      latches, and the others keep busy what they wait for. Locks: :func:`contended_of`.
    """
    whole, looks = load.whole, load.looks
    on_cpu = sum(looks.on_cpu)
    running = on_cpu if cpus is None else sum(min(one, cpus) for one in looks.on_cpu)
    held, blocked = sum(looks.busy), whole.lock + whole.latch
    bounds = []
    if cpus is not None and running > 0:
        alone = max(running, held - blocked - (on_cpu - running))
        bounds.append(cpus * min(1 / (1 - MOST_WAIT_SHARE), alone / running))
    if held and whole.latch >= _SATURATED * held:
        bounds.append((held - blocked) / load.count)
    return min(bounds, default=None)


def contended_of(load: Load) -> Contended | None:
    """What a load is like that takes turns at locks all the time; ``None`` for any other.

    A quarter or more of the held connections wait, those that are waited for are seen, and they are
    others at each look: a session that sits on a lock is an incident, and no size helps against it.
    """
    whole, turns = load.whole, load.turns
    held, blocked = sum(load.looks.busy), whole.lock + whole.latch
    if not whole.lock or blocked < _QUEUEING * held:
        return None
    if turns.count < _FEWEST_LOCK_LOOKS or turns.moved < _LEAST_MOVED:
        return None
    locks = max(1.0, turns.holders)
    return Contended(max(locks, (held - blocked) / load.count), locks)


def _share(value: float) -> float:
    return min(MOST_WAIT_SHARE, max(0.0, value))


def _rate(load: Load) -> Estimate | None:
    """Transactions per second: chance of Poisson's kind, and what is reported late."""
    rate = load.per_second
    if not rate or not load.transactions:
        return None
    if not load.seconds:  # counted for long
        return Estimate(rate)
    error = rate * (1.96 / math.sqrt(load.transactions) + REPORT_SECONDS / load.seconds)
    return Estimate(rate, max(0.0, rate - error), rate + error)


def _no_rate(load: Load) -> Skipped:
    remedy = "give dbtune pool-size --rps and --hold-time"
    if load.seconds:
        why = (
            "no transaction was counted while dbtune observed; use a longer --interval, at a busy"
            " time"
        )
        return Skipped("demand", why, remedy)
    return Skipped("demand", "it is not known since when the server counts", remedy)


def _of_counters(load: Load, found: Quantities) -> dict[str, Quantity]:
    """The hold time, and the mean of busy connections where they were not seen."""
    rate, busy = found.get("per_second"), found.get("busy")
    counted = [one.held_ms for one in load.work if one.held_ms is not None]
    held_ms = sum(counted) if counted else 0.0
    few = sum(load.looks.busy) < FEWEST_OBSERVATIONS or busy is None
    if held_ms > 0 and load.transactions and few:
        hold = held_ms / load.transactions
        more = {"hold_ms": Quantity(Estimate(hold), "pg_stat_database")}
        if rate is not None:
            mean = rate.estimate.scaled(hold / 1000)
            more["busy"] = Quantity(Estimate(mean.value), "pg_stat_database")
        return more
    if busy is None or rate is None:
        return {}
    hold_time = busy.estimate.over(rate.estimate).scaled(1000)
    return {"hold_ms": Quantity(hold_time, "busy connections / transactions per second")}
