"""Explain output in a text: between prompts and prose, in fences, several in one input."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from dbtune.errors import UsageError
from dbtune.mongo.shelltext import SyntaxProblem, read_value

MOST_CHARACTERS = 64_000_000
"""A larger input is no explain output."""

_MARK = re.compile(
    r"""["']?\b(?:queryPlanner|winningPlan|executionStats|execStats|explainVersion|mongosPlannerVersion|splitPipeline)["']?\s*:"""
)
_START = re.compile(r"[{\[]")
_FURTHEST = 1_000_000
"""Characters before a mark in which its document may begin."""


class Found(NamedTuple):
    """A document of explain output.

    Attributes:
        document: the document.
        line: line of the text where it starts, from 1.
        cut: something of it was left out, or the text ended too soon.
    """

    document: Mapping[str, Any]
    line: int
    cut: bool


def looks_like(head: str) -> bool:
    """Whether a text, of which this is the beginning, holds MongoDB's explain output."""
    return bool(_MARK.search(head))


def find_documents(text: str) -> Iterator[Found]:
    """All documents of explain output in a text, in their order.

    Raises:
        UsageError: something looks like one and can't be read; line and column are told.
    """
    at = 0
    while mark := _MARK.search(text, at):
        start = _start(text, at, mark.start())
        if start is None:  # copied without the outer braces, or a word of the prose
            at = mark.end()
            continue
        try:
            value, end, cut = read_value(text, start, lenient=True)
        except SyntaxProblem as problem:
            line, column = _place(text, problem.offset)
            raise UsageError(f"line {line}, column {column}: expected {problem.expected}") from None
        line = _place(text, start)[0]
        yield from (Found(one, line, cut) for one in _explained(value))
        at = max(end, start + 1)


def _start(text: str, at: int, mark: int) -> int | None:
    """Where the document begins that a mark is in: the first that can be read beyond the mark."""
    at = max(at, mark - _FURTHEST)
    while found := _START.search(text, at, mark):
        start = found.start()
        try:
            _, end, _ = read_value(text, start, lenient=True)
        except SyntaxProblem as problem:
            if problem.offset > mark:
                return start
            at = start + 1
            continue
        if end > mark:
            return start
        at = end
    return None


def _place(text: str, offset: int) -> tuple[int, int]:
    return text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)


def _explained(value: Any, depth: int = 0) -> Iterator[Mapping[str, Any]]:
    if depth > 3:
        return
    if isinstance(value, list):
        for one in value:
            yield from _explained(one, depth + 1)
    elif isinstance(value, Mapping):
        if is_explain(value):
            yield value
        else:  # wrapped: {"result": {...}}
            for one in value.values():
                yield from _explained(one, depth + 1)


def is_explain(document: Mapping[str, Any]) -> bool:
    """Whether a document is explain output, or an operation that the profiler explained."""
    if any(isinstance(document.get(key), Mapping) for key in ("queryPlanner", "execStats")):
        return True
    if isinstance(document.get("shards"), Mapping):
        return any(
            isinstance(one, Mapping) and is_explain(one) for one in document["shards"].values()
        )
    stages = document.get("stages")
    if isinstance(stages, list) and stages and isinstance(stages[0], Mapping):
        return any(str(key).startswith("$") for key in stages[0])
    return isinstance(document.get("executionStats"), Mapping)
