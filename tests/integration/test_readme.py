"""What README shows is what dbtune prints.

Blocks behind ``<!-- run: COMMAND -->`` are exactly the command's output; blocks behind
``<!-- demo: COMMAND -->`` come from the demo, whose times vary, so that their shape is compared.
``UPDATE_README=1 scripts/test tests/integration/test_readme.py`` writes both anew.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dbtune.cli import COMMANDS
from dbtune.statements import STATEMENTS

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
UPDATE = os.environ.get("UPDATE_README") == "1"
BLOCK = re.compile(
    r"<!-- (?P<kind>run|demo): (?P<command>.+?) -->\n\n```console\n(?P<shown>.*?)```", re.DOTALL
)


def blocks(kind: str) -> list[tuple[str, str]]:
    """Commands and what README shows of them."""
    found = [m for m in BLOCK.finditer(README.read_text()) if m["kind"] == kind]
    assert found, f"README has no {kind} blocks"
    return [(m["command"], m["shown"]) for m in found]


def shell(command: str, **more: str) -> str:
    """The block as README should show it: the prompt, the command, its output."""
    env = {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "HOME": "/nonexistent",
        "COLUMNS": "100",
        "LC_ALL": "C.UTF-8",
        "DBTUNE_CONFIG": "/nonexistent/dbtune.yaml",
        **more,
    }
    done = subprocess.run(
        ["bash", "-c", command], env=env, capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert done.stdout, done.stderr
    return f"$ {command}\n{done.stdout.rstrip()}\n"


def update(command: str, shown: str) -> None:
    """Replace one block."""
    text = README.read_text()
    old = next(m for m in BLOCK.finditer(text) if m["command"] == command)
    README.write_text(text[: old.start("shown")] + shown + text[old.end("shown") :])


@pytest.mark.parametrize(("command", "shown"), blocks("run"))
def test_a_command_prints_what_readme_shows(command: str, shown: str) -> None:
    now = shell(command)
    if UPDATE:
        update(command, now)
    else:
        assert shown == now


@pytest.fixture(scope="module")
def kept_demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The demo, left running as profile ``demo``."""
    home = tmp_path_factory.mktemp("home")
    env = {
        "DBTUNE_CONFIG": str(home / "dbtune.yaml"),
        "XDG_STATE_HOME": str(home / "state"),
        "HOME": str(home),
    }
    shell("dbtune demo --keep", **env)
    try:
        yield env
    finally:
        subprocess.run(
            [sys.executable, "-m", "dbtune", "demo", "stop"],
            env={**os.environ, **env},
            check=True,
            capture_output=True,
        )


def shape(text: str) -> tuple[list[str], set[str]]:
    """What does not vary: statements' columns always shown, the rules that found something."""
    lines = text.splitlines()
    heading = next((line for line in lines if line.lstrip().startswith("#  ")), "")
    always = [c.title for c in STATEMENTS.columns if c.rank == 0 and c.title in heading]
    return always, set(re.findall(r"^(?:critical|warning|info) (\S+)", text, re.MULTILINE))


@pytest.mark.parametrize(("command", "shown"), blocks("demo"))
def test_the_demo_shows_what_readme_shows(
    command: str, shown: str, kept_demo: dict[str, str]
) -> None:
    now = shell(command, **kept_demo)
    if UPDATE:
        update(command, now)
        return
    heading, rules = shape(shown)
    assert heading == shape(now)[0]
    # Which findings come first, and before the cut, depends on times.
    assert rules <= shape(shell(command.partition(" | ")[0], **kept_demo))[1]


def test_every_command_stands_in_the_readme() -> None:
    text = README.read_text()
    missing = [name for name in COMMANDS if f"`dbtune {name}" not in text]
    assert missing == []


def test_every_file_that_readme_links_to_exists() -> None:
    links = re.findall(r"\]\(((?!https?:)[^)#]+)", README.read_text())
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_every_block_ends_before_the_next_begins() -> None:
    fences = re.findall(r"^```(.*)$", README.read_text(), re.MULTILINE)
    assert all(fences[0::2]), "a block begins without its language: the one before has no end"
    assert not any(fences[1::2])
