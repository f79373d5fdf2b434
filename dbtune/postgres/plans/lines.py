"""Lines that remember where they stood in the input, and the cleaning that every format needs."""

from __future__ import annotations

import html
import re
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
    """

    number: int
    column: int
    text: str
    first_row: bool = False

    @property
    def indent(self) -> int:
        """How many columns of white space it starts with; a tab reaches the next multiple of 8."""
        expanded = self.text.expandtabs(8)
        return len(expanded) - len(expanded.lstrip())

    def cut(self, start: int, end: int | None = None) -> Line:
        """The part between two positions."""
        return self._replace(column=self.column + start, text=self.text[start:end])


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

    def glue(self, text: str, full: bool) -> str:
        """What stands between a line of JSON or YAML and the next: a string has no line break."""
        if not self.after(text):
            return "\n"
        return "" if full else " "


class Joined:
    """Lines as one text, in which offsets can be told as lines and columns of the input."""

    def __init__(self, lines: Sequence[Line], glue: Callable[[str, bool], str]) -> None:
        """Join lines.

        Args:
            glue: what to put after a line, given its text and whether it is as wide as the widest,
                as lines are that a terminal broke at its edge.
        """
        self._lines = lines
        self._starts: list[int] = []
        width = max((len(line.text) for line in lines), default=0)
        parts: list[str] = []
        offset = 0
        for line in lines:
            self._starts.append(offset)
            parts.append(line.text + glue(line.text, len(line.text) == width))
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
