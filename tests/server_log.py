"""Logs of real servers in which every kind of event has happened."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
from psycopg import errors

from tests.servers import Postgres

PREFIX = "%m [%p]: [%l-1] user=%u,db=%d,app=%a,client=%h "
CONF = {
    "logging_collector": "on",
    "log_filename": "server.log",
    "log_rotation_age": "0",
    "log_line_prefix": PREFIX,
    "log_min_duration_statement": "0",
    "log_connections": "on",
    "log_disconnections": "on",
    "log_lock_waits": "on",
    "deadlock_timeout": "100ms",
    "log_temp_files": "0",
    "log_checkpoints": "on",
    "log_autovacuum_min_duration": "0",
    "autovacuum_naptime": "1s",
    "work_mem": "64kB",
    "restart_after_crash": "on",
}
SUFFIXES = {"stderr": "log", "csvlog": "csv", "jsonlog": "json"}


def destinations(version: int) -> list[str]:
    """The formats that a version can write."""
    return ["stderr", "csvlog", *(["jsonlog"] if version >= 15 else [])]


class Events:
    """A server with a log; each method makes something happen that it logs."""

    def __init__(self, pg: Postgres, database: str) -> None:
        self.pg, self.database = pg, database

    def connect(self, application: str = "shop") -> psycopg.Connection:
        """A connection in autocommit mode."""
        url = self.pg.dsn(self.database, socket=True, application_name=application)
        return psycopg.connect(url, autocommit=True)

    def prepare(self) -> None:
        """Tables; one of them with dead rows, for autovacuum."""
        with self.connect() as connection:
            connection.execute("CREATE TABLE stock (id int PRIMARY KEY, amount int)")
            connection.execute("INSERT INTO stock SELECT n, 0 FROM generate_series(1, 100) n")
            connection.execute("CREATE TABLE wiped AS SELECT n FROM generate_series(1, 5000) n")
            connection.execute("DELETE FROM wiped")

    def statements(self) -> None:
        """The same statement with other constants, and one with parameters."""
        with self.connect() as connection:
            for number in range(30):
                connection.execute(f"SELECT amount FROM stock WHERE id = {number}".encode())
            for number in range(1, 11):
                query = (
                    "SELECT amount + 0, pg_sleep(0.02) FROM stock WHERE id = %s AND 'it''s' <> %s"
                )
                connection.execute(query, [number, "secret\nparameter"], prepare=True)
            connection.execute("SELECT 'several\n\tlines',\n  2")

    def deadlock(self) -> None:
        """Two sessions lock two rows in opposite order."""
        barrier = threading.Barrier(2)

        def lock(first: int, second: int) -> None:
            with (
                self.connect("deadlocker") as connection,
                contextlib.suppress(errors.DeadlockDetected),
                connection.transaction(),
            ):
                connection.execute(f"UPDATE stock SET amount = 1 WHERE id = {first}".encode())
                barrier.wait()
                connection.execute(f"UPDATE stock SET amount = 2 WHERE id = {second}".encode())

        _together(lambda: lock(1, 2), lambda: lock(2, 1))

    def lock_wait(self) -> None:
        """A session waits for a row that another has updated."""
        with self.connect("holder") as holder, self.connect("waiter") as waiter:
            # With its number: what a deadlock waited for may only be written now.
            text = f"process {waiter.info.backend_pid} still waiting for ShareLock on transaction"
            with holder.transaction():
                holder.execute("UPDATE stock SET amount = 5 WHERE id = 50")
                thread = threading.Thread(
                    target=lambda: waiter.execute("DELETE FROM stock WHERE id = 50")
                )
                thread.start()
                self.wait_for(text)
                time.sleep(0.2)  # longer than it takes to be logged
            thread.join()

    def temp_file(self) -> None:
        """A sort that does not fit into work_mem."""
        with self.connect() as connection:
            connection.execute("SELECT n FROM generate_series(1, 50000) n ORDER BY -n OFFSET 49999")

    def cancel(self) -> None:
        """A statement over statement_timeout, and a session over its idle limit."""
        with self.connect() as connection:
            connection.execute("SET statement_timeout = '50ms'")
            with contextlib.suppress(errors.QueryCanceled):
                connection.execute("SELECT pg_sleep(5)")
        with contextlib.suppress(psycopg.Error), self.connect() as connection:
            connection.execute("SET idle_in_transaction_session_timeout = '50ms'")
            connection.execute("BEGIN")
            time.sleep(0.2)
            connection.execute("SELECT 1")

    def fail(self) -> None:
        """Errors of several kinds, one of them a login."""
        with self.connect() as connection:
            for query in ("SELECT * FROM missing", "SELECT 1/0", "SELECT 2/0", "SELEC 1"):
                with contextlib.suppress(psycopg.Error):
                    connection.execute(query.encode())
            with contextlib.suppress(psycopg.Error):
                connection.execute("INSERT INTO stock VALUES (1, 4711)")
        with contextlib.suppress(psycopg.Error):
            psycopg.connect(self.pg.dsn("no_such_database", socket=True))

    def checkpoint(self) -> None:
        """A checkpoint on request."""
        with self.connect() as connection:
            connection.execute("CHECKPOINT")

    def crash(self) -> None:
        """A backend is killed: the server ends all others and recovers."""
        with contextlib.suppress(psycopg.Error), self.connect() as connection:
            pid = connection.info.backend_pid
            os.kill(pid, signal.SIGKILL)
            connection.execute("SELECT 1")
        self.wait_for("database system is ready to accept connections", 2)

    def wait_for(self, text: str, count: int = 1, form: str = "stderr") -> None:
        """Wait until the log has a text so often."""
        deadline = time.monotonic() + 120
        while self.log(form).read_text(errors="replace").count(text) < count:
            assert time.monotonic() < deadline, f"the log has no {text!r}"
            time.sleep(0.05)

    def log(self, form: str) -> Path:
        """The server's log in a format."""
        return self.pg.data / "log" / f"server.{SUFFIXES[form]}"

    def all(self) -> None:
        """Everything but a crash."""
        self.prepare()
        for happen in (
            *(self.statements, self.deadlock, self.lock_wait, self.temp_file, self.cancel),
            *(self.fail, self.checkpoint),
        ):
            happen()
        self.wait_for(f'automatic vacuum of table "{self.database}.public.wiped"')


def _together(*actions: Callable[[], None]) -> None:
    threads = [threading.Thread(target=action) for action in actions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
