"""Reading plans out of whatever they were pasted in.

A text is searched for plans in any format, several of them if there are; what stands around them
is passed over. What looks like a plan and is none is an error with line and column.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from dbtune.postgres.plans import jsonplan, xmlplan, yamlplan
from dbtune.postgres.plans.lines import (
    Joined,
    Line,
    OpenString,
    PlanSyntaxError,
    edge_of,
    number_lines,
    padding,
)
from dbtune.postgres.plans.textplan import Document, read_text, wrapped_warning
from dbtune.postgres.plans.wrapped import root_at

_JSON = re.compile(r'\s*(?:[\[{]|"Plan":)')
_JSON_INSIDE = re.compile(
    r"""["'](?:Plan|Node Type|Query Text|QUERY PLAN)["']\s*:"""
    r"""|^\s*\[+\s*\(?['"].*\((?:cost=|actual )"""
)
_XML = re.compile(r"<(explain(?=\s|>|$)|Query(?=>)|Plan(?=>))[^<]*(?:>|$)")
_YAML = re.compile(r"\s*(?:- +)?(?:Plan|Query Text|Node Type): *(?:\"(?:[^\"\\]|\\.)*\"?)? *$")
_YAML_INSIDE = re.compile(r"\s*(?:- +)?Node Type: ")
_QUERY = re.compile(r"\s*Query Text: (.*)")
_PARAMETERS = re.compile(r"\s*Query Parameters: (\$\d+ = .*)")
_NEAR = 30
_NEAR_EDGE = 3
_DEEP = 50


class Found:
    """A plan in some format: its raw keys, the format, and the line where it starts."""

    def __init__(self, document: Document, format_: str, line: int) -> None:
        self.document = document
        self.format = format_
        self.line = line


def find_plans(lines: Sequence[Line]) -> Iterator[Found]:
    """Plans in cleaned and unframed lines, in the order in which they stand.

    Raises:
        PlanSyntaxError: something looks like a plan and cannot be read.
    """
    index = start = 0
    while index < len(lines):
        found, length = _plan_at(lines, index, start)
        yield from found
        index += max(1, length)
        if length:
            start = index


def find_plan(lines: Sequence[Line]) -> Iterator[Found]:
    """The only plan of a log's entry. A statement may have in it what looks like a plan.

    Raises:
        PlanSyntaxError: it cannot be read.
    """
    if not lines or not _QUERY.match(lines[0].text) or _YAML.match(lines[0].text):
        yield from islice(find_plans(lines), 1)
        return
    roots = [at for at, line in enumerate(lines) if "(cost=" in line.text and root_at(lines, at)]
    for root in roots:
        document = read_text(lines[root:])
        if document.end == len(lines) - root or root == roots[-1]:
            document.raw = _query(lines[:root]) | document.raw
            yield Found(document, "text", lines[root].number)
            return


def _plan_at(lines: Sequence[Line], index: int, start: int) -> tuple[list[Found], int]:
    """The plans that start at a line and how many lines they take; no lines if none does."""
    text = lines[index].text
    near = lines[index : index + _NEAR]
    if _JSON.match(text) and any(_JSON_INSIDE.search(line.text) for line in near):
        return _json(lines[index:])
    if "<" in text and (tag := _XML.search(text)):
        return _xml(lines[index:], tag)
    if _YAML.match(text) and _is_yaml(near):
        return _yaml(lines[index:])
    if root_at(lines, index):
        document = read_text(lines[index:])
        document.raw = _query(lines[start:index]) | document.raw
        return [Found(document, "text", lines[index].number)], document.end
    return [], 0


def _is_yaml(near: Sequence[Line]) -> bool:
    return any(_YAML_INSIDE.match(line.text) for line in near)


def _query(lines: Sequence[Line]) -> dict[str, str]:
    """The statement, and its parameters, that auto_explain prints before a plan in text format."""
    keys: dict[str, str] = {}
    end = len(lines)
    for key, mark in (("Query Parameters", _PARAMETERS), ("Query Text", _QUERY)):
        for at in reversed(range(end)):
            if found := mark.match(lines[at].text):
                keys[key] = "\n".join([found[1], *(line.text for line in lines[at + 1 : end])])
                end = at
                break
    return {key: text.rstrip() for key, text in keys.items()} if "Query Text" in keys else {}


