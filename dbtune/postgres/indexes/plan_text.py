"""Conditions and sort keys as EXPLAIN (VERBOSE) writes them: in parentheses, ``alias.column``.

Such a text is what the server would write into an index's definition, types and all; so expressions
are taken from there. Only its regular outside is read here: nothing parses SQL.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple

_TOKEN = re.compile(
    r"""
    (?P<string>[eE]?'(?:[^'\\]|''|\\.)*')
  | (?P<name>"(?:[^"]|"")*")
  | (?P<space>\s+)
  | (?P<open>[(\[])
  | (?P<close>[)\]])
  | (?P<other>[^\s()\[\]'"]+)
    """,
    re.VERBOSE | re.DOTALL,
)
_OPERATOR = re.compile(r"[-+*/<>=~!@#%^&|`?]+|OPERATOR\(.*\)", re.DOTALL)
_NAME = r'(?:"(?:[^"]|"")*"|[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*)'
_COLUMN = re.compile(
    rf"(?P<string>[eE]?'(?:[^'\\]|''|\\.)*')|(?P<alias>(?<![\w$.\"]){_NAME})\.(?P<column>{_NAME})(?![\w$(.])"
)
_CAST = re.compile(rf"\(?({_NAME})\)?::(?:{_NAME}\.)?({_NAME}|[a-z ]+)(\(\d+\))?")
_SAME = {"text": ("text", "varchar"), "inet": ("inet", "cidr")}
"""Types whose values are also those of the type that they are cast to."""
_SPELLED = {
    "character varying": "text", "varchar": "text", "smallint": "int2", "integer": "int4",
    "bigint": "int8", "real": "float4", "double precision": "float8", "boolean": "bool",
    "timestamp with time zone": "timestamptz", "timestamp without time zone": "timestamp",
}  # fmt: skip
"""Types by the name that plans have for them; varchar is text."""
_MOST = 200_000
"""Characters of a condition that is looked at: lists may be long."""


class Comparison(NamedTuple):
    """``left operator right``; for ``= ANY`` the operator is ``= ANY``."""

    left: str
    operator: str
    right: str


def enclosed(text: str) -> bool:
    """Whether one pair of parentheses is around all of it."""
    if not text.startswith("("):
        return False
    depth = 0
    for token in _TOKEN.finditer(text):
        depth += (token.lastgroup == "open") - (token.lastgroup == "close")
        if depth == 0:
            return token.end() == len(text)
    return False


def bare(text: str) -> str:
    """Without the parentheses around all of it."""
    text = text.strip()
    while enclosed(text):
        text = text[1:-1].strip()
    return text


def words(text: str) -> list[str]:
    """The parts between spaces that are in no parentheses and no quotes."""
    found, depth, start = [], 0, 0
    for token in _TOKEN.finditer(text):
        depth += (token.lastgroup == "open") - (token.lastgroup == "close")
        if token.lastgroup == "space" and depth == 0:
            found.append(text[start : token.start()])
            start = token.end()
    return [one for one in (*found, text[start:]) if one]


def conjuncts(text: str) -> Iterator[str]:
    """The conditions that all have to be true, each without its parentheses."""
    waiting = [text] if len(text) <= _MOST else []
    while waiting:
        parts = _split(bare(waiting.pop()), "AND")
        if len(parts) > 1:
            waiting += reversed(parts)
        else:
            yield parts[0]


def disjuncts(condition: str) -> list[str]:
    """The branches of an OR; the condition alone if it is none."""
    return [bare(one) for one in _split(condition, "OR")]


def _split(text: str, connector: str) -> list[str]:
    parts: list[list[str]] = [[]]
    for word in words(text):
        if word == connector:
            parts.append([])
        else:
            parts[-1].append(word)
    return [" ".join(part) for part in parts if part] or [text]


def comparison(condition: str) -> Comparison | None:
    """The two sides of a condition with an operator; ``None`` if it is none."""
    parts = words(condition)
    for place, word in enumerate(parts[1:-1], start=1):
        if _OPERATOR.fullmatch(word):
            operator = re.sub(r"OPERATOR\((?:.*\.)?(.+)\)", r"\1", word, flags=re.DOTALL)
            rest = parts[place + 1 :]
            if rest[0] in ("ANY", "ALL"):
                operator, rest = f"{operator} {rest[0]}", rest[1:]
            return Comparison(" ".join(parts[:place]), operator, " ".join(rest))
    return None


def call(condition: str) -> tuple[str, list[str]] | None:
    """Name and arguments of a function that is called, and nothing else; ``None`` if it is none."""
    found = re.fullmatch(rf"((?:{_NAME}\.)?{_NAME})(\(.*\))", condition, re.DOTALL)
    if found is None or not enclosed(found[2]):
        return None
    arguments: list[list[str]] = [[]]
    for word in words(found[2][1:-1]):
        arguments[-1].append(word.removesuffix(","))
        if word.endswith(","):
            arguments.append([])
    name = found[1].rpartition(".")[2]
    return name.strip('"'), [" ".join(one) for one in arguments]


def columns(text: str) -> list[tuple[str, str]]:
    """Aliases and columns that are named, unquoted."""
    return [
        (unquoted(found["alias"]), unquoted(found["column"]))
        for found in _COLUMN.finditer(text)
        if found["alias"]
    ]


def without_alias(text: str) -> str:
    """The same of a table's own columns, as an index's definition has it."""
    return _COLUMN.sub(lambda found: found["string"] or found["column"], text)


_FIELD = re.compile(r"(?<=EXTRACT\()\w+(?= FROM )")


def without_constants(text: str, unknown: Collection[str]) -> str:
    """An expression with ``?`` in place of constants that nobody has written.

    Args:
        text: the expression.
        unknown: values of constants; a time is one of these if it begins with it.

    Returns:
        The same text if it has none of them.
    """

    def hidden(constant: str) -> bool:
        plain = constant.replace('"', "")  # an array's elements have quotes or none
        return any(plain == one or plain.startswith(f"{one} ") for one in kept)

    kept = [one.replace('"', "") for one in unknown]

    def masked(token: re.Match[str]) -> str:
        kind, whole = token.lastgroup, token[0]
        if kind == "string" and hidden(whole.lstrip("eE")[1:-1].replace("''", "'")):
            return "?"
        return "?" if kind == "other" and whole[0].isdigit() and hidden(whole) else whole

    found = _FIELD.sub(lambda field: "?" if hidden(field[0]) else field[0], text)
    found = _TOKEN.sub(masked, found)
    return re.sub(r"\?::[a-z][a-z ]*[a-z](?:\[\])?", "?", found)


def plain_column(text: str, types: Mapping[str, str]) -> str:
    """The column that an expression without aliases is, seen through casts that change nothing.

    Args:
        text: the expression.
        types: base type of each column.
    """
    text = bare(text)
    if re.fullmatch(_NAME, text):
        return name if (name := unquoted(text)) in types else ""
    cast = _CAST.fullmatch(text)
    if cast is None:
        return ""
    name, target = unquoted(cast[1]), _SPELLED.get(cast[2], unquoted(cast[2]))
    if cast[3] and target != "text":
        return ""  # a precision rounds
    # A domain is cast to the type that it stands for wherever it is compared.
    return name if types.get(name) in (target, *_SAME.get(target, ())) else ""


def unquoted(name: str) -> str:
    """A name as the catalog has it."""
    return name[1:-1].replace('""', '"') if name.startswith('"') else name
