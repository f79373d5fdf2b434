"""One setting, one rule: a small function from what is known to a value and its reason.

A rule is named after its setting, and its file is its registration::

    @rule("runtime-config-resource", keep=within(0.8, 1.2))
    def shared_buffers(plan: Plan) -> Advice | None:
        \"\"\"The server's own cache; a quarter of RAM leaves the rest to the system's.\"\"\"
        return Advice(plan.inputs.ram_bytes / 4, "RAM / 4")

* The docstring is the reason that people read above the line.
* ``plan.number("max_connections")`` gives another setting as it will be, whoever decided it.
* ``None`` means: no opinion, leave it.
* ``keep`` says which values of a running server are good enough to be left alone.
* A value that equals the version's default makes no line, but corrects a server that differs.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING

from dbtune.postgres.config.guc import Value

if TYPE_CHECKING:
    from dbtune.postgres.config.plan import Plan

Keep = Callable[[Value, Value], bool]
"""Whether a server's value (first) is good enough beside the advised one (second)."""

GROUPS = ("connections", "memory", "wal", "planner", "parallel", "autovacuum", "logging")
"""Modules of ``rules``, in the order of the file."""


@dataclass(frozen=True, slots=True)
class Advice:
    """What a rule advises.

    Attributes:
        value: in bytes, milliseconds or as it is; rounded down to the setting's unit later.
        formula: how it came about, with the numbers filled in.
        why: the reason in this case, where the rule's docstring does not say it.
    """

    value: Value
    formula: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule as its decorator made it.

    Attributes:
        name: the setting's.
        group: heading in the file.
        function: what decides.
        page: page of PostgreSQL's documentation.
        keep: which values of a server are left alone.
        always: whether there is a line even for the default value, because others hang on it.
    """

    name: str
    group: str
    function: Callable[[Plan], Advice | None]
    page: str
    keep: Keep
    always: bool = False

    @property
    def why(self) -> str:
        """The reason, from the docstring's first paragraph."""
        return " ".join((inspect.getdoc(self.function) or "").partition("\n\n")[0].split())

    def document(self, version: int) -> str:
        """Where the setting is documented for a version."""
        anchor = self.name.upper().replace("_", "-")
        # 18 put all of vacuum's settings on one page.
        moved = self.page == "runtime-config-autovacuum" and version >= 18
        page = "runtime-config-vacuum" if moved else self.page
        return f"https://www.postgresql.org/docs/{version}/{page}.html#GUC-{anchor}"


def exactly(current: Value, advised: Value) -> bool:
    """Nothing but the advised value will do."""
    return current == advised


def at_least(current: Value, advised: Value) -> bool:
    """More does no harm."""
    return _number(current) >= _number(advised)


def at_most(current: Value, advised: Value) -> bool:
    """Less does no harm; negative numbers, which switch off or mean "as another", do."""
    return 0 <= _number(current) <= _number(advised)


def within(low: float, high: float) -> Keep:
    """Between ``low`` and ``high`` times the advised value."""
    return lambda current, advised: (
        _number(advised) * low <= _number(current) <= _number(advised) * high
    )


def anything_but(*bad: Value) -> Keep:
    """Whatever somebody chose, except some values."""
    return lambda current, _advised: current not in bad


def rule(
    page: str, *, keep: Keep = exactly, always: bool = False
) -> Callable[[Callable[[Plan], Advice | None]], Rule]:
    """Make a function the rule of the setting it is named after."""

    def decorate(function: Callable[[Plan], Advice | None]) -> Rule:
        group = (inspect.getdoc(inspect.getmodule(function)) or "").partition("\n")[0].rstrip(".")
        return Rule(function.__name__, group, function, page, keep, always)

    return decorate


@cache
def rules() -> dict[str, Rule]:
    """Every rule by the name of its setting, in the order of the file.

    A module of ``rules`` that :data:`GROUPS` does not name comes last.
    """
    package = importlib.import_module("dbtune.postgres.config.rules")
    names = [info.name for info in pkgutil.iter_modules(package.__path__)]
    names.sort(key=lambda name: GROUPS.index(name) if name in GROUPS else len(GROUPS))
    modules = [importlib.import_module(f"{package.__name__}.{name}") for name in names]
    return {one.name: one for module in modules for one in _rules_of(module)}


def _rules_of(module: ModuleType) -> list[Rule]:
    return [one for one in vars(module).values() if isinstance(one, Rule)]


def _number(value: Value) -> float:
    return float("nan") if isinstance(value, str) else float(value)
