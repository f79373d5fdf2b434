"""Learn which candidates each statement can use, the best first, for all statements alike.

Each round plans a statement with what earlier rounds did not use: what the planner then chooses is
the next best. Narrow candidates have rounds of their own, since a wide one always looks better as
long as space costs nothing. At last each statement is asked about what others can use.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence

from dbtune.postgres.indexes.definition import Definition
from dbtune.postgres.indexes.whatif import WhatIf, numbers, union

_ROUNDS = ((40, (8, 6, 3)), (200, (6, 4, 1)), (10**9, (3, 2, 1)))
"""For at most so many statements: rounds with narrow candidates, with all, with others'."""
_NARROW_KEYS = 2


def explore(
    whatif: WhatIf, candidates: Sequence[Sequence[Definition]], is_late: Callable[[], bool]
) -> None:
    """Ask about candidates, and relate to each statement those that it can use.

    Args:
        whatif: is asked.
        candidates: for each statement, those made for it.
        is_late: whether to stop; what is known by then has to do.
    """
    busy = [number for number, some in enumerate(candidates) if some]
    narrow_rounds, wide_rounds, shared_rounds = next(
        rounds for most, rounds in _ROUNDS if len(busy) <= most
    )
    pools = {number: union(map(whatif.bit, candidates[number])) for number in busy}
    narrow = _Pools(whatif, {n: _narrow(whatif, pool) for n, pool in pools.items()})
    wide = _Pools(whatif, pools)
    for place in range(max(narrow_rounds, wide_rounds)):
        for pool, rounds, other in ((narrow, narrow_rounds, wide), (wide, wide_rounds, narrow)):
            if place < rounds and pool.round(is_late):
                other.remove_known()
        if is_late():
            return
    by_table: defaultdict[tuple[str, str], int] = defaultdict(int)
    tables: dict[int, set[tuple[str, str]]] = {}
    for number in busy:
        mine = whatif.members(whatif.relevant(number))
        tables[number] = {(one.schema, one.table) for one in candidates[number]}
        for one in mine:
            by_table[one.schema, one.table] |= whatif.bit(one)
    shared = {number: union(by_table[table] for table in sorted(tables[number])) for number in busy}
    others = _Pools(whatif, {n: pool for n, pool in shared.items() if pool & ~whatif.relevant(n)})
    for _ in range(shared_rounds):
        others.round(is_late)


class _Pools:
    """What each statement has not been seen to use."""

    def __init__(self, whatif: WhatIf, pools: dict[int, int]) -> None:
        self._whatif = whatif
        self._left = {number: pool for number, pool in pools.items() if pool}

    def round(self, is_late: Callable[[], bool]) -> bool:
        """Ask each statement once; whether any used something."""
        some = False
        for number in list(self._left):
            if is_late():
                break
            used = self._whatif.probe(number, self._left[number])
            if used:
                some = True
                self._left[number] &= ~used
            if not used or not self._left[number]:
                del self._left[number]
        return some

    def remove_known(self) -> None:
        """Leave out what is known to be useful by now."""
        for number in list(self._left):
            self._left[number] &= ~self._whatif.relevant(number)
            if not self._left[number]:
                del self._left[number]


def _narrow(whatif: WhatIf, pool: int) -> int:
    return union(
        1 << number
        for number in numbers(pool)
        if not whatif.candidates[number].include
        and len(whatif.candidates[number].keys) <= _NARROW_KEYS
    )
