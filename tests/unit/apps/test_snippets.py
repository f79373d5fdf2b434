"""Generated pool settings are in the syntax of their files, say what they set, and why."""

from __future__ import annotations

import ast
import json
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

import dbtune.apps
from dbtune.apps.generate import BESIDE, framework, generate, generate_beside
from dbtune.apps.pool import AppPool
from dbtune.cli.gen_config_app import FRAMEWORKS
from dbtune.errors import UsageError
from dbtune.pooling.inputs import PoolInputs
from dbtune.pooling.model import derive
from tests.command import dbtune as run

POOL = AppPool(largest=7, smallest=3, pooler=True, prepares=False)
ONE_PROCESS = PoolInputs(threads=7, instances=4)
PREPARED = {
    "sqlalchemy": "prepare_threshold",
    "asyncpg": "statement_cache_size",
    "psycopg-pool": "prepare_threshold",
    "hikaricp": "prepareThreshold=0",
    "spring": "prepareThreshold",
    "go-sql": "QueryExecModeExec",
    "pgx": "QueryExecModeExec",
    "rails": "prepared_statements: false",
    "npgsql": "Max Auto Prepare=0",
}
"""What turns prepared statements off, where the framework would make any by itself."""
pools = st.builds(
    AppPool,
    largest=st.integers(50, 5000),
    smallest=st.integers(1, 50),
    pooler=st.booleans(),
    prepares=st.booleans(),
    request_seconds=st.floats(0.05, 86_400),
)


def parse(language: str, text: str) -> None:
    """Fails where the text is not in the language."""
    if language == "python":
        ast.parse(text)
    elif language == "yaml":
        assert isinstance(yaml.safe_load(re.sub(r"<%=.*%>", "x", text)), dict)
    elif language == "json":
        json.loads(text)
    elif language == "properties":
        for line in text.splitlines():
            assert line.startswith("#") or re.fullmatch(r"[\w.]+=\S+", line), line
    elif language == "sh":
        for line in text.splitlines():
            assert line.startswith("#") or re.fullmatch(r"MONGODB_URI='[^']+'", line), line
    else:
        assert language in ("go", "javascript", "typescript")
        for opened, closed in ("()", "{}", "[]"):
            code = "\n".join(line.partition("//")[0] for line in text.splitlines())
            assert code.count(opened) == code.count(closed)


def test_every_file_is_a_subcommand_and_every_subcommand_has_a_file() -> None:
    folder = Path(dbtune.apps.__file__).parent
    files = {path.stem for path in folder.glob("*.py")} - {"__init__", "generate", "pool"}
    assert files == {name.replace("-", "_") for name in FRAMEWORKS}


@pytest.mark.parametrize("name", FRAMEWORKS)
@given(pool=pools)
def test_the_file_is_in_its_syntax_and_has_each_setting(name: str, pool: AppPool) -> None:
    made = framework(name)(pool)
    parse(made.language, made.text)
    assert str(pool.largest) in {line.value for line in made.lines}
    for line in made.lines:
        assert line.value in made.text
        assert line.why.endswith(".")
        assert line.default


RUBY = "require 'erb'; require 'yaml'; puts YAML.load(ERB.new(STDIN.read).result).to_json"
TOOLS = {
    "go-sql": ("gofmt", "-l", "-e"),
    "pgx": ("gofmt", "-l", "-e"),
    "rails": ("ruby", "-rjson", "-e", RUBY),
}
"""Programs that read the language; gofmt prints a name if it would lay out the file otherwise."""


