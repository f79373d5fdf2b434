"""What the planner is asked in place of a statement with parameters: the same with values.

Where values differ much in how often they occur, a statement has two forms, one with values that
few rows have and one with common ones. How often each was meant follows from the rows that the
statement returned per call; where that tells nothing, half of the calls are taken for each. Bounds
are as far apart as makes as many rows.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple, Protocol

from dbtune.postgres.indexes.catalog import Catalog
from dbtune.postgres.indexes.parameter_roles import Kind, Role, roles
from dbtune.postgres.indexes.parameter_values import (
    Lean,
    Wish,
    is_skewed,
    literal,
    value_of,
    values_of,
)
from dbtune.postgres.indexes.planner import NotPlannable, Planned
from dbtune.postgres.indexes.statement_uses import column_finder
from dbtune.postgres.indexes.workload import Query
from dbtune.postgres.normalised import FIELD, Normalised, normalised
from dbtune.postgres.plans.ddl import quote
from dbtune.postgres.sqltext import has_parameters, names

_LISTED = 5
_PARAMETER = re.compile(r"\$(\d{1,6})\b")
_LEAST_SHARE = 0.02
"""A form with so small a share of the calls is left out."""
_ALIKE = 1.2
"""Two executions are alike if the one costs at most so many times as much as the other."""
_NEAR = 1.5
"""A plan is taken to return as many rows as came if it is no further off."""
_TELLING = 3.0
"""So many times as many rows have to come of the one form as of the other to tell their shares."""


@dataclass(frozen=True, slots=True)
class Form:
    """A statement as the planner is asked about it.

    Attributes:
        sql: what is planned.
        share: of the statement's calls; those of all its forms add up to 1.
        values: of the parameters, by number, as text; of a list the elements with commas.
        made_up: those values that no column tells: nobody may have written them.
        generic: parameters are left in it: the plan is one for any values.
        wish: which values.
        search_path: where its names are looked up; "" is the session's.
    """

    sql: str
    share: float = 1.0
    values: Mapping[int, str] = field(default_factory=dict)
    made_up: frozenset[str] = frozenset()
    generic: bool = False
    wish: Wish = field(default_factory=Wish)
    search_path: str = ""


class PlannedForm(NamedTuple):
    """A form with its plan without new indexes."""

    form: Form
    plan: Planned


class Asked(Protocol):
    """What is asked of a planner: a part of :class:`~dbtune.postgres.indexes.planner.Planner`."""

    def plan(self, statement: str, *, search_path: str = "") -> Planned:
        """See :meth:`dbtune.postgres.indexes.planner.Planner.plan`."""
        ...

    def parameter_types(self, statement: str, *, search_path: str = "") -> list[str]:
        """See :meth:`dbtune.postgres.indexes.planner.Planner.parameter_types`."""
        ...


class Forms:
    """Makes the forms of a workload's statements."""

    def __init__(self, planner: Asked, catalog: Catalog, search_path: str = "") -> None:
        """
        Args:
            planner: is asked which types parameters have, and whether a form can be planned.
            catalog: tables with statistics.
            search_path: where statements' names are looked up.
        """
        self._planner = planner
        self._catalog = catalog
        self._path = search_path
        self._schemas = schemas_of(search_path)

    def of(self, query: Query) -> list[PlannedForm]:
        """The forms of a statement, planned.

        Raises:
            NotPlannable: none of them can be; its sentence is about the first.
            TargetError: the connection broke.
        """
        try:
            return self._of(query)
        except NotPlannable:
            if self._path or not (path := self._other_path(query.text)):
                raise
            return Forms(self._planner, self._catalog, path).of(query)

    def _other_path(self, text: str) -> str:
        """The one schema that has tables of the statement's names: a search path has it."""
        schemas = {one for name in names(text) for one in self._catalog.schemas(name)}
        other = schemas - {"public"}
        return f"{quote(other.pop())}, public" if len(other) == 1 else ""

    def _of(self, query: Query) -> list[PlannedForm]:
        if query.samples and (found := self._sampled(query)):
            return found
        if not has_parameters(query.text):
            return [self._plan(Form(query.text))]
        whole = normalised(query.text)
        statement = _Statement(whole, self._roles(whole), lambda text: self._types(text))
        try:
            if statement.roles:
                return self._filled(statement, query)
        except NotPlannable:
            pass
        try:
            return [self._plan(Form(whole.with_values({}), generic=bool(whole.numbers)))]
        except NotPlannable as refused:
            try:
                return [self._plan(Form(query.text, generic=True))]
            except NotPlannable:
                raise refused from None  # what is said about the repaired text is about the cause

    def _sampled(self, query: Query) -> list[PlannedForm]:
        """Executions as they were; one of those that cost about the same stands for all."""
        found: list[PlannedForm] = []
        for text in query.samples:
            try:
                found.append(self._plan(Form(text)))
            except NotPlannable:
                continue
        share = 1 / max(1, len(found))
        kept: list[PlannedForm] = []
        for one in sorted(found, key=lambda one: one.plan.cost):
            if kept and one.plan.cost <= kept[-1].plan.cost * _ALIKE:
                share_of_both = kept[-1].form.share + share
                kept[-1] = PlannedForm(replace(kept[-1].form, share=share_of_both), kept[-1].plan)
            else:
                kept.append(PlannedForm(replace(one.form, share=share), one.plan))
        return kept

    def _filled(self, statement: _Statement, query: Query) -> list[PlannedForm]:
        rows = None if query.rows is None or not query.calls else query.rows / query.calls
        wish = Wish(rows=math.ceil(rows) if rows and not query.writes else 10)
        known = statement.roles.values()
        found = [self._plan(statement.form(wish))]
        if not _tells(found[0].plan):
            rows = None
        if any(is_skewed(role) or role.kind is Kind.LIKE for role in known):
            few, many = (
                self._plan(statement.form(replace(wish, looked_up=lean, infix=lean is Lean.many)))
                for lean in (Lean.few, Lean.many)
            )
            found = _shared(few, many, rows)
        bounds = {r.column for r in known if r.column and r.kind in (Kind.LOWER, Kind.UPPER)}
        if rows is None or not bounds:
            return found
        expected = sum(one.form.share * _rows(one.plan) for one in found)
        off = max(rows, 0.5) / max(expected, 0.5)
        if 1 / _NEAR <= off <= _NEAR:
            return found
        return self._fitted(statement, found, replace(wish, width=off ** (1 / len(bounds))), rows)

    def _fitted(
        self, statement: _Statement, found: Sequence[PlannedForm], wish: Wish, rows: float
    ) -> list[PlannedForm]:
        """The forms with bounds as wide as the rows that came, if that makes a difference."""
        fitted = [
            PlannedForm(replace(again.form, share=one.form.share), again.plan)
            for one in found
            for again in [self._plan(statement.form(replace(one.form.wish, width=wish.width)))]
        ]
        before, after = (
            abs(
                math.log(max(0.5, sum(o.form.share * _rows(o.plan) for o in some)) / max(0.5, rows))
            )
            for some in (found, fitted)
        )
        return fitted if after < before else [*found]

    def _plan(self, form: Form) -> PlannedForm:
        form = replace(form, search_path=self._path)
        return PlannedForm(form, self._planner.plan(form.sql, search_path=self._path))

    def _types(self, text: str) -> list[str]:
        return self._planner.parameter_types(text, search_path=self._path)

    def _roles(self, whole: Normalised) -> dict[int, Role]:
        tree = whole.parse()
        if tree is None:
            return {}
        try:
            return roles(tree, column_finder(tree, self._catalog, self._schemas))
        except Exception:  # a tree of what the parser does not know may have any form
            return {}


