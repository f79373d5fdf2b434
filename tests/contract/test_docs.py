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
