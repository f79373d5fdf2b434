"""Make a chosen set of indexes one that a person would choose, at nearly the same cost.

The search knows costs only. An index is extended where that makes one statement a lot faster, gives
way to a simpler or much smaller one that does nearly the same, and stands for existing ones where
it can.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from dbtune.postgres.indexes.definition import Definition
from dbtune.postgres.indexes.selection import Search
from dbtune.postgres.indexes.variants import narrower
from dbtune.postgres.indexes.whatif import numbers, union

_SMALLER, _TINY = 0.3, 0.1
"""Share of an index's size that another one has to be to stand for it, or to be far smaller."""
_FAR_SMALLER_COSTS = 4.0
"""What an index that is far smaller may cost more, in terms of what a smaller one may."""
_SLOWER = 1.5
"""What a statement may cost, in terms of its cost with the index that another one stands for."""
_LITTLE = 0.015
"""Or what it may cost more, in terms of its cost without either."""

Others = Callable[[Definition], Iterable[Definition]]


class Finish:
    """Finishes a search; see :class:`~dbtune.postgres.indexes.selection.Search`."""

    def __init__(
        self, allowed: Callable[[Definition], bool], frugal: Others, absorbing: Others
    ) -> None:
        """
        Args:
            allowed: whether a variant of a candidate may be suggested.
            frugal: much smaller indexes of other kinds that may do for a candidate.
            absorbing: a candidate with more, that makes existing indexes superfluous.
        """
        self._allowed = allowed
        self._frugal = frugal
        self._absorbing = absorbing

    def __call__(self, search: Search, config: int) -> int:
        """A better set."""
        self._search, self._whatif = search, search.whatif
        return self._absorbed(self._simplified(self._extended(config)))

    def _extended(self, config: int) -> int:
        """With indexes that do the same and more, where that makes a statement a lot faster.

        What one statement gains by it may be too little for the workload to have been looked for.
        """
        for number in numbers(config):
            if self._search.is_late():
                break
            one, alone = self._whatif.candidates[number], config & ~(1 << number)
            better = []
            for other_number in numbers(self._search.pool & ~config):
                other = self._whatif.candidates[other_number]
                if other[:2] != one[:2] or other.keys[: len(one.keys)] != one.keys:
                    continue
                changed = alone | 1 << other_number
                if self._not_much_slower(changed, config) or not self._search.fits(changed):
                    continue
                for statement in self._whatif.affected(1 << number):
                    self._whatif.relate(statement, 1 << other_number)
                better.append((self._search.value(changed), changed))
            if better and min(better)[0] < self._search.value(config):
                config = min(better)[1]
        return config

    def _simplified(self, config: int) -> int:
        """With indexes that do nearly the same and are simpler, or much smaller."""
        for number in sorted(numbers(config), key=lambda n: (-self._search.size(1 << n), n)):
            if self._search.is_late():
                break
            alone = config & ~(1 << number)
            allowance = self._search.limits.slack * self._search.loss(config, number)
            value, size = self._search.value(config), self._search.size(1 << number)
            found = []
            for bit, simpler in self._simpler(number):
                if bit & config or self._search.is_late():
                    continue
                share = self._search.size(1 << bit.bit_length() - 1) / max(1.0, size)
                if share > _SMALLER and not simpler:
                    continue
                most = allowance * (_FAR_SMALLER_COSTS if share <= _TINY else 1.0)
                dearer = self._search.value(alone | bit) - value
                if dearer <= most and self._not_much_slower(config, alone | bit):
                    found.append((share + dearer / max(allowance, 1e-300) / 2, bit))
            if found:
                config = alone | min(found)[1]
        return config

    def _absorbed(self, config: int) -> int:
        """With indexes that do for existing ones as well, if they are hardly dearer."""
        for number in numbers(config):
            for wider in self._absorbing(self._whatif.candidates[number]):
                bit = self._whatif.bit(wider)
                for statement in self._whatif.affected(1 << number):
                    self._whatif.relate(statement, bit)
                changed = config & ~(1 << number) | bit
                allowed = self._search.value(
                    config
                ) + self._search.limits.slack * self._search.loss(config, number)
                if self._search.fits(changed) and self._search.value(changed) <= allowed:
                    config = changed
                    break
        return config

    def _not_much_slower(self, config: int, other: int) -> bool:
        """Whether no statement that changes takes much longer than with another set."""
        whatif, common = self._whatif, config & other
        return all(
            whatif.cost(s, other)
            <= max(
                _SLOWER * (now := whatif.cost(s, config)), now + _LITTLE * whatif.cost(s, common)
            )
            for s in whatif.affected(config ^ other)
        )

    def _simpler(self, number: int) -> Iterator[tuple[int, bool]]:
        """Candidates that may stand for one, and whether they are the same with less."""
        whatif, one = self._whatif, self._whatif.candidates[number]
        affected = whatif.affected(1 << number)
        less: list[Definition] = []
        waiting = [one] if one.method == "btree" else []
        while waiting:
            for variant in narrower(waiting.pop()):
                fewer = _columns(variant) < _columns(one)
                if variant not in less and fewer and self._allowed(variant):
                    less.append(variant)
                    waiting.append(variant)
        others = [*less, *filter(self._allowed, self._frugal(one))]
        for other in others:
            bit = whatif.bit(other)
            for statement in affected:
                whatif.relate(statement, bit)
            yield bit, other in less
        relevant = union(whatif.relevant(statement) for statement in affected)
        most = _SMALLER * self._search.size(1 << number)
        for other_number in numbers(relevant):
            other, bit = whatif.candidates[other_number], 1 << other_number
            if other[:2] == one[:2] and other not in others and self._search.size(bit) <= most:
                for statement in affected:  # that one of them uses, the others may as well
                    whatif.relate(statement, bit)
                yield bit, False


def _columns(index: Definition) -> int:
    return len(index.keys) + len(index.include)
