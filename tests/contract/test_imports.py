"""Who may import whom, and what the start of a command may load."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

from dbtune.cli import COMMANDS

PACKAGE = Path(__file__).parents[2] / "dbtune"
HEAVY = {
    "psycopg", "pymongo", "redis", "sqlglot", "yaml", "rich", "asyncio", "pydantic"
}  # fmt: skip
PROGRAM = """
import json, sys
from dbtune.cli import run
code = run(sys.argv[1:])
print(json.dumps([code, sorted({name.partition(".")[0] for name in sys.modules})]), file=sys.stderr)
"""


def loaded(*arguments: str) -> tuple[int, set[str]]:
    """Exit code and top-level modules after a command."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments],
        capture_output=True,
        text=True,
        check=True,
        env={"DBTUNE_CONFIG": "/nonexistent", "HOME": "/nonexistent", "PATH": ""},
    )
    code, modules = json.loads(done.stderr.splitlines()[-1])
    return code, set(modules)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("--version",), 0),
        (("--help",), 0),
        ((), 2),
        (("no-such-command",), 2),
        (("slow-queries", "--no-such-option"), 2),
        (("slow-queries", "--by", "nonsense"), 2),
        *(((name, "--help"), 0) for name in COMMANDS),
    ],
)
def test_help_version_and_usage_errors_load_no_driver(
    arguments: tuple[str, ...], code: int
) -> None:
    found, modules = loaded(*arguments)
    assert found == code
    assert modules & HEAVY == set()


def test_a_command_on_options_alone_loads_no_driver() -> None:
    code, modules = loaded(
        "pool-size", "--max-connections", "100", "--instances", "5", "-f", "json"
    )
    assert code == 0
    assert modules & (HEAVY - {"rich", "yaml"}) == set()


def imports(path: Path) -> set[str]:
    """Modules that a file imports at run time, wherever the import stands."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            node.body = [ast.Pass()]
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def modules(folder: str) -> list[Path]:
    return sorted((PACKAGE / folder).rglob("*.py"))


def test_nothing_but_the_entry_point_imports_the_command_line() -> None:
    for path in PACKAGE.rglob("*.py"):
        if "cli" in path.relative_to(PACKAGE).parts or path.name == "__main__.py":
            continue
        if path.is_relative_to(PACKAGE / "demo"):
            continue  # shows what the commands show, by calling them
        assert not [name for name in imports(path) if name.startswith("dbtune.cli")], path


def test_renderers_know_no_engine_and_no_driver() -> None:
    engines = ("dbtune.postgres", "dbtune.mongo", "dbtune.redis", "dbtune.session", "psycopg")
    for path in modules("render"):
        assert not [name for name in imports(path) if name.startswith(engines)], path


def test_checks_know_no_session_and_no_driver() -> None:
    forbidden = ("psycopg", "pymongo", "redis", "dbtune.session")
    checks = [path for path in PACKAGE.rglob("*.py") if "checks" in path.parts]
    assert len(checks) > 50
    for path in checks:
        found = imports(path)
        assert not [name for name in found if name.startswith(forbidden)], path
        assert not [name for name in found if name.endswith(".session")], path


def test_the_profile_module_knows_no_driver() -> None:
    for path in PACKAGE.glob("*.py"):
        found = {name.partition(".")[0] for name in imports(path)}
        assert found & {"psycopg", "pymongo", "redis"} == set(), path
