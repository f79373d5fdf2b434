"""FORMAT YAML: the part of YAML that explain.c writes, and plain and single-quoted scalars.

explain.c quotes every string as JSON does and indents by two spaces, which this reads line by line
in a tenth of the time of a YAML library, up to where a text ends too early, and with duplicate
keys. What other programs make of a plan (folded strings, flow mappings) is left to PyYAML.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from dbtune.postgres.plans.keys import put, scalar
from dbtune.postgres.plans.lines import Line, OpenString, PlanSyntaxError, edge_of, padding

_ITEM = re.compile(r"( *)((?:- +)*(?:-$)?)(.*)", re.DOTALL)
_PAIR = re.compile(r'("(?:[^"\\]|\\.)*"|[^\s"\'\[\]{}#,&*!|>%@`-][^:#]*?):(?: +(.*))?')


def decode(lines: Sequence[Line]) -> tuple[Any, int, bool]:
    """The document that starts at the first line, how many lines it has, and whether it is cut.

    Raises:
        PlanSyntaxError: it is not YAML.
    """
    items = _items(lines)
    reader = _Reader(items)
    try:
        value = reader.block(items[0].indent)
    except PlanSyntaxError as error:
        whole = _by_library(lines)
        if whole is None:
            raise error from None
        return whole, len(lines), False
    except RecursionError:
        raise PlanSyntaxError(lines[0].number, 1, "expected fewer levels of nesting") from None
    count = items[reader.index].source if reader.index < len(items) else len(lines)
    return value, count, reader.truncated


_FIRST = ("Query Text", "Plan")
_STRING = re.compile(r'\s*(?:- +)*(?:[^":]+: *)?"')
_MOST_WRAPPED = 100
_WHOLE = re.compile(r'\s*(?:- +)*(?:"|[^\s"][^:]*:(?: .*)?|-) *', re.DOTALL)


class _Item:
    """One line: its indentation, how it begins (dashes count as indentation), what it says."""

    __slots__ = ("column", "dashes", "indent", "line", "source", "text")

    def __init__(self, line: Line, source: int) -> None:
        found = _ITEM.fullmatch(line.text.expandtabs(8).rstrip())
        assert found is not None
        self.line, self.source = line, source
        self.indent, self.dashes, self.text = len(found[1]), found[2], found[3]
        self.column = self.indent + len(self.dashes)


def _items(lines: Sequence[Line]) -> list[_Item]:
    """The lines that say something, put together where a terminal broke them inside a string."""
    edge = edge_of(lines)
    wrapped = bool(lines[0].edge) or sum(padding(line, edge) == "" for line in lines) > 1
    items: list[_Item] = []
    index = 0
    while index < len(lines):
        line, source = lines[index], index
        index += 1
        if _STRING.match(line.text):
            string = OpenString()
            text = line.text
            mark = string.glue(text, padding(line, edge))
            while string.open and index < len(lines) and index - source < _MOST_WRAPPED:
                text += mark + lines[index].text
                mark = string.glue(lines[index].text, padding(lines[index], edge))
                index += 1
            if string.open:
                index = source + 1
            else:
                line = line._replace(text=text)
        elif line.text.strip():
            while (
                wrapped
                and index < len(lines)
                and _is_broken(line, lines[index - 1], lines[index], edge)
            ):
                pad = padding(lines[index - 1], edge) or ""
                line = line._replace(text=line.text + pad + lines[index].text)
                index += 1
        if line.text.strip():
            items.append(_Item(line, source))
    return items


def _is_broken(line: Line, last: Line, following: Line, edge: int) -> bool:
    """Whether a terminal broke a number or a key at its edge."""
    pad = padding(last, edge)
    if pad is None or len(pad) > 1 or not following.text.strip():
        return False
    if following.indent > 2:
        return False
    return not _WHOLE.fullmatch(line.text) or not _WHOLE.fullmatch(following.text)


class _Reader:
    def __init__(self, items: list[_Item]) -> None:
        self.items = items
        self.index = 0
        self.truncated = False

    def block(self, indent: int) -> Any:
        """The list or mapping whose lines start at a column."""
        if self.items[self.index].dashes:
            return self.sequence(indent)
        return self.mapping(indent)

    def sequence(self, indent: int) -> list[Any]:
        values: list[Any] = []
        while (item := self.peek()) and item.indent == indent and item.dashes:
            dash = len(item.dashes) - len(item.dashes[1:].lstrip())
            item.indent += dash
            item.dashes = item.dashes[1:].lstrip()
            if item.dashes or _PAIR.fullmatch(item.text):
                values.append(self.block(item.indent))
            else:
                self.index += 1
                values.append(self.scalar(item, item.text))
        return values

    def mapping(self, indent: int) -> dict[str, Any]:
        values: dict[str, Any] = {}
        while (item := self.peek()) and item.indent == indent and not item.dashes:
            pair = _PAIR.fullmatch(item.text)
            if pair is None:
                if indent == self.items[0].indent:
                    break  # what follows the document
                if self.index + 1 < len(self.items):
                    raise self.error(item, "expected a key and a colon")
                self.index += 1
                self.truncated = True
                break
            key = pair[1]
            key = json.loads(key) if key.startswith('"') else key
            if key in _FIRST and key in values and indent == self.items[0].indent:
                break  # auto_explain's next plan
            self.index += 1
            rest = (pair[2] or "").strip()
            value = self.scalar(item, rest) if rest else self.nested(indent)
            put(values, key, value)
        return values

    def nested(self, indent: int) -> Any:
        item = self.peek()
        if item is None or item.indent < indent or (item.indent == indent and not item.dashes):
            return None
        column = item.indent
        values = self.block(column)
        following = self.peek()
        if isinstance(values, list) and following and following.indent == column > indent:
            # MERGE has its Tuples among the Target Tables.
            values.append(self.mapping(column))
        return values

    def scalar(self, item: _Item, text: str) -> Any:
        first = text[:1]
        if first in ('"', "["):
            try:
                return json.JSONDecoder(strict=False).decode(text)
            except (json.JSONDecodeError, RecursionError):
                if self.index == len(self.items):
                    self.truncated = True
                    return None
                raise self.error(item, "expected the end of a quoted text") from None
        if first == "'":
            if len(text) > 1 and text.endswith("'"):
                return text[1:-1].replace("''", "'")
            raise self.error(item, "expected the end of a quoted text")
        if first in ("|", ">", "{", "&", "*", "!", "%", "@", "`"):
            raise self.error(item, "expected a plain or quoted value")
        return scalar(text)

    def peek(self) -> _Item | None:
        return self.items[self.index] if self.index < len(self.items) else None

    def error(self, item: _Item, expected: str) -> PlanSyntaxError:
        return PlanSyntaxError(item.line.number, item.line.column + item.column + 1, expected)


def _by_library(lines: Sequence[Line]) -> Any:
    """What PyYAML reads, or ``None``. Anchors are refused: they can grow without bounds."""
    import yaml

    text = "\n".join(line.text for line in lines)
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        if any(isinstance(token, yaml.AliasToken) for token in yaml.scan(text, loader)):
            return None
        return yaml.load(text, loader)  # noqa: S506 -- either of them is a safe loader
    except (yaml.YAMLError, ValueError, RecursionError):
        return None
