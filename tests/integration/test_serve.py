"""``dbtune serve`` as monitoring uses it: a process, requests, a database that is counted at."""

from __future__ import annotations

import base64
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any, NamedTuple

import jsonschema
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from dbtune.errors import TargetError
from dbtune.report import Report
from dbtune.service.kept import FAILURE_SECONDS, Keeper
from tests.command import dbtune
from tests.servers import MongoDB, Postgres, Redis, fresh_database

PASSWORD = "correct-horse-battery"  # not a known word
TOKEN = "0123456789abcdefghij"


class Answer(NamedTuple):
    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)


class Served:
    """A running service."""

    def __init__(self, port: int) -> None:
        self.port = port

    def ask(self, path: str, *, body: object = None, method: str = "", **headers: str) -> Answer:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=120)
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if body is not None and not isinstance(body, str):
            body = json.dumps(body)
            sent.setdefault("Content-Type", "application/json")
        try:
            connection.request(method or ("POST" if body else "GET"), path, body, sent)
            found: HTTPResponse = connection.getresponse()
            return Answer(found.status, dict(found.headers), found.read().decode())
        finally:
            connection.close()


@contextmanager
def serving(
    *arguments: str, config: Path | None = None, env: Mapping[str, str] | None = None
) -> Iterator[Served]:
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("PG", "DATABASE_URL"))}
    process = subprocess.Popen(
        [sys.executable, "-m", "dbtune", "serve", *arguments, "--port", "0"],
        stderr=subprocess.PIPE, text=True,
        env={**clean, "DBTUNE_CONFIG": str(config or "/nonexistent"), **(env or {})},
    )  # fmt: skip
    assert process.stderr is not None
    try:
        line = process.stderr.readline()
        assert "serving on" in line, line + process.stderr.read()
        yield Served(int(line.partition("; ")[0].rpartition(":")[2]))
    finally:
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "Traceback" not in said
    assert PASSWORD not in said


@pytest.fixture
def database(pg18: Postgres) -> Iterator[str]:
    with fresh_database(pg18) as name:
        pg18.psql(
            "CREATE EXTENSION pg_stat_statements;"
            "CREATE TABLE t (id int PRIMARY KEY, b int);"
            "INSERT INTO t SELECT n, n FROM generate_series(1, 50000) n; ANALYZE t;"
            "CREATE INDEX x ON t (b); CREATE INDEX y ON t (b)",
            name,
        )
        yield name


def profiles(tmp_path: Path, **urls: str) -> Path:
    file = tmp_path / "dbtune.yaml"
    file.write_text(yaml.safe_dump({"profiles": {name: {"url": u} for name, u in urls.items()}}))
    file.chmod(0o600)
    return file