@pytest.mark.parametrize("prepares", [True, False])
@pytest.mark.parametrize("name", TOOLS)
def test_a_tool_of_the_language_reads_it(name: str, prepares: bool) -> None:
    program, *arguments = TOOLS[name]
    if (found := shutil.which(program)) is None:
        pytest.skip(f"no {program} here")
    text = framework(name)(replace(POOL, prepares=prepares)).text
    done = subprocess.run([found, *arguments], input=text, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    if program == "gofmt":
        assert done.stdout == ""
    else:
        assert json.loads(done.stdout)["production"]["max_connections"] == POOL.largest


@pytest.mark.parametrize("name", sorted(set(FRAMEWORKS) - set(BESIDE)))
def test_nothing_stays_prepared_behind_an_old_pooler(name: str) -> None:
    word = PREPARED.get(name, "no such word")
    assert (word in framework(name)(POOL).text) == (name in PREPARED)
    assert word not in framework(name)(replace(POOL, prepares=True)).text


@pytest.mark.parametrize("seconds", [1, 2, 3, 10, 30, 31, 600])
def test_timeouts_end_from_the_inside_out(seconds: float) -> None:
    behind = replace(POOL, request_seconds=seconds)
    assert behind.statement_seconds <= behind.acquire_seconds <= max(1, seconds)
    direct = replace(behind, pooler=False)
    assert direct.statement_seconds <= direct.acquire_seconds <= max(1, seconds)


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_secrets_come_from_the_environment(name: str) -> None:
    text = framework(name)(POOL).text
    assert not re.search(r"://[^/\s]*:[^/\s@]*@", text)
    assert re.search(
        r"os\.environ|System\.getenv|os\.Getenv|process\.env|ENV\[|\$\{|^MONGO|^{", text, re.M
    )


def test_a_pool_without_a_size_says_what_is_missing() -> None:
    with pytest.raises(UsageError, match="needs --threads, or --rps"):
        generate("django", derive(PoolInputs()), prepares=False, request_seconds=30)
    with pytest.raises(UsageError, match="needs --threads, or --rps"):
        generate_beside("redis-py", PoolInputs(), request_seconds=30)


def test_without_a_demand_a_pool_of_its_own_gets_its_share_of_the_server() -> None:
    topology = PoolInputs(max_connections=100, instances=5, workers=4, pooler=False)
    report = generate("pgx", derive(topology), prepares=True, request_seconds=30)
    assert "config.MaxConns = 4" in report.artifacts[0].text
    assert report.notes[0].startswith("4 is the most that the server has for each process")
    with pytest.raises(UsageError, match="needs --threads, or --rps"):  # no share of it is theirs
        generate("pgx", derive(replace(topology, pooler=True)), prepares=True, request_seconds=30)
    with pytest.raises(UsageError, match="Put PgBouncer in between"):
        generate("pgx", derive(replace(topology, workers=40)), prepares=True, request_seconds=30)


def test_a_pool_of_its_own_has_no_more_than_a_connection_for_each_thread() -> None:
    threads = PoolInputs(threads=8, instances=2, pooler=False)
    for asked in (
        threads,
        replace(threads, max_connections=100),
        PoolInputs(threads=8, pooler=False),
    ):
        report = generate("pgx", derive(asked), prepares=True, request_seconds=30)
        assert "config.MaxConns = 8" in report.artifacts[0].text, asked
    few = replace(threads, max_connections=20)  # a budget of 12 for two processes
    report = generate("pgx", derive(few), prepares=True, request_seconds=30)
    assert "config.MaxConns = 6" in report.artifacts[0].text


@given(pool=pools)
def test_rails_can_start_with_it(pool: AppPool) -> None:
    names = {line.name for line in framework("rails")(pool).lines}
    # HashConfig#validate_configuration! of Rails 8.1 raises an error for both of these together.
    assert not {"pool", "min_connections"} <= names
    assert {"max_connections", "min_connections"} <= names


@pytest.mark.parametrize("name", ["rails", "psycopg-pool", "sqlalchemy"])
def test_who_drops_statements_by_deallocate_is_told_what_it_needs(name: str) -> None:
    """PgBouncer follows Close, not DEALLOCATE, which then fails and takes the transaction along."""

    def told(pool: AppPool) -> bool:
        return any("libpq 17" in note for note in framework(name)(pool).notes)

    assert told(replace(POOL, prepares=True))
    assert not told(POOL)
    assert not told(replace(POOL, pooler=False, prepares=True))


@pytest.mark.parametrize("seconds", [0.1, 0.4, 1, 30, 1200, 86_400])
def test_no_timeout_is_rounded_to_none_or_beyond_what_the_library_takes(seconds: float) -> None:
    pool = replace(POOL, request_seconds=seconds)
    for direct in (pool, replace(pool, pooler=False, prepares=True)):
        npgsql = {line.name: line.value for line in framework("npgsql")(direct).lines}
        assert 1 <= int(npgsql["Timeout"]) <= 1024
        assert int(npgsql["Command Timeout"]) >= 1
        hikari = {line.name: line.value for line in framework("hikaricp")(direct).lines}
        assert int(hikari["connectionTimeout"]) >= 250
        assert 2000 <= int(hikari["leakDetectionThreshold"]) <= int(hikari["maxLifetime"])
        assert int(hikari["keepaliveTime"]) < int(hikari["maxLifetime"])
        assert int(hikari["dataSource.socketTimeout"]) >= 1


def test_a_fixed_pool_of_hikaricp_has_no_idle_timeout() -> None:
    fixed = replace(POOL, smallest=POOL.largest)
    assert "idleTimeout=" in framework("hikaricp")(POOL).text
    assert "idleTimeout=" not in framework("hikaricp")(fixed).text
    assert "idle-timeout" not in framework("spring")(fixed).text


def test_the_total_is_told_and_must_fit() -> None:
    report = generate("pgx", derive(ONE_PROCESS), prepares=False, request_seconds=30)
    assert "4 processes × 7 = 28 connections to PgBouncer at most" in report.notes
    beside = generate_beside("pymongo", ONE_PROCESS, request_seconds=30)
    assert beside.notes[0].startswith("4 processes × 9 = 36 connections to each server at most")
    few = replace(ONE_PROCESS, max_connections=30)
    with pytest.raises(UsageError, match="are more than 80% of Redis's maxclients"):
        generate_beside("redis-py", few, request_seconds=30)


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_the_command_prints_the_file_and_nothing_else(name: str) -> None:
    result = run("gen-config", name, "--threads", "7", "--instances", "4").ok()
    expected = framework(name)(
        replace(POOL, smallest=1, pooler=name not in BESIDE, prepares=name in BESIDE)
    )
    assert result.out == expected.text
    table = (
        run("gen-config", name, "--threads", "7", "-f", "json").ok().json["application_settings"]
    )
    assert [row["setting"] for row in table] == [line.name for line in expected.lines]


def test_a_new_pooler_keeps_statements_prepared() -> None:
    ask = ("gen-config", "asyncpg", "--threads", "2", "--pgbouncer-version")
    assert "statement_cache_size" in run(*ask, "1.20").ok().out
    assert "statement_cache_size" not in run(*ask, "1.21").ok().out
    assert run(*ask, "new").code == 2


@pytest.mark.parametrize(
    "arguments",
    [
        ("django", "--threads", "2", "--request-timeout", "0s"),
        ("redis-py", "--threads", "2", "--request-timeout", "0"),
        ("alerts", "--max-lag", "0s"),
        ("pgbouncer", "--cpus", "4", "--report-timeout", "0min"),
        ("redis", "--ram", "8"),
        ("mongod", "--ram", "8"),
    ],
)
def test_a_limit_of_nothing_is_refused(arguments: tuple[str, ...]) -> None:
    result = run("gen-config", *arguments)
    assert result.code == 2
    assert "more than 0, as 30s" in result.err or "is the unit missing? Write 8GB" in result.err
