"""Placeholders of drivers and of psql in a script: ``?``, ``%s``, ``%(name)s``, ``:name``."""

from __future__ import annotations

import re

from dbtune.postgres.sqltext import places

_BEFORE_OPERAND = frozenset(
    (
        "all and any array as between by case distinct else from having ilike in is like limit not "
        "offset on or returning select set similar some then to using values when where"
    ).split()
)
_NAMED = re.compile(r"%\((\w+)\)s")
_COLON = re.compile(r":(?:([A-Za-z_]\w*)|'([A-Za-z_]\w*)')")


def numbered(text: str) -> str:
    """A statement with ``$1``, ``$2`` ... in place of other placeholders; never fails.

    A name means the same parameter wherever it stands. ``?`` is a placeholder only where an operand
    has to stand: behind one it is an operator of jsonb. Numbers that are there stay.
    """
    tokens = list(places(text))
    taken = max((int(token[1:]) for kind, token, *_ in tokens if kind == "parameter"), default=0)
    numbers: dict[str, int] = {}
    done = ""
    position = 0
    before = "("
    for kind, token, start, end in tokens:
        if start < position or kind == "space":
            continue
        name, length = _placeholder(text, token, start, before) if kind == "other" else ("", 0)
        if length:
            number = numbers.setdefault(name or f"?{len(numbers)}", taken + len(numbers) + 1)
            done += text[position:start] + f"${number}"
            position = start + length
            before = ")"
            continue
        done += text[position:end]
        position = end
        before = token if kind != "word" else token.lower()
        if kind in ("name", "string", "number", "parameter") or (
            kind == "word" and before not in _BEFORE_OPERAND
        ):
            before = ")"
    return done + text[position:]


def _placeholder(text: str, mark: str, start: int, before: str) -> tuple[str, int]:
    """Its name, "" for one without, and its length; 0 if it is none."""
    if before in (")", "]"):
        return "", 0
    if mark == "?":
        # jsonb's operator @? is no placeholder behind an operator.
        return "", 0 if text[:start].endswith("@") else 1
    if mark == "%":
        if text.startswith("%s", start):
            return "", 2
        named = _NAMED.match(text, start)
        return (named[1], named.end() - start) if named else ("", 0)
    if mark == ":":
        named = _COLON.match(text, start)
        return (named[1] or named[2], named.end() - start) if named else ("", 0)
    return "", 0
