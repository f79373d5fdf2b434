"""Names with dots in them: remedies name the right object, and can be pasted."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from dbtune.postgres.facts.schema import Flaw
from tests.health import findings
from tests.servers import Postgres, fresh_database

MADE = """
CREATE SCHEMA "a.b";
CREATE TABLE "a.b"."c.d" ("e.f" serial, v int);
INSERT INTO "a.b"."c.d" (v) SELECT 1 FROM generate_series(1, 20);
SELECT setval('"a.b"."c.d_e.f_seq"', 2100000000);
ALTER TABLE "a.b"."c.d" ADD CONSTRAINT "x.y" CHECK (v > 0) NOT VALID;
CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
CREATE TRIGGER "t.u" BEFORE INSERT ON "a.b"."c.d" FOR EACH ROW EXECUTE FUNCTION nothing();
ALTER TABLE "a.b"."c.d" DISABLE TRIGGER "t.u";
CREATE PUBLICATION "p.q" FOR TABLE "a.b"."c.d";
CREATE COLLATION "a.b"."k.l" (provider = icu, locale = 'de');
CREATE TABLE texts (a text COLLATE "a.b"."k.l");
CREATE INDEX ON texts (a);
UPDATE pg_collation SET collversion = '1' WHERE collname = 'k.l';
"""


@pytest.fixture(scope="module")
def dotted(pg: Callable[[int], Postgres]) -> Iterator[str]:
    with fresh_database(pg(15)) as name:
        pg(15).psql(MADE, name)
        yield name


@pytest.mark.parametrize(
    ("rule", "subject"),
    [
        ("pg.sequence-near-end", "sequence a.b.c.d_e.f_seq"),
        ("pg.constraint-not-validated", 'constraint x.y on "a.b"."c.d"'),
        ("pg.trigger-disabled", 'trigger t.u on "a.b"."c.d"'),
        ("pg.published-without-identity", "table a.b.c.d"),
        ("pg.collation-version-changed", "collation a.b.k.l"),
    ],
)
def test_remedies_of_dotted_names(pg15: Postgres, dotted: str, rule: str, subject: str) -> None:
    [found] = findings(pg15, rule, dotted)
    assert found["subject"] == subject
    for statement in found["remedy"]["sql"].split("\n"):
        pg15.psql(statement, dotted)
    assert findings(pg15, rule, dotted) == []


def test_the_parts_of_a_dotted_name() -> None:
    assert Flaw("unlogged-table", "a.b.c.d", own="c.d").parts == ("a.b", "c.d")
    assert Flaw("unlogged-table", "public.t").parts == ("public", "t")  # of an older snapshot
