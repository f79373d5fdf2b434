"""Lines that remember where they stood in the input, and the cleaning that every format needs."""

from __future__ import annotations

import html
import re
import unicodedata
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

# Terminal colours and cursor moves (less -R, script), and characters that nobody sees.
_ESCAPES = re.compile(
    "\x1b\\[[0-9;?]*[A-Za-z]|\x1b\\][^\x07]*\x07|[\u200b\u200c\u200d\u2060\ufeff]"
)
_SPACES = re.compile("[\u00a0\u2000-\u200a\u202f\u3000]")
_ARROWS = re.compile(r"^(\s*(?:[|│║]\s*)?)(?:→|➔|➜|⟶|—>|–>|=>) {0,2}(?=\S)")
_ESCAPED = re.compile(r"\W*(?:-&gt;|&lt;explain|&quot;Plan&quot;)")


class Line(NamedTuple):
    """A line of the input without its line break, possibly cut at the left.

    Attributes:
        number: its number in the input, from 1.
        column: how many characters were cut off at its left.
        text: what is left of it.
        first_row: it is the first row of a table, so that a plan starts here if it is one.
        edge: the width at which what printed it breaks lines; 0 if it does not, ``None`` if nobody
            knows, so that it is the widest line's.
    """

    number: int
    column: int
    text: str
    first_row: bool = False
    edge: int | None = None

    @property
    def indent(self) -> int:
        """How many columns of white space it starts with; a tab reaches the next multiple of 8."""
        expanded = self.text.expandtabs(8)
        return len(expanded) - len(expanded.lstrip())

    def cut(self, start: int, end: int | None = None) -> Line:
        """The part between two positions."""
        return self._replace(column=self.column + start, text=self.text[start:end])


def display_width(text: str) -> int:
    """How many columns of a terminal a text takes."""
    return len(text) if text.isascii() else sum(map(_width, text))


def split_at(text: str, column: int) -> tuple[str, str]:
    """A text up to a column of a terminal, and the rest of it."""
    if text.isascii():
        return text[:column], text[column:]
    reached = 0
    for at, character in enumerate(text):
        reached += _width(character)
        if reached > column:
            return text[:at], text[at:]
    return text, ""


def _width(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def edge_of(lines: Sequence[Line]) -> int:
    """The width at which lines were broken, if they were; 0 if it is known that they were not."""
    if lines and lines[0].edge is not None:
        return lines[0].edge
    return max((display_width(line.text.rstrip()) for line in lines), default=0)


def padding(line: Line, edge: int) -> str | None:
    """What a line lacks to reach the edge at which it was broken; ``None`` if it was not.

    psql fills it up with spaces. Of lines from elsewhere, only those that reach it were broken.
    """
    missing = edge - display_width(line.text)
    if edge == 0 or missing < 0 or (line.edge is None and missing):
        return None
    return " " * missing


class PlanSyntaxError(Exception):
    """Input that cannot be read as a plan.

    Attributes:
        number: line of the input, from 1.
        column: column, from 1.
        expected: what should have stood there.
    """

    def __init__(self, number: int, column: int, expected: str) -> None:
        super().__init__(f"line {number}, column {column}: {expected}")
        self.number = number
        self.column = column
        self.expected = expected


def number_lines(texts: Iterable[str], first: int = 1) -> Iterator[Line]:
    """Number the lines of an input and rid them of what a screen would not have shown."""
    for number, text in enumerate(texts, first):
        text = text.rstrip("\r\n")
        if not text.isascii() or "\x1b" in text:
            text = _SPACES.sub(" ", _ESCAPES.sub("", text))
            text = _ARROWS.sub(r"\1->  ", text)
        yield Line(number, 0, text.replace("\x00", ""))


def unescape_html(lines: Sequence[Line]) -> Sequence[Line]:
    """Undo what web pages and chat programs do to ``->``, ``<`` and quotes, if they did."""
    if not any(_ESCAPED.match(line.text) for line in lines if "&" in line.text):
        return lines
    if any("<explain" in line.text for line in lines):
        return lines  # XML escapes them itself
    return [line._replace(text=html.unescape(line.text).replace("\u00a0", " ")) for line in lines]


_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')


class OpenString:
    """Whether a string in JSON's double quotes goes on in the next line, line by line."""

    def __init__(self) -> None:
        self.open = False

    def after(self, text: str) -> bool:
        """Whether a string is open at the end of the next line."""
        if self.open:
            text = '"' + text
        self.open = '"' in _STRING.sub("", text)
        return self.open

    def glue(self, text: str, pad: str | None) -> str:
        """What stands between a line of JSON or YAML and the next: a string has no line break.

        Args:
            pad: see :func:`padding`.
        """
        if not self.after(text):
            return "" if pad == "" else "\n"
        return " " if pad is None else pad


class Joined:
    """Lines as one text, in which offsets can be told as lines and columns of the input."""

    def __init__(self, lines: Sequence[Line], glue: Callable[[str, str | None], str]) -> None:
        """Join lines.

        Args:
            glue: what to put after a line, given its text and its :func:`padding`.
        """
        self._lines = lines
        self._starts: list[int] = []
        edge = edge_of(lines)
        parts: list[str] = []
        offset = 0
        for line in lines:
            self._starts.append(offset)
            parts.append(line.text + glue(line.text, padding(line, edge)))
            offset += len(parts[-1])
        self.text = "".join(parts).removesuffix("\n")

    def index(self, offset: int) -> int:
        """The index of the line in which an offset lies."""
        return max(0, bisect_right(self._starts, offset) - 1)

    def error(self, offset: int, expected: str) -> PlanSyntaxError:
        """The error that something else was expected at an offset."""
        at = self.index(offset)
        line = self._lines[at]
        column = min(offset - self._starts[at], len(line.text))
        return PlanSyntaxError(line.number, line.column + column + 1, expected)
