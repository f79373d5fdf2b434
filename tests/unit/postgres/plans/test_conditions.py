"""Conditions of plans are taken apart as PostgreSQL prints them; anything else does no harm."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbtune.postgres.plans.conditions import Column, Term, columns_of, key_columns, terms
from dbtune.postgres.plans.ddl import (
    create_index,
    index_keys,
    is_indexable_expression,
    object_name,
    without_alias,
)
from dbtune.postgres.plans.model import Node

NODE = Node(0, None, 0, None, "Seq Scan", "Seq Scan", relation="orders", schema="s", alias="o")

KINDS = [
    ("((status)::text = 'x'::text)", "equality", "status"),
    ("(a = ANY ('{1,2}'::integer[]))", "equality", "a"),
    ("((a = 1) OR (a = 2))", "equality", "a"),
    ("(5 < a)", "range", "a"),
    ("(created >= '2024-01-01 00:00:00'::timestamp without time zone)", "range", "created"),
    ("(a OPERATOR(public.=) 5)", "equality", "a"),
    ('("Odd ""x" = 1)', "equality", 'Odd "x'),
    ("(NOT flag)", "boolean", "flag"),
    ("flag", "boolean", "flag"),
    ("(flag IS TRUE)", "boolean", "flag"),
    ("(flag IS NOT TRUE)", "other", "flag"),
    ("(a IS NOT NULL)", "null", "a"),
    ("((note)::text ~~ 'abc%'::text)", "prefix", "note"),
    ("(note ~~ '%abc'::text)", "pattern", "note"),
    ("(note ~~* 'abc%'::text)", "pattern", "note"),
    ("(note ~ '^abc'::text)", "prefix", "note"),
    ("(note ~ '^(a|b)'::text)", "pattern", "note"),
    ("(note ~ '^ab|cd'::text)", "pattern", "note"),
    ('(data @> \'{"a": "("}\'::jsonb)', "contains", "data"),
    ("(a <> 5)", "unequal", "a"),
    ("(a <> ALL ('{1,2}'::integer[]))", "unequal", "a"),
    ("(a IS DISTINCT FROM 5)", "other", None),
    ("((id)::numeric = 5.0)", "equality", None),
    ("((b)::character varying(10) = 'x')", "equality", None),
    ("(lower((email)::text) = 'a'::text)", "equality", None),
    ("((a % 10) = 3)", "equality", None),
    ("(hashed SubPlan 1)", "other", None),
    ("(a = (SubPlan 1))", "other", None),
    ("(a = (InitPlan 1).col1)", "equality", "a"),
    ("(a = $0)", "equality", "a"),
    ("(id = ((random() * '9'::double precision))::integer)", "other", None),
    ("(a = b)", "other", None),
    ("(ctid = '(0,1)'::tid)", "equality", None),
]


@pytest.mark.parametrize(("condition", "kind", "column"), KINDS)
def test_kinds(condition: str, kind: str, column: str | None) -> None:
    (term,) = terms(condition, "t")
    assert (term.kind, term.column and term.column.name) == (kind, column)


def test_conjuncts_keep_their_text() -> None:
    found = terms("((a = 'x AND y'::text) AND (b > 2) AND ((c = 1) OR (d = 2)))")
    assert [term.text for term in found] == ["a = 'x AND y'::text", "b > 2", "(c = 1) OR (d = 2)"]
    assert [branch[0].column for branch in found[2].branches] == [Column("c"), Column("d")]


def test_a_join_condition_is_about_the_table_asked_for() -> None:
    condition = "(o.customer = c.id)"
    assert terms(condition, "o")[0].column == Column("customer", "o")
    assert terms(condition, "c")[0].column == Column("id", "c")
    assert terms(condition, "x")[0].kind == "other"
    assert terms("((o.a + c.b) = 5)", "o")[0].kind == "other"
    assert terms("(c.id < o.low)", "o")[0].operator == ">"


def test_columns_of_an_expression() -> None:
    found = columns_of('((o.total)::double precision > (0.2 * lower(c."Name")))')
    assert set(found) == {Column("total", "o"), Column("Name", "c")}
    assert columns_of("'(a.b)'::text") == ()


def test_keys_with_directions() -> None:
    assert key_columns(("o.a", "b DESC", '"C" DESC NULLS LAST')) == [
        (Column("a", "o"), ""),
        (Column("b"), "DESC"),
        (Column("C"), "DESC NULLS LAST"),
    ]
    assert key_columns(("lower(a)",)) is None


def test_index_keys_come_in_the_order_that_is_searched() -> None:
    condition = (
        "((o.x > 1) AND (o.y < 5) AND (o.l = ANY ('{1}'::int[])) AND o.f AND (o.a = 1)"
        " AND (lower(o.n) = 'x'::text))"
    )
    keys = index_keys(terms(condition, "o"))
    assert keys == [Column("a"), "(lower(o.n))", Column("f"), Column("l"), Column("x")]
    assert create_index(NODE, keys[:2]).endswith(' ON "s"."orders" ("a", (lower(n)));')


def test_aliases_are_taken_off_outside_texts() -> None:
    assert without_alias("lower(o.n) || 'o.n' || \"o\".x || oo.n", NODE) == (
        "lower(n) || 'o.n' || x || oo.n"
    )


@pytest.mark.parametrize(
    ("expression", "safe"),
    [
        ("(lower((a)::text) = 'x'::text)", True),
        ("((data ->> 'k'::text) = 'x'::text)", True),
        ("(date_trunc('day'::text, a) = b)", False),
        ("(my_function(a) = 5)", False),
        ("(COALESCE(a, CURRENT_DATE) = b)", False),
        ("((a + '1 day'::interval) > now())", False),
        ("((a)::date = '2024-01-01'::date)", False),
    ],
)
def test_only_immutable_expressions_are_indexed(expression: str, safe: bool) -> None:
    assert is_indexable_expression(terms(expression, "t")[0]) is safe


@given(st.lists(st.text(min_size=1, max_size=70), min_size=1, max_size=6), st.text(max_size=10))
def test_names_are_short_and_always_the_same(parts: list[str], unlike: str) -> None:
    name = object_name(parts, "idx", unlike=unlike)
    assert len(name.encode()) <= 63
    assert name == object_name(parts, "idx", unlike=unlike)
    assert name.endswith("_idx")


@given(st.text(alphabet="ab.'\"()[]:=<>~!AND OR NOT SubPlan$1 IS NULLANY,", max_size=60))
def test_nothing_raises(text: str) -> None:
    for term in terms(text, "a"):
        assert isinstance(term, Term)
        assert term.volatile == "" or term.volatile
        assert isinstance(term.literal + term.value_type + term.parameter, str)
        is_indexable_expression(term)


ABSURD = (
    *("(" * 5000, "(a AND " * 3000, "(NOT " * 3000, "(" * 999 + ")" * 999),
    *("a = '" + "x" * 10**6, "f(a) = " + "a1." * 50_000, '"' * 50_000 + ".a", "a::b" * 20_000),
)


@pytest.mark.parametrize("text", ABSURD, ids=range(len(ABSURD)))
def test_absurd_conditions_are_answered_at_once(text: str) -> None:
    started = time.process_time()
    assert len(terms(text, "a")) < 5000
    assert time.process_time() - started < 5
