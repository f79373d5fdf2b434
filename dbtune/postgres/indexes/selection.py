"""Choose indexes under a storage budget: what statements save, against what writes and space cost.

A greedy start (gain per byte, and plain gain) is improved by exchange: an index is added whatever
the space it takes, then those go whose loss per byte is least until the rest fits, and what space
is left is filled. Narrower and merged variants of chosen indexes take part. The search can be
stopped at any time, and with equal answers of the planner it ends with equal choices.
"""

from __future__ import annotations

import heapq
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import permutations

from dbtune.postgres.indexes.coverage import covers, for_equality, form_of_definition
from dbtune.postgres.indexes.definition import Definition
from dbtune.postgres.indexes.variants import variants
from dbtune.postgres.indexes.whatif import WhatIf, numbers

_NOTHING = 1e-9
"""Share of the workload's cost below which a difference is none."""
_ANY = 1_000_000
"""Indexes: as good as no limit."""
_TRIES = 40
"""Exchanges that are tried in vain before the search gives up."""
_VARIANT_ROUNDS = 3
_POWERS = (1.0, 0.6, 0.0)
"""Powers of the size that a gain is divided by."""
_SEVERAL, _OF_EACH = 3, 0.25
"""So many statements may gain less each: such a part of what one has to gain."""
_FEW_CALLS = 1_500
"""Questions up to which a second, more thorough start is worth its time."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a choice has to keep to.

    Attributes:
        budget_bytes: all chosen indexes together.
        least_gain: what an index has to save at least, as a share of the workload's cost.
        least_improvement: what an index has to save at least of a statement's cost; where it
            serves several, a part of that.
        slack: share of an index's gain that is given up for an index that is simpler or smaller.
        most_indexes: how many may be chosen.
        most_per_table: how many of one table.
        deadline: ``time.monotonic()`` at which the search stops.
        finish_by: the same for what makes its outcome better afterwards.
        calls: questions to the planner after which it stops.
    """

    budget_bytes: float = float("inf")
    least_gain: float = 0.0
    least_improvement: float = 0.0
    slack: float = 0.0
    most_indexes: int = 1000
    most_per_table: int = 1000
    deadline: float = float("inf")
    finish_by: float = float("inf")
    calls: int = 1_000_000


