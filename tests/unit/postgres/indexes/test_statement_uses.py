"""What statements do with columns: names resolved, conditions, joins, orders, what is read."""

from __future__ import annotations

import pytest
import sqlglot

from dbtune.postgres.indexes.catalog import Catalog
from dbtune.postgres.indexes.statement_uses import statement_uses
from dbtune.postgres.indexes.uses import Use
from dbtune.postgres.sqltext import parseable
from tests.unit.postgres.indexes.relations import relations, table

ORDERS = table("orders", "id int", "customer_id int", "status text", "placed date", "total int")
CUSTOMERS = table("customers", "id int", "name text", "country text", "deleted bool")
LINES = table("lines", "order_id int", "product_id int", "quantity int")
CATALOG = Catalog(relations(ORDERS, CUSTOMERS, LINES))


def uses(sql: str) -> list[Use]:
    return statement_uses(sqlglot.parse_one(parseable(sql), dialect="postgres"), CATALOG)


def conditions(use: Use) -> set[tuple[str, str]]:
    return {(one.kind, one.column) for one in use.conditions}


def only(sql: str) -> Use:
    [use] = uses(sql)
    return use


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("status = 'x' AND placed > '2020-01-01'", {("equality", "status"), ("range", "placed")}),
        ("'x' = status", {("equality", "status")}),
        ("status IN ('a', 'b')", {("list", "status")}),
        ("status = ANY($1)", {("list", "status")}),
        ("status = 'a' OR status = 'b'", {("list", "status")}),
        ("status NOT IN ('a')", {("unequal", "status")}),
        ("NOT status = 'a'", set()),
        ("placed BETWEEN $1 AND $2", {("range", "placed")}),
        ("placed >= $1 - interval '1 day'", {("range", "placed")}),
        ("placed >= date $1 + interval $2", {("range", "placed")}),
        ("total IS NULL", {("null", "total")}),
        ("total IS NOT NULL", {("not null", "total")}),
        ("status LIKE 'a%'", {("prefix", "status")}),
        ("status LIKE '%a'", {("pattern", "status")}),
        ("status ILIKE 'a%'", {("pattern", "status")}),
        ("status NOT LIKE 'a%'", set()),
        ("(customer_id, status) = (1, 'x')", {("equality", "customer_id"), ("equality", "status")}),
        ("id = total", set()),
        ("total > customer_id + 1", set()),
        ("lower(status) = 'x'", set()),
        (
            "(status = 'a' AND total > 1) OR (status = 'b' AND total < 9)",
            {("list", "status"), ("range", "total")},
        ),
    ],
)
def test_conditions(where: str, expected: set[tuple[str, str]]) -> None:
    assert conditions(only(f"SELECT 1 FROM orders WHERE {where}")) == expected


def test_an_or_of_different_columns_has_branches() -> None:
    use = only("SELECT 1 FROM orders WHERE status = 'a' OR customer_id = 4")
    assert not use.conditions
    assert [[c.column for c in branch] for branch in use.branches[0]] == [
        ["status"],
        ["customer_id"],
    ]


def test_names_are_found_through_aliases_subqueries_ctes_and_correlation() -> None:
    through = [
        "SELECT x.total FROM orders AS x WHERE x.customer_id = 1",
        "SELECT t FROM (SELECT total AS t, customer_id AS c FROM orders) s WHERE c = 1",
        "WITH s AS (SELECT total AS t, customer_id AS c FROM orders) SELECT t FROM s WHERE c = 1",
        "WITH s(t, c) AS (SELECT total, customer_id FROM orders) SELECT t FROM s WHERE s.c = 1",
        "SELECT total FROM (SELECT * FROM public.orders) s WHERE customer_id = 1",
        "SELECT total FROM (SELECT o.* FROM orders o) s WHERE s.customer_id = 1",
    ]
    for sql in through:
        use = only(sql)
        assert conditions(use) == {("equality", "customer_id")}, sql
        assert use.needed == {"total", "customer_id"}, sql


