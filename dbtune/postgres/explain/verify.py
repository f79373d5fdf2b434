"""Ask the planner about suggested indexes: would it use them, and what would change?

A suggestion that the planner would not use is taken back: wrong advice is worse than none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from dbtune.finding import Confidence, Evidence, Finding, Remedy
from dbtune.postgres.indexes.definition import Definition, Key
from dbtune.postgres.indexes.planner import NotPlannable, Planner
from dbtune.postgres.plans.ddl import UNVERIFIED
from dbtune.text import count_text, ratio_text

LEAST_GAIN = 0.1
"""Share of the statement's cost that an index must save to be worth a suggestion."""

_NAME = r'"(?:[^"]|"")*"'
_STATEMENT = re.compile(
    rf"CREATE INDEX CONCURRENTLY (?P<name>{_NAME}) ON (?:(?P<schema>{_NAME})\.)?(?P<table>{_NAME})"
    r"(?: USING (?P<method>\w+))? \((?P<rest>.*)\Z",
    re.DOTALL,
)
_KEY = re.compile(
    rf"(?P<sql>{_NAME}|\(.*\)|[\w.]+\(.*\))(?: (?P<opclass>(?!DESC\b|NULLS\b|ASC\b)[\w.]+))?"
    r"(?P<desc> DESC)?(?: NULLS (?P<nulls>FIRST|LAST))?",
    re.DOTALL,
)


def suggests(findings: Iterable[Finding]) -> bool:
    """Whether any of the findings suggests an index that the planner can be asked about."""
    return any(_definitions(finding) for finding in findings)


def verified(
    findings: Sequence[Finding], planner: Planner, statement: str, search_path: str
) -> list[Finding]:
    """Findings whose suggested indexes were put to the planner.

    Args:
        findings: of the statement's plan.
        planner: answers.
        statement: the statement; with ``$n`` generic plans are compared.
        search_path: where its names are looked up; "" for the role's own.

    Raises:
        NotPlannable: the planner refuses the statement as it is.
        TargetError: the connection broke.
    """
    planner.route(statement, [index for one in findings for index in _definitions(one)])
    before = planner.plan(statement, search_path=search_path).cost
    return [_verified(one, planner, statement, search_path, before) for one in findings]


def _verified(
    finding: Finding, planner: Planner, statement: str, search_path: str, before: float
) -> Finding:
    asked = _definitions(finding)
    if not asked:
        return finding
    for definition in asked:
        if reason := planner.refuses(definition):
            return _told(finding, f"The planner could not be asked: {reason}.")
    try:
        planned = planner.plan(statement, asked, search_path=search_path)
    except NotPlannable as refused:
        return _told(finding, f"The planner could not be asked: {refused}.")
    costs: dict[str, Evidence] = {
        "before_cost": before,
        "after_cost": planned.cost,
        "planner": planner.name,
    }
    finding = replace(finding, evidence={**finding.evidence, **costs})
    saved = 1 - planned.cost / before if before > 0 else 0.0
    if not planned.used or saved < LEAST_GAIN:
        what = "that index" if len(asked) == 1 else "those indexes"
        why = (
            f"would save {ratio_text(saved)} of its cost, at most"
            if planned.used
            else "would not use it; other parts of the statement decide"
        )
        return replace(
            finding,
            remedy=Remedy(
                f"An index on the columns of its condition comes to mind, but the planner {why}: "
                f"{what} is not suggested. See whether the statement needs all of these rows."
            ),
        )
    told = (
        f"The planner would use it ({_NAMES.get(planner.name, planner.name)}): cost "
        f"{count_text(before)} → {count_text(planned.cost)}, {ratio_text(saved)} less."
    )
    return replace(_told(finding, told), confidence=finding.confidence or Confidence.estimated)


_NAMES = {"hypopg": "HypoPG", "lab": "planner lab", "hypopg, lab": "planner lab"}
"""A single statement is planned by one of both."""


def _told(finding: Finding, told: str) -> Finding:
    text = finding.remedy.text.replace(UNVERIFIED, told)
    return replace(finding, remedy=finding.remedy._replace(text=text))


def _definitions(finding: Finding) -> list[Definition]:
    """The indexes that a finding suggests, unless they are verified already."""
    if UNVERIFIED not in finding.remedy.text:
        return []
    found = [definition_of(one) for one in finding.remedy.sql.split(";\n") if one.strip()]
    return [] if None in found else [one for one in found if one is not None]


def definition_of(ddl: str) -> Definition | None:
    """A CREATE INDEX statement of :mod:`dbtune.postgres.plans.ddl` taken apart; or ``None``.

    The table must have its schema: a live plan's has, since it is made with VERBOSE.
    """
    found = _STATEMENT.match(ddl.strip().removesuffix(";"))
    if found is None or found["schema"] is None:
        return None
    inner, rest = _closed(found["rest"])
    include: tuple[str, ...] = ()
    if included := re.match(r" INCLUDE \(", rest):
        columns, rest = _closed(rest[included.end() :])
        include = tuple(_unquoted(one) for one in _parts(columns))
    if rest and not rest.startswith(" WHERE "):
        return None
    keys = [_key(one) for one in _parts(inner)]
    if not keys or None in keys:
        return None
    return Definition(
        _unquoted(found["schema"]),
        _unquoted(found["table"]),
        tuple(key for key in keys if key is not None),
        include,
        rest.removeprefix(" WHERE "),
        found["method"] or "btree",
    )


def _key(text: str) -> Key | None:
    found = _KEY.fullmatch(text)
    if found is None:
        return None
    column = _unquoted(found["sql"]) if found["sql"].startswith('"') else ""
    nulls = None if found["nulls"] is None else found["nulls"] == "FIRST"
    return Key(found["sql"], column, found["opclass"] or "", bool(found["desc"]), nulls)


def _unquoted(name: str) -> str:
    return name[1:-1].replace('""', '"')


_TOKENS = re.compile(rf"'(?:[^']|'')*'|{_NAME}|[(),]|[^'\"(),]+", re.DOTALL)


def _tokens(text: str) -> Iterator[tuple[str, int]]:
    for found in _TOKENS.finditer(text):
        yield found[0], found.start()


def _closed(text: str) -> tuple[str, str]:
    """What stands before the parenthesis that closes, and what behind it."""
    depth = 1
    for piece, at in _tokens(text):
        depth += {"(": 1, ")": -1}.get(piece, 0)
        if depth == 0:
            return text[:at], text[at + 1 :]
    return text, ""


def _parts(text: str) -> list[str]:
    """A list's members, which may have commas of their own in parentheses and quotes."""
    parts, start, depth = [], 0, 0
    for piece, at in _tokens(text):
        depth += {"(": 1, ")": -1}.get(piece, 0)
        if piece == "," and depth == 0:
            parts.append(text[start:at].strip())
            start = at + 1
    return [*parts, text[start:].strip()]
