"""The demo for real: the planted problems are there, and nothing is left, however it ends."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from dbtune.demo import kept, shop
from dbtune.demo.planted import PLANTED, Planted
from dbtune.errors import TargetError, UsageError
from dbtune.postgres.embedded import cleanup, server
from dbtune.postgres.embedded.server import FOLDER_PREFIX, EmbeddedPostgres
from tests.command import MISLEADING, dbtune

ROOT = Path(__file__).parents[2]
AS_ROOT = os.geteuid() == 0
NOBODY = "nobody"

# ---------------------------------------------------------------------------------- the whole demo


@dataclass(frozen=True)
class Demo:
    """A demo that was left running."""

    document: dict[str, Any]
    printed: str
    kept: kept.Kept
    env: dict[str, str]


@pytest.fixture(scope="module")
def demo() -> Iterator[Demo]:
    """The demo, run once by its command and left running; at the end nothing of it remains."""
    with tempfile.TemporaryDirectory() as home:
        env = {"DBTUNE_CONFIG": f"{home}/dbtune.yaml", "XDG_STATE_HOME": f"{home}/state"}
        env |= MISLEADING
        done = dbtune("demo", "--keep", "--duration", "12", "--format", "json", env=env).ok()
        note = json.loads(Path(home, "state/dbtune/demo.json").read_text())
        running = kept.Kept(**note)
        yield Demo(done.json, done.out + done.err, running, env)
        pid = cleanup.postmaster_pid(Path(running.folder))
        assert pid is not None
        dbtune("demo", "stop", env=env).ok()
        wait_for(lambda: not alive(pid))  # what has ended takes a moment to be gone
        assert not Path(running.folder).exists()
        wait_for(lambda: working_in(running.folder) == [])
        assert [path for path in Path(home).rglob("*") if path.is_file()] == []


@pytest.fixture
def ask(demo: Demo) -> Iterator[Callable[[str], Any]]:
    """Ask the demo's server for one value."""
    with psycopg.connect(demo.kept.url, autocommit=True) as connection:

        def one(query: str) -> Any:
            row = connection.execute(query.encode()).fetchone()
            return row and row[0]

        yield one


def test_the_reports_find_every_planted_problem_that_they_look_for(demo: Demo) -> None:
    found = {(one["name"], one["where"]): one["found"] for one in demo.document["planted"]}
    assert {place for place, yes in found.items() if yes is False} == set()
    assert sum(yes is True for yes in found.values()) >= 9


def test_the_document_holds_a_report_of_each_command(demo: Demo) -> None:
    commands = [one["command"].split()[1] for one in demo.document["reports"]]
    assert commands == ["slow-queries", "pool-size", "gen-config"]
    for one in demo.document["reports"]:
        assert one["report"]["target"]["name"] == "demo"


