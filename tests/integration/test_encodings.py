"""Databases of several encodings on one server: each command works in every one of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.command import dbtune
from tests.servers import Postgres

DATABASES = {"plain": "UTF8", "latin": "LATIN1", "kanji": "EUC_JP", "anything": "SQL_ASCII"}
COMMANDS = (
    ("check", "--interval", "0s"),
    ("slow-queries",),
    ("slow-queries", "--interval", "100ms"),
    ("suggest-indexes",),
    ("activity", "--once"),
    ("bloat", "--min-size", "0"),
    ("cache",),
    ("pool-size", "--interval", "100ms"),
    ("gen-config", "tables", "--min-size", "0"),
    ("gen-config", "pgbouncer"),
)
CONVERTED = ("byte sequence", "no equivalent", "conversion function")


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    """A server of its own: what one database has done is seen in all others."""
    with Postgres(15) as one:
        one.start()
        # Names of databases are shared, and are stored as the session that made them wrote them.
        one.create_database("データ 🦄")
        for name, encoding in DATABASES.items():
            one.create_database(name, f"ENCODING {encoding} LOCALE 'C' TEMPLATE template0")
            one.psql("CREATE EXTENSION pg_stat_statements", name)
        with one.connect("anything") as connection:
            connection.execute("SET client_encoding = sql_ascii")
            connection.execute(b'CREATE TABLE "t\xff\xfe" (id int, "c\xe9" text)')
            connection.execute(b"INSERT INTO \"t\xff\xfe\" SELECT g, E'\\xe9' || g FROM "
                               b"generate_series(1, 20000) g; ANALYZE")  # fmt: skip
        yield one


def use(server: Postgres) -> None:
    """Statements that not all encodings have the characters of."""
    server.psql("SELECT '🦄', count(*) FROM pg_class WHERE relname = '🦄'", "plain")
    server.psql("SELECT count(*) FROM pg_class WHERE relname = 'é'", "latin")
    with server.connect("anything") as connection:
        connection.execute("SET client_encoding = sql_ascii")
        connection.execute(b'SELECT count(*) FROM "t\xff\xfe" WHERE "c\xe9" = \'1\'')


@pytest.mark.parametrize("name", DATABASES)
def test_every_command_works_in_every_encoding(server: Postgres, name: str) -> None:
    use(server)
    for arguments in COMMANDS:
        made = dbtune(*arguments, "--url", server.dsn(name), "-f", "json")
        assert made.code in (0, 1), (arguments, made.err)
        for one in made.json["skipped"]:
            # What the extension itself refuses to convert has a remedy; nothing else may fail.
            if any(words in one["reason"] for words in CONVERTED):
                assert "texts of statements" in one["reason"], (arguments, one)
                assert one["remedy"], (arguments, one)


def test_what_gives_the_texts_back_is_told_and_does(server: Postgres) -> None:
    use(server)
    asked = ("slow-queries", server.dsn("plain"), "-f", "json")
    blind = dbtune(*asked).ok().json
    assert blind["statements"], "counters are known all the same"
    (missing,) = blind["skipped"]
    assert "anything (SQL_ASCII)" in missing["reason"]
    assert "latin" not in missing["reason"], "LATIN1 can be converted"
    server.psql(missing["remedy"], "plain")
    seeing = dbtune(*asked).ok().json
    assert seeing["skipped"] == []
    assert any("🦄" in one["statement"] for one in seeing["statements"])


def test_a_workload_without_texts_says_why(server: Postgres) -> None:
    use(server)
    for more in ((), ("--interval", "100ms")):
        made = dbtune("suggest-indexes", server.dsn("plain"), "-f", "json", *more).ok().json
        (missing,) = (one for one in made["skipped"] if one["what"] == "new indexes")
        assert "anything (SQL_ASCII)" in missing["reason"]
        assert "pg_stat_statements_reset" in missing["remedy"]
