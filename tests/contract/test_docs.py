"""What README and the examples say of commands and options is so."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from typer._click import Context
from typer.main import get_command

from dbtune.cli import COMMANDS, app

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
GROUP: Any = get_command(app)
ROOT_CONTEXT = Context(GROUP, info_name="dbtune")
CALL = re.compile(r"(?<![\w/.'-])dbtune ((?:[a-z]|--)[^`\n|]*)")


def command_of(words: list[str]) -> tuple[list[str], Any]:
    """The command that words begin with, and its name's words."""
    name = words[:1]
    if " ".join(words[:2]) in COMMANDS:
        name = words[:2]
    command = GROUP.get_command(ROOT_CONTEXT, " ".join(name))
    if len(words) > 1 and hasattr(command, "commands"):
        child = command.get_command(Context(command, parent=ROOT_CONTEXT), words[1])
        if child is not None:
            return words[:2], child
    return name, command


def options_of(command: Any) -> set[str]:
    own = command.get_params(Context(command, parent=ROOT_CONTEXT))
    return {name for one in own for name in (*one.opts, *one.secondary_opts)} | {"-h"}


def calls(text: str) -> Iterator[tuple[str, list[str]]]:
    """Command lines in a text, with their words."""
    for found in CALL.finditer(text.replace("\\\n", " ")):
        line = found[1].partition("  #")[0].partition("; ")[0].partition(" -->")[0]
        try:
            words = shlex.split(line, comments=True)
        except ValueError:  # prose with an apostrophe
            words = line.split()
        yield line, words


def wrong_options(text: str) -> list[tuple[str, str]]:
    wrong = []
    for line, words in calls(text):
        if words[0].startswith("-") or words[0] not in {one.split()[0] for one in COMMANDS}:
            continue
        _, command = command_of(words)
        known = options_of(command)
        given = [one.partition("=")[0] for one in words if re.match(r"--?[a-zA-Z]", one)]
        wrong += [(one, line) for one in given if one not in known and not one[1:2].isdigit()]
    return wrong


def test_command_lines_in_the_readme_have_options_that_exist() -> None:
    assert len(list(calls(README))) > 60
    assert wrong_options(README) == []


def test_files_that_the_documents_name_exist() -> None:
    texts = README + (ROOT / "CONTRIBUTING.md").read_text()
    named = set(re.findall(r"(?<![\w/.-])(?:tests|dbtune|scripts|examples)/[\w./-]*\w", texts))
    assert len(named) > 30
    gone = {one for one in named if not (ROOT / one).exists()}
    assert gone == {"scripts/bench/NAME"}


def test_command_lines_in_other_files_have_options_that_exist() -> None:
    files = [ROOT / "CHANGELOG.md", ROOT / "CONTRIBUTING.md"]
    files += [
        one
        for one in (ROOT / "examples").rglob("*")
        if one.suffix in (".md", ".yml", ".yaml", ".sh")
    ]
    assert len(files) > 8
    assert {str(file): wrong for file in files if (wrong := wrong_options(file.read_text()))} == {}


def test_options_in_a_section_are_its_commands() -> None:
    """``--limit`` in the section on ``bloat`` is one of ``dbtune bloat`` or of a script there."""
    wrong = []
    for title, text in re.findall(r"(?ms)^### (.+?)\n(.*?)(?=^##)", README):
        names = [one for one in COMMANDS if one.split()[0] in title.split()]
        known = {"--version", "--help"}
        for name in names:
            command = GROUP.get_command(ROOT_CONTEXT, name)
            known |= options_of(command)
            for child in (getattr(command, "commands", None) and command.list_commands(None)) or ():
                known |= options_of(command.get_command(ROOT_CONTEXT, child))
        for script in re.findall(r"scripts/[a-z/-]+", text):
            known |= set(re.findall(r'"(--[a-z-]+)"', (ROOT / script).read_text()))
        spans = re.findall(r"`(--[^`]+)`", re.sub(r"(?s)```.*?```", "", text))
        given = [word for span in spans for word in re.findall(r"--[a-z][a-z-]*", span)]
        wrong += [(title, one) for one in given if names and one not in known]
    assert wrong == []


# ------------------------------------------------------------------- facts that README tells of


