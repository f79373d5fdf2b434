"""The MCP server as an assistant uses it: a process, its standard input and output."""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from mcp import Client
from mcp.client.stdio import StdioServerParameters, stdio_client

from dbtune.errors import UsageError
from dbtune.service.bounded import bounded, part_of
from tests.command import dbtune
from tests.servers import Postgres, fresh_database

PASSWORD = "correct-horse-battery"  # not a known word


class Answer(NamedTuple):
    """What a tool gave."""

    failed: bool
    text: str
    data: Mapping[str, Any]


class Assistant:
    """Calls tools, each in a connection of its own."""

    def __init__(self, config: Path, *allowed: str) -> None:
        env = {k: v for k, v in os.environ.items() if not k.startswith(("PG", "DATABASE_URL"))}
        self._process = StdioServerParameters(
            command=sys.executable,
            args=["-m", "dbtune", "mcp", *allowed],
            env={**env, "DBTUNE_CONFIG": str(config)},
        )

    def tools(self) -> dict[str, Any]:
        async def ask() -> dict[str, Any]:
            async with Client(stdio_client(self._process)) as client:
                return {tool.name: tool for tool in (await client.list_tools()).tools}

        return asyncio.run(ask())

    def call(self, *calls: tuple[str, dict[str, Any]]) -> list[Answer]:
        async def ask() -> list[Answer]:
            async with Client(stdio_client(self._process)) as client:
                made = [await client.call_tool(name, arguments) for name, arguments in calls]
            return [
                Answer(bool(one.is_error), one.content[0].text, one.structured_content or {})  # type: ignore[union-attr]
                for one in made
            ]

        return asyncio.run(ask())


@pytest.fixture
def config(pg18: Postgres, tmp_path: Path) -> Iterator[Path]:
    with fresh_database(pg18) as name:
        pg18.psql(
            "CREATE TABLE t (id int PRIMARY KEY, b int);"
            "INSERT INTO t SELECT n, n FROM generate_series(1, 50000) n; ANALYZE t;"
            "CREATE INDEX x ON t (b); CREATE INDEX y ON t (b)",
            name,
        )
        file = tmp_path / "dbtune.yaml"
        there = {"url": pg18.dsn(name)}
        other = {"url": f"postgresql://app:{PASSWORD}@127.0.0.1:1/app"}
        file.write_text(yaml.safe_dump({"profiles": {"here": there, "other": other}}))
        file.chmod(0o600)
        yield file


def test_every_tool_says_that_it_only_reads(config: Path) -> None:
    tools = Assistant(config).tools()
    assert {
        "check",
        "slow_queries",
        "suggest_indexes",
        "explain_query",
        "bloat",
        "cache",
        "report",
    } <= tools.keys()
    for tool in tools.values():
        assert tool.annotations.read_only_hint
        assert tool.description
        assert not {"analyze", "apply", "verify", "allow_write", "output"} & set(
            tool.input_schema["properties"]
        )


def test_tools_give_what_the_commands_give(config: Path) -> None:
    plan = (Path(__file__).parents[2] / "examples" / "plan.txt").read_text()
    at = {"target": "here"}
    answers = Assistant(config).call(
        ("list_profiles", {}),
        ("check", {**at, "only": ["pg.duplicate-index"], "seconds": 0}),
        ("explain_query", {**at, "sql": "SELECT * FROM t WHERE id = 7"}),
        ("explain_plan", {"plan": plan}),
        ("explain_diff", {"before": plan, "after": plan}),
        ("bloat", at),
        ("activity", at),
        ("pool_size", {**at, "seconds": 0}),
        ("cache", {**at, "seconds": 0}),
        ("suggest_indexes", {**at, "sql": "SELECT * FROM t WHERE b = 7", "budget": "20%"}),
        (
            "generate_configuration",
            {"what": "hikaricp", "settings": {"threads": "20", "instances": "5"}},
        ),
        ("explain_rule", {}),
        ("explain_rule", {"rule": "pg.duplicate-index"}),
    )
    assert [one.text for one in answers if one.failed] == []
    profiles, health, query, read, difference, *_ = answers
    assert [one["name"] for one in profiles.data["profiles"]] == ["here", "other"]
    assert [one["rule"] for one in health.data["findings"]] == ["pg.duplicate-index"]
    assert query.data["plans"][0]["nodes"]
    assert read.data["findings"]
    assert difference.data["command"] == "explain diff"
    assert answers[-3].data["artifacts"][0]["text"]
    assert len(answers[-2].data["rules"]) > 200
    # Text and structure are the same document.
    assert json.loads(health.text) == health.data
    assert not [one for one in answers if PASSWORD in one.text or "postgres:postgres" in one.text]


