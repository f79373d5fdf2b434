"""``dbtune watch`` on real servers: what appears is told once, and nothing is lost."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import jsonschema

from dbtune.facts import Snapshot, read
from dbtune.snapshots import take
from tests.command import dbtune
from tests.servers import Postgres, Redis

CONF = {"shared_preload_libraries": "pg_stat_statements", "autovacuum": "off"}


class Watching:
    """A watch in a process of its own, and the lines that it writes."""

    def __init__(self, url: str, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "dbtune", "watch", "--every", "1s", "-f", "ndjson", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "DBTUNE_CONFIG": "/nonexistent", "DATABASE_URL": url},
        )
        self.lines: queue.Queue[str] = queue.Queue()
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self.lines.put(line)

    def until(self, meanwhile: Callable[[], None], **wanted: str) -> dict[str, Any]:
        """The next event that has these values; something happens until it comes."""
        seen = []
        end = time.monotonic() + 120
        while time.monotonic() < end:
            meanwhile()
            while not self.lines.empty():
                seen.append(json.loads(self.lines.get()))
                if all(value in str(seen[-1].get(key)) for key, value in wanted.items()):
                    found: dict[str, Any] = seen[-1]
                    return found
            time.sleep(0.1)
        raise AssertionError(f"{wanted} did not come; seen: {seen}")

    def stop(self) -> tuple[int, str]:
        self.process.send_signal(signal.SIGINT)
        code = self.process.wait(120)
        self.reader.join(10)
        assert self.process.stdout
        assert self.process.stderr
        err = self.process.stderr.read()
        self.process.stdout.close()
        self.process.stderr.close()
        return code, err


def shop(pg: Postgres) -> Callable[[int], None]:
    pg.psql("CREATE EXTENSION pg_stat_statements")
    pg.psql(
        "CREATE TABLE orders AS SELECT g AS id, g % 1000 AS customer, repeat('x', 80) AS pad "
        "FROM generate_series(1, 40000) g"
    )
    pg.psql("CREATE INDEX orders_customer ON orders (customer)")
    pg.psql("VACUUM ANALYZE orders")

    def work(times: int) -> None:
        with pg.connect() as connection:
            for n in range(times):
                connection.execute("SELECT count(*) FROM orders WHERE customer = %s", (n,))
                connection.execute("SELECT %s::int + 1", (n,))

    return work


def test_a_regression_is_told_as_it_appears_and_when_it_is_over(
    new_pg: Callable[[int], Postgres], tmp_path: Path
) -> None:
    pg = new_pg(18).start(CONF)
    work = shop(pg)
    folder = tmp_path / "history"
    watch = Watching(pg.dsn(), "-o", str(folder))
    try:
        end = time.monotonic() + 120
        while len(list(folder.glob("*.json.gz"))) < 4 and time.monotonic() < end:
            work(20)
            time.sleep(0.1)
        pg.psql("DROP INDEX orders_customer")
        rule = "compare.statement-reads-more"
        told = watch.until(lambda: work(5), event="regression", rule=rule)
        assert "WHERE customer = $1" in told["subject"]
        pg.psql("CREATE INDEX orders_customer ON orders (customer)")
        watch.until(lambda: work(20), event="over", rule=rule)
        # A target that is away is told once, tried again, and told when it is back.
        pg.halt()
        watch.until(lambda: None, event="unreachable")
        pg.restart()
        watch.until(lambda: None, event="reachable")
    finally:
        code, err = watch.stop()
    assert code == 130
    assert "kept in" in err
    kept = sorted(folder.glob("*.json.gz"))
    assert len(kept) >= 5
    assert not list(folder.glob(".*"))
    assert "WHERE customer = $1" in str(read(kept[-2]).facts["statements"])
    # What was kept can be compared, as files and by time.
    found = dbtune("compare", "--store", str(folder), "--since", "2s", "-f", "json").ok().json
    assert found["verdict"]["same_server"] is True


def test_a_number_of_snapshots_for_scripts(redis_server: Redis, tmp_path: Path) -> None:
    folder = tmp_path / "history"
    made = dbtune(
        "watch",
        redis_server.url(),
        "--every",
        "1s",
        "--count",
        "3",
        "-o",
        str(folder),
        "-f",
        "json",
    ).ok()
    assert made.json["summary"]["snapshots"] == 3
    assert made.json["summary"]["kept"] == 3
    assert len(list(folder.glob("*.json.gz"))) == 3
    again = dbtune("compare", redis_server.url(), "--store", str(folder), "--since", "1s").ok()
    assert "keys found" in again.out


def test_snapshots_in_a_postgresql(new_pg: Callable[[int], Postgres], redis_server: Redis) -> None:
    pg = new_pg(16).start()
    pg.psql("CREATE ROLE keeper LOGIN PASSWORD 'k'")
    pg.psql("CREATE DATABASE kept OWNER keeper")
    store = pg.dsn("kept", user="keeper", password="k")
    for target in (redis_server.url(), pg.dsn()):
        made = dbtune(
            "watch", target, "--every", "1s", "--count", "2", "--store", store, "-f", "json"
        ).ok()
        assert made.json["summary"]["kept"] == 2
        assert ":k@" not in made.out + made.err
    tables = pg.psql("SELECT count(*) FROM dbtune.snapshots", "kept")
    assert tables == [(4,)]
    several = dbtune("compare", "--store", store)
    assert several.code == 2
    assert "several targets, name one" in several.err
    found = dbtune("compare", pg.dsn(), "--store", store, "--since", "1s", "-f", "json").ok().json
    assert found["target"]["engine"] == "postgresql"
    # Reading makes nothing, and who may not write is told so.
    assert dbtune("compare", "--store", pg.dsn()).code == 2
    pg.psql("CREATE ROLE stranger LOGIN PASSWORD 's'")
    refused = dbtune(
        "watch",
        redis_server.url(),
        "--count",
        "1",
        "--store",
        pg.dsn("kept", user="stranger", password="s"),
    )
    assert refused.code == 2
    assert "permission denied" in refused.err


def test_mistakes_are_sentences(redis_server: Redis, tmp_path: Path) -> None:
    url = redis_server.url()

    def refused(*arguments: str) -> str:
        made = dbtune("watch", url, *arguments)
        assert made.code == 2, made.out
        assert "Traceback" not in made.err
        return made.err

    file = tmp_path / "file"
    file.write_text("x")
    assert "name the folder" in refused()
    assert "a second is the least" in refused("--every", "0s", "-o", str(tmp_path))
    assert "is a file" in refused("-o", str(file), "--force")
    assert "not both" in refused("-o", str(tmp_path), "--store", "postgresql://x/y")
    assert "is another engine" in refused("--store", url)
    away = dbtune("watch", "redis://127.0.0.1:1", "--count", "1", "-o", str(tmp_path / "h"))
    assert away.code == 3
    assert "unreachable" in away.out


def test_several_targets_and_one_that_is_away(
    new_redis: Callable[[], Redis], redis_server: Redis, tmp_path: Path
) -> None:
    gone = new_redis().start()
    profiles = {
        name: {"url": url, "tags": ["all"]}
        for name, url in (("away", gone.url()), ("cache", redis_server.url()))
    }
    gone.stop()
    (tmp_path / "dbtune.yaml").write_text(json.dumps({"profiles": profiles}))
    env = {"DBTUNE_CONFIG": str(tmp_path / "dbtune.yaml")}
    folder = tmp_path / "history"
    told = ("watch", "--tag", "all", "--every", "1s", "--count", "2", "-o", str(folder))
    found = dbtune(*told, "-f", "json", env=env)
    assert found.code == 3, found.err  # one could not be reached
    targets = {row["target"]: row for row in found.json["targets"]}
    assert targets["cache"]["snapshots"] == targets["cache"]["kept"] == 2
    assert targets["cache"]["reachable"] is True
    assert (targets["away"]["snapshots"], targets["away"]["missed"]) == (0, 2)
    assert targets["away"]["reachable"] is False
    assert found.json["summary"]["snapshots"] == 2
    [lost] = [row for row in found.json["events"] if row["event"] == "unreachable"]
    assert lost["target"] == "away"
    lines = dbtune(*told, env=env).out
    assert " away unreachable can't connect to away" in lines
    jsonschema.validate(found.json, dbtune("schema", "watch").ok().json)

    wrong = dbtune("watch", redis_server.url(), "--tag", "all", "-o", str(folder), env=env)
    assert wrong.code == 2
    assert "--tag names the targets" in wrong.err
    nobody = dbtune("watch", "--tag", "none", "-o", str(folder), env=env)
    assert nobody.code == 2
    assert "no profile has the tag 'none'; tags: all" in nobody.err


def test_a_disk_that_is_full_for_a_while_does_not_end_it(
    new_pg: Callable[[int], Postgres], tmp_path: Path
) -> None:
    """No file can be made where the folder was: a full disk that needs no disk of its own."""
    pg = new_pg(18).start(CONF)
    folder = tmp_path / "history"
    watch = Watching(pg.dsn(), "-o", str(folder))
    try:
        end = time.monotonic() + 120
        while len(list(folder.glob("*.json.gz"))) < 2 and time.monotonic() < end:
            time.sleep(0.1)
        folder.rename(tmp_path / "away")
        folder.touch()
        told = watch.until(lambda: None, event="note", message="can't be written")
        assert told["level"] is None
        folder.unlink()
        (tmp_path / "away").rename(folder)
        before = len(list(folder.glob("*.json.gz")))
        end = time.monotonic() + 120
        while len(list(folder.glob("*.json.gz"))) <= before:
            assert time.monotonic() < end, "it does not go on"
            time.sleep(0.1)
    finally:
        code, err = watch.stop()
    assert (code, "Traceback" in err) == (130, False)


def test_a_clock_that_is_wrong_for_once_costs_no_snapshot(
    redis_server: Redis, tmp_path: Path
) -> None:
    readings: list[Snapshot] = []

    def take_wrongly(*arguments: Any, **keywords: Any) -> Snapshot:
        taken = take(*arguments, **keywords)
        years = timedelta(days=3650 * (len(readings) == 1))
        readings.append(replace(taken, collected_at=taken.collected_at + years))
        return readings[-1]

    given = ("--every", "1s", "--count", "3", "-o", str(tmp_path / "history"), "-f", "json")
    with mock.patch("dbtune.snapshots.take", take_wrongly):
        made = dbtune("watch", redis_server.url(), *given).ok().json
    assert made["summary"]["kept"] == 3
    assert [one["event"] for one in made["events"] if "clock" in one["message"]] == ["note"]
