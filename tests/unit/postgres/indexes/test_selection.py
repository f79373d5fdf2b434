"""The search: the best set for a budget, few questions, limits kept; against trying every set."""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Collection
from typing import Any

from dbtune.postgres.indexes.definition import Definition, column_key
from dbtune.postgres.indexes.exploring import explore
from dbtune.postgres.indexes.finishing import Finish
from dbtune.postgres.indexes.planner import Planned
from dbtune.postgres.indexes.selection import Limits, Search
from dbtune.postgres.indexes.whatif import Statement, WhatIf, numbers, union


class Tabled:
    """Answers from a table: each statement has alternatives, a set of indexes and a cost each."""

    name = "tabled"
    can_hide = False
    notes: tuple[str, ...] = ()

    def __init__(self, alternatives: dict[str, list[tuple[frozenset[Definition], float]]]) -> None:
        self.alternatives = alternatives
        self.calls = 0

    def __enter__(self) -> Tabled:
        return self

    def __exit__(self, *_: object) -> None: ...

    def route(self, statement: str, indexes: Collection[Definition], /) -> bool:
        return False

    def plan(self, statement: str, indexes: Collection[Definition] = (), **_: Any) -> Planned:
        self.calls += 1
        have = frozenset(indexes)
        usable = [
            (cost, sorted(used)) for used, cost in self.alternatives[statement] if used <= have
        ]
        cost, used = min(usable)
        return Planned(cost, frozenset(used), frozenset(), {"Plan": {"Node Type": "Result"}})

    def parameter_types(self, statement: str, **_: Any) -> list[str]:
        return []

    def refuses(self, index: Definition) -> str:
        return ""

    def size_bytes(self, index: Definition) -> int:
        return 1


def candidate(number: int) -> Definition:
    return Definition("public", f"t{number % 3}", (column_key(f"c{number}"),))


def problem(seed: int, count: int = 9) -> tuple[WhatIf, list[float], Tabled]:
    """Random statements that use one to three of some indexes."""
    chance = random.Random(seed)
    indexes = [candidate(n) for n in range(count)]
    alternatives = {}
    for number in range(6):
        options = [(frozenset[Definition](), 100.0)]
        for _ in range(6):
            used = frozenset(chance.sample(indexes, chance.randint(1, 3)))
            options.append((used, chance.uniform(5, 95)))
        alternatives[f"q{number}"] = options
    planner = Tabled(alternatives)
    whatif = WhatIf(planner, [Statement(q, 1.0) for q in alternatives])
    explore(whatif, [indexes] * 6, lambda: False)
    for number in range(6):
        whatif.relate(number, union(map(whatif.bit, indexes)))
    return whatif, [chance.uniform(1, 10) for _ in indexes], planner


def search(whatif: WhatIf, sizes: list[float], limits: Limits) -> Search:
    return Search(whatif, limits, lambda n: sizes[n] if n < len(sizes) else 1e9, lambda _: 0.0)


def test_it_is_near_the_best_of_all_sets() -> None:
    """Problems that are harder than any real one: most indexes gain in groups only."""
    ratios = []
    for seed in range(12):
        whatif, sizes, _ = problem(seed)
        found = search(whatif, sizes, Limits(budget_bytes=15.0))
        chosen = found.run()
        assert found.size(chosen) <= 15.0
        best = min(
            found.value(sum(1 << n for n in some))
            for count in range(10)
            for some in itertools.combinations(range(9), count)
            if sum(sizes[n] for n in some) <= 15.0
        )
        ratios.append(found.value(chosen) / best)
    assert sum(ratios) / len(ratios) < 1.05
    assert max(ratios) < 1.25


def test_what_has_to_gain_a_good_part_is_near_the_best_of_all_sets_that_do() -> None:
    """What gained too little beside others may be what is wanted when these have gone."""
    for seed in range(12):
        whatif, sizes, _ = problem(seed)
        found = search(whatif, sizes, Limits(budget_bytes=15.0, least_improvement=0.2))
        chosen = found.run()
        sets = (set_ for count in range(10) for set_ in itertools.combinations(range(9), count))
        fitting = [sum(1 << n for n in some) for some in sets if sum(sizes[n] for n in some) <= 15]
        best = min(
            found.value(config)
            for config in fitting
            if all(gains_enough(found, config, n) for n in numbers(config))
        )
        assert found.size(chosen) <= 15.0
        assert all(gains_enough(found, chosen, n) for n in numbers(chosen))
        assert found.value(chosen) < 1.1 * best


