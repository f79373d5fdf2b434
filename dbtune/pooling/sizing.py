"""The size of each pool: as large as the waits ask for, no larger than CPUs and server allow."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from dbtune.pooling.demand import BUSIEST, Demand
from dbtune.pooling.derivation import Step
from dbtune.pooling.inputs import PoolInputs, round_down, round_up
from dbtune.pooling.limits import Limits, Parallelism
from dbtune.pooling.queueing import MOST_CONNECTIONS
from dbtune.text import ms_text, ratio_text


class Constraint(StrEnum):
    """What decided the size."""

    wait_target = "wait target"
    balance = "CPUs are just all busy"
    twice_the_load = "room for twice the load"
    cap = "CPU cap"
    server = "server connections"
    threads = "application threads"
    impossible = "no size works"
    unknown = "not enough inputs"


class Shortage(StrEnum):
    """Why no size works."""

    cpus = "more than the CPUs can do"
    threads = "more than the application's threads can do"
    server = "more connections than the server has"
    ceiling = "more pools than the server has connections"


@dataclass(frozen=True, slots=True)
class Setting:
    """Everything that sizes depend on.

    Attributes:
        inputs: as given.
        demand: what the application asks for, if known.
        limits: what the server allows, if known.
        parallelism: what the CPUs can do at once, if known.
    """

    inputs: PoolInputs
    demand: Demand | None
    limits: Limits | None
    parallelism: Parallelism | None

    @property
    def pools(self) -> int | None:
        """Equal pools that share the load: PgBouncer's, or one in each application process."""
        return self.inputs.pooler_pools if self.inputs.pooler else self.inputs.processes

    @property
    def peak_pools(self) -> int | None:
        """The same while a rolling deploy runs old and new instances together."""
        return self.inputs.pooler_pools if self.inputs.pooler else self.inputs.peak_processes

    @property
    def ceiling(self) -> int | None:
        """Connections that each pool may have by the server's budget."""
        if self.limits is None or self.peak_pools is None:
            return None
        return self.limits.budget // self.peak_pools

    @property
    def concurrency(self) -> int | None:
        """Requests that the application can have in flight, if the number of threads is known."""
        processes, threads = self.inputs.processes, self.inputs.threads
        return None if processes is None or threads is None else processes * threads

    @property
    def cpus_busy(self) -> float | None:
        """CPUs that the peak keeps busy: ``a · (1 − w)``."""
        if self.demand is None or self.inputs.wait_share is None:
            return None
        return self.demand.busy_peak * (1 - self.inputs.wait_share)


def shortages(setting: Setting) -> frozenset[Shortage]:
    """Everything that makes the inputs impossible together."""
    found = set()
    demand, ceiling = setting.demand, setting.ceiling
    pools = setting.pools or 1
    if ceiling is not None and ceiling < 1:
        found.add(Shortage.ceiling)
    if demand is None:
        return frozenset(found)
    offered = demand.busy_peak / pools
    if offered >= MOST_CONNECTIONS or (ceiling is not None and offered >= ceiling >= 1):
        found.add(Shortage.server)
    if setting.concurrency is not None and demand.busy_peak >= setting.concurrency:
        found.add(Shortage.threads)
    if setting.parallelism is not None and setting.inputs.cpus is not None:
        # Without the share of waiting, CPU time is unknown, and the cap is all there is to go by.
        if setting.cpus_busy is not None:
            overloaded = setting.cpus_busy >= setting.inputs.cpus
        else:
            overloaded = demand.busy_peak >= setting.parallelism.cap
        if overloaded:
            found.add(Shortage.cpus)
    return frozenset(found)


@dataclass(frozen=True, slots=True)
class _Candidates:
    """Sizes of each pool that different reasons ask for; ``None`` where a reason doesn't apply."""

    target: int | None
    doubled: int | None
    balance: int | None
    cap: int | None
    ceiling: int | None
    threads: int | None


def choose_size(
    setting: Setting, short: frozenset[Shortage], steps: list[Step]
) -> tuple[int | None, Constraint]:
    """The size of each pool and what decided it; no size where none works."""
    pools = setting.pools
    if pools is not None and pools > 1:
        steps.append(_pools_step(setting.inputs, pools))
    if short:
        return None, Constraint.impossible
    if pools is None or (setting.demand is None and setting.parallelism is None):
        return None, Constraint.unknown
    sizes = _candidates(setting, pools)
    if setting.demand is not None and sizes.target is not None:
        steps.append(_target_step(setting.demand, pools, sizes.target))
    size, why = _wanted(sizes)
    for limit, reason in (
        (sizes.cap, Constraint.cap),
        (sizes.ceiling, Constraint.server),
        (sizes.threads, Constraint.threads),
    ):
        if limit is not None and size > limit:
            size, why = limit, reason
    steps.append(_size_step(sizes, pools, size, why))
    return size, why


