"""Conditions as EXPLAIN writes them, taken apart."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbtune.postgres.indexes import plan_text


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("(a.b = 1)", ["a.b = 1"]),
        ("((a.b = 1) AND (f(a.c) = 'x AND y'::text))", ["a.b = 1", "f(a.c) = 'x AND y'::text"]),
        ("((a.b = 1) AND ((a.c = 2) OR (a.d = 3)))", ["a.b = 1", "(a.c = 2) OR (a.d = 3)"]),
        ("(NOT a.done)", ["NOT a.done"]),
    ],
)  # fmt: skip
def test_conjuncts(text: str, parts: list[str]) -> None:
    assert list(plan_text.conjuncts(text)) == parts


@pytest.mark.parametrize(
    ("text", "left", "operator", "right"),
    [
        ("lower(a.b) = 'x'::text", "lower(a.b)", "=", "'x'::text"),
        ("(a.b -> 'k = v'::text) ? 't'::text", "(a.b -> 'k = v'::text)", "?", "'t'::text"),
        ("a.b OPERATOR(ext.%) 'x'::text", "a.b", "%", "'x'::text"),
        ("a.b = ANY ('{1,2}'::integer[])", "a.b", "= ANY", "('{1,2}'::integer[])"),
        ("'m1'::text = ANY (a.tags)", "'m1'::text", "= ANY", "(a.tags)"),
        (
            "(a.at)::timestamp without time zone < '2024-01-01 00:00'::timestamp without time zone",
            "(a.at)::timestamp without time zone",
            "<",
            "'2024-01-01 00:00'::timestamp without time zone",
        ),
    ],
)
def test_comparisons(text: str, left: str, operator: str, right: str) -> None:
    assert plan_text.comparison(text) == (left, operator, right)


def test_names_lose_their_alias_but_not_in_quoted_texts() -> None:
    text = """(o."Full Name" || 'o.x'::text) = lower(o.y)"""
    assert plan_text.columns(text) == [("o", "Full Name"), ("o", "y")]
    assert plan_text.without_alias(text) == """("Full Name" || 'o.x'::text) = lower(y)"""


def test_functions_in_a_schema_are_no_columns() -> None:
    assert plan_text.columns("public.f(o.x)") == [("o", "x")]
    assert plan_text.call("public.st_dwithin(o.x, '01'::geometry, '5'::double precision)") == (
        "st_dwithin",
        ["o.x", "'01'::geometry", "'5'::double precision"],
    )


@pytest.mark.parametrize(
    ("text", "column"),
    [
        ("name", "name"),
        ('("Odd ""Name""")', 'Odd "Name"'),
        ("(code)::text", "code"),
        ("(address)::inet", "address"),
        ("(number)::text", ""),
        ("(number)::integer", "number"),
        ("(mail)::ext.citext", "mail"),
        ("(seen)::timestamp with time zone", "seen"),
        ("(seen)::timestamp without time zone", ""),
        ("(price)::numeric", "price"),
        ("(price)::numeric(5)", ""),
        ("lower(name)", ""),
        ("other", ""),
    ],
)
def test_casts_that_change_nothing_are_seen_through(text: str, column: str) -> None:
    types = {
        "name": "text",
        'Odd "Name"': "int4",
        "code": "varchar",
        "address": "cidr",
        "number": "int4",
        "mail": "citext",
        "seen": "timestamptz",
        "price": "numeric",
    }
    assert plan_text.plain_column(text, types) == column


@given(st.text(alphabet="ab.()[]'\"= ANDOR$1:\\", max_size=60))
def test_nothing_makes_it_fail(text: str) -> None:
    for one in plan_text.conjuncts(text):
        plan_text.disjuncts(one)
        plan_text.comparison(one)
        plan_text.call(one)
        plan_text.plain_column(plan_text.without_alias(one), {})
        plan_text.columns(one)
