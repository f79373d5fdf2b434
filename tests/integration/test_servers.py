"""The servers of tests/servers.py start, answer, and leave nothing behind."""

from __future__ import annotations

from collections.abc import Callable

import psycopg

from tests.servers import PgBouncer, Postgres, fresh_database


def test_postgres_answers(any_pg: Postgres) -> None:
    major = int(any_pg.psql("SHOW server_version_num")[0][0]) // 10000
    assert major == any_pg.version
    with fresh_database(any_pg) as name, psycopg.connect(any_pg.dsn(name)) as connection:
        assert connection.execute("SELECT current_database()").fetchone() == (name,)


def test_pgbouncer(pg18: Postgres, pgbouncer: Callable[[], PgBouncer]) -> None:
    pooler = pgbouncer().start_for(pg18, default_pool_size=3)
    with psycopg.connect(pooler.dsn()) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
        assert connection.info.port == pooler.port
    assert any(row["database"] == "postgres" for row in pooler.show("POOLS"))
