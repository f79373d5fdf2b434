"""Who can open a planner lab, which planner is chosen, and that nothing of a lab remains."""

from __future__ import annotations

import contextlib
import os
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dbtune.errors import TargetError, UsageError
from dbtune.postgres.embedded import server as embedded
from dbtune.postgres.indexes.choose import Opened, open_planner
from dbtune.postgres.indexes.definition import Definition, column_key
from dbtune.postgres.indexes.planner import NotPlannable, PlannerChoice
from dbtune.postgres.lab.open import open_lab
from dbtune.postgres.lab.planner import LabPlanner
from dbtune.profile import profile_from_url
from dbtune.session import Limits, open_postgres
from tests.command import MISLEADING
from tests.servers import PgBouncer, Postgres, fresh_database

ROOT = Path(__file__).parents[2]
SCHEMA = """
CREATE TABLE customers(id int PRIMARY KEY, city text);
CREATE TABLE orders(id int PRIMARY KEY, customer int REFERENCES customers, at date);
CREATE INDEX ON orders(customer);
INSERT INTO customers SELECT i, 'c' || i % 50 FROM generate_series(1, 5000) i;
INSERT INTO orders SELECT i, i % 5000 + 1, date '2020-01-01' + i % 900
    FROM generate_series(1, 40000) i;
CREATE TABLE unrelated(id int);
ANALYZE;
CREATE ROLE lab_monitor LOGIN PASSWORD 'x'; GRANT pg_monitor TO lab_monitor;
CREATE ROLE lab_reader LOGIN PASSWORD 'x';
GRANT SELECT ON ALL TABLES IN SCHEMA public TO lab_reader;
"""
FEW = "SELECT * FROM orders WHERE customer = 5"


@contextlib.contextmanager
def shop(server: Postgres) -> Iterator[str]:
    with fresh_database(server) as name:
        server.psql(SCHEMA, name)
        try:
            yield name
        finally:
            server.psql(
                "DROP OWNED BY lab_monitor, lab_reader; DROP ROLE lab_monitor, lab_reader", name
            )


@pytest.fixture(scope="module")
def shop15(pg: Callable[[int], Postgres]) -> Iterator[str]:
    with shop(pg(15)) as name:
        yield name


def lab_of(url: str, *statements: str, **limits: float) -> LabPlanner:
    with open_postgres(profile_from_url(url, "test"), Limits(**limits)) as session:  # type: ignore[arg-type]
        return open_lab(session, statements)


def opened(url: str, choice: str = "auto", *, hiding: bool = False) -> Opened:
    with open_postgres(profile_from_url(url, "test")) as session:
        return open_planner(session, PlannerChoice(choice), statements=[FEW], hiding=hiding)


# ---------------------------------------------------------------------------------- who may open it


def test_who_may_read_nothing_but_the_catalog_is_told_what_is_missing(
    pg15: Postgres, shop15: str
) -> None:
    with lab_of(pg15.dsn(shop15, "lab_monitor", "x"), FEW) as lab:
        (note,) = lab.notes
        assert "no column statistics of public.orders can be seen" in note
        assert "GRANT pg_read_all_data TO lab_monitor" in note
        assert lab.plan(FEW).existing


def test_a_column_that_refers_to_a_key_has_as_many_values_where_statistics_are_hidden(
    pg15: Postgres, shop15: str
) -> None:
    statement = "SELECT * FROM orders o, customers c WHERE c.id = o.customer AND customer = 5"
    with (
        lab_of(pg15.dsn(shop15, "lab_monitor", "x"), statement) as blind,
        lab_of(pg15.dsn(shop15, "lab_reader", "x"), statement) as seeing,
    ):
        assert blind.plan(FEW).cost == pytest.approx(seeing.plan(FEW).cost, rel=0.2)


