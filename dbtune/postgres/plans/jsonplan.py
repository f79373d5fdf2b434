"""FORMAT JSON, as the server prints it, and as programs and people pass it on.

PostgreSQL 12 prints two keys "Workers" in one node, which JSON parsers silently reduce to the
last: they are merged. A text that ends too early is closed after its last whole value.
"""

from __future__ import annotations

import ast
import json
import re
from typing import Any

from dbtune.postgres.plans.keys import put

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{},:]|[^\s\[\]{},:"]+', re.DOTALL)
_KEYS_IN_LIST = re.compile(r'\},\s(\s*(?:"[\w ]+": *[\w.]+,?\s*)+)(\]|$)')
_CLOSER = {"{": "}", "[": "]"}
_DEEP = "expected fewer levels of nesting"


class JsonError(Exception):
    """Text that is not JSON.

    Attributes:
        offset: where in the text.
        expected: what should have stood there.
    """

    def __init__(self, offset: int, expected: str) -> None:
        super().__init__(expected)
        self.offset = offset
        self.expected = expected


def decode(text: str, start: int = 0) -> tuple[Any, int, bool]:
    """The JSON value that starts at an offset, where it ends, and whether the text was too short.

    Raises:
        JsonError: it is no JSON.
    """
    try:
        value, end = _DECODER.raw_decode(text, start)
    except json.JSONDecodeError as error:
        return _decode_part(text, start, error)
    except RecursionError:
        raise JsonError(start, _DEEP) from None
    return value, end, False


def _decode_part(text: str, start: int, error: json.JSONDecodeError) -> tuple[Any, int, bool]:
    literal = _python_literal(text[start:])
    if literal is not None:
        return literal, len(text), False
    if (mended := _without_keys_in_list(text, error.pos)) is not None:
        return decode(mended, start)
    closed = _close(text, start)
    if closed is None:
        raise JsonError(error.pos, _expected(error.msg))
    try:
        return _DECODER.decode(closed), len(text), True
    except json.JSONDecodeError as broken:
        # Before the end there is something else that is wrong.
        raise JsonError(min(start + broken.pos, error.pos), _expected(broken.msg)) from None
    except RecursionError:
        raise JsonError(start, _DEEP) from None


def _without_keys_in_list(text: str, offset: int) -> str | None:
    """The text with its list ended earlier, if there is a key in it at an offset; else ``None``.

    So PostgreSQL 15 to 18 print MERGE on a partitioned table: its Tuples are among the elements of
    Target Tables. The length of the text stays.
    """
    if text[offset : offset + 1] != ":":
        return None
    found = _KEYS_IN_LIST.search(text, text.rfind("}", 0, offset))
    if found is None or not found.start() < offset < found.end():
        return None
    keys = found[1] + (" " if found[2] else "")
    return f"{text[: found.start()]}}}],{keys}{text[found.end() :]}"


def _expected(message: str) -> str:
    message = message[:1].lower() + message[1:]
    return message if message.startswith("expecting") else f"expected JSON: {message}"


def _close(text: str, start: int) -> str | None:
    """A JSON text that ends too early, cut after its last whole value and closed.

    ``None`` if it does not end too early: its brackets are closed, or do not match.
    """
    open_: list[str] = []
    safe: tuple[int, str] | None = None
    position, is_key = start, False
    for found in _TOKEN.finditer(text, start):
        if text[position : found.start()].strip():
            break  # an open quote
        position, part = found.end(), found[0]
        if part in _CLOSER:
            open_.append(part)
            is_key = part == "{"
        elif part in ("}", "]"):
            if not open_ or _CLOSER[open_.pop()] != part:
                return None
            if not open_:
                return None
            is_key = False
        elif part == ",":
            is_key = open_[-1:] == ["{"]
            continue
        elif part == ":":
            is_key = False
            continue
        elif not open_:
            return None
        elif is_key:
            continue
        elif part[0] != '"' and position == len(text):
            break  # a number or word whose end may be missing
        safe = position, "".join(_CLOSER[one] for one in reversed(open_))
    else:
        if text[position:].strip()[:1] not in ("", '"'):
            return None
    if safe is None:
        return None
    return text[start : safe[0]] + safe[1]


def _python_literal(text: str) -> Any:
    """What Python prints for a plan that a driver has decoded, or ``None``."""
    if not re.match(r"[\[{]\s*(?:[\[{]?\s*'|\(['\"])", text) or len(text) > 5_000_000:
        return None
    try:
        return ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    mapping: dict[str, Any] = {}
    for key, value in pairs:
        put(mapping, key, value)
    return mapping


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) < 300 else float("inf")  # int() refuses 4300 digits


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_int=_integer, strict=False)
