"""The text format: lines become the same keys and nesting that FORMAT JSON has.

The tree is read from the columns of the arrows, never from an assumed width of indentation, so
that tabs and changed indentation do no harm. Lines that a terminal or a mail program wrapped are
put together again: a line goes on while a quote or a parenthesis is open.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from dbtune.postgres.plans.keys import DOCUMENT, number
from dbtune.postgres.plans.lines import Line, PlanSyntaxError
from dbtune.postgres.plans.names import is_node_name, parse_name
from dbtune.postgres.plans.properties import (
    actual,
    parse_property,
    parse_target_table,
    parse_trigger,
)
from dbtune.postgres.plans.tree import Placed, grow

_QUOTED = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"")
_ARROW = re.compile(r"(\s*)->\s*(?=[A-Z?\"])")
_PROPERTY = re.compile(r"\s*([A-Z][\w/ .,()-]*?):(?:\s+(.*)|$)", re.DOTALL)
_LABEL = re.compile(r"\s*((?:InitPlan|SubPlan|CTE) \S.*)")
_TAIL = re.compile(
    r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|(\s*\((?:cost=|actual |never executed).*)", re.S
)
_COST = re.compile(r"cost=(\d+\.\d+)\.\.(\d+\.\d+)")
_COST_ROWS = re.compile(r"\.\.[\d.]+\s*rows=(\d+)(?:\s*width=(\d+))?")
_COMPLETE = re.compile(
    r"\s*(?:\(cost=[\d.]+\s*rows=\d+\s*width=\d+\))?"
    r"\s*(?:\(never executed\)|\(actual (?:time=[\d.]+ )?rows=[\d.]+ loops=\d+\))?\s*"
)
_WORKER = re.compile(r"Worker (\d+)")
_FOOTER = re.compile(r"\s*(?:[(（]\s*\d+\D{1,30}[)）]|[-=+|─═~`_*]{3,})\s*")
_UNFINISHED = re.compile(r"(?:,|\bAND|\bOR|\bon|\busing|=)$")
_LOOK_AHEAD = 400
"""Lines that a literal with line breaks may go on for."""

_LAST = ("Execution Time", "Execution time", "Total runtime", "Total Runtime")


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


def root_at(lines: Sequence[Line], index: int) -> bool:
    """Whether the first line of a plan stands here.

    In the first row of a table, a bare node name is enough. Elsewhere what follows has to look like
    a plan as well, since ``Limit`` and ``Result`` are words, too.
    """
    text = lines[index].text.strip()
    if not text or _ARROW.match(text) or not (text[0].isupper() or text[0] == "?"):
        return False
    name, tail = _split_tail(text)
    if tail:
        return ("cost=" in tail and not _PROPERTY.match(text)) or is_node_name(name)
    if not is_node_name(name):
        return False
    if lines[index].first_row:
        return True
    rest = range(index + 1, min(index + 20, len(lines)))
    following = next((lines[at] for at in rest if lines[at].text.strip()), None)
    if following is None:
        return index == 0
    return bool(_ARROW.match(following.text)) or (
        following.indent > lines[index].indent and _PROPERTY.match(following.text) is not None
    )


def read_text(lines: Sequence[Line]) -> Document:
    """Read the plan whose first line is the first of these lines.

    Raises:
        PlanSyntaxError: that line is no plan node.
    """
    reader = _Reader(lines)
    return reader.read()


class _Reader:
    def __init__(self, lines: Sequence[Line]) -> None:
        self.lines = lines
        self.root_indent = lines[0].indent
        self.width = max(len(line.text) for line in lines)
        self.wraps = sum(len(line.text) == self.width for line in lines) > 1
        self.document = Document({})
        self.placed: list[Placed] = []
        self.groups: list[tuple[int, dict[str, Any]]] = []
        self.inner: int | None = None

    def read(self) -> Document:
        line = self.lines[0]
        for line, unclosed in self._logical_lines():
            self.document.truncated = unclosed
            if self._take(line):
                break
        for one in self.placed:
            _finish(one.node)
        plan, problem = grow(self.placed)
        self.document.raw["Plan"] = plan
        if problem:
            self.document.warnings.append(problem)
        return self.document

    # --- putting wrapped lines together ----------------------------------------------------------

    def _logical_lines(self) -> Iterator[tuple[Line, bool]]:
        """Lines with what they go on with, and whether the input ended inside one."""
        index, lines = 0, self.lines
        while index < len(lines):
            line, start = lines[index], index
            text, index, unclosed = self._closed(line.text, index + 1)
            while not unclosed and index < len(lines) and self._goes_on(index, text, start):
                text = self._glue(text, lines[index - 1], lines[index])
                text, index, unclosed = self._closed(text, index + 1)
            yield line._replace(text=text), unclosed and index >= len(lines)
            index = self._skip_blank(index)
            self.document.end = index
            if index < len(lines) and not self._belongs(index):
                return

    def _closed(self, text: str, index: int) -> tuple[str, int, bool]:
        """Go on until quotes and parentheses are closed; if they never are, the line was whole."""
        state = _open(text)
        if not state:
            return text.rstrip(), index, False
        joined = text
        for ahead in range(index, min(index + _LOOK_AHEAD, len(self.lines))):
            line = self.lines[ahead]
            if state == "(" and (_ARROW.match(line.text) or _FOOTER.fullmatch(line.text)):
                return text, index, False
            joined = self._glue(joined, self.lines[ahead - 1], line, quoted=state != "(")
            state = _open(joined)
            if not state:
                return joined.rstrip(), ahead + 1, False
        rest_is_wrapped = state == "(" and all(
            not self._starts(line) for line in self.lines[index:] if line.text.strip()
        )
        if rest_is_wrapped:
            return joined, len(self.lines), True
        return text, index, True

    def _glue(self, text: str, line: Line, following: Line, *, quoted: bool = False) -> str:
        """Two lines as one: a line break in a literal stays one, a wrapped line leaves no trace."""
        full = len(line.text) == self.width
        if quoted:
            margin = " " * self.root_indent
            return (
                text + ("" if full and self.wraps else "\n") + following.text.removeprefix(margin)
            )
        word = following.text.strip()
        at_space = text.endswith((",", ")")) or word.startswith(("(", "rows=", "width=", "loops="))
        if full and (self.wraps or not at_space):
            return text + following.text.rstrip()
        return f"{text} {word}"

    def _goes_on(self, index: int, text: str, start: int) -> bool:
        """Whether the line at an index goes on with a whole-looking line before it."""
        line = self.lines[index]
        word = line.text.strip()
        if not word or self._starts(line) or _FOOTER.fullmatch(line.text):
            return False
        if start and _ARROW.match(text) is None and root_at(self.lines, index):
            return False
        if line.indent > self.root_indent or word.startswith(("(cost=", "(actual ", "(never ")):
            return True
        filled = self.wraps and len(self.lines[index - 1].text) == self.width >= 40
        return filled or _UNFINISHED.search(text) is not None

    def _starts(self, line: Line) -> bool:
        """Whether a line begins something that can be recognised."""
        text = line.text
        return bool(
            _ARROW.match(text)
            or _PROPERTY.match(text)
            or _LABEL.match(text)
            or parse_target_table(text.strip())
        )

    def _skip_blank(self, index: int) -> int:
        while index < len(self.lines) and not self.lines[index].text.strip():
            index += 1
        return index

    def _belongs(self, index: int) -> bool:
        """Whether the plan goes on after a whole line."""
        line = self.lines[index]
        if _FOOTER.fullmatch(line.text) or not self._starts(line):
            return False
        if _ARROW.match(line.text) or line.indent > self.root_indent:
            return True
        found = _PROPERTY.match(line.text)
        after_blank = not self.lines[index - 1].text.strip()
        known = found is not None and (
            found[1] in DOCUMENT or found[1].startswith("Trigger") or not after_blank
        )
        return known or _LABEL.match(line.text) is not None

    # --- taking lines apart ----------------------------------------------------------------------

    def _take(self, line: Line) -> bool:
        """Add a line to the document; true if nothing can follow."""
        indent, text = line.indent, line.text.strip()
        arrow = _ARROW.match(line.text)
        if arrow or not self.placed:
            self._take_node(line, text[len(arrow[0].strip()) :].strip() if arrow else text)
            return False
        found = _PROPERTY.fullmatch(text)
        if found is None:
            if label := _LABEL.fullmatch(text):
                self.placed.append(Placed(indent, {}, label=label[1]))
            elif target := parse_target_table(text):
                self._node().setdefault("Target Tables", []).append(target)
                self.groups = [(indent, target)]
            return False
        key, value = found[1], found[2] or ""
        if self._is_document_key(key, indent):
            return self._take_document(key, value, text, indent)
        if self.inner is None:
            self.inner = indent
        self._take_property(key, value, indent)
        return False

    def _take_node(self, line: Line, text: str) -> None:
        name, tail = _split_tail(text)
        node = parse_name(name)
        if tail:
            node |= _tail_keys(tail)
            self.document.truncated |= _COMPLETE.fullmatch(tail) is None
        if not name:
            raise PlanSyntaxError(line.number, line.column + 1, "expected the name of a plan node")
        if self.inner is None and self.placed:
            self.inner = line.indent
        self.placed.append(Placed(line.indent, node))
        self.groups = []

    def _node(self) -> dict[str, Any]:
        return self.placed[-1].node

    def _is_document_key(self, key: str, indent: int) -> bool:
        known = key in DOCUMENT or key.startswith("Trigger")
        nested = self.groups and indent > self.groups[-1][0]
        if known and (key != "JIT" or not nested):
            # With all indentation lost, the inner lines stand where the outermost do.
            return self.inner is None or indent < self.inner or self.inner <= self.root_indent
        return indent <= self.root_indent and self.inner != indent and not nested

    def _take_document(self, key: str, value: str, text: str, indent: int) -> bool:
        raw = self.document.raw
        if trigger := parse_trigger(text):
            raw.setdefault("Triggers", []).append(trigger)
        elif value or key in _LAST:
            raw.update(parse_property("", key, value))
            if isinstance(raw.get(key), dict):
                self.groups = [(indent, raw[key])]
        else:
            self.groups = [(indent, raw.setdefault(key, {}))]
        return key in _LAST

    def _take_property(self, key: str, value: str, indent: int) -> None:
        while self.groups and indent <= self.groups[-1][0]:
            self.groups.pop()
        target = self.groups[-1][1] if self.groups else self._node()
        if worker := _WORKER.fullmatch(key):
            self._take_worker(int(worker[1]), value, indent)
        elif not value and key not in ("Output",):
            self.groups.append((indent, target.setdefault(key, {})))
        elif key in ("Group Key", "Hash Key", "Sort Key") and self._is_aggregate():
            sets = self._node().setdefault("Grouping Sets", [])
            sets.append(parse_property("", key, value))
        else:
            for name, found in parse_property(
                self._node().get("Node Type", ""), key, value
            ).items():
                target.setdefault(name, found)

    def _is_aggregate(self) -> bool:
        return self._node().get("Node Type") in ("Aggregate", "Group")

    def _take_worker(self, number_: int, value: str, indent: int) -> None:
        workers = self._node().setdefault("Workers", [])
        worker = next((one for one in workers if one["Worker Number"] == number_), None)
        if worker is None:
            worker = {"Worker Number": number_}
            workers.append(worker)
        self.groups = [(indent, worker)]
        if value.startswith("actual "):
            worker |= actual(value)
        elif found := _PROPERTY.fullmatch(value):
            self._take_property(found[1], found[2] or "", indent + 1)


def _open(text: str) -> str:
    """The quote or parenthesis that a text leaves open, or ""."""
    rest = _QUOTED.sub("", text) if "'" in text or '"' in text else text
    for quote in ("'", '"'):
        if quote in rest:
            return quote
    return "(" if rest.count("(") > rest.count(")") else ""


def _split_tail(text: str) -> tuple[str, str]:
    """The name of a node and its costs and times, parentheses in quoted names notwithstanding."""
    for found in _TAIL.finditer(text):
        if found[1]:
            return text[: found.start()].rstrip(), found[1].strip()
    return text.rstrip(), ""


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
