"""What statements cost under any set of candidate indexes, with as few questions as possible.

A plan that was made with the indexes Y and uses only U of them is also the plan under every X with
U ⊆ X ⊆ Y: what the planner did not choose among more does not matter among fewer. (INUM and the
index benefit graph rest on the same: Papadomanolakis 2007, Schnaitter 2009.) So an answer is kept
with both sets, and most questions of a search are answered by earlier ones.

Sets of indexes are integers, a bit for each candidate.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from dbtune.postgres.indexes.beside import shape
from dbtune.postgres.indexes.definition import Definition
from dbtune.postgres.indexes.planner import NotPlannable, Planned, Planner

_NO_GAIN = 0.9999
"""Share of a statement's cost above which an index gains nothing."""


class Statement(NamedTuple):
    """A statement as the planner is asked about it.

    Attributes:
        sql: its text, fit for EXPLAIN.
        weight: how much its cost counts.
        search_path: where its names are looked up; "" is the session's.
    """

    sql: str
    weight: float
    search_path: str = ""


class Known(NamedTuple):
    """An answer: under ``config`` the plan uses ``used`` and costs ``cost``."""

    config: int
    used: int
    cost: float
    shape: str = ""


@dataclass(slots=True)
class _State:
    statement: Statement
    relevant: int = 0
    known: list[Known] = field(default_factory=list)  # the cheapest first
    memo: dict[int, Known] = field(default_factory=dict)

    def add(self, answer: Known) -> None:
        """Keep an answer."""
        insort(self.known, answer, key=lambda one: one.cost)


