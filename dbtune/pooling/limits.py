"""What the server allows (connections) and what it can do at once (CPUs, locks)."""

from __future__ import annotations

from typing import NamedTuple

from dbtune.pooling.derivation import Step
from dbtune.pooling.inputs import Contended, PoolInputs, round_down, round_up
from dbtune.pooling.queueing import smallest_taking_turns
from dbtune.text import count_text, ratio_text

CAP_PER_CPU = 4
"""Connections per CPU beyond which more made CPU-bound work slower, not faster."""
CAP_OVER_BALANCE = 1.5
"""The same for work that waits, relative to the balanced number."""

IDLE_LOCK = 0.02
"""Share of the time in which nobody may hold a contended lock."""
IDLE_LOCKS = 0.05
"""The same where there are several. Chance leaves some idle however many come, and who comes only
queues: on TPC-B with ten branches 24 connections did less than 20 (``scripts/bench/pool``)."""

BALANCED = "Denning & Buzen 1978; Goetz 2006"
CAP = "measured by dbtune: 92–100 % of the best throughput on ten workloads"

TURNS = "machine-repair model (Palm 1947), Erlang B"


class Limits(NamedTuple):
    """Server connections that an application may have.

    Attributes:
        usable: everything but reserved slots and other consumers; the hard limit.
        budget: what is planned with; the margin is left for deploys, reserves and mistakes.
        per_instance: the budget's even share of an instance, if instances are known.
    """

    usable: int
    budget: int
    per_instance: int | None


class Parallelism(NamedTuple):
    """How many connections the server's CPUs can serve at once.

    Attributes:
        balanced: N*, where CPUs are just busy all the time; a lower bound if waits are unknown.
        cap: more connections than this lower the throughput.
        waits_known: the share of time off the CPU is known; without it nothing is taken to wait.
        by_locks: the cap is what locks serve that sessions take turns at.
    """

    balanced: float
    cap: int
    waits_known: bool
    by_locks: bool = False


def limits_of(inputs: PoolInputs, steps: list[Step]) -> Limits | None:
    """Server connections for the application, or ``None`` without ``max_connections``.

    The margin covers reserved slots and other consumers as far as it reaches; where they need more,
    they decide.
    """
    total = inputs.max_connections
    if total is None:
        return None
    reserved = inputs.superuser_reserved + inputs.reserved_connections
    usable = max(0, total - reserved - inputs.other_connections)
    budget = min(round_down(total * inputs.margin), usable)
    per_instance = None if inputs.instances is None else budget // inputs.instances
    steps.append(
        Step(
            "U",
            "server connections that applications can get",
            "max_connections − reserved − others",
            f"{total} − {reserved} − {inputs.other_connections}",
            usable,
            "connections",
            "PostgreSQL documentation, runtime-config-connection",
        )
    )
    steps.append(
        Step(
            "B",
            "server connections to plan with",
            "min(⌊max_connections · margin⌋, U)",
            f"min(⌊{total} × {inputs.margin:g}⌋, {usable})",
            budget,
            "connections",
            "margin for deploys, reserves and mistakes",
        )
    )
    if inputs.instances is not None and per_instance is not None:
        steps.append(
            Step(
                "B/i",
                "ceiling per application instance",
                "⌊B / instances⌋",
                f"⌊{budget} / {inputs.instances}⌋",
                per_instance,
                "connections",
                "even share",
            )
        )
    return Limits(usable, budget, per_instance)


def turns_cap(contended: Contended) -> int:
    """Connections that keep a contended lock busy 98 % of the time, or each of several 95 %."""
    each = smallest_taking_turns(contended.working / contended.locks, _idle(contended))
    return round_up(contended.locks * each)


def _idle(contended: Contended) -> float:
    return IDLE_LOCKS if contended.locks > 1 else IDLE_LOCK


def parallelism_of(inputs: PoolInputs, steps: list[Step]) -> Parallelism | None:
    """What the server can do at once, or ``None`` when neither CPUs nor locks are known.

    ``N* = CPUs / (1 − w)``: with a share ``w`` of the hold time off the CPU, so many connections
    keep all CPUs busy; where it was measured, also the latches
    (:func:`dbtune.pooling.measured.balanced_of`). Throughput peaked at up to 1.5 N*, and at 4 per
    CPU for work that hardly waits (``scripts/bench/pool``). Where sessions take turns at locks,
    these are busy with fewer.
    """
    by_cpus = _by_cpus(inputs, steps)
    contended = inputs.contended
    if contended is None:
        return by_cpus
    cap = turns_cap(contended)
    steps.append(
        Step(
            "turns",
            "connections that keep the locks busy for which others queue",
            f"k · min N: B(N, n/k − 1) ≤ {ratio_text(_idle(contended))} (Erlang B)",
            f"n = {count_text(contended.working)} wait for none, k ="
            f" {count_text(contended.locks)} locks",
            cap,
            "connections",
            TURNS,
        )
    )
    if by_cpus is None:
        return Parallelism(contended.working, cap, waits_known=True, by_locks=True)
    if cap >= by_cpus.cap:
        return by_cpus
    return by_cpus._replace(cap=cap, by_locks=True)


def _by_cpus(inputs: PoolInputs, steps: list[Step]) -> Parallelism | None:
    cpus = inputs.cpus
    if cpus is None:
        return None
    share = inputs.wait_share or 0.0
    balanced = cpus / (1 - share) if inputs.balanced is None else inputs.balanced
    by_cpu, by_balance = round_up(CAP_PER_CPU * cpus), round_up(CAP_OVER_BALANCE * balanced)
    known = inputs.wait_share is not None or inputs.balanced is not None
    formula, numbers = "CPUs / (1 − w)", f"{count_text(cpus)} / (1 − {ratio_text(share)})"
    if inputs.balanced is not None:
        formula = "min(CPUs · S0 / C, L · (1 − b)): time alone by CPU time; b blocked"
        numbers = f"measured at {count_text(cpus)} CPUs"
    if known:
        steps.append(
            Step(
                "N*",
                "connections that keep all CPUs busy, or the latches"
                if inputs.balanced is not None
                else "connections that keep all CPUs busy",
                formula,
                numbers,
                balanced,
                "connections",
                BALANCED,
            )
        )
    steps.append(
        Step(
            "cap",
            "more connections than this make the server slower",
            "max(4 · CPUs, 1.5 · N*)" if known else "4 · CPUs (share of waiting not known)",
            f"max({by_cpu}, {by_balance})" if known else f"4 × {count_text(cpus)}",
            max(by_cpu, by_balance),
            "connections",
            CAP,
        )
    )
    return Parallelism(balanced, max(by_cpu, by_balance), known)