# Each gives true if the problem is there.
CATALOG = {
    "settings-at-defaults": "SELECT setting = boot_val FROM pg_settings "
    "WHERE name = 'effective_cache_size'",
    "dangerous-settings": "SELECT bool_and(setting = 'off') FROM pg_settings "
    "WHERE name IN ('fsync', 'full_page_writes')",
    "unindexed-expression": "SELECT count(*) = 0 FROM pg_index "
    "WHERE indrelid = 'customers'::regclass AND indexprs IS NOT NULL",
    "unused-index": "SELECT idx_scan = 0 FROM pg_stat_user_indexes "
    "WHERE indexrelname = 'orders_note_idx'",
    "low-selectivity-index": "SELECT most_common_freqs[1] > 0.9 FROM pg_stats "
    "WHERE tablename = 'products' AND attname = 'active'",
    "duplicate-index": "SELECT count(DISTINCT indkey::text) = 1 AND count(*) = 2 FROM pg_index "
    "WHERE indexrelid IN ('orders_by_date'::regclass, 'orders_created_at_idx'::regclass)",
    "redundant-index": "SELECT long.indkey::text LIKE short.indkey::text || ' %' "
    "FROM pg_index long, pg_index short "
    "WHERE long.indexrelid = 'orders_customer_id_created_at_idx'::regclass "
    "AND short.indexrelid = 'orders_customer_id_idx'::regclass",
    "invalid-index": "SELECT NOT indisvalid FROM pg_index "
    "WHERE indexrelid = 'products_ean_key'::regclass",
    "dead-rows": "SELECT n_dead_tup > 2 * n_live_tup AND 'autovacuum_enabled=off' = "
    "ANY (reloptions) FROM pg_stat_user_tables JOIN pg_class USING (relname) "
    "WHERE relname = 'sessions'",
    "empty-pages": "SELECT n_dead_tup = 0 AND pg_relation_size(relid) / n_live_tup > 20000 "
    "FROM pg_stat_user_tables WHERE relname = 'jobs'",
    "stale-statistics": "SELECT max(bound)::timestamptz < now() - interval '1 year' "
    "FROM pg_stats, unnest(histogram_bounds::text::text[]) AS bound "
    "WHERE tablename = 'stock_movements' AND attname = 'moved_at'",
    "never-vacuumed": "SELECT last_vacuum IS NULL AND last_autovacuum IS NULL "
    "AND last_analyze IS NOT NULL FROM pg_stat_user_tables WHERE relname = 'audit_log'",
    "key-near-its-end": "SELECT max(id) > 0.99 * 2147483647 FROM invoices",
    "unvalidated-constraint": "SELECT NOT convalidated FROM pg_constraint "
    "WHERE conname = 'reviews_product_id_fkey'",
    "idle-in-transaction": "SELECT count(*) = 1 FROM pg_stat_activity "
    "WHERE state = 'idle in transaction' AND application_name = 'shop-console' "
    "AND backend_xid IS NULL AND backend_xmin IS NULL",
    "abandoned-slot": "SELECT NOT active AND restart_lsn IS NOT NULL FROM pg_replication_slots "
    "WHERE slot_name = 'old_standby'",
    "superuser-role": "SELECT rolsuper AND rolcanlogin AND rolpassword IS NULL FROM pg_authid "
    "WHERE rolname = 'legacy_report'",
    "writable-public-schema": "SELECT has_schema_privilege('shop', 'public', 'CREATE')",
}
# These must be all there are: an adviser that finds more is wrong, one that finds less, too.
EXACTLY = {
    "unindexed-foreign-key": "SELECT array_agg(conrelid::regclass::text || ' (' || attname || ')' "
    "ORDER BY 1) FROM pg_constraint c JOIN pg_attribute a ON attrelid = conrelid "
    "AND attnum = conkey[1] WHERE contype = 'f' AND NOT EXISTS (SELECT FROM pg_index "
    "WHERE indrelid = conrelid AND indkey[0] = conkey[1])",
    "no-primary-key": "SELECT array_agg(oid::regclass::text) FROM pg_class "
    "WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace "
    "AND NOT EXISTS (SELECT FROM pg_index WHERE indrelid = pg_class.oid AND indisprimary)",
}


@pytest.mark.parametrize(
    "planted",
    [one for one in PLANTED if not one.rule and one.name not in EXACTLY],
    ids=lambda one: one.name,
)
def test_the_catalog_shows_each_planted_problem(
    planted: Planted, ask: Callable[[str], Any]
) -> None:
    deadline = time.monotonic() + 120  # counters of ended sessions arrive a little later
    while not ask(CATALOG[planted.name]) and time.monotonic() < deadline:
        time.sleep(0.5)
    assert ask(CATALOG[planted.name]) is True


@pytest.mark.parametrize("name", EXACTLY)
def test_no_other_object_has_the_problem(name: str, ask: Callable[[str], Any]) -> None:
    assert sorted(ask(EXACTLY[name])) == sorted(one.where for one in PLANTED if one.name == name)


def test_stale_statistics_make_a_bad_plan(ask: Callable[[str], Any]) -> None:
    statement = (Path(shop.__file__).parent / "workload/stock.sql").read_text()
    plan = ask(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}")[0]["Plan"]
    nodes = [plan]
    for node in nodes:
        nodes += node.get("Plans", [])
    join = next(node for node in nodes if node["Node Type"] in ("Nested Loop", "Hash Join"))
    assert join["Node Type"] == "Nested Loop"
    assert join["Actual Rows"] > 1000 * join["Plan Rows"]


