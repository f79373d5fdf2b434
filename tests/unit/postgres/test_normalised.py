"""Statements of pg_stat_statements are made fit for a server again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbtune.postgres.normalised import normalised


@pytest.mark.parametrize(
    ("kept", "repaired"),
    [
        ("a < date $1 - interval $2 day", "a < $1::date - $2::interval"),
        ("a < timestamp with time zone $1", "a < $1::timestamp with time zone"),
        ("a < timestamp(3) without time zone $1", "a < $1::timestamp(3) without time zone"),
        ("a = double precision $1", "a = $1::double precision"),
        ("a = character varying(3) $1 or b", "a = $1::character varying(3) or b"),
        ("a = numeric(10, 2) $1", "a = $1::numeric(10, 2)"),
        ('a = shop."Mood" $1', 'a = $1::shop."Mood"'),
        ("a = public.mood $1", "a = $1::public.mood"),
        ("INTERVAL $1 YEAR TO MONTH", "$1::INTERVAL"),
        ("interval $1 second(3)", "$1::interval"),
        ("extract($1 from a) > $2", "extract('year' from a) > $1"),
        ("EXTRACT( $1 FROM a)", "EXTRACT( 'year' FROM a)"),
        ("substring(a from $1 for $2)", "substring(a from $1::integer for $2::integer)"),
        # what needs no repair
        ("a = $1 and b like $2 escape $3", "a = $1 and b like $2 escape $3"),
        ("a at time zone $1", "a at time zone $1"),
        ("a between $1 and $2 or not $3", "a between $1 and $2 or not $3"),
        ("select $1, a limit $2 offset $3", "select $1, a limit $2 offset $3"),
        ("trim(leading $1 from a)", "trim(leading $1 from a)"),
        ("case when $1 then $2 else $3 end", "case when $1 then $2 else $3 end"),
        ("'interval $1'", "'interval $1'"),
        ('"interval $1"', '"interval $1"'),
        ("a /* date $1 */ = $2", "a /* date $1 */ = $1"),
        ("$1::date", "$1::date"),
        ("a = any($1)", "a = any($1)"),
    ],
)
def test_the_grammar_takes_parameters(kept: str, repaired: str) -> None:
    assert normalised(kept).with_values({}) == repaired


def test_units_and_lists_are_known() -> None:
    found = normalised("a > now() - interval $1 month and b in ($2 /*, ... */) and c in ($3)")
    assert found.units == {1: "month"}
    assert found.lists == {2}


@pytest.mark.parametrize(
    ("kept", "same"),
    [
        (
            "SELECT date_trunc($1, at), count(*) FROM t GROUP BY date_trunc($2, at) ORDER BY 1",
            "SELECT date_trunc($1, at), count(*) FROM t GROUP BY date_trunc($1, at) ORDER BY 1",
        ),
        (
            "SELECT a % $1, sum(b) FROM t WHERE c = $2 GROUP BY a % $3 ORDER BY a % $4",
            "SELECT a % $1, sum(b) FROM t WHERE c = $2 GROUP BY a % $1 ORDER BY a % $1",
        ),
        (
            "SELECT DISTINCT coalesce(a, $1) FROM t ORDER BY coalesce(a, $2)",
            "SELECT DISTINCT coalesce(a, $1) FROM t ORDER BY coalesce(a, $1)",
        ),
        ("SELECT a + $1 FROM t ORDER BY a + $2", "SELECT a + $1 FROM t ORDER BY a + $2"),
    ],
)
def test_one_expression_has_one_value(kept: str, same: str) -> None:
    """The server refuses what is grouped by if it is not what is selected."""
    found = normalised(kept)
    marks = {number: f"<{number}>" for number in found.numbers}
    # Which of the numbers stays does not matter, only that it is one.
    shown = found.with_values(marks)
    for number, other in zip(found.numbers, sorted({*found.numbers}), strict=True):
        shown = shown.replace(f"<{number}>", f"${other}")
    assert _renamed(shown) == _renamed(same)


def _renamed(text: str) -> str:
    import re

    order: dict[str, str] = {}
    return re.sub(r"\$\d+", lambda m: order.setdefault(m[0], f"${len(order) + 1}"), text)


@given(st.text(alphabet="abc $123'\"(),-/*datefromxinterval\n", max_size=80))
def test_whatever_the_text_is(text: str) -> None:
    found = normalised(text)
    assert found.with_values({}) is not None
    again = normalised(found.text)
    assert again.numbers == found.numbers


def test_values_stand_for_their_numbers_and_the_others_are_numbered_anew() -> None:
    found = normalised("f($7, $2, $7, $9)")
    assert found.numbers == [2, 7, 9]
    assert found.with_values({2: "'x'"}) == "f($1, 'x', $1, $2)"
