"""The size of each pool: as large as the waits ask for, no larger than CPUs and server allow."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

from dbtune.pooling.demand import BUSIEST, Demand
from dbtune.pooling.derivation import Step
from dbtune.pooling.inputs import PoolInputs, round_down
from dbtune.pooling.limits import Limits, Parallelism
from dbtune.pooling.queueing import MOST_CONNECTIONS, waiting
from dbtune.text import ms_text, ratio_text


class Constraint(StrEnum):
    """What decided the size."""

    wait_target = "wait target"
    twice_the_load = "room for twice the load"
    cap = "CPU cap"
    locks = "locks that sessions take turns at"
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


class Setting(NamedTuple):
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
    def by_locks(self) -> bool:
        """Whether locks cap the size, not CPUs."""
        return self.parallelism is not None and self.parallelism.by_locks

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
    full = ceiling is not None and offered >= ceiling >= 1 and not setting.by_locks
    if demand.busy_peak >= MOST_CONNECTIONS or full:  # however many pools: it is one server
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


def choose_size(
    setting: Setting, short: frozenset[Shortage], steps: list[Step]
) -> tuple[int | None, Constraint]:
    """The size of each pool and what decided it; no size where none works.

    The smallest that meets the target at twice the load, because that is what tomorrow brings; but
    never more than the CPUs serve well, the server gives, or the application can use. Without CPUs
    nobody knows what more connections would do to the server: then it's the load as given.
    """
    pools, demand = setting.pools, setting.demand
    if pools is not None and pools > 1:
        steps.append(_pools_step(setting.inputs, pools))
    if short:
        return None, Constraint.impossible
    cap = _cap(setting, pools or 1)
    # A thread holds one connection at most: more than threads would never be used.
    threads = None if setting.inputs.pooler else setting.inputs.threads
    if pools is None or (demand is None and cap is None and threads is None):
        return None, Constraint.unknown
    candidates: list[tuple[str, int | None, Constraint]] = []
    if demand is not None:
        steps.append(_needed_step("c", demand, pools))
        candidates.append(("c", demand.needed(pools), Constraint.wait_target))
        doubled = demand.needed(pools, load=2)
        if cap is not None and doubled is not None:
            steps.append(_needed_step("c2", demand, pools, load=2))
            candidates = [("c2", doubled, Constraint.twice_the_load)]
    share = " / k" if pools > 1 else ""
    candidates += [
        (f"cap{share}", cap, Constraint.locks if setting.by_locks else Constraint.cap),
        (f"B{share}", setting.ceiling, Constraint.server),
        ("threads", threads, Constraint.threads),
    ]
    known = [(name, size, why) for name, size, why in candidates if size is not None]
    _, size, why = min(known, key=lambda one: one[1])  # the first of equals
    steps.append(
        Step(
            "n",
            "size of each pool" if pools > 1 else "pool size",
            _smallest(name for name, _, _ in known),
            _smallest(str(size) for _, size, _ in known),
            size,
            "connections",
            f"decided by: {why}",
        )
    )
    return size, why


def _cap(setting: Setting, pools: int) -> int | None:
    """What the CPUs serve well, for each pool.

    One pool can hold the cap. Separate pools cannot: each needs slack of its own, while the sum of
    busy connections stays the same. So they may exceed it where one pool would have met the target;
    the check ``pool.wide-app-pools`` tells.
    """
    demand, parallelism = setting.demand, setting.parallelism
    if parallelism is None:
        return None
    cap = max(1, parallelism.cap // pools)
    contended = setting.inputs.contended
    if setting.by_locks and contended is not None and not contended.queued:
        # No more than are held now, most of which queue. With fewer, who does not need the locks
        # would wait for those who do.
        return None if demand is None else max(cap, round_down(demand.busy_mean / pools) + 1)
    if demand is None or setting.by_locks:
        return cap
    if (demand.needed() or 0) <= parallelism.cap:
        cap = max(cap, demand.needed(pools) or 0)
    return max(cap, round_down(demand.busy_peak / pools) + 1)


def _pools_step(inputs: PoolInputs, pools: int) -> Step:
    if inputs.pooler:
        formula = "PgBouncers · databases · users"
        numbers = f"{inputs.poolers} × {inputs.databases} × {inputs.users}"
        source = "PgBouncer keeps a pool for each user and database"
    else:
        formula, numbers = "instances · processes", f"{inputs.instances} × {inputs.workers}"
        source = "each process has its own pool"
    return Step("k", "equal pools that share the load", formula, numbers, pools, "pools", source)


def _needed_step(symbol: str, demand: Demand, pools: int, load: float = 1) -> Step:
    needed = demand.needed(pools, load)
    assert needed is not None  # else Shortage.server
    offered, waits = demand.busy_peak * load / pools, []
    for size in range(max(1, needed - 1), needed + 1):
        wait = waiting(offered, demand.hold_ms, size, demand.variance)
        text = "never ends" if wait is None else ms_text(wait.p95_ms)
        waits.append(f"{size}: {text} at {ratio_text(min(1, offered / size))}")
    busy = ("2 · " if load == 2 else "") + ("a / k" if pools > 1 else "a")
    twice = " at twice the load" if load == 2 else ""
    return Step(
        symbol,
        f"smallest pool in which p95 of the wait is at most {ms_text(demand.target_ms)}{twice}",
        f"min c: p95({busy}, S, c) ≤ T, {busy} ≤ {ratio_text(BUSIEST)} of c",
        "; ".join(waits),
        needed,
        "connections",
        demand.waits_source,
    )


def _smallest(terms: Iterable[str]) -> str:
    first, *others = terms
    return f"min({', '.join((first, *others))})" if others else first