class _Statement:
    """A statement with parameters whose roles and types are known as far as can be."""

    def __init__(
        self,
        whole: Normalised,
        known: Mapping[int, Role],
        types: Callable[[str], Sequence[str]],
    ) -> None:
        self._whole = whole
        self.roles = {number: known.get(number, Role(Kind.FREE)) for number in whole.numbers}
        if not known:
            self.roles = {}
        self._types = self._find_types(types) if self.roles else {}

    def _find_types(self, types: Callable[[str], Sequence[str]]) -> dict[int, str]:
        """Types by the server; what it can't tell is first given a value by what it is for."""
        free = {n: role for n, role in self.roles.items() if role.column is None or role.addend}
        known = {n: value_of(role, Wish(), role.cast) for n, role in free.items()}
        guessed = {n: literal(known[n] or _guess(role), role.cast) for n, role in free.items()}
        unsure = (Kind.FREE, Kind.RESULT)
        surely = {n: guessed[n] for n, role in free.items() if known[n] and role.kind not in unsure}
        results = {n: guessed[n] for n, role in free.items() if role.kind is Kind.RESULT}
        # Of some the statement's other side tells the type, and the server does not look there.
        typed = {
            number: literal(value_of(role, Wish(), role.cast) or "", role.cast)
            for number, role in self.roles.items()
            if role.column is not None and role.cast
        }
        for given in ({}, typed, surely | typed, surely | results | typed, guessed | typed):
            # A parameter of which the server says that it can't tell is given a value, too.
            for _ in range(1 + len(guessed)):
                left = [number for number in self._whole.numbers if number not in given]
                try:
                    return dict(zip(left, types(self._whole.with_values(given)), strict=True))
                except NotPlannable as refused:
                    named = _PARAMETER.search(str(refused))
                    at = int(named[1]) if named else 0
                    if not 0 < at <= len(left) or left[at - 1] not in guessed:
                        break
                    given = given | {left[at - 1]: guessed[left[at - 1]]}
                except ValueError:
                    break
        return {}

    def form(self, wish: Wish) -> Form:
        """The statement with values."""
        values: dict[int, str] = {}
        literals: dict[int, str] = {}
        for number, role in self.roles.items():
            kind = role.cast or self._types.get(number, "")
            if number in self._whole.lists and role.column is not None:
                several = values_of(role, wish, kind, _LISTED)
                if several:
                    values[number] = ", ".join(several)
                    literals[number] = ", ".join(literal(one, kind) for one in several)
                continue
            value = value_of(role, wish, kind, self._whole.units.get(number, ""))
            if value is None and not kind and role.column is None:
                value = _guess(role)
            if value is not None:
                values[number] = value
                literals[number] = literal(value, kind)
        generic = len(literals) < len(self.roles)
        free = {values[number] for number in values if self.roles[number].column is None}
        free |= {FIELD} if self._whole.fields else set()
        made_up = frozenset(free) - self._whole.written
        return Form(self._whole.with_values(literals), 1.0, values, made_up, generic, wish)