def _json(lines: Sequence[Line]) -> tuple[list[Found], int]:
    joined = Joined(lines, OpenString().glue)
    text = joined.text
    bare = text.lstrip().startswith('"')
    offset = len(text) - len(text.lstrip())
    if bare:  # copied without the outer brackets
        text = text[:offset] + "{" + text[offset:]
    try:
        value, end, truncated = jsonplan.decode(text, offset)
    except jsonplan.JsonError as error:
        raise joined.error(error.offset - bare, error.expected) from None
    documents = list(_documents(value, 0))
    found = [_found(one, "json", lines[0].number, truncated) for one in documents]
    if truncated and found and bare and text.rstrip().endswith(("}", "},")):
        found[-1].document.truncated = False
    if truncated and not found:
        raise joined.error(len(text), "expected a plan before the end of the text")
    return found, joined.index(max(0, end - 1)) + 1


class _GlueXml:
    """What stands between lines of XML.

    A tag has no line break; one in a text is the text's own, unless a terminal made it. A terminal
    breaks all long lines at its edge; a statement has but one that is the longest.
    """

    def __init__(self, lines: Sequence[Line]) -> None:
        edge = edge_of(lines)
        pads = [(padding(line, edge), line.text) for line in lines if not line.text.endswith(">")]
        near = [text for pad, text in pads if pad is not None and len(pad) < _NEAR_EDGE]
        own = "<Query-Text>" in "".join(near) or "<" not in "".join(near) or not lines[0].edge
        self.by_terminal = len(near) > 1 or (len(near) == 1 and not own)
        self.guessed_width = edge if near and lines[0].edge else 0

    def __call__(self, text: str, pad: str | None) -> str:
        if text.rfind("<") > text.rfind(">"):
            return pad or ""
        near_edge = pad is not None and len(pad) < _NEAR_EDGE
        return pad or "" if self.by_terminal and near_edge else "\n"


def _xml(lines: Sequence[Line], tag: re.Match[str]) -> tuple[list[Found], int]:
    first = lines[0].cut(tag.start())
    closing = f"</{tag[1]}>"
    length = len(lines)
    for at, line in enumerate(lines):
        if closing in line.text:
            length = at + 1
            break
    block = [first, *lines[1:length]]
    last = block[-1]
    if closing in last.text:
        block[-1] = last.cut(0, last.text.index(closing) + len(closing))
    glue = _GlueXml(block)
    joined = Joined(block, glue)
    try:
        value, truncated = xmlplan.decode(joined.text)
    except xmlplan.XmlError as error:
        line = block[min(error.line, len(block)) - 1]
        raise PlanSyntaxError(line.number, line.column + error.column + 1, error.expected) from None
    if tag[1] == "Plan":
        value = {"Plan": value}
    found = [_found(one, "xml", first.number, truncated) for one in _documents(value, 0)]
    if not found:
        raise PlanSyntaxError(last.number, len(last.text) + 1, "expected a <Plan>")
    if glue.guessed_width:
        found[0].document.warnings.append(wrapped_warning(glue.guessed_width))
    return found, length


def _yaml(lines: Sequence[Line]) -> tuple[list[Found], int]:
    value, length, truncated = yamlplan.decode(lines)
    found = [_found(one, "yaml", lines[0].number, truncated) for one in _documents(value, 0)]
    return found, length


def _found(raw: Mapping[str, Any], format_: str, line: int, truncated: bool) -> Found:
    inner = raw.get("")  # a text plan that stood in a JSON string
    if isinstance(inner, Found):
        return Found(inner.document, inner.format, line)
    return Found(Document(dict(raw), truncated), format_, line)


def _documents(value: object, depth: int) -> Iterator[Mapping[str, Any]]:
    """What in a decoded value is a statement's plan: a mapping with a Plan that has a Node Type."""
    if depth > _DEEP:
        return
    if isinstance(value, Mapping):
        plan = value.get("Plan")
        if isinstance(plan, Mapping) and "Node Type" in plan:
            yield value
        elif "Node Type" in value:
            yield {"Plan": value}
        else:
            for inner in value.values():
                yield from _documents(inner, depth + 1)
    elif isinstance(value, list):
        rows = [_only_text(one) for one in value]
        if rows and all(row is not None for row in rows):
            yield from _inside("\n".join(row or "" for row in rows))
        else:
            for inner in value:
                yield from _documents(inner, depth + 1)
    elif isinstance(value, str) and ("Node Type" in value or "cost=" in value):
        yield from _inside(value)


def _only_text(row: object) -> str | None:
    """The text of a table's only column, as drivers and tools return rows."""
    if isinstance(row, Mapping) and len(row) == 1:
        row = next(iter(row.values()))
    elif isinstance(row, list | tuple) and len(row) == 1:
        row = row[0]
    return row if isinstance(row, str) else None


def _inside(text: str) -> Iterator[Mapping[str, Any]]:
    for found in find_plans(list(number_lines(text.split("\n")))):
        yield {"": found}