def test_only_its_owner_can_enter(demo: Demo) -> None:
    folder = Path(demo.kept.folder)
    assert folder.stat().st_mode & 0o777 == 0o700
    for private in (folder / "pgpass", Path(demo.env["DBTUNE_CONFIG"])):
        assert private.stat().st_mode & 0o777 == 0o600


def test_the_password_is_nowhere_to_be_seen(demo: Demo, ask: Callable[[str], Any]) -> None:
    folder = Path(demo.kept.folder)
    password = (folder / "pgpass").read_text().strip().rpartition(":")[2]
    assert len(password) >= 20
    arguments = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True)
    assert password not in arguments.stdout
    assert password not in demo.printed
    assert password not in (folder / "log").read_text()
    assert password not in Path(demo.env["DBTUNE_CONFIG"]).read_text()
    assert not ask(f"SELECT bool_or(strpos(query, '{password}') > 0) FROM pg_stat_statements")


def test_it_listens_on_the_loopback_address_only(ask: Callable[[str], Any]) -> None:
    assert ask("SHOW listen_addresses") == "127.0.0.1"
    assert ask("SELECT bool_and(auth_method = 'scram-sha-256') FROM pg_hba_file_rules") is True


def test_the_profile_works(demo: Demo) -> None:
    report = dbtune("slow-queries", "demo", "-f", "json", env=demo.env).ok().json
    assert report["target"]["name"] == "demo"
    assert report["statements"]


def test_a_second_one_is_refused(demo: Demo) -> None:
    again = dbtune("demo", "--keep", env=demo.env)
    assert again.code == 2
    assert "dbtune demo stop" in again.err


def test_its_status_and_more_load(demo: Demo, ask: Callable[[str], Any]) -> None:
    status = dbtune("demo", "status", "-f", "json", env=demo.env).ok().json
    assert status["server"]["state"] == "running"
    assert status["server"]["folder"] == demo.kept.folder
    calls = "SELECT sum(calls) FROM pg_stat_statements WHERE query LIKE 'INSERT INTO price_feed%'"
    before = ask(calls)
    dbtune("demo", "drive", "--duration", "4", env=demo.env).ok()
    assert ask(calls) > before + 500


# ---------------------------------------------------------------------------------- how it can end


@pytest.fixture
def temp() -> Iterator[Path]:
    """A folder for temporary files that every account may enter, as /tmp."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        Path(folder).chmod(0o1777)
        yield Path(folder)


def alive(pid: int) -> bool:
    """Whether a process is there and is not only waiting to be reaped."""
    shown = subprocess.run(
        ["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return shown.stdout.strip()[:1] not in ("", "Z")  # ZNs is a zombie that was nice


def working_in(folder: Path | str) -> list[str]:
    """Processes that name a folder in their arguments."""
    shown = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True)
    return [line for line in shown.stdout.splitlines() if f"{folder}/" in line]


def wait_for(condition: Callable[[], object], seconds: float = 120) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.02)


MOMENTS = {
    "initdb": f"{FOLDER_PREFIX}*/pgpass",
    "loading": f"{FOLDER_PREFIX}*/data/postmaster.pid",
    "driving": f"{FOLDER_PREFIX}*/shop-web.log",
}


@pytest.mark.parametrize(
    ("moment", "how", "code"),
    [
        ("initdb", signal.SIGINT, 130),
        ("loading", signal.SIGTERM, 130),
        ("driving", signal.SIGINT, 130),
        ("loading", signal.SIGKILL, -9),
    ],
)
def test_nothing_is_left_when_it_is_interrupted(
    moment: str, how: signal.Signals, code: int, temp: Path
) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "dbtune", "demo", "--quiet"],
        env={**os.environ, "TMPDIR": str(temp), "HOME": str(temp), "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    wait_for(lambda: list(temp.glob(MOMENTS[moment])))
    os.killpg(process.pid, how)  # as a terminal does: pgbench gets it, too
    out, err = process.communicate(timeout=120)
    assert process.returncode == code
    assert out == ""
    assert "Traceback" not in err
    if how is signal.SIGKILL:  # the watchdog needs a moment
        wait_for(lambda: not list(temp.iterdir()))
    assert list(temp.iterdir()) == []
    wait_for(lambda: working_in(temp) == [])


def test_a_demo_without_keep_leaves_nothing(temp: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "dbtune", "demo", "--duration", "4"],
        env={**os.environ, "TMPDIR": str(temp), "HOME": str(temp), "COLUMNS": "80"},
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr
    assert [line for line in done.stdout.splitlines() if line.startswith("$ dbtune ")] == [
        "$ dbtune slow-queries demo --limit 12",
        "$ dbtune pool-size demo --interval 2s --peak-factor 1.2",
        "$ dbtune gen-config postgresql demo",
    ]
    assert "everything was stopped and removed" in done.stdout
    assert list(temp.iterdir()) == []
    wait_for(lambda: working_in(temp) == [])


# --------------------------------------------------------------------------------- the server alone


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Profile and state files of nobody, for this process and for commands."""
    env = {"DBTUNE_CONFIG": str(tmp_path / "dbtune.yaml"), "XDG_STATE_HOME": str(tmp_path / "s")}
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    return env


