"""Values for parameters: as frequent, as far apart and of the type that the statement needs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbtune.postgres.indexes.distribution import Distribution
from dbtune.postgres.indexes.parameter_roles import Kind, Role
from dbtune.postgres.indexes.parameter_values import Lean, Wish, is_skewed, literal, value_of
from dbtune.postgres.relations.facts import Column, ColumnStatistics

STATUS = ColumnStatistics(0.0, 4, 3, ("done", "open", "new"), (0.95, 0.04, 0.01))
NUMBERS = ColumnStatistics(0.0, 4, -1, histogram=tuple(str(n) for n in range(0, 1001, 10)))
MIXED = ColumnStatistics(0.0, 4, 500, ("7",), (0.5,), tuple(str(n) for n in range(101)))


def column(statistics: ColumnStatistics | None, kind: str = "text", category: str = "S") -> Column:
    return Column(1, "c", kind, kind, category, statistics=statistics)


def test_a_share_of_the_values_lies_below() -> None:
    assert Distribution(NUMBERS).at(0.25) == "250"
    assert Distribution(MIXED).at(0.3) == "7", "half of the rows have it"
    assert float(Distribution(MIXED).at(0.9) or 0) == pytest.approx(80, abs=2)
    assert Distribution(ColumnStatistics(0.0, 4, 0)).at(0.5) is None


def test_skew() -> None:
    assert Distribution(STATUS).is_skewed
    assert not Distribution(NUMBERS).is_skewed
    even = ColumnStatistics(0.0, 4, 2, ("a", "b"), (0.5, 0.5))
    assert not Distribution(even).is_skewed
    assert is_skewed(Role(Kind.EQUAL, column(STATUS)))
    assert not is_skewed(Role(Kind.EQUAL, column(None)))


def test_what_is_looked_up() -> None:
    role = Role(Kind.EQUAL, column(STATUS))
    assert value_of(role, Wish(Lean.few), "text") == "new"
    assert value_of(role, Wish(Lean.many), "text") == "done"
    upper = Role(Kind.EQUAL, column(STATUS), folded="upper")
    assert value_of(upper, Wish(Lean.many), "text") == "DONE"


def test_bounds() -> None:
    number = column(NUMBERS, "int4", "N")
    low, high = Role(Kind.LOWER, number), Role(Kind.UPPER, number)
    assert (value_of(low, Wish(), "integer"), value_of(high, Wish(), "integer")) == ("750", "250")
    pair = [Role(kind, number, paired=True) for kind in (Kind.LOWER, Kind.UPPER)]
    assert [value_of(one, Wish(), "integer") for one in pair] == ["450", "550"]
    assert [value_of(one, Wish(width=0.2), "integer") for one in pair] == ["490", "510"]


def test_a_value_of_another_type_is_no_value() -> None:
    """``extract(year FROM placed) = $1``: the column has dates, the parameter is a number."""
    dates = column(
        ColumnStatistics(0.0, 4, -1, histogram=("2020-01-01", "2021-01-01")), "date", "D"
    )
    assert value_of(Role(Kind.EQUAL, dates), Wish(), "date") in ("2020-01-01", "2021-01-01")
    assert value_of(Role(Kind.EQUAL, dates, computed=True), Wish(), "numeric") == "1"
    assert value_of(Role(Kind.EQUAL, column(None)), Wish(), "mood") is None


@pytest.mark.parametrize(
    ("value", "kind", "shown"),
    [
        ("5", "integer", "5"),
        ("-5", "integer", "'-5'::integer"),
        ("5", "bigint", "'5'::bigint"),
        ("it's", "text", "'it''s'::text"),
        ("a\\b", "text", "E'a\\\\b'::text"),
        ("long", "character", "'long'::bpchar"),
        ("x", "", "'x'"),
        ("1.5", "", "1.5"),
        ("1; DROP TABLE t", "", "'1; DROP TABLE t'"),
    ],
)
def test_literals(value: str, kind: str, shown: str) -> None:
    assert literal(value, kind) == shown


@given(st.text(max_size=30))
def test_no_value_ends_its_literal(value: str) -> None:
    """Values are somebody's data: whatever they hold stays inside the quotes."""
    from dbtune.postgres.sqltext import places

    found = [kind for kind, *_ in places(literal(value, "text").removesuffix("::text"))]
    assert found == ["string"]
