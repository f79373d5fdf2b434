"""Logs of real servers of every version: each kind of event is made, and found in the digest."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from dbtune.postgres.sqltext import fingerprint
from tests import servers
from tests.command import dbtune
from tests.conftest import missing
from tests.server_log import CONF, PREFIX, Events, destinations
from tests.servers import Postgres

Row = dict[str, Any]


class Logs(dict[str, Path]):
    """The logs of a server by format, and what it counted itself: calls by fingerprint."""

    version: int
    calls: Counter[str]


@pytest.fixture(scope="module", params=servers.SUPPORTED, ids=lambda version: f"pg{version}")
def logs(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Logs:
    version = request.param
    if version not in servers.available_postgres():
        missing(f"PostgreSQL {version}")
    folder = tmp_path_factory.mktemp("logs")
    found = Logs()
    found.version = version
    with Postgres(version).start(
        {**CONF, "log_destination": ",".join(destinations(version))}
    ) as pg:
        name = pg.create_database("shop", "")
        pg.psql("CREATE EXTENSION pg_stat_statements", name)
        pg.psql("SELECT pg_stat_statements_reset()", name)
        events = Events(pg, name)
        events.all()
        found.calls = Counter()
        for query, calls in pg.psql("SELECT query, calls FROM pg_stat_statements", name):
            found.calls[fingerprint(query)] += calls
        events.crash()
        # Autovacuum would write on between one copy and the next, and the process that writes the
        # logs ends after the server.
        pg.halt()
        for form in destinations(version):
            events.wait_for("database system is shut down", form=form)
            found[form] = folder / events.log(form).name
            found[form].write_bytes(events.log(form).read_bytes())
    return found


def report(path: Path, *options: str) -> Any:
    return (
        dbtune("slow-queries", "--log", str(path), "-f", "json", "-n", "1000", *options).ok().json
    )


def row(rows: list[Row], **values: object) -> Row:
    """The only row with these values; a text needs only to be part of the row's."""

    def fits(one: Row) -> bool:
        return all(
            value in (one[name] or "") if isinstance(value, str) else one[name] == value
            for name, value in values.items()
        )

    [found] = [one for one in rows if fits(one)]
    return found


def test_every_kind_of_event_in_every_format(logs: Logs) -> None:
    for form, path in logs.items():
        found = report(path)
        assert found["log"]["skipped_lines"] == 0
        assert found["log"]["format"][0].startswith(form)
        if form == "stderr":
            assert found["log"]["format"] == [f"stderr {PREFIX}".strip()]
        statements = found["statements"]
        constants = row(statements, statement="SELECT amount FROM stock WHERE id = $1")
        assert constants["calls"] == 30
        assert constants["databases"] == ["shop"]
        assert constants["applications"] == ["shop"]
        assert constants["users"] == ["postgres"]
        assert constants["hosts"] == ["[local]"]
        prepared = row(statements, statement="SELECT amount + $3, pg_sleep($4) FROM stock")
        assert prepared["calls"] == 10
        assert prepared["planning_ms"] > 0
        assert row(statements, statement="SELECT $1,")["calls"] == 1

        deadlock = row(found["deadlocks"], count=1)
        assert deadlock["statements"] == ["UPDATE stock SET amount = $1 WHERE id = $2"]
        assert deadlock["locks"] == ["ShareLock on transaction"]
        wait = row(found["lock_waits"], statement="DELETE FROM stock")
        assert wait["count"] == 1
        assert wait["max_ms"] > 200
        assert "UPDATE stock SET amount" in wait["blocked_by"]
        spilled = row(found["temp_files"], statement="ORDER BY")
        assert spilled["total_bytes"] > 100_000
        assert row(statements, statement="ORDER BY")["temp_bytes"] == spilled["total_bytes"]
        assert row(found["cancelled"], reason="statement timeout")["statement"] == (
            "SELECT pg_sleep($1)"
        )
        assert row(found["cancelled"], reason="idle-in-transaction timeout")["what"] == "session"
        table = row(found["autovacuum"], table="shop.public.wiped")
        assert table["vacuums"] >= 1
        assert table["removed_rows"] >= 5000
        assert found["checkpoints"]["by_request"] >= 1
        assert found["checkpoints"]["buffers"] > 0
        assert found["connections"]["received"] >= 8
        assert row(found["connections_by"], by="database", name="shop")["count"] >= 8
        errors = found["errors"]
        assert row(errors, message="division by zero")["count"] == 2
        assert row(errors, message='relation "missing" does not exist')["level"] == "ERROR"
        assert row(errors, message="syntax error at or near ?")["count"] == 1
        assert row(errors, message='database "no_such_database"')["level"] == "FATAL"
        assert row(errors, message='unique constraint "stock_pkey"')["statement"].startswith(
            "INSERT"
        )
        crash = row(found["server_events"], message="terminated by signal 9")
        assert crash["kind"] == "crash"
        if form != "stderr":
            assert row(errors, message="division by zero")["sqlstate"] == "22012"
        rules = {one["rule"] for one in found["findings"]}
        assert {"pg.deadlocks-logged", "pg.server-crashed"} <= rules


def test_the_formats_agree(logs: Logs) -> None:
    """Only what a format lacks differs, and lines from before the other files exist."""
    first, *others = (report(path) for path in logs.values())
    for other in others:
        assert other["statements"] == first["statements"]
        assert other["spent_by"] == first["spent_by"]
        assert other["slowest"] == first["slowest"]
        for name in ("deadlocks", "lock_waits", "temp_files", "cancelled", "checkpoints"):
            assert other[name] == first[name], name
        for name in ("connections", "connections_by", "autovacuum", "hours"):
            assert other[name] == first[name], name
        assert [one | {"sqlstate": None} for one in other["errors"]] == first["errors"]


def test_as_many_calls_as_the_server_counted(logs: Logs) -> None:
    found = {
        fingerprint(one["statement"]): one["calls"]
        for one in report(logs["stderr"])["statements"]
        if one["databases"] == ["shop"]
    }
    kinds = ("select", "insert", "update", "delete")
    counted = {
        key: calls
        for key, calls in logs.calls.items()
        if key.startswith(kinds) and "pg_stat_statements" not in key
    }
    assert {key: found.get(key) for key in counted} == counted


def test_constants_are_masked_unless_asked_for(logs: Logs) -> None:
    for path in logs.values():
        shown = dbtune("slow-queries", "--log", str(path), "-f", "json", "-n", "1000").ok().out
        for secret in ("secret", "4711", "several"):
            assert secret not in shown
        told = report(path, "--show-parameters", "--grep", "amount")["slowest"]
        [one] = [
            one
            for one in told
            if "it''s" in one["statement"] and "'3'" in (one["parameters"] or "")
        ]
        assert "secret" in one["parameters"]
