"""Statements as pg_stat_statements keeps them: planned with values, at costs like the real ones."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest

from dbtune.postgres.indexes.catalog import Catalog
from dbtune.postgres.indexes.forms import Forms, PlannedForm
from dbtune.postgres.indexes.planner import NotPlannable, Planner
from dbtune.postgres.indexes.workload import Query
from dbtune.postgres.lab.open import open_lab
from dbtune.postgres.relations.collect import read_relations
from dbtune.profile import profile_from_url
from dbtune.session import open_postgres
from tests.servers import Postgres, fresh_database

SCHEMA = """
CREATE TYPE mood AS ENUM ('calm', 'cross');
CREATE DOMAIN amount AS numeric(12, 2) CHECK (VALUE >= 0);
CREATE TABLE orders (id int PRIMARY KEY, customer_id int NOT NULL, status text, placed date,
    at timestamptz, total amount, code char(8), mood mood, key uuid, tags text[], data jsonb,
    paid boolean, note varchar(200));
CREATE TABLE "Mixed Case" ("Id" bigint PRIMARY KEY, "Name" text);
INSERT INTO orders SELECT i, i * 7919 % 2000 + 1, CASE i % 100 WHEN 0 THEN 'open' ELSE 'done' END,
    date '2020-01-01' + i % 1500, timestamptz '2020-01-01' + i * interval '1 hour', i % 977,
    'C' || i % 5000, (ARRAY['calm', 'cross'])[i % 2 + 1]::mood, md5(i::text)::uuid,
    ARRAY['t' || i % 7, 'u' || i % 50], jsonb_build_object('k', i % 10), i % 4 = 0,
    'note ' || md5((i % 300)::text) FROM generate_series(1, 20000) i;
INSERT INTO "Mixed Case" SELECT i, 'name' || i FROM generate_series(1, 5000) i;
CREATE INDEX ON orders (customer_id);
CREATE INDEX ON orders (placed);
"""
STATEMENTS = """
SELECT * FROM orders WHERE customer_id = 42
SELECT * FROM orders WHERE customer_id IN (1, 2, 3, 4, 5)
SELECT id FROM orders WHERE customer_id = ANY (ARRAY[1, 2, 3])
SELECT * FROM orders WHERE placed >= date '2021-03-01' AND placed < date '2021-03-01' + interval '3' month
SELECT * FROM orders WHERE placed BETWEEN '2021-03-01' AND '2021-07-31'
SELECT count(1) FROM orders WHERE at > timestamp with time zone '2021-05-01' - interval '7 days'
SELECT extract(year FROM placed), count(*) FROM orders WHERE extract(month FROM placed) = 5 GROUP BY extract(year FROM placed) ORDER BY extract(year FROM placed)
SELECT date_trunc('day', at), count(*) FROM orders WHERE customer_id < 100 GROUP BY date_trunc('day', at)
SELECT date_part('year', at) AS y, sum(CASE WHEN status = 'open' THEN 1 ELSE 0 END) FROM orders GROUP BY 1 HAVING count(*) > 10
SELECT DISTINCT coalesce(note, 'none') FROM orders ORDER BY coalesce(note, 'none')
SELECT substring(code FROM 1 FOR 2), count(*) FROM orders GROUP BY substring(code FROM 1 FOR 2)
SELECT * FROM orders WHERE substring(code FROM 1 FOR 2) IN ('C1', 'C2')
SELECT * FROM orders WHERE (customer_id, id) > (1000, 10000) ORDER BY customer_id, id LIMIT 20 OFFSET 40
SELECT * FROM orders WHERE lower(status) = 'open'
SELECT * FROM orders WHERE note LIKE 'note a%' AND status NOT LIKE '%x%'
SELECT * FROM orders WHERE note ILIKE '%abc%' OR note ~ 'def' OR code SIMILAR TO 'C(1|2)%'
SELECT * FROM orders WHERE total BETWEEN 500 - 50 AND 500 + 50
SELECT * FROM orders WHERE total >= 10 AND total <= 10 + 100
SELECT * FROM orders WHERE mood = 'calm' AND paid = true AND key = '0cc175b9-c0f1-b6a8-31c3-99e269772661'
SELECT * FROM orders WHERE tags @> ARRAY['t1'] AND 'u3' = ANY (tags)
SELECT * FROM orders WHERE data @> '{"k": 3}' OR data ->> 'k' = '4' OR data ? 'j'
SELECT * FROM orders WHERE 1 = 1 AND customer_id = 77
SELECT * FROM orders WHERE customer_id = 5 UNION ALL SELECT * FROM orders WHERE customer_id = 6
SELECT 'kind' AS kind, id FROM orders WHERE customer_id = 8 UNION SELECT 'other', 0
SELECT * FROM "Mixed Case" WHERE "Name" = 'name77'
WITH late AS (SELECT * FROM orders WHERE placed > '2023-11-01') SELECT count(*) FROM late WHERE customer_id = 3
SELECT * FROM "Mixed Case" m WHERE EXISTS (SELECT 1 FROM orders o WHERE o.customer_id = m."Id" AND o.total > 900)
SELECT * FROM orders o WHERE total > (SELECT 2 * avg(total) FROM orders i WHERE i.customer_id = o.customer_id AND i.placed < '2022-01-01')
SELECT round(avg(total) * 1.5, 2), concat(status, 'x') FROM orders WHERE customer_id BETWEEN 10 AND 30 GROUP BY concat(status, 'x')
SELECT * FROM orders WHERE at > now() - interval '1 month' OR at < current_date - 900
SELECT g, o.id FROM generate_series(1, 10) g JOIN orders o ON o.id = g
SELECT * FROM orders WHERE customer_id IN (VALUES (1), (2)) FETCH FIRST 5 ROWS ONLY
SELECT id, CASE customer_id WHEN 1 THEN 'a' WHEN 2 THEN 'b' ELSE 'c' END FROM orders WHERE id < 100
SELECT lag(total, 1) OVER (PARTITION BY customer_id ORDER BY placed) FROM orders WHERE customer_id < 20
UPDATE orders SET note = 'new', total = total + 1 WHERE customer_id = 9
DELETE FROM orders WHERE placed < date '1990-01-01'
INSERT INTO "Mixed Case" VALUES (100000, 'x'), (100001, 'y') ON CONFLICT ("Id") DO UPDATE SET "Name" = 'z'
UPDATE orders AS o SET total = v.total FROM (VALUES (7, 12.5), (8, 14.0)) AS v (id, total) WHERE o.id = v.id
DELETE FROM orders USING (VALUES (7, 12.5), (8, 14.0)) v WHERE orders.id = v.column1
SELECT date_part('day', at), count(*) FROM orders WHERE date_trunc('month', timestamp '2023-05-07') < now() GROUP BY 1
INSERT INTO orders (id, customer_id, at, mood, data) SELECT 1000000 + i, 7, timestamptz '2020-01-01' + i * interval '4 min', (CASE WHEN random() < 0.5 THEN 'calm' ELSE 'cross' END)::mood, jsonb_build_object('k', jsonb_build_object('l', 1)) FROM generate_series(1, 10) i
INSERT INTO orders (id, customer_id, code, total) SELECT 2000000 + i, (ARRAY[20, 40])[1 + (1 * random())::int], 'C' || (9 * random() ^ 2)::int, CASE WHEN random() < 0.5 THEN 10 ELSE 20 END FROM generate_series(1, 10) i
""".strip().splitlines()  # noqa: E501


def _kept(pg: Postgres, name: str) -> dict[int, tuple[str, int, int]]:
    """What pg_stat_statements keeps of each statement, with its calls and rows."""
    pg.psql("CREATE EXTENSION pg_stat_statements; SELECT pg_stat_statements_reset()", name)
    for number, statement in enumerate(STATEMENTS):
        pg.psql(f"{statement} /* {number} */", name)
    rows = pg.psql(
        "SELECT query, calls, rows FROM pg_stat_statements WHERE dbid = "
        "(SELECT oid FROM pg_database WHERE datname = current_database())",
        name,
    )
    found = {}
    for text, calls, count in rows:
        if mark := re.search(r"/\* (\d+) \*/", text):
            found[int(mark[1])] = (text, calls, count)
    return found


Kept = tuple[Forms, Planner, dict[int, tuple[str, int, int]]]


@pytest.fixture(scope="module", params=[13, 14, 15, 16, 17, 18])
def kept(request: pytest.FixtureRequest, pg: Callable[[int], Postgres]) -> Iterator[Kept]:
    server = pg(request.param)
    with fresh_database(server) as name:
        server.psql(SCHEMA, name)
        server.psql("VACUUM ANALYZE", name)
        texts = _kept(server, name)
        with open_postgres(profile_from_url(server.dsn(name), "test")) as session:
            relations = read_relations(session)
            with open_lab(session, [text for text, _, _ in texts.values()]) as lab:
                yield Forms(lab, Catalog(relations)), lab, texts


_LOOSE = {29}
"""Their constants are out of the column's values: no statistics can tell."""


