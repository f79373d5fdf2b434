"""The demo's database: an online shop that grew too fast, and the applications that use it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import psycopg
from psycopg import errors, sql

from dbtune.errors import TargetError, UsageError
from dbtune.postgres.embedded.server import EmbeddedPostgres, environment, program
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
    """

    name: str
    clients: int
    rate: float
    scripts: Mapping[str, int]


APPS = (
    App(
        "shop-web",
        clients=16,
        rate=67,
        scripts={
            "overview": 18,
            "product": 16,
            "history": 20,
            "order": 5,
            "login": 4,
            "checkout": 3,
            "also_bought": 1,
        },
    ),
    App("shop-tracking", clients=2, rate=40, scripts={"activity": 1}),
    App("shop-import", clients=2, rate=300, scripts={"import": 1}),
    App(
        "shop-backoffice",
        clients=3,
        rate=8,
        scripts={"best_reviews": 10, "paging": 12, "export": 8, "stock": 1},
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
    with server.connect() as connection:
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
    with server.connect(DATABASE) as connection:
        connection.execute("CREATE EXTENSION pg_stat_statements")
        connection.execute("SET pg_stat_statements.track = none")
        try:
            for done, statement in enumerate(statements):
                advance(done / len(statements))
                _execute(connection, statement)
        except errors.DiskFull:
            raise UsageError(f"{server.folder} is full; set TMPDIR to another folder") from None
        except psycopg.OperationalError as error:
            raise TargetError(f"the demo's server failed: {plain(str(error))}") from None
        connection.execute("SELECT pg_stat_statements_reset()")


def leave_open(url: str) -> None:
    """Leave a session idle in its transaction, until the server ends.

    Raises:
        TargetError: it could not connect.
    """
    done = subprocess.run(
        [sys.executable, "-m", "dbtune.demo.idle_session", url, "shop-console"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={name: value for name, value in os.environ.items() if not name.startswith("PG")},
        check=False,
    )
    if done.returncode != 0:
        raise TargetError("the demo could not open its idle session")


@contextmanager
def driven(url: str, seconds: int, logs: Path) -> Iterator[None]:
    """Let the applications use the shop for so long.

    They work while the ``with`` block runs; its end waits for theirs.

    Args:
        url: leads to the database as the applications' role.
        seconds: how long they work.
        logs: folder for what the applications write.

    Raises:
        TargetError: an application failed.
    """
    with ExitStack() as stack:
        running = []
        for app in APPS:
            with (logs / f"{app.name}.log").open("wb") as log:
                process = stack.enter_context(_started(app, url, seconds, log))
            stack.callback(process.kill)  # before the stack waits for it; nothing once it ended
            running.append((app, process))
        yield
        deadline = time.monotonic() + seconds + _END_SECONDS
        for app, process in running:
            try:
                code = process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                raise TargetError(f"{app.name} did not end in time") from None
            if code != 0:
                lines = (logs / f"{app.name}.log").read_text(errors="replace").splitlines()
                raise TargetError(f"{app.name} failed: {plain(lines[-1] if lines else str(code))}")


def _statements() -> Iterator[str]:
    for name in _FILES:
        yield from (_HERE / "sql" / f"{name}.sql").read_text().split(";\n\n")


def _execute(connection: psycopg.Connection, statement: str) -> None:
    try:
        connection.execute(statement.encode())
    except errors.UniqueViolation:
        if "fails on purpose" not in statement:
            raise
    # Or what a DELETE has to report would arrive after the VACUUM that follows it.
    connection.execute("SELECT pg_stat_force_next_flush()")


def _started(app: App, url: str, seconds: int, log: BinaryIO) -> subprocess.Popen[bytes]:
    scripts = [
        f"--file={_HERE / 'workload' / name}.sql@{weight}" for name, weight in app.scripts.items()
    ]
    return subprocess.Popen(
        [
            program("pgbench"),
            *("--no-vacuum", "--exit-on-abort", "--random-seed=42", "--define=calls=0"),
            *(f"--client={app.clients}", f"--rate={app.rate}", f"--time={seconds}"),
            *scripts,
            url,
        ],
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        env=environment(PGAPPNAME=app.name),
    )