def test_nothing_but_allowed_profiles_and_plain_settings(config: Path, tmp_path: Path) -> None:
    url = f"postgresql://app:{PASSWORD}@127.0.0.1:1/app"
    new = tmp_path / "new"
    answers = Assistant(config, "here").call(
        ("list_profiles", {}),
        ("check", {"target": "other"}),
        ("check", {"target": url}),
        ("check", {"target": "here --write-baseline=x"}),
        ("check", {"target": "here", "only": [f"x --write-baseline={new}"]}),
        ("explain_query", {"target": "here", "sql": "--analyze"}),
        ("explain_query", {"target": "here", "sql": "DROP TABLE t"}),
        ("generate_configuration", {"what": "pgbouncer", "settings": {"output": str(new)}}),
        ("generate_configuration", {"what": "pgbouncer", "settings": {"max-connections": "x"}}),
        ("explain_plan", {"plan": "no plan at all"}),
        ("slow_queries", {"target": "here", "limit": 1_000_000}),
    )
    assert [one["name"] for one in answers[0].data["profiles"]] == ["here"]
    assert all(one.failed for one in answers[1:])
    assert "here" in answers[1].text
    assert "list_profiles" in answers[2].text
    assert "max-connections" in answers[8].text
    assert not any(PASSWORD in one.text or "Traceback" in one.text for one in answers)
    assert not new.exists()
    [default] = Assistant(config, "here").call(("check", {"only": ["pg.duplicate-index"]}))
    assert default.data["target"]["name"] == "here"
    [several] = Assistant(config, "here", "other").call(("check", {}))
    assert "here, other" in several.text
    [unreachable] = Assistant(config, "other").call(("check", {"target": "other"}))
    assert unreachable.failed
    assert PASSWORD not in unreachable.text


def test_a_report_is_markdown_and_one_of_its_sections(config: Path) -> None:
    whole, part, none = Assistant(config, "here").call(
        ("report", {"targets": ["here"], "seconds": 0}),
        ("report", {"section": "checklist", "seconds": 0}),
        ("report", {"targets": ["here"], "section": "no such thing", "seconds": 0}),
    )
    assert whole.data["markdown"].startswith("# ")
    assert "## In short" in whole.data["markdown"]
    assert "pg.duplicate-index" in whole.text
    headings = re.findall(r"(?m)^## .*", part.data["markdown"])
    assert [("checklist" in one.lower()) for one in headings] == [True]
    assert none.failed
    assert "In short" in none.text


def test_a_long_report_leaves_out_whole_sections_and_names_them() -> None:
    text = "# T\n\n" + "".join(f"## {n}. part\n\n{'x' * 300}\n\n" for n in range(1, 6))
    made, notes = part_of(text, most=1000)
    assert made.count("## ") == 3
    assert notes == ["left out, ask for each as section: 4. part; 5. part"]
    assert part_of(text, "5. PART")[0].startswith("## 5. part")
    cut, notes = part_of(text, "2.", most=100)
    assert (len(cut), notes) == (100, ["the first 100 of 314 characters"])
    with pytest.raises(UsageError, match=r"1\. part; 2\. part"):
        part_of(text, "six")


def test_an_unknown_profile_is_said_at_the_start(config: Path) -> None:
    made = dbtune("mcp", "nowhere", env={"DBTUNE_CONFIG": str(config)})
    assert made.code == 2
    assert "nowhere" in made.err


def test_large_reports_are_cut_and_say_so() -> None:
    rows = [{"query": "x" * 10_000, "n": n} for n in range(500)]
    whole = {"statements": rows, "notes": ["kept"], "findings": []}
    made = bounded(whole)
    assert len(json.dumps(made)) <= 60_000
    assert made["notes"][0] == "kept"
    assert "of 500" in made["notes"][1]
    assert made["statements"][0]["query"].endswith("(10,000 characters)")
    assert bounded({"notes": [], "findings": []}) == {"notes": [], "findings": []}
