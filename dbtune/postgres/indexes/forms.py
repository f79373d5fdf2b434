"""What the planner is asked in place of a statement with parameters: the same with values.

Where rows differ much in how often their values occur, a statement has two forms, one with values
that few rows have and one with common ones. How often each was meant follows from the rows that the
statement returned per call; where that tells nothing, half of the calls are taken for each.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

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
from dbtune.postgres.indexes.planner import NotPlannable, Planned, Planner
from dbtune.postgres.indexes.statement_uses import column_finder
from dbtune.postgres.indexes.workload import Query
from dbtune.postgres.normalised import Normalised, normalised
from dbtune.postgres.sqltext import has_parameters

_LISTED = 5
_LEAST_SHARE = 0.02
"""A form with so small a share of the calls is left out."""
_TELLING = 3.0
"""So many times as many rows have to come of the one form as of the other to tell their shares."""


@dataclass(frozen=True, slots=True)
class Form:
    """A statement as the planner is asked about it.

    Attributes:
        sql: what is planned.
        share: of the statement's calls; those of all its forms add up to 1.
        values: of the parameters, by number, as text; of a list the elements with commas.
        generic: parameters are left in it: the plan is one for any values.
    """

    sql: str
    share: float = 1.0
    values: Mapping[int, str] = field(default_factory=dict)
    generic: bool = False


class PlannedForm(NamedTuple):
    """A form with its plan without new indexes."""

    form: Form
    plan: Planned


class Forms:
    """Makes the forms of a workload's statements."""

    def __init__(self, planner: Planner, catalog: Catalog, search_path: str = "") -> None:
        """
        Args:
            planner: is asked which types parameters have, and whether a form can be planned.
            catalog: tables with statistics.
            search_path: where statements' names are looked up.
        """
        self._planner = planner
        self._catalog = catalog
        self._path = search_path
        self._schemas = [p.strip() for p in search_path.split(",") if p.strip()]

    def of(self, query: Query) -> list[PlannedForm]:
        """The forms of a statement, planned.

        Raises:
            NotPlannable: none of them can be; its sentence is about the first.
            TargetError: the connection broke.
        """
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
        except NotPlannable:
            return [self._plan(Form(query.text, generic=True))]

    def _filled(self, statement: _Statement, query: Query) -> list[PlannedForm]:
        rows = None if query.rows is None or not query.calls else query.rows / query.calls
        limit = math.ceil(rows) if rows and not query.writes else 10
        known = statement.roles.values()
        skewed = any(map(is_skewed, known))
        texts = any(role.kind is Kind.LIKE for role in known)
        ranges = any(role.kind in (Kind.LOWER, Kind.UPPER) and role.column for role in known)
        usual = self._plan(statement.form(Wish(rows=limit)))
        if not (skewed or texts or (ranges and rows is not None)):
            return [usual]
        if rows is not None:
            few, many = (
                self._plan(statement.form(Wish(lean, lean, limit, infix=lean is Lean.many)))
                for lean in (Lean.few, Lean.many)
            )
            least, most = _rows(few.plan), _rows(many.plan)
            if most > _TELLING * max(1.0, least) and (few.form.sql != many.form.sql):
                share = min(1.0, max(0.0, (rows - least) / (most - least)))
                return _shared(few, many, share)
        if not (skewed or texts):
            return [usual]
        few, many = (
            self._plan(statement.form(Wish(lean, rows=limit, infix=lean is Lean.many)))
            for lean in (Lean.few, Lean.many)
        )
        return _shared(few, many, 0.5)

    def _plan(self, form: Form) -> PlannedForm:
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
        guessed = {
            number: literal(value_of(role, Wish()) or "a", "")
            for number, role in self.roles.items()
            if role.column is None
        }
        for given in ({}, guessed):
            left = [number for number in self._whole.numbers if number not in given]
            try:
                return dict(zip(left, types(self._whole.with_values(given)), strict=True))
            except (NotPlannable, ValueError):
                continue
        return {}

    def form(self, wish: Wish) -> Form:
        """The statement with values."""
        values: dict[int, str] = {}
        literals: dict[int, str] = {}
        for number, role in self.roles.items():
            kind = self._types.get(number, "")
            if number in self._whole.lists and role.column is not None:
                several = values_of(role, wish, kind, _LISTED)
                if several:
                    values[number] = ", ".join(several)
                    literals[number] = ", ".join(literal(one, kind) for one in several)
                continue
            value = value_of(role, wish, kind, self._whole.units.get(number, ""))
            if value is None and not kind and role.column is None:
                value = "1" if role.kind is Kind.NUMBER else "a"
            if value is not None:
                values[number] = value
                literals[number] = literal(value, kind)
        generic = len(literals) < len(self.roles)
        return Form(self._whole.with_values(literals), 1.0, values, generic)


def _shared(few: PlannedForm, many: PlannedForm, share: float) -> list[PlannedForm]:
    """Both forms with their shares of the calls; ``share`` is that of the second."""
    if few.form.sql == many.form.sql:
        return [few]
    both = ((few, 1 - share), (many, share))
    return [
        PlannedForm(
            Form(
                f.sql,
                part if _LEAST_SHARE <= part <= 1 - _LEAST_SHARE else 1.0,
                f.values,
                f.generic,
            ),
            plan,
        )
        for (f, plan), part in both
        if part >= _LEAST_SHARE
    ]


def _rows(planned: Planned) -> float:
    """Rows that a plan returns or changes."""
    node = planned.plan["Plan"]
    if node.get("Node Type") == "ModifyTable" and node.get("Plans"):
        node = node["Plans"][0]
    return float(node.get("Plan Rows", 0))
