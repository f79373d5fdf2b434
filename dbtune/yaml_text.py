"""YAML in which every scalar is text, with the line of each key, and errors that quote nothing."""

from __future__ import annotations

import re
from typing import Any

import yaml

from dbtune.errors import UsageError
from dbtune.text import plain

_MOST_NODES = 10_000
_DEEPEST = 10
_QUOTING = "; quote a value that begins with one of * & ! @ % ` or holds ': ' or ' #'"


class _TextLoader(yaml.SafeLoader):
    """No implicit types: ``0123``, ``no`` and ``2026-01-01`` stay texts. ``<<`` works."""


_TextLoader.yaml_implicit_resolvers = {
    "<": [("tag:yaml.org,2002:merge", re.compile(r"<<"))],
}


def read(text: str, name: str) -> tuple[Any, dict[tuple[str, ...], int]]:
    """Data made of dict, list and str, and the line of each key by its path.

    Args:
        text: YAML.
        name: the file's name, for messages.

    Raises:
        UsageError: it is not YAML, has a key twice, or is unreasonably large or deep.
    """
    lines: dict[tuple[str, ...], int] = {}
    try:
        loader = _TextLoader(text)
        try:
            node = loader.get_single_node()
            if node is None:
                return None, lines
            _walk(node, (), lines, name, [0])
            return _as_text(loader.construct_document(node)), lines
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        # What it quotes may be a piece of a password, say one that begins with * or !.
        problem = plain(error.problem or "not valid YAML")
        shown = re.sub(r"'([^']*)'", _sign_or_nothing, problem)
        raise UsageError(f"{name}{where}: {shown}{_hint(problem)}") from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise UsageError(
            f"{name}, line {line}: it holds a control character, which YAML forbids"
        ) from None
    except (yaml.YAMLError, ValueError, RecursionError):
        raise UsageError(f"{name} is not valid YAML") from None


def _sign_or_nothing(match: re.Match[str]) -> str:
    return match[0] if len(match[1]) < 2 or match[1] == r"\t" else "'…'"


def _hint(problem: str) -> str:
    if r"'\t'" in problem:
        return "; indent with spaces, not tabs"
    return _QUOTING if re.search(r"alias|tag|cannot start|not allowed here", problem) else ""


def _walk(
    node: yaml.Node,
    where: tuple[str, ...],
    lines: dict[tuple[str, ...], int],
    name: str,
    visited: list[int],
) -> None:
    """Note the line of each key; refuse what is in there twice, and bombs made of aliases."""
    visited[0] += 1
    if len(where) > _DEEPEST or visited[0] > _MOST_NODES:
        raise UsageError(f"{name}, line {node.start_mark.line + 1}: too much or too deeply nested")
    if isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            _walk(item, (*where, str(index)), lines, name, visited)
    if not isinstance(node, yaml.MappingNode):
        return
    for key, value in node.value:
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode):
            raise UsageError(f"{name}, line {line}: a key must be a text")
        here = (*where, key.value)
        if here in lines:
            raise UsageError(
                f"{name}, line {line}: {plain(key.value)!r} stands here twice "
                f"(first in line {lines[here]})"
            )
        lines[here] = line
        _walk(value, here, lines, name, visited)


def _as_text(data: Any) -> Any:
    """What an explicit tag made of a value, such as ``!!int``, becomes text again."""
    if isinstance(data, dict):
        return {str(key): _as_text(value) for key, value in data.items()}
    if isinstance(data, list | tuple | set):
        return [_as_text(item) for item in data]
    return "" if data is None else str(data)