def test_variables_of_libpq_do_not_lead_it_elsewhere(
    pg15: Postgres, shop15: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_postgres(profile_from_url(pg15.dsn(shop15), "test")) as session:
        for name, value in MISLEADING.items():
            monkeypatch.setenv(name, value)
        with open_lab(session, [FEW]) as lab:
            assert lab.plan(FEW).existing


def test_only_the_tables_of_the_statements_are_there(pg15: Postgres, shop15: str) -> None:
    with lab_of(pg15.dsn(shop15, "lab_reader", "x"), FEW) as lab:
        assert lab.plan(FEW).existing
        found = [
            row["relname"]
            for row in lab.admin.execute(
                "SELECT relname FROM pg_class WHERE relkind = 'r' "
                "AND relnamespace = 'public'::regnamespace"
            )
        ]
        assert found == ["orders"]


def test_through_a_pooler_whose_transactions_change_backends(
    pg15: Postgres, shop15: str, pgbouncer: Callable[[], PgBouncer]
) -> None:
    pooler = pgbouncer().start_for(pg15, default_pool_size=2)
    with lab_of(pooler.dsn(shop15), FEW) as lab:
        assert lab.plan(FEW).existing
        assert lab.notes == ()


def test_on_a_hot_standby(new_pg: Callable[[int], Postgres]) -> None:
    primary = new_pg(16).start({"wal_level": "replica"})
    with shop(primary) as name, primary.standby() as standby:
        primary.wait_for_standby(standby)
        with lab_of(standby.dsn(name), FEW) as lab:
            assert lab.plan(FEW).existing
            assert lab.notes == ()


def test_a_table_that_somebody_locks_does_not_keep_the_lab_waiting(
    pg15: Postgres, shop15: str
) -> None:
    with pg15.connect(shop15) as other, other.transaction():
        other.execute("LOCK TABLE orders IN ACCESS EXCLUSIVE MODE")
        with lab_of(pg15.dsn(shop15), f"{FEW} customers") as lab:
            assert lab.plan(FEW).cost > 0
            assert lab.plan("SELECT * FROM customers WHERE id = 5").existing
            assert "public.orders is locked" in " ".join(lab.notes)


def test_it_writes_nothing_on_the_target_and_leaves_no_session(pg15: Postgres, shop15: str) -> None:
    before = pg15.psql("SELECT pg_current_wal_insert_lsn()", shop15)
    with lab_of(pg15.dsn(shop15), FEW) as lab:
        lab.plan(FEW, [Definition("public", "orders", (column_key("at"),))])
        count = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'dbtune'"
        assert pg15.psql(count + f" AND datname = '{shop15}'") == [(0,)]
    (kinds,) = pg15.psql("SELECT count(*) FROM pg_class WHERE relname LIKE 'dbtune%'", shop15)
    assert kinds == (0,)
    assert before


# --------------------------------------------------------------------------------- which is chosen


def test_the_lab_is_chosen_where_hypopg_is_missing_or_of_no_use(
    pg15: Postgres, shop15: str
) -> None:
    url, monitor = pg15.dsn(shop15), pg15.dsn(shop15, "lab_monitor", "x")
    found = opened(url)
    with found.planner as planner:
        assert planner.name == "lab"
    assert "not installed" in found.why
    with pytest.raises(UsageError, match="CREATE EXTENSION hypopg"):
        opened(url, "hypopg")
    pg15.psql("CREATE EXTENSION hypopg", shop15)
    try:
        assert opened(url).planner.name == "hypopg"
        assert opened(url).why == "HypoPG on the target, which is installed"
        with opened(url, "lab").planner as planner:
            assert planner.name == "lab"
        found = opened(monitor)
        with found.planner as planner:
            assert planner.name == "lab"
        assert found.why == "planner lab: role lab_monitor may not read 1 table of the statements"
        found = opened(url, hiding=True)
        with found.planner as planner:
            assert planner.can_hide
    finally:
        pg15.psql("DROP EXTENSION hypopg", shop15)


def test_without_either_it_is_said_how_to_get_one(
    pg15: Postgres, shop15: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing() -> Path:
        raise UsageError("pip install 'dbtune[lab]'")

    monkeypatch.setattr(embedded, "_wheel", missing)
    with pytest.raises(UsageError, match=r"HypoPG is not installed.*pip install"):
        opened(pg15.dsn(shop15))


# ---------------------------------------------------------------------------------- nothing remains

PROGRAM = """
import sys, time
from dbtune.postgres.lab.open import open_lab
from dbtune.profile import profile_from_url
from dbtune.session import open_postgres
with open_postgres(profile_from_url(sys.argv[1], "test")) as session:
    with open_lab(session, ["SELECT * FROM orders"]) as lab:
        print(lab.folder, flush=True)
        while True:
            lab.plan("SELECT * FROM orders WHERE customer = 5")
"""


def wait_for(condition: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.02)


def processes_of(folder: Path) -> list[str]:
    shown = subprocess.run(["ps", "-ewwo", "args"], capture_output=True, text=True, check=True)
    return [line for line in shown.stdout.splitlines() if f"{folder}/" in line]


def test_only_its_owner_can_enter_its_folder_and_it_is_gone_at_the_end(
    pg15: Postgres, shop15: str
) -> None:
    with lab_of(pg15.dsn(shop15), FEW) as lab:
        folder = lab.folder
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert stat.S_IMODE((folder / "data").stat().st_mode) == 0o700
        (listening,) = lab.admin.execute("SHOW listen_addresses").fetchall()
        assert listening == {"listen_addresses": ""}
    assert not folder.exists()
    wait_for(lambda: processes_of(folder) == [])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_it_is_gone_when_the_process_is_ended(
    pg15: Postgres, shop15: str, number: signal.Signals
) -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as temp:
        Path(temp).chmod(0o711)
        with subprocess.Popen(
            [sys.executable, "-c", PROGRAM, pg15.dsn(shop15)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": temp},
        ) as process:
            assert process.stdout is not None
            folder = Path(process.stdout.readline().strip())
            assert folder.parent == Path(temp)
            assert processes_of(folder)
            process.send_signal(number)
        assert process.returncode != 0
        wait_for(lambda: not folder.exists() and not processes_of(folder))
        assert list(Path(temp).iterdir()) == []


def test_it_is_gone_when_the_target_fails_while_it_is_built(
    pg15: Postgres, shop15: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Path] = []

    def fails(connections: object, *_: object, **__: object) -> list[str]:
        made.extend(Path(tempfile.gettempdir()).glob("dbtune-*/data"))
        raise KeyboardInterrupt

    monkeypatch.setattr("dbtune.postgres.lab.open.build_schema", fails)
    with pytest.raises(KeyboardInterrupt):
        lab_of(pg15.dsn(shop15), FEW)
    assert made


def test_when_its_server_is_killed_that_is_said(pg15: Postgres, shop15: str) -> None:
    with lab_of(pg15.dsn(shop15), FEW) as lab:
        pid = int((lab.folder / "data/postmaster.pid").read_text().split()[0])
        os.kill(pid, signal.SIGQUIT)
        with pytest.raises(TargetError, match="planner lab's server failed"):
            wait_for(lambda: not lab.plan(FEW))
        folder = lab.folder
    assert not folder.exists()


# ------------------------------------------------------------------------- what it must not let in


def test_a_target_cannot_run_commands_on_this_machine(pg15: Postgres) -> None:
    with fresh_database(pg15) as name, tempfile.TemporaryDirectory(dir="/tmp") as temp:
        Path(temp).chmod(0o777)
        deed = (
            "CREATE FUNCTION deed() RETURNS int LANGUAGE plpgsql AS $q$BEGIN "
            "RESET ROLE; RESET SESSION AUTHORIZATION; "
            f"COPY (SELECT 1) TO PROGRAM 'cat >{temp}/done'; RETURN 1; END$q$"
        )
        evil = (
            "CREATE FUNCTION evil(int) RETURNS int LANGUAGE plpgsql IMMUTABLE "
            "AS 'BEGIN RETURN deed(); END'"
        )
        pg15.psql(f"CREATE TABLE t(a int); {deed}; {evil}", name)
        # It works where a superuser calls it.
        pg15.psql("SELECT evil(5)", name)
        (Path(temp) / "done").unlink()
        statement = "SELECT * FROM t WHERE a = evil(5)"
        with lab_of(pg15.dsn(name), statement) as lab:
            with pytest.raises(NotPlannable, match="permission denied"):
                lab.plan(statement)
            index = Definition("public", "t", (column_key("a"),), predicate="a = evil(5)")
            assert "permission denied" in lab.refuses(index)
        assert list(Path(temp).iterdir()) == []