def test_only_outputs_that_are_asked_for_are_read() -> None:
    use = only("SELECT count(*) FROM (SELECT id, status, total FROM orders) s WHERE total > 1")
    assert use.needed == {"total"}
    assert only("SELECT * FROM orders").needed == {c.name for c in ORDERS.columns}
    assert only("SELECT orders FROM orders").needed == {c.name for c in ORDERS.columns}


def test_joins_are_equal_columns_whoever_says_so() -> None:
    for sql in (
        "SELECT 1 FROM orders o JOIN customers c ON c.id = o.customer_id",
        "SELECT 1 FROM orders o, customers c WHERE c.id = o.customer_id",
        "SELECT 1 FROM orders o WHERE o.customer_id IN (SELECT c.id FROM customers c)",
        "SELECT 1 FROM orders o WHERE EXISTS (SELECT 1 FROM customers c WHERE c.id = customer_id)",
        "SELECT 1 FROM orders o LEFT JOIN LATERAL "
        "(SELECT * FROM customers c WHERE c.id = o.customer_id) x ON true",
        "SELECT (SELECT name FROM customers c WHERE c.id = o.customer_id) FROM orders o",
    ):
        found = {use.table.name: use for use in uses(sql)}
        assert list(found["orders"].joins.values()) == [["customer_id"]], sql
        assert list(found["customers"].joins.values()) == [["id"]], sql
    [orders, lines] = uses("SELECT 1 FROM orders JOIN lines l USING (id)")
    assert not orders.joins
    assert not lines.joins


def test_what_equals_a_constant_makes_its_equals_constant() -> None:
    orders, customers = uses(
        "SELECT 1 FROM orders o JOIN customers c ON c.id = o.customer_id WHERE c.id = 7"
    )
    assert ("equality", "customer_id") in conditions(orders)
    assert ("equality", "id") in conditions(customers)


def test_orders_and_groups() -> None:
    use = only("SELECT status AS s, total FROM orders ORDER BY s, total DESC NULLS LAST LIMIT 5")
    assert [[key.ddl for key in order] for order in use.orders] == [
        ['"status"', '"total" DESC NULLS LAST']
    ]
    assert only("SELECT status, count(*) FROM orders GROUP BY 1").groups == [("status",)]
    assert only("SELECT DISTINCT status, total FROM orders").groups == [("status", "total")]
    assert [k.column for k in only("SELECT max(placed) FROM orders").orders[0]] == ["placed"]
    window = only("SELECT row_number() OVER (PARTITION BY status ORDER BY placed) FROM orders")
    assert [k.column for k in window.orders[0]] == ["status", "placed"]


def test_statements_that_write_have_to_find_rows_first() -> None:
    use = only("UPDATE orders SET status = 'x' WHERE customer_id = 3 AND status = 'y'")
    assert use.written
    assert conditions(use) == {("equality", "customer_id"), ("equality", "status")}
    target, other = uses("DELETE FROM lines USING orders o WHERE o.id = order_id AND o.total < 3")
    assert target.joins == {1: ["order_id"]}
    assert conditions(other) == {("range", "total")}
    assert only("INSERT INTO lines SELECT id, 1, 1 FROM orders WHERE status = 'x'").conditions
    assert uses("INSERT INTO lines VALUES (1, 2, 3)") == []


def test_what_is_unknown_is_passed_over() -> None:
    assert uses("SELECT * FROM no_such_table WHERE a = 1") == []
    assert [u.table.name for u in uses("SELECT * FROM nowhere n, orders WHERE n.x = id")] == [
        "orders"
    ]
    assert only("SELECT nonsense FROM orders WHERE nonsense = 1").conditions == []
    recursive = "WITH RECURSIVE r AS (SELECT id FROM orders UNION SELECT id FROM r) SELECT * FROM r"
    assert only(recursive).needed == {"id"}
