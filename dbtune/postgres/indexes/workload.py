"""The statements that indexes are to serve, and how much each of them counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from dbtune.postgres.sqltext import fingerprint, masked, split_statements
from dbtune.statements import Statement

_PLANNABLE = ("select", "insert", "update", "delete", "merge", "with", "values", "table", "(")


class Passed(NamedTuple):
    """A statement that is left out, and why (a sentence)."""

    text: str
    reason: str


@dataclass(frozen=True, slots=True)
class Query:
    """A statement of a workload.

    Attributes:
        text: as a person knows it.
        calls: how often it was executed in the observed time.
        total_ms: the time of all executions; ``None`` if it was not measured.
        rows: rows returned or changed by all calls; ``None`` if they were not counted.
        ids: the source's identifiers.
    """

    text: str
    calls: float = 1.0
    total_ms: float | None = None
    rows: int | None = None
    ids: tuple[str, ...] = ()

    @property
    def writes(self) -> bool:
        """Whether it is an INSERT, UPDATE, DELETE or MERGE."""
        first = self.text.lstrip().split(None, 1)[:1]
        return bool(first) and first[0].lower() in ("insert", "update", "delete", "merge")


@dataclass(frozen=True, slots=True)
class Workload:
    """Statements with their weights.

    Attributes:
        source: where they were read, for people.
        queries: the statements, those that count most first.
        seconds: length of the time that calls and times were counted in; ``None`` if unknown.
        passed: statements that are no candidates for advice, and why.
        notes: sentences for the report.
    """

    source: str
    queries: tuple[Query, ...]
    seconds: float | None = None
    passed: tuple[Passed, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def is_timed(self) -> bool:
        """Whether execution times were measured."""
        return all(query.total_ms is not None for query in self.queries)


def from_script(text: str, source: str) -> Workload:
    """The statements of an SQL script, each of equal weight; one that occurs twice counts twice."""
    statements = split_statements(text)
    counted = Counter(" ".join(one.split()) for one in statements)
    queries, passed = [], []
    seen: set[str] = set()
    for one in statements:
        name = " ".join(one.split())
        if name in seen:
            continue
        seen.add(name)
        if is_plannable(one):
            queries.append(Query(one, float(counted[name])))
        else:
            passed.append(Passed(one, "not a SELECT, INSERT, UPDATE, DELETE or MERGE"))
    return Workload(source, tuple(queries), passed=tuple(passed))


def from_statements(
    statements: Iterable[Statement], source: str, seconds: float | None, *, text_limit: int
) -> Workload:
    """Statements that a server counted; those without a complete text are passed over."""
    queries, passed = [], []
    for one in sorted(statements, key=lambda s: (-s.total_ms, s.text)):
        if len(one.text) >= text_limit:
            passed.append(Passed(one.text, f"longer than {text_limit:,} characters"))
        elif is_plannable(one.text):
            queries.append(Query(one.text, one.calls, one.total_ms, one.rows, one.ids))
    return Workload(source, tuple(queries), seconds, tuple(passed))


def largest(workload: Workload, count: int) -> Workload:
    """Only so many statements, those that count most."""
    if len(workload.queries) <= count:
        return workload
    ordered = sorted(workload.queries, key=lambda q: (-(q.total_ms or 0.0), -q.calls, q.text))
    left = len(ordered) - count
    share = sum(q.total_ms or 0.0 for q in ordered[count:]) / max(
        1e-9, sum(q.total_ms or 0.0 for q in ordered)
    )
    note = f"{left:,} statements with {share:.1%} of the time were left out (--statements {count})"
    return replace(workload, queries=tuple(ordered[:count]), notes=(*workload.notes, note))


def is_plannable(text: str) -> bool:
    """Whether a text begins as statements do that have a plan."""
    return masked(text).lower().startswith(_PLANNABLE)


def same(one: Query, other: Query) -> bool:
    """Whether two are the same statement to a person."""
    return fingerprint(one.text) == fingerprint(other.text)


def texts(queries: Sequence[Query]) -> list[str]:
    """The texts of statements."""
    return [query.text for query in queries]