def _guess(role: Role) -> str:
    """A value of a parameter that nothing tells the type of."""
    return "1" if role.kind in (Kind.NUMBER, Kind.RESULT) else "a"


def schemas_of(search_path: str) -> list[str]:
    """The schemas of a search path, as the catalog has their names."""
    found = re.findall(r'"((?:[^"]|"")+)"|([^,\s"]+)', search_path)
    return [quoted.replace('""', '"') if quoted else plain.lower() for quoted, plain in found]


def _shared(few: PlannedForm, many: PlannedForm, rows: float | None) -> list[PlannedForm]:
    """Both forms with their shares of the calls, by the rows that a call returned."""
    if few.form.sql == many.form.sql:
        return [few]
    share = 0.5
    least, most = _rows(few.plan), _rows(many.plan)
    if rows is not None and most > _TELLING * max(1.0, least):
        share = min(1.0, max(0.0, (rows - least) / (most - least)))
    both = [
        PlannedForm(replace(one.form, share=part), one.plan)
        for one, part in ((few, 1 - share), (many, share))
        if part >= _LEAST_SHARE
    ]
    total = sum(one.form.share for one in both)
    return [PlannedForm(replace(f, share=f.share / total), plan) for f, plan in both]


_PASSING = ("Sort", "Incremental Sort", "Gather", "Gather Merge", "Subquery Scan", "Result")
_FOLDING = ("Aggregate", "Group", "Unique", "SetOp", "Limit")


def _tells(planned: Planned) -> bool:
    """Whether the rows that a plan returns are those that it has found, and no groups of them."""
    node = planned.plan["Plan"]
    while node.get("Node Type") in _PASSING and len(node.get("Plans", ())) == 1:
        node = node["Plans"][0]
    return node.get("Node Type") not in _FOLDING


def _rows(planned: Planned) -> float:
    """Rows that a plan returns or changes."""
    node = planned.plan["Plan"]
    if node.get("Node Type") == "ModifyTable" and node.get("Plans"):
        node = node["Plans"][0]
    return float(node.get("Plan Rows", 0))
