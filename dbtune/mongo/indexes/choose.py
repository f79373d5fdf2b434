"""The best index for a query, or none: by what it saves, estimated on the sample."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from dbtune.mongo.indexes.candidates import candidates, covering
from dbtune.mongo.indexes.estimate import Estimator
from dbtune.mongo.indexes.facts import Index, Proposal
from dbtune.mongo.indexes.query import Query, branch_queries
from dbtune.mongo.indexes.sample import Sample
from dbtune.mongo.indexes.work import Work

MIN_DOCS, MIN_BYTES = 1000, 64 * 1024
"""Smaller collections are read as fast without an index."""
MIN_GAIN = 500.0
"""Cost that an index has to save for each call: about 120 documents that are not fetched."""
MIN_FACTOR, MIN_FACTOR_OF_SCAN = 1.6, 1.35
"""And how many times less the work must be than with an index, and than a collection scan: a
condition that leaves more than 30 % of the documents is no reason for an index."""
ALIKE_FACTOR, ALIKE_COST = 1.2, 25.0
"""Within these, the index with fewer fields is preferred."""
_COVER_GAIN, _COVER_FACTOR = 150.0, 1.5
"""What more fields have to save, on an index that is made anyway: about 40 fetches a call."""


Examples = tuple[Query, ...]
"""The same query with different values."""


class Examined:
    """What examples of a query examine on average."""

    def __init__(self, sample: Sample, queries: Examples) -> None:
        self.each = [Estimator(sample, one) for one in queries]
        self.first = self.each[0]

    def scan(self) -> Work:
        """The work of a collection scan."""
        return mean([one.scan() for one in self.each])

    def with_index(self, index: Index) -> Work | None:
        """The work with an index; ``None`` if it serves none, or not all of them."""
        return _mean_of_all([one.with_index(index) for one in self.each])

    def with_proposal(self, index: Proposal) -> Work | None:
        """The work with an index that could be made."""
        return _mean_of_all([one.with_proposal(index) for one in self.each])


def examined_of(sample: Sample, queries: Examples) -> Examined:
    """What examples of a query examine, counted once for each sample."""
    known = sample.memory.get(id(queries))
    if known is None or known[0] is not queries:
        known = sample.memory[id(queries)] = (queries, Examined(sample, queries))
    found = known[1]
    assert isinstance(found, Examined)
    return found


def _mean_of_all(works: Sequence[Work | None]) -> Work | None:
    known = [one for one in works if one is not None]
    return mean(known) if len(known) == len(works) else None


def mean(works: Sequence[Work]) -> Work:
    """The mean of some works."""
    if len(works) == 1:
        return works[0]
    many = len(works)
    return Work(
        keys=sum(one.keys for one in works) / many,
        docs=sum(one.docs for one in works) / many,
        scanned=sum(one.scanned for one in works) / many,
        sorted=sum(one.sorted for one in works) / many,
        kept=sum(one.kept for one in works) / many,
        serves_sort=all(one.serves_sort for one in works),
        covered=all(one.covered for one in works),
        returned=sum(one.returned for one in works) / many,
    )


@dataclass(frozen=True, slots=True)
class Choice:
    """Indexes (several for the branches of an ``$or``), and the work with them."""

    indexes: tuple[Proposal, ...]
    work: Work


def plans(estimator: Examined, existing: Sequence[Index]) -> Iterator[tuple[Work, str]]:
    """What the planner can do now, with the name of the index; "" is a collection scan."""
    yield estimator.scan(), ""
    for index in existing:
        work = estimator.with_index(index)
        if work is not None:
            yield work, index.name


def best_now(sample: Sample, queries: Examples, existing: Sequence[Index]) -> tuple[Work, str]:
    """The best that the existing indexes allow, and what it uses; "" is a collection scan."""
    query = queries[0]
    options = list(plans(examined_of(sample, queries), existing))
    for ordered in _ways(query):
        branches = _branches(queries, ordered)
        parts = [_best_plan(Examined(sample, one), existing) for one in branches]
        known = [one for one in parts if one is not None and (one[0].serves_sort or not ordered)]
        if parts and len(known) == len(parts):
            names = " and ".join(dict.fromkeys(name for _, name in known))
            options.append((_together(query, [work for work, _ in known]), names))
    return min(options, key=lambda one: one[0].cost)


def _best_plan(estimator: Examined, existing: Sequence[Index]) -> tuple[Work, str] | None:
    indexed = [one for one in plans(estimator, existing) if one[1]]
    return min(indexed, key=lambda one: one[0].cost, default=None)


def _ways(query: Query) -> tuple[bool, ...]:
    """How an ``$or`` can be read: its branches merged in order, or all of them and then sorted."""
    return (True, False) if query.sort else (False,)


def _branches(queries: Examples, ordered: bool) -> list[Examples]:
    """The branches of an ``$or``; where they are not merged in order, all of each is read."""
    each = [branch_queries(query) for query in queries]
    least = min(map(len, each))
    found = [tuple(one[number] for one in each) for number in range(least)]
    if queries[0].sort and not ordered:
        found = [tuple(replace(one, sort=(), limit=0) for one in branch) for branch in found]
    return found


def choices(sample: Sample, queries: Examples, existing: Sequence[Index] = ()) -> list[Choice]:
    """Every index, or set of indexes for an ``$or``, that serves a query."""
    estimator = examined_of(sample, queries)
    options = [Choice((one,), work) for one, work in ranked(estimator)]
    for ordered in _ways(queries[0]):
        branched = _branched(sample, queries, existing, ordered)
        if branched is not None:
            options.append(branched)
    return options


def ranked(estimator: Examined) -> list[tuple[Proposal, Work]]:
    """Candidates with their work, the cheapest first, longer ones that cover included."""
    found = [
        (one, work)
        for one in candidates(estimator.first)
        if (work := estimator.with_proposal(one)) is not None
    ]
    found.sort(key=_by_cost)
    for one, work in found[:5]:
        longer = covering(estimator.first, one)
        covered = estimator.with_proposal(longer) if longer else None
        if longer and covered is not None and covered.covered:
            saved = work.cost - covered.cost
            if saved >= _COVER_GAIN and work.cost >= _COVER_FACTOR * covered.cost:
                found.append((longer, covered))
    found.sort(key=_by_cost)
    return found


def _by_cost(one: tuple[Proposal, Work]) -> tuple[float, int]:
    return one[1].cost, len(one[0].keys)


def preferred(options: Sequence[Choice]) -> Choice | None:
    """The cheapest, or one with fewer fields that is nearly as cheap."""
    if not options:
        return None
    least = min(one.work.cost for one in options)
    near = [
        one for one in options if one.work.cost <= max(ALIKE_FACTOR * least, least + ALIKE_COST)
    ]
    return min(
        near,
        key=lambda one: (
            sum(len(index.keys) for index in one.indexes),
            len(one.indexes),
            one.work.cost,
        ),
    )


def _branched(
    sample: Sample, queries: Examples, existing: Sequence[Index], ordered: bool
) -> Choice | None:
    """An index for each branch of an ``$or``; branches that have a good one need no other."""
    indexes: list[Proposal] = []
    works: list[Work] = []
    for branch in _branches(queries, ordered):
        estimator = Examined(sample, branch)
        now = _best_plan(estimator, existing)
        if now is not None and ordered and not now[0].serves_sort:
            now = None
        options = [
            Choice((one,), work)
            for one, work in ranked(estimator)
            if work.serves_sort or not ordered
        ]
        choice = preferred(options)
        if now is not None and (choice is None or not worth(now[0], choice.work)):
            works.append(now[0])
        elif choice is not None:
            indexes += choice.indexes
            works.append(choice.work)
        else:
            return None
    if not indexes:
        return None
    return Choice(tuple(dict.fromkeys(indexes)), _together(queries[0], works))


def _together(query: Query, works: Sequence[Work]) -> Work:
    """Branches one after the other; merged in order if each of them has it, else sorted."""
    found = works[0]
    for one in works[1:]:
        found = found.plus(one)
    if query.sort and not found.serves_sort:
        found = found._replace(sorted=found.returned, kept=query.limit or found.returned)
    return found


def worth(now: Work, then: Work) -> bool:
    """Whether an index saves enough to be made."""
    saved = now.cost - then.cost
    factor = MIN_FACTOR_OF_SCAN if now.scanned else MIN_FACTOR
    return saved >= MIN_GAIN and now.cost >= factor * then.cost


def large_enough(count: int, data_bytes: int) -> bool:
    """Whether a collection is worth an index at all."""
    return count >= MIN_DOCS and data_bytes >= MIN_BYTES