def _candidates(setting: Setting, pools: int) -> _Candidates:
    demand, parallelism = setting.demand, setting.parallelism
    target = doubled = balance = cap = None
    if demand is not None:
        target = demand.needed(pools)
        doubled = demand.needed(pools, load=2)
    if parallelism is not None:
        balance = round_up(parallelism.balanced / pools)
        cap = max(1, parallelism.cap // pools)
    if demand is not None and parallelism is not None and target is not None and cap is not None:
        cap = max(cap, round_down(demand.busy_peak / pools) + 1)
        # One pool can hold the cap. Separate pools cannot: each needs slack of its own, while the
        # sum of busy connections stays the same. So they may exceed it where one pool would have
        # met the target; pool.wide-app-pools tells.
        if (demand.needed() or 0) <= parallelism.cap:
            cap = max(cap, target)
    # A thread holds one connection at most: more than threads would never be used.
    threads = None if setting.inputs.pooler else setting.inputs.threads
    return _Candidates(target, doubled, balance, cap, setting.ceiling, threads)


def _wanted(sizes: _Candidates) -> tuple[int, Constraint]:
    """Enough for the target, and room for twice the load as far as the CPUs can use it."""
    if sizes.target is None:
        assert sizes.cap is not None
        return sizes.cap, Constraint.cap
    if sizes.balance is None or sizes.doubled is None:
        return sizes.target, Constraint.wait_target
    room = min(sizes.balance, sizes.doubled)
    if room <= sizes.target:
        return sizes.target, Constraint.wait_target
    at_twice = sizes.doubled <= sizes.balance
    return room, Constraint.twice_the_load if at_twice else Constraint.balance


def _pools_step(inputs: PoolInputs, pools: int) -> Step:
    if inputs.pooler:
        formula = "PgBouncers · databases · users"
        numbers = f"{inputs.poolers} × {inputs.databases} × {inputs.users}"
        source = "PgBouncer keeps a pool for each user and database"
    else:
        formula, numbers = "instances · processes", f"{inputs.instances} × {inputs.workers}"
        source = "each process has its own pool"
    return Step("k", "equal pools that share the load", formula, numbers, pools, "pools", source)


def _target_step(demand: Demand, pools: int, needed: int) -> Step:
    waits = []
    for size in (needed - 1, needed):
        wait = demand.wait(size, pools) if size > 0 else None
        busy = demand.busy_peak / pools / size if size > 0 else 1
        text = "never ends" if wait is None else f"{ms_text(wait.p95_ms)} at {ratio_text(busy)}"
        waits.append(f"{size}: {text}")
    load = "a / k" if pools > 1 else "a"
    return Step(
        "c",
        f"smallest pool in which p95 of the wait is at most {ms_text(demand.target_ms)}",
        f"min c: p95({load}, S, c) ≤ T, {load} / c ≤ {ratio_text(BUSIEST)}",
        "; ".join(waits) if needed > 1 else waits[-1],
        needed,
        "connections",
        demand.waits_source,
    )


def _size_step(sizes: _Candidates, pools: int, size: int, why: Constraint) -> Step:
    share = " / k" if pools > 1 else ""
    terms = []
    if sizes.target is not None:
        if sizes.balance is None:
            terms.append(("c", str(sizes.target)))
        else:
            numbers = f"max({sizes.target}, min({sizes.balance}, {sizes.doubled}))"
            terms.append((f"max(c, min(N*{share}, c at 2·a))", numbers))
    limits = ((f"cap{share}", sizes.cap), (f"B{share}", sizes.ceiling), ("threads", sizes.threads))
    terms += [(name, str(value)) for name, value in limits if value is not None]
    return Step(
        "n",
        "size of each pool" if pools > 1 else "pool size",
        _smallest(name for name, _ in terms),
        _smallest(numbers for _, numbers in terms),
        size,
        "connections",
        f"decided by: {why}",
    )


def _smallest(terms: Iterable[str]) -> str:
    first, *others = terms
    return f"min({', '.join((first, *others))})" if others else first