def version(url: str) -> int:
    """The server's version, asked over a new connection."""
    with psycopg.connect(url) as connection:
        return connection.info.server_version


def test_the_server_stops_with_its_block() -> None:
    with EmbeddedPostgres({"work_mem": "7MB"}) as one:
        with psycopg.connect(one.url()) as connection:
            assert connection.execute("SHOW work_mem").fetchone() == ("7MB",)
        pid = cleanup.postmaster_pid(one.folder)
    assert pid is not None
    wait_for(lambda: not alive(pid))
    assert not one.folder.exists()
    one.stop()


def test_without_tcp_nothing_listens_on_a_port() -> None:
    with EmbeddedPostgres(port=None) as one, psycopg.connect(one.url()) as connection:
        assert connection.execute("SHOW listen_addresses").fetchone() == ("",)


def test_a_taken_port_is_said() -> None:
    with EmbeddedPostgres() as first:
        with pytest.raises(UsageError, match="is taken"), EmbeddedPostgres(port=first.port):
            pass
        assert version(first.url()) >= 180000


def test_a_setting_that_it_refuses_is_said() -> None:
    with pytest.raises(TargetError, match="no_such_setting"):
        EmbeddedPostgres({"no_such_setting": "1"}).__enter__()


def test_kept_and_stopped(home: dict[str, str]) -> None:
    with EmbeddedPostgres() as one:
        kept.check_free()
        note = kept.remember(one)
    try:
        assert note.running
        assert version(one.url()) >= 180000
        assert kept.find() == note
    finally:
        stopped = dbtune("demo", "stop", env=home).ok()
    assert note.folder in stopped.out
    assert not note.running
    assert not one.folder.exists()
    assert "not running" in dbtune("demo", "status", env=home).ok().out
    assert "no demo was running" in dbtune("demo", "stop", env=home).ok().out
    refused = dbtune("demo", "drive", env=home)
    assert (refused.code, "dbtune demo --keep" in refused.err) == (2, True)


def test_a_kept_server_that_was_killed(home: dict[str, str]) -> None:
    with EmbeddedPostgres() as one:
        note = kept.remember(one)
    pid = cleanup.postmaster_pid(one.folder)
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: not note.running)
    assert "ended without being stopped" in dbtune("demo", "status", env=home).ok().out
    kept.check_free()  # a new one may start: what was left is cleared away
    assert kept.find() is None
    assert not one.folder.exists()


