"""PgBouncer's files: read back by PgBouncer's own grammar, by version, with hostile names."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbtune.errors import UsageError
from dbtune.pooling.inputs import PoolInputs
from dbtune.pooling.model import derive
from dbtune.postgres.pgbouncer.pooler import AUTH_ENTRY, Database, Pooler, parse_version
from dbtune.postgres.pgbouncer_ini import generate

INPUTS = PoolInputs(
    requests_per_second=1000,
    hold_time_ms=20,
    max_connections=100,
    cpus=8,
    wait_share=0.7,
    instances=5,
    workers=4,
)
PLAN = derive(INPUTS)
APP = Database("app", "db.internal")
NEWEST = (1, 25)


def files(pooler: Pooler, inputs: PoolInputs = INPUTS) -> dict[str, str]:
    return {one.filename: one.text for one in generate(derive(inputs), pooler).artifacts}


def ini(**values: Any) -> dict[str, dict[str, str]]:
    return read_ini(files(Pooler(**({"databases": (APP,)} | values)))["pgbouncer.ini"])


def read_ini(text: str) -> dict[str, dict[str, str]]:
    """Read a file as PgBouncer does (libusual, cfparser.c): no inline comments, no escapes."""
    sections: dict[str, dict[str, str]] = {}
    section = ""
    for line in text.split("\n"):
        line = line.lstrip()
        if not line or line[0] in "#;":
            continue
        assert not line.startswith("%include")
        if line[0] == "[":
            section = line[1 : line.index("]")]
            assert section not in sections  # the second would reset the first
            sections[section] = {}
            continue
        match = re.fullmatch(r"(?:'([^']+)'|([A-Za-z0-9_.*-]+))[ \t]*=[ \t]*(.*?)\s*", line)
        assert match, line
        key = match[1] or match[2]
        assert key not in sections[section], key
        sections[section][key] = match[3]
    return sections


def read_connection(text: str) -> dict[str, str]:
    """Read a connection string as PgBouncer does (loader.c): quotes double inside quotes."""
    pair = r"([a-z_]+)=(?:'((?:[^']|'')+)'|([^ ']\S*))"
    assert re.fullmatch(rf"{pair}(?: {pair})*", text), text
    return {key: quoted.replace("''", "'") or bare for key, quoted, bare in re.findall(pair, text)}


def test_sizes_are_the_plans() -> None:
    settings = ini(version=NEWEST)["pgbouncer"]
    assert settings["pool_mode"] == "transaction"
    assert settings["default_pool_size"] == str(PLAN.pool_size) == "40"
    assert settings["min_pool_size"] == "20"
    assert settings["reserve_pool_size"] == "6"
    assert settings["max_db_connections"] == "46"
    assert settings["max_client_conn"] == "120"


def test_every_line_has_a_reason_a_formula_and_a_source() -> None:
    lines = files(Pooler(databases=(APP,), version=NEWEST))["pgbouncer.ini"].split("\n")
    for number, line in enumerate(lines):
        if line and line[0] not in ";[":
            comment: list[str] = []
            while lines[number - 1].startswith("; "):
                number -= 1
                comment.insert(0, lines[number])
            text = "\n".join(comment)
            assert re.match(r"; \S", text), line
            assert "\n;   = " in text, line
            assert "\n;   https://" in text, line


def test_comments_are_ascii_and_80_columns() -> None:
    for text in files(Pooler(databases=(Database("app", dbname="öffentlich"),))).values():
        for line in text.split("\n"):
            if line.startswith((";", "--")):
                assert line.isascii()
                assert len(line) <= 100


@pytest.mark.parametrize(
    ("version", "prepared", "apart"),
    [
        (None, None, False),
        ((1, 18), None, False),
        ((1, 19), None, True),
        ((1, 20), None, True),
        ((1, 21), "200", True),
        ((1, 25), "200", True),
    ],
)
def test_only_what_the_version_knows(
    version: tuple[int, int] | None, prepared: str | None, apart: bool
) -> None:
    sections = ini(version=version)
    assert sections["pgbouncer"].get("max_prepared_statements") == prepared
    assert ("auth_dbname" in sections["pgbouncer"]) == apart
    assert (AUTH_ENTRY in sections["databases"]) == apart
    # Where passwords are looked up in the application's database, that needs room of its own.
    assert sections["pgbouncer"]["max_db_connections"] == ("46" if apart else "48")


def test_databases_on_several_servers_look_up_passwords_each_on_its_own() -> None:
    sections = ini(version=NEWEST, databases=(Database("a", "one"), Database("b", "two")))
    assert "auth_dbname" not in sections["pgbouncer"]
    assert set(sections["databases"]) == {"a", "b"}


def test_several_databases_share_the_sizes() -> None:
    sections = ini(version=NEWEST, databases=(Database("a"), Database("b")))
    assert sections["pgbouncer"]["default_pool_size"] == str(
        derive(replace(INPUTS, databases=2)).pool_size
    )


@pytest.mark.parametrize(
    ("database", "ca", "mode"),
    [
        (Database("app"), "", None),
        (Database("app", "/var/run/postgresql"), "", None),
        (Database("app", "db.internal"), "", "require"),
        (Database("app", "db.internal"), "/etc/ca.pem", "verify-full"),
    ],
)
def test_encryption_to_servers_elsewhere(database: Database, ca: str, mode: str | None) -> None:
    settings = ini(databases=(database,), server_ca_file=ca)["pgbouncer"]
    assert settings.get("server_tls_sslmode") == mode
    assert settings.get("server_tls_ca_file", "") == ca


@pytest.mark.parametrize("seconds", [1, 2, 5, 30, 3600])
def test_timeouts_are_a_ladder(seconds: float) -> None:
    settings = ini(request_seconds=seconds)["pgbouncer"]
    wait = float(settings["query_wait_timeout"])
    assert 1 <= wait <= 15
    assert wait <= seconds
    assert float(settings["server_connect_timeout"]) <= wait


def test_password_lookup_is_safe() -> None:
    text = files(Pooler(databases=(APP,)))["pgbouncer-auth.sql"]
    assert "SECURITY DEFINER SET search_path = ''" in text
    assert "FROM pg_catalog.pg_authid" in text
    assert "NOT r.rolsuper" in text
    assert "rolvaliduntil" in text
    assert "FROM PUBLIC" in text
    assert '"pgbouncer".user_lookup($1)' in ini()["pgbouncer"]["auth_query"]


def test_unknown_instances_leave_room_for_clients() -> None:
    text = files(Pooler(databases=(APP,)), replace(INPUTS, instances=None))["pgbouncer.ini"]
    assert read_ini(text)["pgbouncer"]["max_client_conn"] == "1000"


# ---------------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"cpus": 1}, "no pool size works: 6 CPUs|no pool size works: 1,000/s"),
        ({"max_connections": 20}, "ALTER|max_connections to at least"),
        ({"pooler": False}, "--no-pooler"),
        ({"cpus": None, "requests_per_second": None}, "a pool size needs --cpus"),
    ],
)
def test_no_file_without_a_size_that_works(change: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        generate(derive(replace(INPUTS, **change)), Pooler(databases=(APP,)))


@pytest.mark.parametrize(
    "name",
    [
        "",
        "pgbouncer",
        "a\nb = host=evil",
        "a\rb",
        "a\x00b",
        "a\u2028b",
        "\u202eevil",
        " app",
        "app ",
        "x" * 64,
    ],
)
def test_names_that_no_file_can_hold(name: str) -> None:
    with pytest.raises(UsageError):
        Database(name)


@pytest.mark.parametrize("name", ["my db", "%include", "[pgbouncer]", "größe", "a=b", "*", "a;b"])
def test_names_that_need_quotes_need_a_new_pgbouncer(name: str) -> None:
    for version in (None, (1, 18), (1, 24)):
        with pytest.raises(UsageError, match="plain name"):
            Pooler(databases=(Database(name),), version=version)
    sections = ini(databases=(Database(name),), version=NEWEST)
    assert read_connection(sections["databases"][name])["dbname"] == name


@pytest.mark.parametrize(
    "values",
    [
        {"databases": ()},
        {"databases": (APP, APP)},
        {"databases": (Database(AUTH_ENTRY),)},
        {"version": (1, 17)},
        {"listen_port": 0},
        {"request_seconds": 0},
        {"auth_user": 'a" "b'},
        {"auth_user": "a$do$; DROP ROLE x"},
        {"auth_user": "a\n"},
        {"stats_users": ("a,b",)},
        {"listen_addr": "127.0.0.1\nadmin_users = evil"},
        {"config_dir": "/etc\n"},
        {"server_ca_file": "/a\nb"},
    ],
)
def test_refused(values: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        Pooler(**({"databases": (APP,)} | values))


@pytest.mark.parametrize("host", ["", "a,b", "a\nb", "x" * 256])
def test_hosts_refused(host: str) -> None:
    with pytest.raises(UsageError):
        Database("app", host)


@given(st.text(min_size=1, max_size=20), st.text(max_size=20), st.sampled_from([None, NEWEST]))
def test_whatever_is_accepted_is_read_back_as_it_was(
    name: str, dbname: str, version: tuple[int, int] | None
) -> None:
    try:
        pooler = Pooler(databases=(Database(name, "/run/o'dir x", 5433, dbname),), version=version)
    except UsageError:
        return
    databases = read_ini(files(pooler)["pgbouncer.ini"])["databases"]
    found = read_connection(databases[name])
    assert found == {"host": "/run/o'dir x", "port": "5433", "dbname": dbname or name}


def test_versions() -> None:
    assert parse_version("1.25.2") == (1, 25)
    assert parse_version(" 1.18 ") == (1, 18)
    for text in ("", "1", "new", "1.x", "1.2.3.4", "-1.2"):
        with pytest.raises(UsageError):
            parse_version(text)


def test_report_is_about_the_files() -> None:
    report = generate(PLAN, Pooler(databases=(APP,), version=(1, 18)))
    assert [table.name for table in report.tables] == ["recommendation", "settings", "pools"]
    assert any("prepare_threshold=None" in note for note in report.notes)
    assert any("1.25.2" in note for note in report.notes)
    newest = generate(PLAN, Pooler(databases=(APP,), version=NEWEST))
    assert not any("prepare_threshold" in note for note in newest.notes)