def gains_enough(found: Search, config: int, number: int) -> bool:
    """Whether an index makes a statement a fifth cheaper, or of three or more each a twentieth."""
    whatif, bit = found.whatif, 1 << number
    costs = [
        (whatif.cost(s, config & ~bit), whatif.cost(s, config))
        for s in whatif.affected(bit)
        if whatif.plan(s, config).used & bit
    ]
    some = 0.05 if len(costs) >= 3 else 0.2
    return any(after <= 0.8 * before for before, after in costs) or found.loss(
        config, number
    ) > some * sum(before for before, _ in costs)


def test_equal_questions_are_asked_once_and_answers_are_reused() -> None:
    whatif, _, planner = problem(1)
    every = (1 << 9) - 1
    known = whatif.plan(0, every)
    asked = planner.calls
    assert whatif.plan(0, known.used) == known
    for other in range(9):
        if not known.used >> other & 1:
            assert whatif.cost(0, every & ~(1 << other)) == known.cost
    assert planner.calls == asked


def test_limits_are_kept() -> None:
    whatif, sizes, _ = problem(3)
    few = search(whatif, sizes, Limits(most_indexes=2))
    assert few.run().bit_count() <= 2
    assert few.beyond(few.run()) > 0
    assert few.limits.most_indexes == 2
    enough = search(whatif, sizes, Limits())
    assert enough.beyond(enough.run()) == 0
    one_each = search(whatif, sizes, Limits(most_per_table=1))
    tables = [whatif.candidates[n].table for n in numbers(one_each.run())]
    assert len(tables) == len(set(tables))
    assert search(whatif, sizes, Limits(budget_bytes=0.0)).run() == 0
    greedy = search(whatif, sizes, Limits(least_gain=0.05))
    chosen = greedy.run()
    assert all(greedy.loss(chosen, n) > 0.05 * whatif.total(0) for n in numbers(chosen))


def test_what_writes_cost_more_than_it_saves_is_not_chosen() -> None:
    whatif, sizes, _ = problem(4)
    assert Search(whatif, Limits(), lambda n: sizes[n], lambda _: 1e6).run() == 0


def test_a_deadline_that_has_passed_ends_the_search_with_what_there_is() -> None:
    whatif, sizes, _ = problem(5)
    asked = whatif.calls
    found = search(whatif, sizes, Limits(15.0, deadline=time.monotonic() - 1))
    chosen = found.run()
    assert found.stopped
    assert found.size(chosen) <= 15.0
    assert found.value(chosen) < found.value(0)
    assert whatif.calls - asked < 20


def test_the_same_problem_has_the_same_answer() -> None:
    answers = set()
    for _ in range(3):
        whatif, sizes, _planner = problem(6)
        answers.add(search(whatif, sizes, Limits(budget_bytes=12.0)).run())
    assert len(answers) == 1


def test_a_far_smaller_index_stands_for_one_though_only_one_statement_was_seen_to_use_it() -> None:
    wide = Definition("public", "t", (column_key("gone"), column_key("site")))
    small = Definition("public", "t", (column_key("site"),), predicate='"gone" IS NULL')
    costs = [(frozenset[Definition](), 100.0), (frozenset([wide]), 5.0), (frozenset([small]), 6.0)]
    whatif = WhatIf(Tabled({"q0": costs, "q1": costs}), [Statement(q, 1.0) for q in ("q0", "q1")])
    for number, known in enumerate(([wide, small], [wide])):
        whatif.relate(number, union(map(whatif.bit, known)))
    finish = Finish(lambda _: True, lambda _: (), lambda _: ())
    sizes = {wide: 100.0, small: 1.0}
    found = Search(
        whatif,
        Limits(slack=0.05),
        lambda n: sizes.get(whatif.candidates[n], 50.0),
        lambda _: 0.0,
        finish=finish,
    )
    assert [whatif.candidates[n] for n in numbers(found.run())] == [small]


def test_an_index_is_not_chosen_beside_one_that_does_all_that_it_does() -> None:
    """Though the statement that uses it was never seen to use the other."""
    narrow = Definition("public", "t", (column_key("k"),))
    wide = narrow._replace(include=("id",))
    plain = (frozenset[Definition](), 100.0)
    costs = {
        "q0": [plain, (frozenset([narrow]), 5.0), (frozenset([wide]), 5.1)],
        "q1": [plain, (frozenset([narrow]), 90.0), (frozenset([wide]), 5.0)],
    }
    whatif = WhatIf(Tabled(costs), [Statement(q, 1.0) for q in costs])
    for number, known in enumerate((narrow, wide)):
        whatif.relate(number, whatif.bit(known))
    found = search(whatif, [1.0, 1.1], Limits(least_improvement=0.2))
    assert [whatif.candidates[n] for n in numbers(found.run())] == [wide]