@pytest.mark.skipif(not AS_ROOT, reason="needs root")
def test_as_root_from_a_folder_that_only_root_may_enter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tmp_path.chmod(0o700)
    wheel = server._wheel()
    for part in (wheel, wheel.with_name(f"{wheel.name}.libs")):
        if part.exists():
            shutil.copytree(part, tmp_path / part.name, symlinks=True)
    monkeypatch.setattr(server, "_wheel", lambda: tmp_path / wheel.name)
    with EmbeddedPostgres() as one:
        assert version(one.url()) >= 180000
        assert (one.folder / "build").exists()
        assert one.folder.stat().st_uid != 0
    assert not one.folder.exists()


@pytest.mark.skipif(not AS_ROOT, reason="the other tests are run by an unprivileged user")
def test_as_an_unprivileged_user(temp: Path) -> None:
    account = pwd.getpwnam(NOBODY)
    run_as: dict[str, Any] = {
        "user": account.pw_uid,
        "group": account.pw_gid,
        "extra_groups": [],
        "env": {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, sys.path)]),
            "PYTHONDONTWRITEBYTECODE": "1",
            "TMPDIR": str(temp),
            "HOME": str(temp),
        },
        "cwd": "/",
    }
    script = (
        "import psycopg\n"
        "from dbtune.postgres.embedded.server import EmbeddedPostgres\n"
        "with EmbeddedPostgres() as server:\n"
        "    print(psycopg.connect(server.url()).info.server_version // 10000)\n"
        "    print(server.folder.stat().st_uid)\n"
    )
    for python in (sys.executable, f"/usr/bin/python3.{sys.version_info.minor}"):
        try:  # root's own Python may be in a folder that only root may enter
            subprocess.run([python, "-c", "import psycopg, dbtune"], check=True, **run_as)
        except (OSError, subprocess.CalledProcessError):
            continue
        break
    else:
        pytest.skip(f"{NOBODY} may run no Python of this version")
    done = subprocess.run(
        [python, "-c", script], capture_output=True, text=True, check=True, **run_as
    )
    assert done.stdout.split() == ["18", str(account.pw_uid)]
    assert list(temp.iterdir()) == []


# ------------------------------------------------------------------------------------------ indexes


def test_planted_indexes_are_found_and_what_they_save_is_measured(demo: Demo) -> None:
    """Missing ones are suggested, built and measured; useless ones are named."""
    before = _index_names(demo)
    try:
        found = dbtune(
            "suggest-indexes", "demo", "--min-observed", "0s", "--verify", "--format", "json",
            env=demo.env,
        ).ok().json  # fmt: skip
    finally:
        _drop(demo, _index_names(demo) - before)
    planted = [one for one in PLANTED if one.command == "suggest-indexes"]
    missing = {one.where for one in planted if one.name.startswith("unindexed")}
    suggested = {
        row["index"].replace("((", "(").replace("))", ")"): row for row in found["suggestions"]
    }
    kept = {row["index"] for row in found["built"] if row["outcome"] == "built"}
    for where in missing:
        # A column more may serve a statement still better.
        rows = [row for label, row in suggested.items() if label.startswith(f"public.{where[:-1]}")]
        assert rows, f"{where} is not suggested: {sorted(suggested)}"
        [name] = [row["name"] for row in rows if row["name"] in kept]
        measured = [one for one in found["verified"] if name in one["uses"]]
        best = max(one["before_ms"] / one["after_ms"] for one in measured if one["after_ms"])
        assert best > 2, f"{where}: {measured}"
    existing = found["existing_indexes"]
    named = {place for row in existing for place in (row["index"], row["kept"] or "")}
    useless = {one.where for one in planted if not one.name.startswith("unindexed")}
    assert useless <= {place.rpartition(".")[2] for place in named}


def _index_names(demo: Demo) -> set[str]:
    with psycopg.connect(demo.kept.url, autocommit=True) as connection:
        rows = connection.execute("SELECT indexrelid::regclass::text FROM pg_index").fetchall()
    return {row[0] for row in rows}


def _drop(demo: Demo, names: set[str]) -> None:
    with psycopg.connect(demo.kept.url, autocommit=True) as connection:
        for name in names:
            if not name.startswith("pg_"):
                # CASCADE: a partition's index goes only with its parent's.
                connection.execute(f"DROP INDEX IF EXISTS {name} CASCADE".encode())
