"""``dbtune report`` on real servers, opened in a real browser."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from psycopg.errors import UniqueViolation

from tests import browser
from tests.browser import Browser
from tests.command import dbtune
from tests.conftest import missing
from tests.servers import MongoDB, Postgres, Redis, builds

EXAMPLES = Path(__file__).parents[2] / "examples/compare"
EVIL = "<img src=x onerror=alert(1)>*b*\u202egnp"
STATEMENT = (
    f'SELECT /* **x** [y](http://evil) `z` <script>alert(1)</script> */ count(*) AS "{EVIL}"'
)
DROP = 'DROP INDEX "public"."parts_a_idx"'
LONG = f"SELECT '{'x' * 1_000_000}' AS long"


@pytest.fixture(scope="module")
def hostile() -> Iterator[Postgres]:
    """A server whose names and statements are written by somebody who wishes us ill."""
    if 18 not in builds():
        missing("PostgreSQL 18")
    server = Postgres(18).start({"shared_preload_libraries": "pg_stat_statements"})
    server.psql("CREATE EXTENSION pg_stat_statements")
    with server.connect() as connection:
        connection.execute(
            f'CREATE TABLE "{EVIL}" AS SELECT g AS id FROM generate_series(1, 20000) g'
        )
        connection.execute(f'CREATE INDEX ON "{EVIL}" (id)')
        connection.execute(f'CREATE INDEX ON "{EVIL}" (id)')
        for number in range(20):
            connection.execute(f'{STATEMENT} FROM "{EVIL}" WHERE id = {number}'.encode())
        connection.execute(LONG.encode())
    yield server
    server.stop()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    if browser.program() is None:
        missing("chromium")
    with Browser() as running:
        yield running


@pytest.fixture(scope="module")
def page(hostile: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("report") / "report.html"
    dbtune("report", hostile.dsn(), "--interval", "0", "-o", str(file)).ok()
    return file


@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("dark", [False, True])
def test_a_page_fits_complains_of_nothing_and_asks_nobody(
    chromium: Browser, page: Path, width: int, dark: bool
) -> None:
    shown = chromium.open(page, width=width, dark=dark)
    assert shown.errors == []
    assert shown.requests == []
    assert shown.value("document.documentElement.scrollWidth") == width
    shown.value("document.querySelectorAll('details').forEach(one => one.open = true)")
    assert shown.value("document.documentElement.scrollWidth") == width
    assert shown.value("document.querySelectorAll('img, b b, [onerror]').length") == 0


def test_a_page_has_landmarks_and_names(chromium: Browser, page: Path) -> None:
    shown = chromium.open(page)
    nodes = shown.ask("Accessibility.getFullAXTree")["nodes"]
    roles = {node.get("role", {}).get("value") for node in nodes}
    assert {"main", "navigation", "banner", "contentinfo"} <= roles or {
        "main",
        "navigation",
    } <= roles
    boxes = [node for node in nodes if node.get("role", {}).get("value") == "checkbox"]
    assert boxes
    assert all(node["name"]["value"] for node in boxes)
    broken = (
        "[...document.querySelectorAll('a')].filter(a => !document.querySelector(a.hash)).length"
    )
    assert shown.value(broken) == 0


CONTRAST = """
(() => {
  const light = c => {
    const [r, g, b] = c.match(/[\\d.]+/g).slice(0, 3).map(v => v / 255)
      .map(v => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
    return .2126 * r + .7152 * g + .0722 * b;
  };
  const back = e => {
    for (; e; e = e.parentElement) {
      const c = getComputedStyle(e).backgroundColor;
      if (!/rgba\\(.*, 0\\)/.test(c)) return c;
    }
    return getComputedStyle(document.body).backgroundColor;
  };
  const bad = new Set();
  for (const e of document.querySelectorAll('main *, nav *, header *')) {
    const words = [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim());
    if (!words || !e.checkVisibility() || e.closest('svg')) continue;
    const both = [light(getComputedStyle(e).color), light(back(e))].sort((x, y) => y - x);
    if ((both[0] + .05) / (both[1] + .05) < 4.5) bad.add(e.tagName + '.' + e.className);
  }
  return [...bad];
})()
"""


@pytest.mark.parametrize("dark", [False, True])
def test_text_can_be_read(chromium: Browser, page: Path, dark: bool) -> None:
    assert chromium.open(page, dark=dark).value(CONTRAST) == []


@pytest.fixture(scope="module")
def made(hostile: Postgres) -> Any:
    return dbtune("report", hostile.dsn(), "--interval", "0", "-f", "json").ok().json


def test_json_has_a_schema_and_says_what_the_commands_say(made: Any) -> None:
    schema = dbtune("schema", "report").ok().json
    jsonschema.validate(made, schema)
    assert len(made["summary"]["lines"]) == 5
    commands = {row["command"] for row in made["reports"]}
    assert {"check", "slow-queries", "suggest-indexes", "bloat", "pool-size"} <= commands
    ranks = [("critical", "warning", "info").index(one["level"]) for one in made["problems"]]
    assert ranks == sorted(ranks)
    assert [one["fingerprint"] for one in made["findings"]]
    duplicates = [one for one in made["problems"] if one["rule"] == "pg.duplicate-index"]
    assert duplicates
    assert duplicates[0]["applies"] == "online"
    assert "[FILL IN]" not in json.dumps(made)


def test_the_script_is_one_that_psql_takes(made: Any) -> None:
    (script,) = made["artifacts"]
    statements = [
        line for line in script["text"].splitlines() if line and not line.startswith("--")
    ]
    drops = [line for line in statements if line.startswith("DROP INDEX")]
    assert len(drops) == 1
    assert not any("..." in line for line in statements)


def test_the_script_does_what_it_says(hostile: Postgres) -> None:
    """Of names that nobody would give, and a partitioned table; the duplicates it only shows."""
    name = hostile.create_database("scripted")
    evil = EVIL.replace("*b*", '"b"\\b;\n--')
    quoted = evil.replace('"', '""')
    with hostile.connect(name) as connection:
        for statement in (
            f'CREATE TABLE "{quoted}" AS SELECT g AS "{quoted}", g % 3 AS twice FROM '
            "generate_series(1, 30000) g",
            f'CREATE INDEX "{quoted} 1" ON "{quoted}" ("{quoted}")',
            f'CREATE INDEX "{quoted} 2" ON "{quoted}" ("{quoted}")',
            f'ALTER TABLE "{quoted}" ADD CONSTRAINT "{quoted} 3" CHECK (twice >= 0) NOT VALID',
            f'ALTER TABLE "{quoted}" SET (autovacuum_enabled = off)',
            "CREATE EXTENSION pg_stat_statements",
            "CREATE TABLE parts (a int, b int, c text) PARTITION BY RANGE (b)",
            "CREATE TABLE part PARTITION OF parts FOR VALUES FROM (0) TO (20001)",
            "CREATE TABLE part2 PARTITION OF parts FOR VALUES FROM (20001) TO (1000000)",
            "CREATE INDEX ON parts (a)",
            "INSERT INTO parts SELECT g % 100, g, repeat('x', 99) FROM generate_series(1, 40000) g",
            f'DELETE FROM "{quoted}" WHERE twice = 1',
        ):
            connection.execute(statement.encode())
        with pytest.raises(UniqueViolation):
            connection.execute(
                f'CREATE UNIQUE INDEX CONCURRENTLY "{quoted} 4" ON "{quoted}" (twice)'.encode()
            )
        connection.execute("VACUUM (ANALYZE) parts")
        for number in range(100):
            connection.execute(f"SELECT b FROM parts WHERE a = {number}".encode())
    made = dbtune("report", hostile.dsn(name), "--interval", "0", "-f", "json").ok().json
    (script,) = made["artifacts"]
    assert "\u202e" not in script["text"]
    statements = re.split(r"(?<=;)\n", re.sub(r"(?m)^(--.*)?\n", "", script["text"]))
    assert any(one.startswith(DROP) for one in statements), statements
    with hostile.connect(name) as connection:
        for statement in filter(str.strip, statements):
            connection.execute(statement.encode())
    left = dbtune("check", hostile.dsn(name), "-f", "json").json["findings"]
    rules = {one["rule"] for one in made["findings"]}
    done = {"pg.duplicate-index", "pg.constraint-not-validated", "pg.autovacuum-off-for-table"}
    assert done | {"pg.missing-index", "pg.invalid-index"} <= rules
    assert not {one["rule"] for one in left} & done
    assert [one for one in left if one["rule"] == "pg.invalid-index"]


def test_one_unreachable_target_does_not_hide_the_others(hostile: Postgres, tmp_path: Path) -> None:
    config = tmp_path / "dbtune.yaml"
    config.write_text(
        f"profiles:\n  up: {{url: '{hostile.dsn()}', tags: [shop]}}\n"
        "  down: {url: 'postgresql://nobody@127.0.0.1:1/x', tags: [shop]}\n"
    )
    config.chmod(0o600)
    file = tmp_path / "report.json"
    done = dbtune(
        "report", "--tag", "shop", "--interval", "0", "-o", str(file),
        env={"DBTUNE_CONFIG": str(config)},
    )  # fmt: skip
    assert done.code == 3
    assert "target down: can't connect" in done.err
    made = json.loads(file.read_text())
    assert {row["target"]: bool(row["error"]) for row in made["targets"]} == {
        "up": False,
        "down": True,
    }
    assert "not reached: target down" in made["summary"]["lines"][0]
    assert any(one["what"] == "target down" for one in made["skipped"])


def test_three_engines_are_in_one_report(
    hostile: Postgres, mongodb: MongoDB, redis_server: Redis
) -> None:
    with mongodb.client() as client:
        client[f"d{EVIL[:3]}x"]["<b>items</b>"].insert_many([{"a": n} for n in range(200)])
    with redis_server.client() as cache:
        cache.set(f"{EVIL}:1", "x" * 100)
    urls = [hostile.dsn(), mongodb.url(), redis_server.url()]
    done = dbtune("report", *urls, "--interval", "0", "-f", "json").ok().json
    assert [row["engine"] for row in done["targets"]] == ["postgresql", "mongodb", "redis"]
    reports = {(row["target"], row["command"]) for row in done["reports"]}
    for row in done["targets"]:
        assert {"check", "slow-queries", "bloat"} <= {c for t, c in reports if t == row["target"]}
        assert any(one["target"] == row["target"] for one in done["metrics"])
        phases = {one["phase"] for one in done["checklist"] if one["target"] == row["target"]}
        assert phases == {"before", "during", "after"}
    assert all(one["subject"].startswith(f"{one['target']}: ") for one in done["problems"])


def test_what_dbtune_itself_reads_is_no_load(redis_server: Redis) -> None:
    """Keys are looked at after the load has been observed."""
    with redis_server.client() as cache:
        for number in range(3000):
            cache.set(f"read:{number}", "x")
    done = dbtune("report", redis_server.url(), "--interval", "1s", "-f", "json").ok().json
    (rate,) = [one for one in done["metrics"] if one["metric"] == "commands_per_second"]
    assert 0 <= rate["observed"] * rate["observed_seconds"] < 500


def test_what_an_index_mends_is_one_problem(
    hostile: Postgres, mongodb: MongoDB, tmp_path: Path
) -> None:
    """A scan is found by one command, and the index that ends it by another."""
    with hostile.connect() as connection, mongodb.client() as client:
        connection.execute(
            "CREATE TABLE visits AS SELECT g AS id, g % 5000 AS who "
            "FROM generate_series(1, 50000) g"
        )
        client.bare.command("profile", 2)
        client.bare.visits.insert_many([{"who": n, "at": n % 7} for n in range(5000)])
        for number in range(30):
            connection.execute("SELECT id FROM visits WHERE who = %s", (number,))
            list(client.bare.visits.find({"who": number}).sort("at"))
        client.bare.command("profile", 0)
    config = tmp_path / "dbtune.yaml"
    config.write_text(
        f"profiles:\n  mongo: {{url: '{mongodb.url()}'}}\n  pg:\n    url: '{hostile.dsn()}'\n"
        "    thresholds:\n      pg.large-table-read-whole: {min_bytes: 1, min_scans: 20}\n"
        "      pg.low-hit-ratio: {max_hit_ratio: 2, min_read_bytes_per_call: 0, min_blocks: 0, "
        "min_time_share: 0}\n"
    )
    config.chmod(0o600)
    environment = {"DBTUNE_CONFIG": str(config)}
    asked = ("report", "pg", "mongo", "--interval", "0", "-f", "json")
    problems = dbtune(*asked, env=environment).ok().json["problems"]
    told = {one["rule"] for one in problems if _is_of(one["subject"])}
    assert {"mongo.missing-index", "pg.missing-index"} <= told
    alone = {
        one["rule"]
        for target in ("pg", "mongo")
        for command in ("check", "slow-queries")
        for one in dbtune(command, target, "-f", "json", env=environment).json["findings"]
        if _is_of(one["subject"])
    }
    mended = {
        "mongo.collection-scan",
        "mongo.sort-in-memory",
        "pg.large-table-read-whole",
        "pg.low-hit-ratio",
    }
    assert mended <= alone
    assert not told & mended


def _is_of(subject: str) -> bool:
    """Whether it is the table, the collection, or what looks for something in it."""
    return "visits" in subject and "CREATE" not in subject


def test_snapshots_fill_the_log_of_changes(chromium: Browser, tmp_path: Path) -> None:
    names = [str(EXAMPLES / f"{name}.json.gz") for name in ("start", "deploy", "end")]
    given = [word for name in names for word in ("--from", name)]
    note = f"replaced orders_customer by orders_status <b>, https://example.org/{'x' * 60}"
    file = tmp_path / "report.html"
    dbtune("report", *given, "--note", note, "-o", str(file)).ok()
    shown = chromium.open(file, width=360)
    assert shown.errors == []
    assert shown.value("document.documentElement.scrollWidth") == 360
    headings = "[...document.querySelectorAll('h1, h2, h3, h4')]"
    assert shown.value(f"{headings}.filter(e => e.scrollWidth > e.clientWidth).length") == 0
    text = shown.value("document.body.textContent")
    for words in (note, "orders_customer gone", "verdict", "a snapshot does not hold"):
        assert words in text, words
    made = dbtune("report", *given, "--note", note, "-f", "json").ok().json
    (entry,) = made["optimisation_log"]
    assert entry["hypothesis"] == note
    compared = dbtune("compare", *names, "--note", note, "-f", "json").ok().json
    assert entry["verdict"] == compared["hypotheses"][0]["verdict"]


def test_mistakes_are_one_sentence() -> None:
    for arguments, words in (
        (("report", "--note", "x", "postgresql://h/d"), "--from"),
        (("report", "--tag", "x", "postgresql://h/d"), "--tag"),
        (("report", "--from", "/nonexistent.json"), "can't be read"),
        (("report", "a.example/x", "--bench", "/nonexistent.json"), ""),
        (("report", "-f", "csv", "x"), "csv"),
    ):
        done = dbtune(*arguments)
        assert done.code == 2, arguments
        assert words in done.err
        assert "Traceback" not in done.err