class WhatIf:
    """Costs of a workload's statements under sets of candidates.

    Attributes:
        candidates: the indexes that bits stand for.
    """

    def __init__(
        self,
        planner: Planner,
        statements: Sequence[Statement],
        bases: Sequence[Planned] = (),
        cost_of: Callable[[Planned], float] = lambda planned: planned.cost,
        beside: Callable[[Definition], str] = lambda _: "",
    ) -> None:
        """Prepare.

        Args:
            planner: is asked.
            statements: the workload.
            bases: the plan of each without candidates, if that is known.
            cost_of: what a plan costs.
            beside: the name of the wider index that a candidate would stand beside, or "".
        """
        self._planner = planner
        self._cost_of = cost_of
        self._wider = beside
        self._statements = tuple(statements)
        self._states = [_State(statement) for statement in statements]
        for state, base in zip(self._states, bases, strict=False):
            state.memo[0] = Known(0, 0, base.cost, shape(base.plan))
            state.add(state.memo[0])
        self._bits: dict[Definition, int] = {}
        self._affected: list[list[int]] = []
        self.candidates: list[Definition] = []

    @property
    def calls(self) -> int:
        """How often the planner was asked."""
        return self._planner.calls

    @property
    def useful(self) -> int:
        """The candidates that are relevant to any statement."""
        return union(state.relevant for state in self._states)

    @property
    def statements(self) -> Sequence[Statement]:
        """The workload."""
        return self._statements

    def bit(self, candidate: Definition) -> int:
        """The bit of a candidate, which becomes known by this."""
        if candidate not in self._bits:
            self._bits[candidate] = len(self.candidates)
            self.candidates.append(candidate)
            self._affected.append([])
        return 1 << self._bits[candidate]

    def members(self, config: int) -> list[Definition]:
        """The indexes of a set."""
        return [self.candidates[number] for number in numbers(config)]

    def relevant(self, statement: int) -> int:
        """The candidates that may change a statement's plan."""
        return self._states[statement].relevant

    def affected(self, config: int) -> Sequence[int]:
        """The statements that any of some candidates may change."""
        if config & (config - 1) == 0:
            return self._affected[config.bit_length() - 1] if config else ()
        return sorted({s for n in numbers(config) for s in self._affected[n]})

    def bundles(self, config: int) -> list[tuple[float, int]]:
        """Candidates that a known plan uses together and are not all in a set.

        With each, what that one statement's plan would save, weighed.
        """
        found: dict[int, float] = {}
        for number, state in enumerate(self._states):
            now = self.cost(number, config)
            for one in state.known:
                missing = one.used & ~config
                if missing & (missing - 1) and one.cost < now:
                    saved = state.statement.weight * (now - one.cost)
                    found[missing] = max(found.get(missing, 0.0), saved)
        return sorted((saved, missing) for missing, saved in found.items())

    def relate(self, statement: int, config: int) -> None:
        """Take candidates for relevant to a statement."""
        state = self._states[statement]
        for number in numbers(config & ~state.relevant):
            self._affected[number].append(statement)
        state.relevant |= config

    def ask(self, statement: int, config: int) -> Known:
        """The plan of a statement under exactly these candidates.

        Raises:
            NotPlannable: the server refuses the statement.
        """
        state = self._states[statement]
        planned = self._planner.plan(
            state.statement.sql,
            self.members(config),
            search_path=state.statement.search_path,
        )
        used = union(map(self.bit, planned.used))
        names = {one.name: name for one in planned.used if (name := self._wider(one))}
        found = Known(config, used, self._cost_of(planned), shape(planned.plan, names))
        for one in planned.used if names else ():
            if self._wider(one):
                found = self._without_phantom(statement, found, self.bit(one))
        state.add(found)
        return found

    def _without_phantom(self, statement: int, found: Known, bit: int) -> Known:
        """An answer, or the one without an index by which the same is done at another price."""
        less = found.config & ~bit
        other = self._states[statement].memo.get(less) or self.ask(statement, less)
        return other._replace(config=found.config) if other.shape == found.shape else found

    def probe(self, statement: int, pool: int) -> int:
        """What of a pool of candidates a statement's plan uses; 0 if it gains nothing by them.

        What it uses is relevant to it from now on.
        """
        try:
            found = self.ask(statement, pool)
        except NotPlannable:
            return 0
        if found.cost > self.cost(statement, 0) * _NO_GAIN:
            return 0
        self.relate(statement, found.used)
        return found.used

    def cost(self, statement: int, config: int) -> float:
        """The cost of a statement under a set of candidates."""
        return self.plan(statement, config).cost

    def plan(self, statement: int, config: int) -> Known:
        """As :meth:`cost`, with the candidates that the plan uses."""
        state = self._states[statement]
        config &= state.relevant
        found = state.memo.get(config)
        if found is None:
            found = self._derived(state, config) or self.ask(statement, config)
            state.memo[config] = found
        return found

    @staticmethod
    def _derived(state: _State, config: int) -> Known | None:
        for one in state.known:
            if not one.used & ~config and not config & ~one.config & state.relevant:
                return one
        return None

    def estimate(self, statement: int, config: int) -> float:
        """At most what a statement costs under a set of candidates, without asking."""
        known = self._states[statement].known
        return next((one.cost for one in known if not one.used & ~config), float("inf"))

    def floor(self, statement: int, config: int) -> float:
        """At least what a statement costs under a set of candidates, without asking."""
        state = self._states[statement]
        config &= state.relevant
        over = (one.cost for one in reversed(state.known) if not config & ~one.config)
        return next(over, 0.0)

    def plans(self) -> list[int]:
        """The sets that known plans use, none twice."""
        return sorted({one.used for state in self._states for one in state.known if one.used})

    def total(self, config: int) -> float:
        """The weighted cost of all statements."""
        return sum(
            state.statement.weight * self.cost(number, config)
            for number, state in enumerate(self._states)
        )


def numbers(config: int) -> Iterator[int]:
    """The numbers of the bits that are set, in order."""
    while config:
        low = config & -config
        yield low.bit_length() - 1
        config ^= low


def union(configs: Iterable[int]) -> int:
    """All bits of several sets."""
    result = 0
    for one in configs:
        result |= one
    return result