class Search:
    """The search for the best set of candidates.

    Attributes:
        whatif: what statements cost.
        limits: what the choice has to keep to.
        stopped: whether a limit of time or calls ended the search early.
    """

    def __init__(
        self,
        whatif: WhatIf,
        limits: Limits,
        size: Callable[[int], float],
        upkeep: Callable[[int], float],
        progress: Callable[[], None] = lambda: None,
        allowed: Callable[[Definition], bool] = lambda _: True,
        finish: Callable[[Search, int], int] = lambda _, config: config,
    ) -> None:
        """Prepare a search.

        Args:
            whatif: what statements cost; its useful candidates are what is chosen from.
            limits: what the choice has to keep to.
            size: bytes of a candidate, by its number.
            upkeep: what writes cost more with a candidate, in the unit of weighted cost.
            progress: called now and then.
            allowed: whether a variant of a candidate may be suggested.
            finish: makes a better set of the one that was found; see
                :mod:`dbtune.postgres.indexes.finishing`.
        """
        self.whatif = whatif
        self.limits = limits
        self.stopped = False
        self._strict = False
        self._size = size
        self._upkeep = upkeep
        self._progress = progress
        self._allowed = allowed
        self._finish = finish
        self._total = max(whatif.total(0), 1e-300)
        self._least = max(_NOTHING, limits.least_gain) * self._total
        self.pool = whatif.useful

    def run(self) -> int:
        """The best set that was found."""
        starts = [self._estimated(power) for power in _POWERS]
        best = self._improved(min(starts, key=self.value))
        if self.whatif.calls <= _FEW_CALLS and not self._over():
            other = self._improved(self._greedy(0))
            best = min(best, other, key=self.value)
        best = self._strictly(best)
        if self.is_late():
            return best
        if self.limits.slack:
            best = self._finish(self, best)
        self._acquaint(best)
        return self._pruned(best)

    def beyond(self, config: int) -> int:
        """How many more the limits of number keep out; as many as are found in the time left."""
        limits, stopped, most = self.limits, self.stopped, self._most_of_a_table(config)
        if config.bit_count() < limits.most_indexes and most < limits.most_per_table:
            return 0
        self.limits = replace(limits, most_indexes=_ANY, most_per_table=_ANY)
        more = self._pruned(self._greedy(config))
        self.limits, self.stopped = limits, stopped  # the choice itself is not cut short by this
        return (more & ~config).bit_count()

    def _improved(self, config: int) -> int:
        """After all exchanges, with variants of what was chosen."""
        config = self._exchange(config)
        for _ in range(_VARIANT_ROUNDS):
            if not self._more(config):
                break
            better = self._exchange(config)
            if better == config:
                break
            config = better
        return config

    # ---------------------------------------------------------------------------------- measures

    def size(self, config: int) -> float:
        """Bytes of a set."""
        return sum(self._size(n) for n in numbers(config))

    def value(self, config: int) -> float:
        """Weighted cost of all statements, and the upkeep of the set: what is to become least."""
        return self.whatif.total(config) + self._upkeep_of(config)

    def gain(self, config: int, added: int) -> float:
        """What adding candidates to a set saves; negative if writes cost more than that."""
        whatif, both = self.whatif, config | added
        saved = sum(
            whatif.statements[s].weight * (whatif.cost(s, config) - whatif.cost(s, both))
            for s in whatif.affected(added)
        )
        return saved - self._upkeep_of(added & ~config)

    def loss(self, config: int, number: int) -> float:
        """What a set loses without one of its members."""
        return self.gain(config & ~(1 << number), 1 << number)

    def _at_most(self, config: int, added: int) -> float:
        """A bound of :meth:`gain` that asks nobody."""
        whatif, both = self.whatif, config | added
        saved = sum(
            whatif.statements[s].weight * (whatif.cost(s, config) - whatif.floor(s, both))
            for s in whatif.affected(added)
        )
        return saved - self._upkeep_of(added & ~config)

    def _upkeep_of(self, config: int) -> float:
        return sum(self._upkeep(n) for n in numbers(config))

    def _over(self) -> bool:
        self._progress()
        limits = self.limits
        if time.monotonic() > limits.deadline or self.whatif.calls > limits.calls:
            self.stopped = True
        return self.stopped

    def is_late(self) -> bool:
        """Whether there is no time left for anything."""
        self._progress()
        late = time.monotonic() > self.limits.finish_by
        self.stopped |= late
        return late

    def fits(self, config: int) -> bool:
        limits = self.limits
        if self.size(config) > limits.budget_bytes or config.bit_count() > limits.most_indexes:
            return False
        return self._most_of_a_table(config) <= limits.most_per_table

    def _most_of_a_table(self, config: int) -> int:
        return max(Counter(self._table(n) for n in numbers(config)).values(), default=0)

    def _table(self, number: int) -> tuple[str, str]:
        candidate = self.whatif.candidates[number]
        return candidate.schema, candidate.table

    # -------------------------------------------------------------------------------------- moves

    def _estimated(self, power: float) -> int:
        """Add what gains most for its size to the given power, by known plans: asks nobody.

        An answer holds under every set that has what its plan uses, as a bound: that leaves out
        what was never asked, and is fast.
        """
        whatif, config = self.whatif, 0
        weights = [one.weight for one in whatif.statements]
        now = [whatif.estimate(s, 0) for s in range(len(weights))]

        def gain(added: int) -> float:
            both = config | added
            better = ((s, whatif.estimate(s, both)) for s in whatif.affected(added))
            saved = sum(weights[s] * (now[s] - cost) for s, cost in better if cost < now[s])
            return saved - self._upkeep_of(added & ~config)

        heap = [
            (-first / max(1.0, self.size(added)) ** power, added, 0)
            for added in whatif.plans()
            if (first := gain(added)) > self._least
        ]
        heapq.heapify(heap)
        step = 0
        while heap:
            _, added, known = heapq.heappop(heap)
            if added & ~config == 0 or not self.fits(config | added):
                continue
            if known == step:
                config |= added
                step += 1
                for s in whatif.affected(added):
                    now[s] = min(now[s], whatif.estimate(s, config))
            elif (again := gain(added)) > self._least:
                size = max(1.0, self.size(added & ~config))
                heapq.heappush(heap, (-again / size**power, added, step))
        return config

    def _greedy(self, config: int) -> int:
        """Add what gains most for its size, until nothing fits or gains.

        Candidates come alone and in bundles that a plan uses together. A gain is only worked out
        for what may be the best by its bound, or by its last gain: that shrinks as the set grows,
        except where indexes help each other, which exchange makes up for.
        """

        def entry(bound: float, added: int, step: int) -> tuple[float, int, int]:
            return -bound / max(1.0, self.size(added & ~config)), added, step

        moves = [1 << n for n in numbers(self.pool & ~config)]
        moves += [bundle for _, bundle in self.whatif.bundles(config)]
        heap = []
        for added in moves:
            bound = self._at_most(config, added)
            if bound > self._least and self.fits(config | added):
                heap.append(entry(bound, added, -1))
        heapq.heapify(heap)
        step = 0
        while heap and not self._over():
            _, added, known = heapq.heappop(heap)
            if added & ~config == 0 or not self.fits(config | added):
                continue
            if known == step:
                if not self._strict or self._worthy(config | added, added):
                    config |= added
                    step += 1
            elif (gain := self.gain(config, added)) > self._least:
                heapq.heappush(heap, entry(gain, added, step))
        return config

    def _exchange(self, config: int) -> int:
        """Bring in indexes for those that they can replace, while that gains."""
        value = self.value(config)
        while not self._over():
            better = self._exchanged(config, value)
            if better is None:
                break
            config = self._greedy(better)
            value = self.value(config)
        return config

    def _exchanged(self, config: int, value: float) -> int | None:
        """A better set that has one more candidate, or bundle, and lacks what it displaces."""
        bounds = [(self._at_most(config, 1 << n), 1 << n) for n in numbers(self.pool & ~config)]
        bounds += self.whatif.bundles(config)[-_TRIES:]
        tried = 0
        for bound, added in sorted(bounds, key=lambda one: (-one[0], one[1])):
            if bound <= self._least or tried >= _TRIES or self._over():
                return None
            if not self.fits(added) or self.gain(config, added) <= self._least:
                continue
            tried += 1
            other = self._repaired(config | added, added)
            if other is not None and self.value(other) < value - self._least:
                return other
        return None

    def _repaired(self, config: int, keep: int) -> int | None:
        """Without what does not pay any more, and what is missed least until the rest fits."""
        while True:
            losses = {n: self.loss(config, n) for n in numbers(config & ~keep)}
            useless = [n for n, loss in losses.items() if loss <= self._needed(config, n)]
            if useless:
                config &= ~(1 << max(useless, key=self._size))
                continue
            if self.fits(config):
                return config
            if not losses or self._over():
                return None
            worst = min(losses, key=lambda n: (losses[n] / max(1.0, self._size(n)), n))
            config &= ~(1 << worst)

    def _pruned(self, config: int) -> int:
        """Without what gains less than it has to."""
        while config:
            losses = {n: self.loss(config, n) for n in numbers(config)}
            useless = [n for n, loss in losses.items() if loss <= self._required(config, n)]
            if not useless or self.is_late():
                break
            worst = min(useless, key=lambda n: (losses[n], -self._size(n)))
            config &= ~(1 << worst)
        return config

    def _acquaint(self, config: int) -> None:
        """Let statements that use an index know of another one that does all that it does, or all
        but give an order: whether that is enough the planner knows."""
        candidates = self.whatif.candidates
        forms = {n: form_of_definition(candidates[n]) for n in numbers(config)}
        for narrow, wide in permutations(forms, 2):
            if candidates[narrow][:2] == candidates[wide][:2] and covers(
                for_equality(forms[wide]), forms[narrow]
            ):
                for statement in self.whatif.affected(1 << narrow):
                    self.whatif.relate(statement, 1 << wide)

    def _strictly(self, config: int) -> int:
        """Without what gains less than it has to, and improved by what gains enough.

        What was chosen freely leaves out what only paid without something that has gone since, so
        that it is begun again, with the known plans and with nothing.
        """
        best = self._pruned(config)
        if not self.limits.least_improvement:
            return best
        self._strict = True
        for start in (best, self._estimated(1.0), 0):
            if self._over():
                break
            found = self._exchange(self._greedy(self._pruned(start)))
            best = min(best, self._pruned(found), key=self.value)
        self._strict = False
        return best

    def _worthy(self, config: int, added: int) -> bool:
        """Whether each of some members of a set gains what it has to."""
        return all(self.loss(config, n) > self._needed(config, n) for n in numbers(added))

    def _needed(self, config: int, number: int) -> float:
        return self._required(config, number) if self._strict else self._least

    def _required(self, config: int, number: int) -> float:
        """What an index has to gain: of one statement a good part, or of several some of each."""
        limits, whatif, bit = self.limits, self.whatif, 1 << number
        if not limits.least_improvement:
            return self._least
        costs, best = 0.0, 0.0
        served = 0
        for s in whatif.affected(bit):
            if not whatif.plan(s, config).used & bit:
                continue
            without, weight = whatif.cost(s, config & ~bit), whatif.statements[s].weight
            costs += weight * without
            served += 1
            best = max(best, 1.0 - whatif.cost(s, config) / max(without, 1e-300))
        if best >= limits.least_improvement:
            return self._least
        some = limits.least_improvement * (_OF_EACH if served >= _SEVERAL else 1.0)
        return max(self._least, some * costs)

    def _more(self, config: int) -> bool:
        """Add variants of the chosen indexes to what is chosen from; whether there are new ones."""
        whatif, before = self.whatif, self.pool
        chosen = list(numbers(config))
        for candidate, parents in variants({n: whatif.candidates[n] for n in chosen}):
            if not self._allowed(candidate):
                continue
            bit = whatif.bit(candidate)
            if bit & self.pool:
                continue
            self.pool |= bit
            for statement in sorted({s for n in parents for s in whatif.affected(1 << n)}):
                whatif.relate(statement, bit)
        return self.pool != before