def schema_of(document: Mapping[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = document["components"]["schemas"][name]
    return found


def test_reports_metrics_and_analyses(pg18: Postgres, database: str, tmp_path: Path) -> None:
    config = profiles(tmp_path, here=pg18.dsn(database))
    with serving("here", config=config) as served:
        assert served.ask("/healthz").text == "ok\n"
        document = served.ask("/openapi.json").json
        for path, command in {
            "check": "check", "slow-queries": "slow-queries", "indexes": "suggest-indexes",
            "bloat": "bloat", "pool-stats": "pool-size",
        }.items():  # fmt: skip
            found = served.ask(f"/api/v1/{path}?target=here")
            assert found.status == 200, found.text
            jsonschema.validate(found.json, schema_of(document, command))
            again = served.ask(f"/api/v1/{path}", If_None_Match=found.headers["etag"])
            assert again.status == 304
        health = served.ask("/api/v1/check").json
        assert "pg.duplicate-index" in {one["rule"] for one in health["findings"]}
        plan = served.ask("/api/v1/analyze-query", body={"sql": "SELECT * FROM t WHERE id = 7"})
        jsonschema.validate(plan.json, schema_of(document, "explain"))
        page = served.ask("/")
        assert page.headers["content-type"].startswith("text/html")
        assert "pg.duplicate-index" in page.text
        wrong = served.ask("/api/v1/analyze-query", body={"sql": "SELECT * FROM nowhere"})
        assert wrong.status == 422
        assert "nowhere" in wrong.json["error"]
        text = served.ask("/metrics").text
    families = {one.name: one for one in text_string_to_metric_families(text)}
    rules = {one.labels["rule"] for one in families["dbtune_finding"].samples}
    assert "pg.duplicate-index" in rules
    counted = {
        one.labels["level"]: one.value for one in families["dbtune_findings"].samples
        if one.labels["report"] == "check"
    }  # fmt: skip
    assert sum(counted.values()) == len(health["findings"])
    assert families["dbtune_slow_queries_summary_calls"].samples[0].value > 0
    [up] = [one for one in families["dbtune_report_up"].samples if one.labels["report"] == "check"]
    assert up.value == 1


def test_however_many_ask_a_database_is_read_once(
    pg18: Postgres, database: str, tmp_path: Path
) -> None:
    config = profiles(tmp_path, here=pg18.dsn(database))

    def sessions() -> int:
        sql = "SELECT sessions FROM pg_stat_database WHERE datname = current_database()"
        return int(pg18.psql(sql, database)[0][0])

    with serving("here", config=config) as served:

        def one(_: int) -> int:
            return served.ask("/api/v1/check").status

        before = sessions()
        with ThreadPoolExecutor(16) as pool:
            assert set(pool.map(one, range(300))) == {200}
            assert set(pool.map(lambda _: served.ask("/metrics").status, range(100))) == {200}
        metrics = served.ask("/metrics").text
        after = sessions()
    families = {one.name: one for one in text_string_to_metric_families(metrics)}
    made = {
        one.labels["report"]: one.value
        for one in families["dbtune_report_refreshes"].samples if one.name.endswith("_total")
    }  # fmt: skip
    assert made == {"check": 1, "slow-queries": 1}
    # Ours, and those that count: 400 requests are far more.
    assert after - before < 20


def test_trio_and_a_target_that_is_down(
    pg18: Postgres, mongodb: MongoDB, redis_server: Redis, database: str, tmp_path: Path
) -> None:
    config = profiles(
        tmp_path, pg=pg18.dsn(database), docs=mongodb.url(), cache=redis_server.url(),
        down=f"postgresql://app:{PASSWORD}@127.0.0.1:1/app",
    )  # fmt: skip
    with serving("pg", "docs", "cache", "down", config=config) as served:
        listed = served.ask("/api/v1/targets").json["targets"]
        assert [one["target"] for one in listed] == ["pg", "docs", "cache", "down"]
        assert "indexes" not in listed[2]["reports"]
        for target in ("docs", "cache"):
            assert served.ask(f"/api/v1/check?target={target}").status == 200
        assert served.ask("/api/v1/indexes?target=cache").status == 404
        down = served.ask("/api/v1/check?target=down")
        assert down.status == 503
        assert int(down.headers["retry-after"]) > 0
        assert PASSWORD not in down.text
        assert served.ask("/api/v1/check?target=pg").status == 200
        text = served.ask("/metrics").text
    families = {one.name: one for one in text_string_to_metric_families(text)}
    up = {
        one.labels["target"]: one.value for one in families["dbtune_report_up"].samples
        if one.labels["report"] == "check"
    }  # fmt: skip
    assert up == {"pg": 1, "docs": 1, "cache": 1, "down": 0}
    assert PASSWORD not in text


def test_a_target_that_never_answers_holds_up_no_metrics(
    redis_server: Redis, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        mute = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
        config = profiles(tmp_path, mute=mute, cache=redis_server.url())
        with serving("mute", "cache", "--refresh", "5m", config=config) as served:
            assert served.ask("/api/v1/check?target=cache").status == 200
            first = served.ask("/metrics").text
            assert served.ask("/api/v1/check?target=mute").status == 503
            text = served.ask("/metrics").text
    up = 'dbtune_report_up{report="check",target="%s"} %.1f'
    assert up % ("cache", 1) in first
    assert 'target="mute"' not in first  # nothing is known of it yet, and nobody waited for it
    assert up % ("mute", 0) in text


def test_hostile_requests(pg18: Postgres, database: str, tmp_path: Path) -> None:
    config = profiles(tmp_path, here=pg18.dsn(database))
    analyze = "/api/v1/analyze-query"
    with serving("here", config=config) as served:
        assert served.ask("/api/v1/check?target=%00%22nowhere").status == 404
        assert served.ask("/api/v1/check?target=").status == 404
        assert served.ask("/api/v1/nothing").status == 404
        assert served.ask("/api/v1/check", method="POST").status == 405
        assert served.ask("/api/v1/check", Host="evil.example.org").status == 400
        # What a page of another site may send without being asked is no JSON.
        found = served.ask(analyze, body='{"sql": "SELECT 1"}', Content_Type="text/plain")
        assert found.status == 415
        bodies = ("[", '["sql"]', '{"sql": 1}', '{"sql": ""}', '{"sql": "\\u0000"}', "[" * 99999)
        for body in bodies:
            found = served.ask(analyze, body=body, Content_Type="application/json")
            assert found.status in (400, 422), (body[:40], found)
            assert found.json["error"]
        assert served.ask(analyze, body={"sql": "x" * 2_000_001}).status == 413
        others = ("--analyze", "DROP TABLE t", "SELECT 1; DROP TABLE t", "EXPLAIN ANALYZE TABLE t")
        for sql in others:
            assert served.ask(analyze, body={"sql": sql}).status == 422, sql
        headers = served.ask("/openapi.json").headers
        assert headers["x-content-type-options"] == "nosniff"
    assert pg18.psql("SELECT count(*) FROM t", database) == [(50000,)]


def test_a_token_is_asked_for(pg18: Postgres, database: str, tmp_path: Path) -> None:
    config = profiles(tmp_path, here=pg18.dsn(database))
    env = {"DBTUNE_SERVE_TOKEN": TOKEN}
    with serving("here", "--host", "0.0.0.0", config=config, env=env) as served:
        assert served.ask("/healthz").status == 200
        for path in ("/metrics", "/openapi.json", "/api/v1/check"):
            assert served.ask(path).status == 401
            assert served.ask(path, Authorization="Bearer wrong").status == 401
        found = served.ask("/openapi.json", Authorization=f"Bearer {TOKEN}")
        assert found.json["security"] == [{"token": []}]
        # As a browser sends it, whose user typed it for a password.
        basic = base64.b64encode(f"anybody:{TOKEN}".encode()).decode()
        assert served.ask("/openapi.json", Authorization=f"Basic {basic}").status == 200
        assert served.ask("/openapi.json", Authorization="Basic !").status == 401
    for arguments, named in {
        ("--host", "0.0.0.0"): "DBTUNE_SERVE_TOKEN",
        ("--token-file", "/nonexistent"): "/nonexistent",
        ("--refresh", "0s"): "--refresh",
        ("--host", "203.0.113.7", "--port", "1"): "203.0.113.7",
    }.items():
        env = {"DBTUNE_CONFIG": str(config)}
        if "--port" in arguments:
            env["DBTUNE_SERVE_TOKEN"] = TOKEN
        made = dbtune("serve", "here", *arguments, env=env)
        assert made.code == 2
        assert named in made.err
    made = dbtune("serve", f"postgresql://app:{PASSWORD}@h/app")
    assert made.code == 2
    assert PASSWORD not in made.err
    short = dbtune("serve", "here", env={"DBTUNE_CONFIG": str(config), "DBTUNE_SERVE_TOKEN": "x"})
    assert "16" in short.err


def test_it_keeps_to_its_own_openapi_document(
    pg18: Postgres, database: str, tmp_path: Path
) -> None:
    """Schemathesis asks whatever the document allows, and what it does not."""
    config = profiles(tmp_path, here=pg18.dsn(database))
    with serving("here", "--refresh", "1h", config=config) as served:
        done = subprocess.run(
            [
                sys.executable, "-m", "schemathesis.cli", "run",
                f"http://127.0.0.1:{served.port}/openapi.json",
                "--max-examples", "3", "--phases", "coverage,fuzzing", "--seed", "1",
                "--request-timeout", "300",
                # Whether a text is SQL, no schema says.
                "--exclude-checks", "positive_data_acceptance",
                "--suppress-health-check", "all",
            ],
            cwd=tmp_path, capture_output=True, text=True, check=False,
        )  # fmt: skip
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]


# --------------------------------------------------------------------------------------- keeping


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def keeper_of(make: Any, seconds: float = 60) -> tuple[Keeper, Clock]:
    clock = Clock()
    keeper = Keeper(clock)
    keeper.add("t", "r", seconds, make, lambda report: report.command.encode())
    return keeper, clock


def test_a_report_is_made_anew_when_its_time_is_over() -> None:
    made: list[int] = []

    def make() -> Report:
        made.append(1)
        return Report(f"report {len(made)}")

    keeper, clock = keeper_of(make)
    assert keeper.get("t", "r").body == b"report 1"
    clock.now = 59
    assert keeper.get("t", "r").body == b"report 1"
    clock.now = 61  # who polls is answered while it is made anew, who comes rarely is not
    late, old = keeper.ready("t", "r")
    assert (late is not None, old) == (True, True)
    clock.now = 125
    assert keeper.ready("t", "r") == (None, True)
    assert keeper.get("t", "r").body == b"report 2"
    assert keeper.counts("t", "r") == (2, 0)


def test_a_failure_is_kept_for_a_while_and_its_secrets_are_not() -> None:
    def make() -> Report:
        raise TargetError(f"no way to postgresql://app:{PASSWORD}@h/app")

    keeper, clock = keeper_of(make)
    failed = keeper.get("t", "r")
    assert failed.report is None
    assert PASSWORD not in failed.error
    clock.now = FAILURE_SECONDS - 1
    assert keeper.get("t", "r") is failed
    clock.now = FAILURE_SECONDS + 1
    assert keeper.get("t", "r") is not failed
    assert keeper.counts("t", "r") == (2, 2)


def test_who_asks_while_it_is_made_gets_the_last_one() -> None:
    going, go = threading.Event(), threading.Event()
    made: Sequence[int] = []

    def make() -> Report:
        if made:
            going.set()
            assert go.wait(60)
        made.append(1)  # type: ignore[attr-defined]
        return Report(f"report {len(made)}")

    keeper, clock = keeper_of(make)
    keeper.get("t", "r")
    clock.now = 61
    other = threading.Thread(target=keeper.get, args=("t", "r"))
    other.start()
    assert going.wait(60)
    assert keeper.get("t", "r").body == b"report 1"
    go.set()
    other.join()
    assert keeper.get("t", "r").body == b"report 2"
    assert len(made) == 2
