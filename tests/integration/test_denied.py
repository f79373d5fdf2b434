"""What a role was denied is named by the GRANT that lets it, and by nothing that would not."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from dbtune.errors import Unavailable
from dbtune.postgres.session import Session
from dbtune.profile import profile_from_url
from dbtune.session import Limits
from tests.command import dbtune
from tests.servers import SUPPORTED, Postgres, fresh_database

SCHEMA = """
CREATE TABLE "Order s"(id int, "for" int); CREATE VIEW permission AS SELECT 1 AS one;
CREATE SCHEMA "Ext"; CREATE TABLE "Ext".t(id int); CREATE TABLE t(id int); GRANT SELECT ON t TO {0};
CREATE SCHEMA s; CREATE TABLE s.t(id int); GRANT USAGE ON SCHEMA s TO {0};
CREATE TABLE part(a int, b int); GRANT SELECT (a) ON part TO {0};
CREATE FUNCTION f(a int) RETURNS int LANGUAGE sql AS 'SELECT 1'; CREATE SEQUENCE numbers;
REVOKE ALL ON FUNCTION f(int) FROM public;
"""
CASES = [
    ('SELECT * FROM "Order s" WHERE id = 1', 'SELECT ON public."Order s"'),
    ('DELETE FROM "Order s" WHERE id = 1', 'SELECT, DELETE ON public."Order s"'),
    ("DELETE FROM t", "DELETE ON public.t"),
    ("SELECT * FROM t FOR UPDATE", "UPDATE ON public.t"),
    ("SELECT one FROM permission", "SELECT ON public.permission"),
    ('SELECT * FROM t JOIN "Ext".t AS e USING (id)', 'USAGE ON SCHEMA "Ext"'),
    ("SELECT * FROM s.t", "SELECT ON s.t"),
    ("SELECT b FROM part", "SELECT ON public.part"),
    ("SELECT last_value FROM numbers", "SELECT ON public.numbers"),
    ("SELECT f(1)", "EXECUTE ON FUNCTION public.f(integer)"),
    ("SELECT * FROM pg_ls_waldir()", "pg_monitor"),
    ("SELECT * FROM pg_hba_file_rules", "SELECT ON pg_catalog.pg_hba_file_rules"),
]


@pytest.fixture(scope="module", params=SUPPORTED)
def denied(
    pg: Callable[[int], Postgres], request: pytest.FixtureRequest
) -> Iterator[tuple[Postgres, str, str]]:
    """A server of each version, a database, and a role that may next to nothing in it."""
    any_pg = pg(request.param)
    role = f"denied_{any_pg.version}"
    any_pg.psql(f"DROP ROLE IF EXISTS {role}; CREATE ROLE {role} LOGIN PASSWORD 'x'")
    with fresh_database(any_pg) as name:
        any_pg.psql(SCHEMA.format(role), name)
        yield any_pg, name, role
    any_pg.psql(f"DROP ROLE {role}")


@pytest.mark.parametrize(("statement", "grant"), CASES)
def test_the_remedy_grants_what_was_denied(
    denied: tuple[Postgres, str, str], statement: str, grant: str
) -> None:
    pg, name, role = denied
    url = pg.dsn(name, role, "x")
    refused = dbtune("explain", url, "--sql", statement)
    assert refused.code == 2
    hint = refused.err.rstrip().splitlines()[-1]
    reads = pg.version >= 14 and grant.startswith("SELECT ON")
    assert hint == f'GRANT {grant} TO "{role}";' + reads * "  -- or the role pg_read_all_data"
    pg.psql(hint, name)
    granted = dbtune("explain", url, "--sql", statement)
    taken_back = hint.replace("GRANT", "REVOKE").replace(" TO ", " FROM ")
    pg.psql(taken_back, name)
    assert hint not in granted.err


def test_what_the_owner_of_a_view_lacks_is_not_granted_to_its_reader(
    denied: tuple[Postgres, str, str],
) -> None:
    pg, name, role = denied
    pg.psql(
        f'CREATE VIEW above AS SELECT * FROM "Order s"; GRANT SELECT ON above TO {role}; '
        "DROP ROLE IF EXISTS denied_owner; CREATE ROLE denied_owner; "
        "ALTER VIEW above OWNER TO denied_owner",
        name,
    )
    refused = dbtune("explain", pg.dsn(name, role, "x"), "--sql", "SELECT * FROM above")
    pg.psql("DROP VIEW above; DROP ROLE denied_owner", name)
    assert refused.code == 2
    assert "GRANT" not in refused.err
    assert "their owner may be who lacks the privilege" in refused.err


def test_of_the_catalog_what_pg_monitor_may_not_is_granted_itself(
    denied: tuple[Postgres, str, str],
) -> None:
    pg, name, role = denied
    profile = profile_from_url(pg.dsn(name, role, "x"), "test")
    with Session(profile, Limits()) as session:
        for query, remedy in [
            ("SELECT * FROM pg_catalog.pg_hba_file_rules()",
             f'GRANT EXECUTE ON FUNCTION pg_catalog.pg_hba_file_rules() TO "{role}";'),
            ("SELECT * FROM pg_catalog.pg_ls_waldir()", f'GRANT pg_monitor TO "{role}";'),
        ]:  # fmt: skip
            with pytest.raises(Unavailable) as refused:
                session.rows(query)
            assert refused.value.remedy == remedy
