"""Find the indexes that serve a workload best: the whole way from statements to suggestions."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from dbtune.postgres.indexes.advice import Advice, Effect, FormEffect, Options, Suggestion
from dbtune.postgres.indexes.btree import btree_candidates
from dbtune.postgres.indexes.catalog import Catalog
from dbtune.postgres.indexes.definition import Definition, Key
from dbtune.postgres.indexes.existing import Existing
from dbtune.postgres.indexes.exploring import explore
from dbtune.postgres.indexes.finishing import Finish
from dbtune.postgres.indexes.forms import Forms, schemas_of
from dbtune.postgres.indexes.kinds import frugal, special_candidates
from dbtune.postgres.indexes.obstacles import Unserved, doubt, unserved, without_hopeless
from dbtune.postgres.indexes.partial import partial_candidates
from dbtune.postgres.indexes.plan_costs import corrected_cost, rows_of_most
from dbtune.postgres.indexes.plan_uses import add_from_plan
from dbtune.postgres.indexes.planner import NotPlannable, Planner
from dbtune.postgres.indexes.selection import Limits, Search
from dbtune.postgres.indexes.statement_uses import statement_uses
from dbtune.postgres.indexes.upkeep import WorkloadUpkeep
from dbtune.postgres.indexes.uses import Use
from dbtune.postgres.indexes.whatif import Statement, WhatIf, numbers, union
from dbtune.postgres.indexes.work import Work
from dbtune.postgres.indexes.workload import Passed, Workload
from dbtune.postgres.normalised import normalised
from dbtune.postgres.relations.facts import Column, Relations, Table
from dbtune.text import plural, were

if TYPE_CHECKING:
    from sqlglot import exp

_UNPARSED = "its text can't be parsed: candidates come from its plan only"
_NO_TIME = "the deadline was near: give --deadline more time"
_MODEST = 300.0
"""Cost of a statement that finds its rows by an index and reads less than a hundred blocks: that an
index would store all it reads is worth the space only if it is known to be executed often."""
_FEW_GROUPS = 1000
"""Groups that are made without sorting: an index in their order gains nothing by that."""
_SMALL_PAGES = 10
"""A table of fewer blocks is read in whole as fast as by an index."""
_CHEAP = 10.0
"""Cost of a statement that an index could not make noticeably cheaper: it reads a few blocks."""
_HELPED = 0.5
"""Share of its cost that a statement may keep to be called helped."""
_PLANNING, _EXPLORING, _SEARCHING, _FINISHING = 0.35, 0.5, 0.75, 0.9
"""Shares of the time after which no more statements are looked at, after which candidates are
chosen from, known well or not, after which what was chosen is only brushed up, and after which
nothing but what the report tells is asked."""


def advise(
    planner: Planner,
    relations: Relations,
    workload: Workload,
    options: Options,
    *,
    size: Callable[[Definition], float] | None = None,
    progress: Callable[[float], None] = lambda _: None,
) -> Advice:
    """Suggest indexes for a workload.

    Args:
        planner: answers what statements would cost.
        relations: tables, indexes and statistics.
        workload: the statements.
        options: limits.
        size: bytes that an index will have; by default what the planner takes it for.
        progress: told the share of the time that has passed.

    Raises:
        TargetError: the connection broke.
    """
    return _Adviser(planner, relations, workload, options, size, progress).run()


class _Adviser:
    def __init__(
        self,
        planner: Planner,
        relations: Relations,
        workload: Workload,
        options: Options,
        size: Callable[[Definition], float] | None,
        progress: Callable[[float], None],
    ) -> None:
        self._planner = planner
        self._catalog = Catalog(relations)
        self._existing = Existing(self._catalog)
        self._workload = workload
        self._options = options
        self._size = size or planner.size_bytes
        self._progress = progress
        self._started = time.monotonic()
        self._passed = list(workload.passed)
        self._notes = list(workload.notes)
        self._valued = self._generic = 0

    def run(self) -> Advice:
        works = list(self._plan_all())
        candidates = [self._candidates_of(work) for work in works]
        works, candidates = self._routed(works, candidates)
        whatif = WhatIf(
            self._planner,
            [Statement(w.form.sql, w.weight, w.form.search_path) for w in works],
            [w.base for w in works],
            lambda planned: corrected_cost(planned, self._catalog),
            self._beside,
        )
        explore(whatif, candidates, lambda: self._is_late(_EXPLORING))
        upkeep = WorkloadUpkeep(self._catalog, works, self._workload, self._size)
        search = Search(
            whatif,
            self._limits(),
            lambda n: self._growth(whatif.candidates[n]),
            lambda n: upkeep.weighted(whatif.candidates[n]),
            self._tick,
            self._is_new,
            Finish(self._is_new, self._frugal, self._existing.absorbing),
        )
        chosen = search.run()
        beyond = search.beyond(chosen)
        return replace(self._advice(whatif, works, search, chosen, upkeep), beyond=beyond)

    # ---------------------------------------------------------------------------- statements

    def _plan_all(self) -> Iterable[Work]:
        forms = Forms(self._planner, self._catalog, self._options.search_path)
        for query in self._workload.queries:
            if self._is_late(_PLANNING):
                self._passed.append(Passed(query.text, _NO_TIME))
                continue
            try:
                found = forms.of(query)
            except NotPlannable as refused:
                self._passed.append(Passed(query.text, str(refused)))
                continue
            self._valued += any(form.values for form, _ in found)
            self._generic += any(form.generic for form, _ in found)
            tree = normalised(query.text).parse()
            if tree is None:
                self._passed.append(Passed(query.text, _UNPARSED))
            for form, base in found:
                uses = self._uses(tree, schemas_of(form.search_path))
                add_from_plan(uses, base.plan, self._catalog)
                for use in uses if form.made_up else ():
                    use.set_aside(form.made_up)
                yield Work(query, form, base, uses)

    def _parameter_notes(self) -> Iterable[str]:
        if self._valued:
            yield (
                f"{plural(self._valued, 'statement')} with parameters {were(self._valued)} planned "
                "with values that the columns' statistics know"
            )
        if self._generic:
            yield (
                f"{plural(self._generic, 'statement')} with parameters of which no statistics tell "
                f"a value {were(self._generic)} planned for any: skew is not seen"
            )

    def _uses(self, tree: exp.Expr | None, path: Sequence[str]) -> list[Use]:
        try:
            return statement_uses(tree, self._catalog, path) if tree else []
        except Exception:  # a tree of what the parser does not know may have any form
            return []

    # ---------------------------------------------------------------------------- candidates

    def _routed(
        self, works: Sequence[Work], candidates: Sequence[list[Definition]]
    ) -> tuple[list[Work], list[list[Definition]]]:
        """Let each statement be planned by a server that knows its candidates."""
        kept = []
        for work, mine in zip(works, candidates, strict=True):
            if self._planner.route(work.form.sql, mine):
                try:
                    path = work.form.search_path
                    work.base = self._planner.plan(work.form.sql, search_path=path)
                except NotPlannable as refused:
                    self._passed.append(Passed(work.query.text, str(refused)))
                    continue
            kept.append((work, mine))
        means: defaultdict[int, float] = defaultdict(float)
        for work, _ in kept:
            means[id(work.query)] += work.form.share * work.base.cost
        for work, _ in kept:
            work.mean_cost = means[id(work.query)]
        return [work for work, _ in kept], [mine for _, mine in kept]

    def _candidates_of(self, work: Work) -> list[Definition]:
        uses = work.uses
        if work.base.cost <= _CHEAP:
            return []
        few = _FEW_GROUPS if self._options.copies else rows_of_most(work.base, self._catalog)
        if few < _FEW_GROUPS:
            # Only the least and the greatest of all can be found without reading them.
            uses = [Use(use.table, orders=use.orders) for use in uses] if few <= 1 else []
        modest = work.base.cost <= _MODEST and self._workload.seconds is None
        found = self._existing.tables(work.base.existing) if modest else ()
        return [
            one for use in uses for one in self._candidates(use, covering=use.table not in found)
        ]

    def _candidates(self, use: Use, *, covering: bool = True) -> Iterable[Definition]:
        if self._is_small(use.table):
            return
        use.conditions = without_hopeless(use.conditions, use.table, self._catalog)
        extensions = self._catalog.relations.extensions
        found = [
            *btree_candidates(use, self._catalog, copies=self._options.copies, covering=covering),
            *special_candidates(use, self._catalog, extensions),
            *partial_candidates(use, self._catalog, covering=covering),
        ]
        yield from (one for one in found if self._is_new(one) and self._is_possible(one))

    def _is_small(self, table: Table) -> bool:
        """Whether a table is read in whole as fast as by an index, or can have none."""
        pages = max(table.pages, (table.size_bytes or 0) // self._catalog.relations.block_bytes)
        return table.kind not in "rmp" or (table.kind != "p" and pages < _SMALL_PAGES)

    def _is_new(self, candidate: Definition) -> bool:
        return not self._existing.serves(candidate, prefixes=self._options.prefixes)

    def _beside(self, candidate: Definition) -> str:
        """The name of the index that a candidate is the beginning of."""
        wider = None if self._options.prefixes else self._existing.beside(candidate)
        return wider.name if wider else ""

    def _is_possible(self, candidate: Definition) -> bool:
        """Whether the server would make it: not every expression is the same at all times, and
        not every type has an order."""
        table = self._catalog.table(candidate.schema, candidate.table)
        columns = table.column if table else {}
        one_key = candidate._replace(include=(), predicate="")
        singles = [
            one_key._replace(keys=(key,))
            for key in candidate.keys
            if candidate.method != "btree" or not _is_ordinary(key, columns)
        ]
        if candidate.predicate:
            singles.append(one_key._replace(keys=candidate.keys[:1], predicate=candidate.predicate))
        return not any(map(self._planner.refuses, singles))

    def _frugal(self, candidate: Definition) -> Iterable[Definition]:
        table = self._catalog.table(candidate.schema, candidate.table)
        found = frugal(candidate, table, self._catalog) if table else ()
        return (one for one in found if self._is_possible(one))

    # ------------------------------------------------------------------------------ measures

    def _growth(self, candidate: Definition) -> float:
        """Space that it takes beyond that of the indexes that it replaces."""
        gone = sum(index.size_bytes or 0 for index in self._existing.replaced(candidate))
        return max(0.0, self._size(candidate) - gone)

    @property
    def _table_bytes(self) -> float:
        return float(sum(t.size_bytes or 0 for t in self._catalog.relations.tables.values()))

    def _limits(self) -> Limits:
        options = self._options
        budget = float("inf")
        if options.budget_bytes is not None:
            budget = options.budget_bytes
        if options.budget_ratio is not None:
            budget = min(budget, options.budget_ratio * self._table_bytes)
        return Limits(
            budget,
            options.least_gain,
            options.least_improvement,
            options.slack,
            options.most_indexes,
            options.most_per_table,
            self._started + _SEARCHING * options.seconds,
            self._started + _FINISHING * options.seconds,
        )

    def _tick(self) -> None:
        self._progress(min(1.0, (time.monotonic() - self._started) / self._options.seconds))

    def _is_late(self, share: float) -> bool:
        self._tick()
        return time.monotonic() - self._started > share * self._options.seconds

    # -------------------------------------------------------------------------------- advice

    def _advice(
        self,
        whatif: WhatIf,
        works: Sequence[Work],
        search: Search,
        chosen: int,
        upkeep: WorkloadUpkeep,
    ) -> Advice:
        total = max(whatif.total(0), 1e-300)
        effects = self._effects(whatif, works, chosen, total)
        suggestions = []
        for number in numbers(chosen):
            index = whatif.candidates[number]
            table = self._catalog.table(index.schema, index.table)
            assert table is not None
            mine = sorted((e for e in effects if index in e.indexes), key=lambda e: -e.saved)
            suggestions.append(
                Suggestion(
                    index,
                    table,
                    self._size(index),
                    search.loss(chosen, number) / total,
                    upkeep.of(index),
                    upkeep.weighted(index) / total,
                    tuple(mine),
                    self._existing.replaced(index),
                    upkeep.writers(index),
                    tuple(self._catalog.leaves(table)),
                    doubt(
                        index,
                        table,
                        self._catalog,
                        ["" if e.query.samples else e.query.text for e in mine],
                    ),
                    self._existing.beside(index),
                )
            )
        suggestions.sort(key=lambda s: (-s.saved, s.index.ddl()))
        return Advice(
            tuple(suggestions),
            tuple(sorted(effects, key=lambda e: (-e.saved, e.query.text))),
            tuple(self._passed),
            1.0 - search.value(chosen) / total if effects else 0.0,
            sum(one.size_bytes for one in suggestions),
            self._table_bytes,
            self._planner.calls,
            time.monotonic() - self._started,
            search.stopped,
            (*self._notes, *self._parameter_notes()),
            tuple(self._unserved(works, effects)),
            frozenset(oid for work in works for oid in work.base.existing),
            None if search.limits.budget_bytes == float("inf") else search.limits.budget_bytes,
        )

    def _unserved(self, works: Sequence[Work], effects: Sequence[Effect]) -> list[Unserved]:
        """Conditions that no index can serve, of statements that stay dear."""
        helped = {id(one.query) for one in effects if one.after < _HELPED * one.before}
        dear = [w for w in works if id(w.query) not in helped and w.base.cost > _CHEAP]
        for work in dear:
            work.uses = [use for use in work.uses if not self._is_small(use.table)]
        return unserved(dear, works, self._catalog, self._planner.refuses)

    def _effects(
        self,
        whatif: WhatIf,
        works: Sequence[Work],
        chosen: int,
        total: float,
    ) -> list[Effect]:
        """What becomes of each statement, its forms taken together."""
        by_query: defaultdict[int, list[int]] = defaultdict(list)
        for number, work in enumerate(works):
            by_query[id(work.query)].append(number)
        effects = []
        for numbers_ in by_query.values():
            own = [works[number] for number in numbers_]
            known = [whatif.plan(number, chosen) for number in numbers_]
            effects.append(
                Effect(
                    own[0].query,
                    own[0].mean_cost,
                    sum(w.form.share * k.cost for w, k in zip(own, known, strict=True)),
                    tuple(whatif.members(union(k.used for k in known))),
                    sum(
                        w.weight * (w.base.cost - k.cost) / total
                        for w, k in zip(own, known, strict=True)
                    ),
                    tuple(
                        FormEffect(w.form, w.base.cost, k.cost)
                        for w, k in zip(own, known, strict=True)
                    ),
                )
            )
        return effects


def _is_ordinary(key: Key, columns: Mapping[str, Column]) -> bool:
    """Whether a b-tree surely takes a key."""
    column = columns.get(key.column)
    return (
        column is not None
        and not key.operator_class
        and (column.type_category in "NDSBTE" or column.base_type in ("uuid", "inet"))
    )
