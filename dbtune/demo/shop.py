"""The demo's database: an online shop that grew too fast, and the applications that use it."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import errors, sql

from dbtune.demo.server import EmbeddedPostgres, environment
from dbtune.errors import TargetError, UsageError
from dbtune.text import plain

DATABASE = "shop"
ROLE = "shop"
"""What the applications log in as."""
SETTINGS: Mapping[str, object] = {
    "shared_preload_libraries": "pg_stat_statements",
    "pg_stat_statements.track_planning": "on",
    "track_io_timing": "on",
    # Planted ("dangerous-settings"), and the reason why it runs as fast on a slow disk.
    "fsync": "off",
    "full_page_writes": "off",
}
DISK_BYTES = 700 * 1024**2
"""Free space that the demo wants: it takes about 350 MB, and more while it is driven for long."""

_HERE = Path(__file__).parent
_FILES = ("tables", "rows", "keys", "problems")
_END_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class App:
    """An application that uses the shop.

    Attributes:
        name: its application_name.
        clients: connections that it holds.
        rate: transactions a second, by all of them together.
        scripts: files in ``workload/`` and their weights.
        options: settings of its sessions, as libpq's ``options``.
    """

    name: str
    clients: int
    rate: float
    scripts: Mapping[str, int]
    options: str = ""


APPS = (
    App(
        "shop-web",
        clients=16,
        rate=73,
        scripts={
            "overview": 18,
            "product": 17,
            "history": 20,
            "order": 8,
            "login": 4,
            "checkout": 3,
            "also_bought": 3,
        },
    ),
    App("shop-tracking", clients=2, rate=80, scripts={"activity": 1}),
    App("shop-import", clients=2, rate=1000, scripts={"import": 1}),
    App(
        "shop-backoffice",
        clients=3,
        rate=8,
        scripts={"best_reviews": 5, "paging": 6, "export": 4, "stock": 1},
    ),
)
"""Rates, not as fast as possible: the counts are then nearly the same on every machine."""


def load(server: EmbeddedPostgres, advance: Callable[[float], None] = lambda _: None) -> None:
    """Create and fill the database.

    Args:
        server: a running server without that database.
        advance: told how much is done, from 0 to 1.

    Raises:
        UsageError: the disk is full.
    """
    with psycopg.connect(server.url(), autocommit=True) as connection:
        password = server.password().reveal().encode()
        # Scrambled here, so that the password is in no log and not in pg_stat_statements.
        verifier = connection.pgconn.encrypt_password(password, ROLE.encode(), b"scram-sha-256")
        connection.execute(
            sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(
                sql.Identifier(ROLE), verifier.decode()
            )
        )
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))
    statements = list(_statements())
    with psycopg.connect(server.url(DATABASE), autocommit=True) as connection:
        connection.execute("CREATE EXTENSION pg_stat_statements")
        connection.execute("SET pg_stat_statements.track = none")
        try:
            for done, statement in enumerate(statements):
                advance(done / len(statements))
                _execute(connection, statement)
        except errors.DiskFull as error:
            raise UsageError(f"the demo's disk is full: {plain(str(error))}") from None
        connection.execute("SELECT pg_stat_statements_reset()")


def drive(
    server: EmbeddedPostgres, seconds: int, advance: Callable[[float], None] = lambda _: None
) -> None:
    """Let the applications use the shop for so long, and leave a transaction open.

    Args:
        server: a server with the database loaded.
        seconds: how long.
        advance: told how many seconds are over.

    Raises:
        TargetError: an application failed.
    """
    _leave_open(server)
    with ExitStack() as stack:
        running = [(app, stack.enter_context(_started(server, app, seconds))) for app in APPS]
        # Leaving the stack waits for all of them; this comes before it.
        stack.callback(lambda: [process.kill() for _, process in running])
        started = time.monotonic()
        while any(process.poll() is None for _, process in running):
            passed = time.monotonic() - started
            advance(min(passed, seconds))
            if passed > seconds + _END_SECONDS:
                raise TargetError(f"the workload did not end within {passed:.0f} s")
            time.sleep(0.1)
        for app, process in running:
            if process.returncode != 0:
                lines = _output(server, app).read_text(errors="replace").splitlines()
                raise TargetError(f"{app.name} failed: {plain(lines[-1]) if lines else '?'}")


def _statements() -> Iterator[str]:
    for name in _FILES:
        yield from (_HERE / "sql" / f"{name}.sql").read_text().split(";\n\n")


def _execute(connection: psycopg.Connection, statement: str) -> None:
    try:
        connection.execute(statement.encode())
    except errors.UniqueViolation:
        if "fails on purpose" not in statement:
            raise


def _leave_open(server: EmbeddedPostgres) -> None:
    command = [sys.executable, "-m", "dbtune.demo.idle_session"]
    done = subprocess.run(
        [*command, server.url(DATABASE, ROLE), "shop-console"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
    )
    if done.returncode != 0:
        raise TargetError("the demo could not open its idle session")


def _started(server: EmbeddedPostgres, app: App, seconds: int) -> subprocess.Popen[bytes]:
    scripts = [
        f"--file={_HERE / 'workload' / name}.sql@{weight}" for name, weight in app.scripts.items()
    ]
    with _output(server, app).open("wb") as output:
        return subprocess.Popen(
            [
                server.program("pgbench"),
                *("--no-vacuum", "--exit-on-abort", "--random-seed=42"),
                *(f"--client={app.clients}", f"--rate={app.rate}", f"--time={seconds}"),
                *scripts,
                server.url(DATABASE, ROLE),
            ],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment(PGAPPNAME=app.name, PGOPTIONS=app.options),
        )


def _output(server: EmbeddedPostgres, app: App) -> Path:
    return server.folder / f"{app.name}.log"
