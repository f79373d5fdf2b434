"""The text format: lines become the same keys and nesting that FORMAT JSON has.

The tree is read from the columns of the arrows, never from an assumed width of indentation, so
that tabs and changed indentation do no harm.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from dbtune.postgres.plans.keys import DOCUMENT, REMOTE, number
from dbtune.postgres.plans.lines import Line, PlanSyntaxError
from dbtune.postgres.plans.names import parse_name
from dbtune.postgres.plans.properties import (
    actual,
    parse_property,
    parse_target_table,
    parse_trigger,
)
from dbtune.postgres.plans.tree import Placed, grow
from dbtune.postgres.plans.wrapped import (
    ARROW,
    LABEL,
    PROPERTY,
    guessed_width,
    logical_lines,
    split_tail,
)

_COST = re.compile(r"cost=(\d+\.\d+)\.\.(\d+\.\d+)")
_COST_ROWS = re.compile(r"\.\.[\d.]+\s*rows=(\d+)(?:\s*width=(\d+))?")
_COMPLETE = re.compile(
    r"\s*(?:\(cost=[\d.]+\s*rows=\d+\s*width=\d+\))?"
    r"\s*(?:\(never executed\)|\(actual\s*(?:time=[\d.]+\s*)?rows=[\d.]+\s*loops=\d+\))?\s*"
)
_WORKER = re.compile(r"Worker (\d+)")
_LAST = ("Execution Time", "Execution time", "Total runtime", "Total Runtime")
_NEXT = "Query Text: "
"""auto_explain prints the statement before its plan: here the next one begins."""
_MEMBERS = {
    "JIT": ("Functions", "Options", "Timing"),
    "Planning": ("Buffers", "I/O Timings", "Memory"),
    "Serialization": ("Buffers", "I/O Timings"),
}
"""Lines that belong to a group even if they are not indented."""


@dataclass
class Document:
    """A plan as one of the formats gave it.

    Attributes:
        raw: keys and nesting of FORMAT JSON: ``Plan`` and what stands beside it.
        truncated: the input ended in the middle of it.
        end: index of the first line that is not part of it.
        warnings: what was guessed.
    """

    raw: dict[str, Any]
    truncated: bool = False
    end: int = 0
    warnings: list[str] = field(default_factory=list)


@dataclass
class _Group:
    """Lines that say something of one thing: a worker, JIT, a table."""

    indent: int
    keys: dict[str, Any]
    name: str = ""


def read_text(lines: Sequence[Line]) -> Document:
    """Read the plan whose first line is the first of these lines.

    Raises:
        PlanSyntaxError: that line is no plan node.
    """
    document = _Reader(lines[0].indent).read(lines)
    if width := guessed_width(lines):
        document.warnings.append(wrapped_warning(width))
    return document


def wrapped_warning(width: int) -> str:
    """What is doubtful about lines that a table wrapped without saying where."""
    return (
        f"the table's lines were wrapped at {width} columns without marks (linestyle old-ascii): "
        "where names and literals were joined is a guess"
    )


class _Reader:
    def __init__(self, root_indent: int) -> None:
        self.root_indent = root_indent
        self.inner: int | None = None
        """Column of the first line below the root that is the root's or a child's."""
        self.document = Document({})
        self.placed: list[Placed] = []
        self.groups: list[_Group] = []

    def read(self, lines: Sequence[Line]) -> Document:
        document = self.document
        for line, unclosed, end in logical_lines(lines):
            if self.placed and line.text.lstrip().startswith(_NEXT):
                break
            document.truncated, document.end = unclosed, end
            if self._take(line):
                break
        for one in self.placed:
            _finish(one.node)
        document.raw["Plan"], guess = grow(self.placed)
        if guess:
            document.warnings.append(guess)
        return document

    def _take(self, line: Line) -> bool:
        """Add a line to the document; true if nothing can follow."""
        indent, text = line.indent, line.text.strip()
        arrow = ARROW.match(line.text)
        if arrow or not self.placed:
            self._take_node(line, text[len(arrow[0].strip()) :].strip() if arrow else text)
        elif found := PROPERTY.fullmatch(text):
            key, value = found[1], found[2] or ""
            if self._is_document_key(key, value, indent):
                self._take_document_key(key, value, text, indent)
                return key in _LAST
            self.inner = indent if self.inner is None else self.inner
            self._take_property(key, value, indent)
        elif label := LABEL.fullmatch(text):
            self.placed.append(Placed(indent, {}, label=label[1]))
        elif target := parse_target_table(text):
            self._node().setdefault("Target Tables", []).append(target)
            self.groups = [_Group(indent, target)]
        return False

    def _take_node(self, line: Line, text: str) -> None:
        name, tail = split_tail(text)
        if not name:
            raise PlanSyntaxError(line.number, line.column + 1, "expected the name of a plan node")
        node = parse_name(name)
        if tail:
            node |= _tail_keys(tail)
            self.document.truncated |= _COMPLETE.fullmatch(tail) is None
        if self.inner is None and self.placed:
            self.inner = line.indent
        self.placed.append(Placed(line.indent, node))
        self.groups = []

    def _node(self) -> dict[str, Any]:
        return self.placed[-1].node

    def _leave_groups(self, key: str, indent: int) -> None:
        """Leave the groups that a line with a key at a column is no part of."""
        while (
            self.groups
            and indent <= self.groups[-1].indent
            and key not in _MEMBERS.get(self.groups[-1].name, ())
        ):
            self.groups.pop()

    def _is_document_key(self, key: str, value: str, indent: int) -> bool:
        self._leave_groups(key, indent)
        if self.groups:
            return False
        if key in DOCUMENT or key.startswith("Trigger"):
            # With all indentation lost, the inner lines stand where the outermost do.
            return self.inner is None or indent < self.inner or self.inner <= self.root_indent
        if indent > self.root_indent:
            return False
        # Unless the indentation is lost, a node's own lines stand to the right of the root.
        return not value or (self.inner is not None and self.inner > self.root_indent)

    def _take_document_key(self, key: str, value: str, text: str, indent: int) -> None:
        raw = self.document.raw
        if trigger := parse_trigger(text):
            raw.setdefault("Triggers", []).append(trigger)
        elif value or key in _LAST:
            raw.update(parse_property("", key, value))
            if isinstance(raw.get(key), dict):
                self.groups = [_Group(indent, raw[key], key)]
        else:
            self.groups = [_Group(indent, raw.setdefault(key, {}), key)]

    def _take_property(self, key: str, value: str, indent: int) -> None:
        node = self._owner(key, indent)
        target = self.groups[-1].keys if self.groups else node
        kind = str(node.get("Node Type", ""))
        if worker := _WORKER.fullmatch(key):
            self._take_worker(int(worker[1]), value, indent)
        elif not value and key != "Output":
            self.groups.append(_Group(indent, target.setdefault(key, {}), key))
        elif key in ("Group Key", "Hash Key", "Sort Key") and kind in ("Aggregate", "Group"):
            node.setdefault("Grouping Sets", []).append(parse_property("", key, value))
        else:
            for name, found in parse_property(kind, key, value).items():
                target.setdefault(name, found)

    def _owner(self, key: str, indent: int) -> dict[str, Any]:
        """The node of which a line at a column speaks: the last one, but for Citus.

        Citus prints sub-plans before a node's own lines, and a task's times after its plan.
        """
        last = self.placed[-1]
        if indent > last.column and key not in DOCUMENT:
            return self._node()
        left = (one for one in reversed(self.placed) if one.column < indent and not one.label)
        if key in DOCUMENT:
            return next((one.node for one in left if one.type in REMOTE), self._node())
        return next((one.node for one in left), self._node())

    def _take_worker(self, worker_number: int, value: str, indent: int) -> None:
        workers = self._node().setdefault("Workers", [])
        worker = next((one for one in workers if one["Worker Number"] == worker_number), None)
        if worker is None:
            worker = {"Worker Number": worker_number}
            workers.append(worker)
        self.groups = [_Group(indent, worker)]
        if value.startswith("actual "):
            worker |= actual(value)
        elif found := PROPERTY.fullmatch(value):
            self._take_property(found[1], found[2] or "", indent + 1)


def _tail_keys(tail: str) -> dict[str, Any]:
    keys: dict[str, Any] = {}
    if cost := _COST.search(tail):
        keys |= {"Startup Cost": float(cost[1]), "Total Cost": float(cost[2])}
    if rows := _COST_ROWS.search(tail.partition("(actual")[0]):
        keys["Plan Rows"] = number(rows[1])
        if rows[2]:
            keys["Plan Width"] = number(rows[2])
    if "never executed" in tail:
        keys |= {"Actual Rows": 0, "Actual Loops": 0}
    return keys | actual(tail)


def _finish(node: dict[str, Any]) -> None:
    """An Aggregate has one Group Key, or grouping sets."""
    sets = node.get("Grouping Sets")
    if sets is not None and len(sets) == 1 and "Group Key" in sets[0]:
        del node["Grouping Sets"]
        node["Group Key"] = sets[0]["Group Key"]