def test_every_statement_is_planned_with_values(kept: Kept) -> None:
    forms, lab, texts = kept
    assert texts.keys() == set(range(len(STATEMENTS)))
    costly, generic = [], []
    for number, (text, calls, rows) in sorted(texts.items()):
        assert "$1" in text
        try:
            found = forms.of(Query(text, calls, 1.0, rows))
        except NotPlannable as refused:
            pytest.fail(f"{text}: {refused}")
        generic += [text for one in found if one.form.generic]
        assert sum(one.form.share for one in found) == pytest.approx(1)
        real = lab.plan(STATEMENTS[number]).cost
        cost = sum(one.form.share * one.plan.cost for one in found)
        # What reads a few blocks in any case costs so little that no factor matters.
        if not 0.5 <= (cost + 20) / (real + 20) <= 2 and number not in _LOOSE:
            costly.append((number, text, real, [(f.form.sql, f.plan.cost) for f in found]))
    assert costly == []
    assert generic == []


def test_skew_is_seen(kept: Kept) -> None:
    """A hundredth of the orders is open: how many rows a call returned tells who is asked for."""
    forms, _, _ = kept
    text = "SELECT * FROM orders WHERE status = $1"

    def values(found: list[PlannedForm]) -> dict[str, float]:
        return {one.form.values[1]: one.form.share for one in found}

    assert values(forms.of(Query(text))) == {"open": 0.5, "done": 0.5}
    assert values(forms.of(Query(text, 10, 1.0, 2000))) == {"open": 1.0}
    assert values(forms.of(Query(text, 10, 1.0, 198_000))) == {"done": 1.0}
    mixed = values(forms.of(Query(text, 10, 1.0, 100_000)))
    assert mixed["open"] == pytest.approx(0.5, abs=0.02)


def test_ranges_are_as_wide_as_the_rows_that_were_returned(kept: Kept) -> None:
    forms, _, _ = kept
    text = "SELECT * FROM orders WHERE placed > $1"
    for rows in (300, 3_000, 10_000):
        found = forms.of(Query(text, 10, 1.0, rows * 10))
        expected = sum(one.form.share * float(one.plan.plan["Plan"]["Plan Rows"]) for one in found)
        assert expected == pytest.approx(rows, rel=0.5)