def listed(beginning: str) -> list[str]:
    """The words of ``a|b|c`` behind a beginning, a line break among them or none."""
    text = README.replace("\\|", "|")
    found = re.search(re.escape(beginning) + r"\s*([a-z0-9|-]+(?:\n[a-z|-]+)?)", text)
    assert found, beginning
    return found[1].replace("\n", "").split("|")


def test_lists_of_values_are_whole() -> None:
    from dbtune.cli.formats import Format
    from dbtune.postgres.config.forms import Form
    from dbtune.statements import Order

    assert listed("Data goes to stdout, everything else to stderr. `--format") == list(Format)
    assert listed("out. `--by") == list(Order)
    assert set(listed("offline. `--form")) == set(Form)


def test_the_frameworks_are_those_that_there_are() -> None:
    from dbtune.cli.gen_config_app import FRAMEWORKS

    section = README.partition("comes in the file of its framework:")[2].partition(".")[0]
    assert re.findall(r"`([a-z-]+)`", section) == list(FRAMEWORKS)


def test_exit_codes_are_those_of_the_code() -> None:
    from dbtune.errors import Exit

    table = README.partition("## Exit codes")[2].partition("\n## ")[0]
    assert [int(one) for one in re.findall(r"(?m)^\| (\d+) \|", table)] == list(Exit)


def test_how_many_checks_there_are() -> None:
    from dbtune.health.run import checks_of
    from dbtune.profile import Engine

    assert "More than a hundred rules for PostgreSQL" in README
    assert len(checks_of((Engine.postgresql,), (), ())) > 100
    assert "some thirty each for MongoDB and Redis" in README
    for engine in (Engine.mongodb, Engine.redis):
        assert 25 <= len(checks_of((engine,), (), ())) < 40, engine


def test_what_a_session_is_limited_to() -> None:
    from dbtune.session import Limits

    assert "`statement_timeout` (15 s, `--timeout`),\n`lock_timeout` (100 ms)" in README
    assert (Limits().statement_seconds, Limits().lock_seconds) == (15, 0.1)


def test_where_a_target_is_looked_for() -> None:
    from dbtune.profile import explain_resolution

    places = [one.name for one in explain_resolution(environ={})]
    order = README.partition("the first of these decides")[2].partition("\n\nPostgreSQL's")[0]
    names = ["TARGET", "--url", "--profile", "DBTUNE_PROFILE", "DATABASE_URL", "PG", "MONGODB_URI"]
    names.append("REDIS_URL")
    assert [name in place for name, place in zip(names, places, strict=False)] == [True] * 8
    where = [order.index(f"`{name}" if name != "TARGET" else name) for name in names]
    assert where == sorted(where)


def test_what_is_served() -> None:
    from dbtune.service.http import resources

    section = README.partition("## For programs that stay connected")[2].partition("\n## ")[0]
    paths = {one.path for one in resources(60, 3600) if one.path}
    told = re.search(r"`/api/v1/(check.*?)` as JSON", section, re.DOTALL)
    assert told
    assert set(re.findall(r"[a-z]+(?:-[a-z]+)*", told[1])) - {"and"} == paths | {"analyze-query"}
    assert "localhost:8432" in section
    _, serve = command_of(["serve"])
    defaults = {one.name: one.default for one in serve.params}
    assert (defaults["port"], defaults["host"]) == (8432, "127.0.0.1")


def test_the_header_of_the_json_output() -> None:
    from dbtune.render.document import header
    from dbtune.report import Report

    section = README.partition("## JSON")[2].partition("\n## ")[0]
    names = re.search(r"a header \((.*?)\)", section, re.DOTALL)
    assert names
    assert re.findall(r"`(\w+)`", names[1]) == list(header(Report("check")))


def test_the_managed_services_are_those_that_it_knows() -> None:
    from dbtune.postgres.statements.enable import _MANAGED

    told = re.search(r"\(self-managed, (.*?)\)", README, re.DOTALL)
    assert told
    names = [re.sub(r"\W", "", one).lower() for one in told[1].split(",")]
    assert sorted(names) == sorted(_MANAGED)


def test_whom_nobody_asks_before_a_measurement() -> None:
    from dbtune.postgres.bench.permission import FOR_TRIALS

    told = re.search(r"unless its profile has the tag (.*?), and they", README, re.DOTALL)
    assert told
    assert set(re.findall(r"`(\w+)`", told[1])) <= FOR_TRIALS
