"""Every fact can be read on every version, or says why not; and survives the way to a file."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dbtune.codec import dump, load
from dbtune.errors import Unavailable
from dbtune.facts import load_facts
from dbtune.profile import profile_from_url
from dbtune.session import Limits, open_postgres
from tests.command import dbtune
from tests.health import eventually
from tests.servers import Postgres, fresh_database

FACTS = load_facts("dbtune.postgres.facts")
NEED_MORE = {"hba_rules"}
"""Facts that pg_monitor does not suffice for."""
NOT_INSTALLED = {"statements"}
NEWER = {"moved_updates": 16}
"""Facts that only this major version and later ones have."""


def not_there(server: Postgres) -> set[str]:
    return NOT_INSTALLED | {name for name, since in NEWER.items() if server.version < since}


def read(dsn: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    with open_postgres(profile_from_url(dsn, "test"), Limits()) as session:
        for name, fact in FACTS.items():
            try:
                found[name] = fact.read(session)
            except Unavailable as missing:
                found[name] = missing
    return found


def test_all_facts_are_there_for_a_superuser_and_survive_a_file(any_pg: Postgres) -> None:
    with fresh_database(any_pg) as name:
        found = read(any_pg.dsn(name))
    missing = {name for name, value in found.items() if isinstance(value, Unavailable)}
    assert missing == not_there(any_pg)
    for name in FACTS.keys() - missing:
        text = json.dumps(dump(found[name]))
        assert load(FACTS[name].kind, json.loads(text)) == found[name], name


def test_pg_monitor_reads_nearly_all(any_pg: Postgres) -> None:
    with fresh_database(any_pg) as name:
        any_pg.psql("DROP ROLE IF EXISTS facts_monitor")
        any_pg.psql("CREATE ROLE facts_monitor LOGIN PASSWORD 'x' IN ROLE pg_monitor")
        found = read(any_pg.dsn(name, user="facts_monitor", password="x"))
        any_pg.psql("DROP ROLE facts_monitor")
    missing = {name: value for name, value in found.items() if isinstance(value, Unavailable)}
    assert missing.keys() == not_there(any_pg) | NEED_MORE
    assert "GRANT EXECUTE ON FUNCTION pg_catalog.pg_hba_file_rules()" in missing["hba_rules"].remedy
    assert found["logins"].passwords_seen is False


def test_a_role_without_rights_fails_nowhere(any_pg: Postgres) -> None:
    with fresh_database(any_pg) as name:
        any_pg.psql("DROP ROLE IF EXISTS facts_nobody")
        any_pg.psql("CREATE ROLE facts_nobody LOGIN PASSWORD 'x'")
        found = read(any_pg.dsn(name, user="facts_nobody", password="x"))
        any_pg.psql("DROP ROLE facts_nobody")
    missing = {name for name, value in found.items() if isinstance(value, Unavailable)}
    assert missing == not_there(any_pg) | NEED_MORE
    assert found["settings"].complete is False


@pytest.mark.parametrize("name", sorted(FACTS))
def test_every_fact_says_what_it_needs(name: str) -> None:
    assert FACTS[name].kind is not None


def test_what_dbtune_reads_is_not_counted_as_rolled_back(any_pg: Postgres) -> None:
    """Else whoever watches a quiet server would set off pg.many-rollbacks and its monitoring."""
    with fresh_database(any_pg) as name:

        def counted(column: str) -> Any:
            where = f"FROM pg_stat_database WHERE datname = '{name}'"
            return any_pg.psql(f"SELECT xact_{column} {where}")[0][0]

        with open_postgres(profile_from_url(any_pg.dsn(name), "test"), Limits()) as session:
            for _ in range(30):
                session.rows("SELECT 1 AS one")
        assert eventually(lambda: counted("commit") >= 30, there=True)
        assert counted("rollback") == 0


def test_a_refused_password_is_said_to_be_that_of_the_environment(
    any_database: tuple[Postgres, str],
) -> None:
    server, name = any_database
    plain_url = f"postgresql://{server.superuser}@{server.host}:{server.port}/{name}"
    for url, hint in (
        (plain_url, "PGPASSWORD was sent"),
        (plain_url.replace("@", ":wrong@"), "check user and password"),
    ):
        refused = dbtune("check", url, env={"PGPASSWORD": "not-it"})
        assert refused.code == 3, refused.err
        assert hint in refused.err
        assert "not-it" not in refused.err
