"""Every check of ``dbtune check`` has a test that makes its defect on a real server.

Found by reading the tests, not by running them: a test on a server takes fixtures, and names the
rule somewhere else than in what it asserts to be silent.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from dbtune.finding import Check
from dbtune.health.run import checks_of
from dbtune.profile import Engine

INTEGRATION = Path(__file__).parents[1] / "integration"
CHECKS = checks_of(list(Engine), (), ())
WITHOUT = {
    "redis.disk-slows-writes": "an fsync that takes seconds needs a disk that is slow",
    "redis.open-to-everybody": "no test opens a port to the network",
}
"""Rules that only literals show, and why."""


def _asserts_silence(node: ast.AST) -> bool:
    """``... == []``, ``not findings(...)``."""
    if isinstance(node, ast.Compare):
        other = node.comparators[0]
        return isinstance(node.ops[0], ast.Eq) and isinstance(other, ast.List) and not other.elts
    return isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not)


def _texts(node: ast.AST) -> Iterator[str]:
    """Strings in a test, but for those in what it asserts to be silent."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    for child in ast.iter_child_nodes(node):
        # All that a loop does with its rules may be to see that they are silent.
        if _asserts_silence(child) or (isinstance(child, ast.For) and all(
            isinstance(one, ast.Assert) and _asserts_silence(one.test) for one in child.body
        )):  # fmt: skip
            continue
        yield from _texts(child)


def _named() -> set[str]:
    """What tests on servers speak of: whole names of rules, and what may be the end of one."""
    found: set[str] = set()
    for file in INTEGRATION.rglob("test_*.py"):
        for node in ast.parse(file.read_text()).body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                found |= set(_texts(node)) if node.args.args else set()
    return found


NAMED = _named()


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_a_check_is_triggered_on_a_real_server(check: Check) -> None:
    triggered = bool({check.name, check.name.partition(".")[2]} & NAMED)
    if check.name in WITHOUT:
        assert not triggered, f"{check.name} has a test now: it is no exception any more"
    else:
        assert triggered, f"no test makes what {check.name} is about; see CONTRIBUTING.md"


def test_exceptions_are_checks() -> None:
    assert set(WITHOUT) <= {check.name for check in CHECKS}
