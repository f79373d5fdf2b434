"""``dbtune check`` as tests ask it: one rule, some thresholds, the findings."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from threading import Thread
from typing import Any
from unittest import mock

import yaml

from dbtune.cli.invocation import Run
from tests.command import dbtune
from tests.servers import Connection, MongoDB, Postgres, Redis

Found = list[dict[str, Any]]


def findings(
    server: Postgres | Redis | MongoDB,
    rule: str,
    dbname: str = "postgres",
    *,
    interval: str = "0s",
    dsn: str = "",
    limits: Mapping[str, float] | None = None,
    **thresholds: float,
) -> Found:
    """What a rule finds on a server; thresholds are overridden by ``limits`` or by keywords.

    Fails if the check was skipped: silence must not be taken for health.
    """
    profile = {
        "url": "${TARGET_URL}",
        "thresholds": {rule: {n: str(v) for n, v in {**(limits or {}), **thresholds}.items()}},
    }
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        yaml.safe_dump({"profiles": {"here": profile}}, file)
        file.flush()
        url = dsn or (server.dsn(dbname) if isinstance(server, Postgres) else server.url())
        env = {"TARGET_URL": url, "DBTUNE_CONFIG": file.name}
        made = dbtune(
            "check", "here", "--only", rule, "--interval", interval, "-f", "json", env=env
        )
    assert made.code in (0, 1), made.err
    assert not made.json["skipped"], made.json["skipped"]
    found: Found = made.json["findings"]
    return found


@contextmanager
def meanwhile(work: Callable[[], object]) -> Iterator[None]:
    """Whatever dbtune watches for an interval sees this happen in it, however long it takes."""
    wait = Run.wait

    def busy(run: Run, *arguments: Any, **options: Any) -> None:
        work()
        wait(run, *arguments, **options)

    with mock.patch.object(Run, "wait", busy):
        yield


@contextmanager
def running(connection: Connection, sql: str) -> Iterator[None]:
    """A statement that runs, or waits, meanwhile; its connection is cancelled afterwards."""

    def run() -> None:
        try:
            connection.execute(sql.encode())
        except Exception as error:  # cancelled, as it should be
            assert "cancel" in str(error) or "terminat" in str(error), error  # noqa: PT017

    state = f"SELECT state FROM pg_stat_activity WHERE pid = {connection.info.backend_pid}"
    thread = Thread(target=run)
    with type(connection).connect(connection.info.dsn, autocommit=True) as other:
        thread.start()
        while thread.is_alive() and other.execute(state.encode()).fetchone() != ("active",):
            time.sleep(0.01)
    try:
        yield
    finally:
        connection.cancel_safe()
        thread.join()


def until_blocked(server: Postgres, pid: int) -> None:
    """Wait until a session waits for another's lock."""
    asked = f"SELECT 1 WHERE cardinality(pg_blocking_pids({pid})) > 0"
    assert eventually(lambda: [{}] * len(server.psql(asked)), there=True), "nobody blocks it"


def eventually(ask: Callable[[], Found], *, there: bool, seconds: float = 120) -> Found:
    """Ask until something is found, or nothing is; the last answer."""
    end = time.monotonic() + seconds
    while True:
        found = ask()
        if bool(found) == there or time.monotonic() > end:
            return found
        time.sleep(0.1)
