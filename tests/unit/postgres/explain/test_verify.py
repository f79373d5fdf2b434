"""Suggested indexes are put to the planner: used, not used, or not to be asked about."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Self

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbtune.finding import Finding, Remedy
from dbtune.postgres.explain.verify import definition_of, suggests, verified
from dbtune.postgres.indexes.definition import Definition, Key, column_key
from dbtune.postgres.indexes.planner import NotPlannable, Planned
from dbtune.postgres.plans.ddl import UNVERIFIED

names = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=20)
keys = st.builds(
    column_key, names, descending=st.booleans(), nulls_first=st.none() | st.booleans()
) | st.sampled_from(
    [
        Key("(lower(a))"),
        Key("((a ->> 'x,y)'))"),
        Key('"b"', "b", "text_pattern_ops"),
        Key("((a || ','::text))", "", "gin_trgm_ops"),
    ]
)
definitions = st.builds(
    Definition,
    names,
    names,
    st.lists(keys, min_size=1, max_size=3).map(tuple),
    st.lists(names, max_size=2).map(tuple),
    st.sampled_from(["", "(a IS NULL)", "(b = 'it''s, (odd')"]),
    st.sampled_from(["btree", "gin", "brin"]),
    st.just(False),
    st.just(""),
)


@given(definitions)
def test_a_definition_comes_back_from_its_statement(definition: Definition) -> None:
    found = definition_of(definition.ddl())
    assert found is not None
    assert found.ddl(name="x") == definition.ddl(name="x")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "SELECT 1",
        'CREATE INDEX CONCURRENTLY "x" ON "t" ("a")',
        'CREATE INDEX "x" ON "s"."t" (',
        "\0",
    ],
)
def test_what_is_no_statement_of_ours_is_left_alone(text: str) -> None:
    assert definition_of(text) is None


class Answering:
    """A planner with prepared answers: of a real one, each would take a schema of its own."""

    name = "hypopg"
    calls = 0

    def __init__(self, after: float, *, used: bool = True, reason: str = "") -> None:
        self._after, self._used, self._reason = after, used, reason

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def route(self, statement: str, indexes: Collection[Definition]) -> bool:
        return False

    def plan(
        self,
        statement: str,
        indexes: Collection[Definition] = (),
        *,
        without: Collection[int] = (),
        search_path: str = "",
    ) -> Planned:
        if "refuse" in statement and indexes:
            raise NotPlannable("it is refused")
        if not indexes:
            return Planned(100.0, frozenset(), frozenset(), {})
        used = frozenset(indexes) if self._used else frozenset()
        return Planned(self._after, used, frozenset(), {})

    def refuses(self, index: Definition) -> str:
        return self._reason

    def size_bytes(self, index: Definition) -> int:
        return 8192


DDL = Definition("public", "t", (column_key("a"),)).ddl() + ";"
SUGGESTED = Finding("t", "reads much", Remedy(f"Make an index. {UNVERIFIED}", sql=DDL))
OTHER = Finding("t", "sorts much", Remedy("More memory.", sql="SET work_mem = '1GB'"))


def ask(planner: Any, statement: str = "SELECT 1") -> list[Finding]:
    return verified([SUGGESTED, OTHER], planner, statement, "")


def test_only_suggestions_are_asked_about() -> None:
    assert suggests([OTHER, SUGGESTED])
    assert not suggests([OTHER])
    assert ask(Answering(8))[1] == OTHER


def test_an_index_that_would_be_used_shows_both_costs() -> None:
    found = ask(Answering(8))[0]
    assert found.remedy.sql == DDL
    assert "would use it (HypoPG): cost 100 → 8, 92.0 % less" in found.remedy.text
    assert UNVERIFIED not in found.remedy.text
    assert (found.evidence["before_cost"], found.evidence["after_cost"]) == (100.0, 8.0)


@pytest.mark.parametrize(
    ("planner", "why"),
    [(Answering(100, used=False), "would not use it"), (Answering(95), "save 5.0 % of its cost")],
)
def test_an_index_that_would_not_help_is_taken_back(planner: Answering, why: str) -> None:
    found = ask(planner)[0]
    assert found.remedy.sql == ""
    assert why in found.remedy.text


@pytest.mark.parametrize(
    ("planner", "statement", "why"),
    [
        (Answering(1, reason="no opclass"), "SELECT 1", "no opclass"),
        (Answering(1), "refuse", "it is refused"),
    ],
)
def test_what_can_not_be_asked_is_told(planner: Answering, statement: str, why: str) -> None:
    found = ask(planner, statement)[0]
    assert found.remedy.sql == DDL
    assert f"could not be asked: {why}" in found.remedy.text
