"""The statements that indexes are to serve, and how much each of them counts."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple

from dbtune.postgres.placeholders import numbered
from dbtune.postgres.sqltext import masked, split_statements
from dbtune.postgres.statements.group import UNKNOWN_TEXT
from dbtune.statements import Statement
from dbtune.text import plain, plural, were

if TYPE_CHECKING:
    from dbtune.postgres.logs.workload import Logged

_PLANNABLE = ("select", "insert", "update", "delete", "merge", "with", "values", "table", "(")

_NAMED = 8
_NO_PLAN = "not a SELECT, INSERT, UPDATE, DELETE or MERGE"


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
        samples: some of its executions with their constants, if the source has them. Nobody should
            see them without having asked for it.
    """

    text: str
    calls: float = 1.0
    total_ms: float | None = None
    rows: int | None = None
    ids: tuple[str, ...] = ()
    samples: tuple[str, ...] = field(default=(), repr=False)

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


def from_script(text: str, source: str) -> Workload:
    """The statements of an SQL script, each of equal weight; one that occurs twice counts twice."""
    statements = [inner(numbered(one)) for one in split_statements(text)]
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
            passed.append(Passed(one, _NO_PLAN))
    return Workload(source, tuple(queries), passed=tuple(passed))


def from_statements(
    statements: Iterable[Statement], source: str, seconds: float | None, *, text_limit: int
) -> Workload:
    """Statements that a server counted; those without a complete text are passed over."""
    queries, passed = [], []
    others: Counter[str] = Counter()
    for one in sorted(statements, key=lambda s: (-s.total_ms, s.text)):
        text = inner(numbered(one.text))
        if one.text.startswith(UNKNOWN_TEXT):
            passed.append(Passed(one.text, "the server did not keep its text"))
        elif len(one.text) >= text_limit:
            passed.append(Passed(one.text, f"longer than {text_limit:,} characters"))
        elif is_plannable(text):
            queries.append(Query(text, one.calls, one.total_ms, one.rows, one.ids))
        else:
            others[_first_word(one.text)] += 1
    return Workload(source, tuple(queries), seconds, tuple(passed), tuple(_without_plan(others)))


def _first_word(text: str) -> str:
    return next(iter(text.split(None, 1)), "")[:20].upper().rstrip(";")


def _without_plan(others: Counter[str]) -> Iterable[str]:
    """A note on statements that have no plan, by their first words: there are many of these."""
    if count := others.total():
        most = ", ".join(plain(word) for word, _ in others.most_common(_NAMED))
        yield f"{plural(count, 'statement')} without a plan {were(count)} left out: {most}"


_AROUND = re.compile(
    r"(?:EXPLAIN(?:\s*\([^()]*\))?(?:\s+(?:ANALY[SZ]E|VERBOSE))*"
    r"|DECLARE\s+(?:\"[^\"]+\"|\S+)\s[\w\s]*?\bCURSOR\b[\w\s]*?\bFOR"
    r"|PREPARE\s+\w+\s*(?:\([^()]*\))?\s*AS"
    r"|CREATE\s+(?:(?:GLOBAL|LOCAL)\s+)?(?:(?:TEMP|TEMPORARY|UNLOGGED)\s+)?TABLE\s+"
    r"(?:IF\s+NOT\s+EXISTS\s+)?[\w.\"]+\s*(?:\([^()]*\))?[\w\s()=]*?\bAS)"
    r"\s+(?=SELECT\b|WITH\b|INSERT\b|UPDATE\b|DELETE\b|MERGE\b|VALUES\b|TABLE\b|\()",
    re.IGNORECASE,
)
_COPIED = re.compile(r"COPY\s*\((.*)\)\s*TO\b[^()]*(?:\([^()]*\))?\s*\Z", re.I | re.DOTALL)
_LONGEST_AROUND = 1000


def inner(text: str) -> str:
    """The query in a cursor's declaration, in EXPLAIN, CREATE TABLE AS, PREPARE or COPY."""
    if found := _AROUND.match(text[:_LONGEST_AROUND]):
        return text[found.end() :]
    if found := _COPIED.match(text):
        return found[1].strip()
    return text


def from_log(logged: Logged, source: str, database: str) -> Workload:
    """Statements of logs; of those whose database is known only what ran in this one."""
    queries = []
    elsewhere = 0
    others: Counter[str] = Counter()
    for one in logged.statements:
        if one.databases and database not in one.databases:
            elsewhere += 1
        elif is_plannable(one.text):
            samples = tuple(filter(is_plannable, one.samples))
            ids = (one.id,) if one.id else ()
            queries.append(Query(one.text, one.calls, one.total_ms, None, ids, samples))
        else:
            others[_first_word(one.text)] += 1
    notes = [*logged.notes, *_without_plan(others)]
    if elsewhere:
        found = f"{plural(elsewhere, 'statement')} of other databases in the log"
        notes.append(f"{found} {were(elsewhere)} left out")
    return Workload(source, tuple(queries), logged.seconds or None, notes=tuple(notes))


def largest(workload: Workload, count: int) -> Workload:
    """Only so many statements, those that count most."""
    if len(workload.queries) <= count:
        return workload
    ordered = sorted(workload.queries, key=lambda q: (-(q.total_ms or 0.0), -q.calls, q.text))
    left = len(ordered) - count
    share = sum(q.total_ms or 0.0 for q in ordered[count:]) / max(
        1e-9, sum(q.total_ms or 0.0 for q in ordered)
    )
    found = f"{plural(left, 'statement')} with {share:.1%} of the time"
    note = f"{found} {were(left)} left out (--statements {count})"
    return replace(workload, queries=tuple(ordered[:count]), notes=(*workload.notes, note))


def is_plannable(text: str) -> bool:
    """Whether a text begins as statements do that have a plan."""
    return masked(text).lower().startswith(_PLANNABLE)
