"""Lines of a plan in text format, put together where a terminal or a mail program wrapped them.

A line goes on while a quote or a parenthesis is open: a literal may have line breaks, and what
looks like a plan in it stays a literal. Other lines go on if what follows cannot begin anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise, takewhile
from typing import NamedTuple

from dbtune.postgres.plans.keys import DOCUMENT
from dbtune.postgres.plans.lines import Line, display_width, edge_of
from dbtune.postgres.plans.names import is_node_name
from dbtune.postgres.plans.properties import LATER_PAIR, parse_target_table

ARROW = re.compile(r"(\s*)->\s*(?=[A-Z?\"])")
PROPERTY = re.compile(r"\s*([A-Z][\w/ .,()-]*?):(?:\s+(.*)|$)", re.DOTALL)
LABEL = re.compile(r"\s*((?:InitPlan|SubPlan|CTE) \S.*)")

_QUOTED = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"")
_TAIL = re.compile(_QUOTED.pattern + r"|(\s*\((?:cost=|actual\b|never executed).*)", re.DOTALL)
_TAIL_ALONE = ("(cost=", "(actual", "(never executed")
_FOOTER = re.compile(r"\s*(?:[(（]\s*\d+\D{1,30}[)）]|[-=+|─═~`_*]{3,})\s*")
_UNFINISHED = re.compile(r"(?:[,:]|\bAND|\bOR|\bon|\busing|=)$")
_LOOK_AHEAD = 400
"""Lines that a literal with line breaks may go on for."""
_NARROWEST = 40
"""Columns of the narrowest terminal."""
_NEAR = 20
_AT_EDGE = 2
"""Spaces at a terminal's edge, which nobody copies."""


class Logical(NamedTuple):
    """A line with what it goes on with.

    Attributes:
        line: the line, its text with that of the lines that belong to it.
        unclosed: the input ended inside it.
        end: index of the first line after it that is not empty.
    """

    line: Line
    unclosed: bool
    end: int


def root_at(lines: Sequence[Line], index: int) -> bool:
    """Whether the first line of a plan stands here.

    In the first row of a table, a bare node name is enough. Elsewhere what follows has to look like
    a plan as well, since ``Limit`` and ``Result`` are words, too.
    """
    text = lines[index].text.strip()
    if not text or ARROW.match(text) or not (text[0].isupper() or text[0] == "?"):
        return False
    name, tail = split_tail(text)
    if tail:
        return ("cost=" in tail and not PROPERTY.match(text)) or is_node_name(name)
    near = range(index + 1, min(index + _NEAR, len(lines)))
    following = next((lines[at] for at in near if lines[at].text.strip()), None)
    if not is_node_name(name):
        # A terminal may have broken the line before the costs.
        whole, tail = split_tail(text + following.text) if following else ("", "")
        return "cost=" in tail and is_node_name(whole)
    if lines[index].first_row or following is None:
        return lines[index].first_row or index == 0
    if ARROW.match(following.text) or following.text.strip().startswith(_TAIL_ALONE):
        return True
    return following.indent > lines[index].indent and _is_detail(following.text)


def _is_detail(text: str) -> bool:
    """Whether a line may be the first below a node."""
    return bool(PROPERTY.match(text) or LABEL.match(text) or parse_target_table(text.strip()))


def split_tail(text: str) -> tuple[str, str]:
    """The name of a node and its costs and times, parentheses in quoted names notwithstanding."""
    for found in _TAIL.finditer(text):
        if found[1]:
            return text[: found.start()].rstrip(), found[1].strip()
    return text.rstrip(), ""


def is_flat(lines: Sequence[Line]) -> bool:
    """Whether the indentation of a plan is lost: an arrow stands no further right than its root."""
    arrows = [line.indent for line in lines if ARROW.match(line.text)]
    return bool(arrows) and min(arrows) <= lines[0].indent


def open_quote(text: str) -> str:
    """The quote or parenthesis that a text leaves open, or ""."""
    rest = _QUOTED.sub("", text) if "'" in text or '"' in text else text
    for quote in ("'", '"'):
        if quote in rest:
            return quote
    return "(" if rest.count("(") > rest.count(")") else ""


def logical_lines(lines: Sequence[Line]) -> Iterator[Logical]:
    """The lines of the plan whose root is the first of these, up to where it ends."""
    return _Wrapped(lines).logical_lines()


def guessed_width(lines: Sequence[Line]) -> int:
    """The width at which a table without marks wrapped its lines, or 0 if it did not."""
    wrapped = _Wrapped(lines)
    return wrapped.width if lines[0].edge and wrapped.broken else 0


class _Wrapped:
    def __init__(self, lines: Sequence[Line]) -> None:
        self.lines = lines
        self.root_indent = lines[0].indent
        block = list(takewhile(lambda line: line.text.strip(), lines))
        self.width = edge_of(block)
        self.margin = " " * min(line.indent for line in block)
        # Lines that break off inside parentheses are all as wide as the terminal that broke them,
        # but for spaces at its edge; a mail program breaks between words.
        cut = [self._missing(line) for line in block if open_quote(line.text) == "("]
        self.broken = bool(cut) and min(cut) == 0 and max(cut) <= _AT_EDGE
        if lines[0].edge is None:
            self.broken &= self.width >= _NARROWEST
        elif not cut:
            self.broken = any(
                self._missing(line) <= _AT_EDGE and not self._is_whole(following.text)
                for line, following in pairwise(block)
            )

        # An arrow at the left of a wrapped table stands in a literal.
        self.flat = is_flat(lines) and not (self.broken and lines[0].edge)

    def _missing(self, line: Line) -> int:
        """How many columns a line lacks to the edge."""
        return self.width - display_width(line.text.rstrip())

    def _is_whole(self, text: str) -> bool:
        """Whether a line begins as lines of a plan do."""
        return bool(ARROW.match(text) or _is_detail(text) or _FOOTER.fullmatch(text))

    def logical_lines(self) -> Iterator[Logical]:
        index, lines = 0, self.lines
        while index < len(lines):
            line, start = lines[index], index
            text, index, unclosed = self._closed(line.text, index + 1)
            while not unclosed and index < len(lines) and self._goes_on(index, text, start):
                text = self._glue(text, lines[index - 1], lines[index])
                text, index, unclosed = self._closed(text, index + 1)
            unclosed = unclosed and index >= len(lines)
            while index < len(lines) and not lines[index].text.strip():
                index += 1
            yield Logical(line._replace(text=text), unclosed, index)
            if index < len(lines) and not self._belongs(index):
                return

    def _closed(self, text: str, index: int) -> tuple[str, int, bool]:
        """Go on until quotes and parentheses are closed; if they never are, the line was whole."""
        state = open_quote(text)
        if not state:
            return text.rstrip(), index, False
        joined = text
        for ahead in range(index, min(index + _LOOK_AHEAD, len(self.lines))):
            line = self.lines[ahead]
            if state == "(" and self._ends_parenthesis(ahead):
                return text.rstrip(), index, False
            joined = self._glue(joined, self.lines[ahead - 1], line, quoted=state != "(")
            state = open_quote(joined)
            if not state:
                return joined.rstrip(), ahead + 1, False
        if state == "(":  # nothing after it begins anything: the input ends in it
            return joined.rstrip(), len(self.lines), True
        return text.rstrip(), index, True

    def _ends_parenthesis(self, index: int) -> bool:
        """Whether a line cannot be what a terminal broke off inside a parenthesis."""
        line = self.lines[index]
        if ARROW.match(line.text) or _FOOTER.fullmatch(line.text):
            return True
        return self._starts(line) and not self._is_broken(index)

    def _glue(self, text: str, line: Line, following: Line, *, quoted: bool = False) -> str:
        """Two lines as one: a line break in a literal stays one, a wrapped line leaves no trace."""
        missing = self._missing(line)
        if self.broken and 0 <= missing <= _AT_EDGE:
            rest = following.text.removeprefix(self.margin)
            return text.rstrip() + " " * missing + (rest if quoted else rest.rstrip())
        if quoted:
            return text + "\n" + following.text.removeprefix(" " * self.root_indent)
        return f"{text.rstrip()} {following.text.strip()}"

    def _goes_on(self, index: int, text: str, start: int) -> bool:
        """Whether the line at an index goes on with a whole-looking line before it."""
        line = self.lines[index]
        word = line.text.strip()
        if not word or _FOOTER.fullmatch(line.text):
            return False
        if self._is_broken(index) or self._is_later_pair(line):
            return True
        if line.edge is not None or self._starts(line):
            return False
        if start and not ARROW.match(text) and root_at(self.lines, index):
            return False
        if line.indent > self.root_indent or word.startswith(_TAIL_ALONE):
            return True
        return _UNFINISHED.search(text) is not None

    def _is_broken(self, index: int) -> bool:
        """Whether a terminal broke the line before at its edge: then this one starts far left."""
        line = self.lines[index]
        at_edge = 0 <= self._missing(self.lines[index - 1]) <= _AT_EDGE
        if not self.broken or self.flat or not at_edge:
            return False
        if ARROW.match(line.text) or _is_statement_line(line.text):
            return False
        if line.edge and line.indent == len(self.margin) + _AT_EDGE:
            return LATER_PAIR.match(line.text) is not None or not _is_detail(line.text)
        return line.indent <= self.root_indent + 1

    def _is_later_pair(self, line: Line) -> bool:
        """Whether a line has what stands in the same line after another key."""
        if self.flat or line.indent > self.root_indent + 1:
            return False
        return LATER_PAIR.match(line.text) is not None

    def _starts(self, line: Line) -> bool:
        """Whether a line begins something that can be recognised."""
        if ARROW.match(line.text):
            return True
        if line.edge and line.indent > len(self.margin) + _AT_EDGE:
            return True  # what was wrapped goes on at the left
        return _is_detail(line.text) and not self._is_later_pair(line)

    def _belongs(self, index: int) -> bool:
        """Whether the plan goes on after a whole line."""
        line = self.lines[index]
        if _FOOTER.fullmatch(line.text) or not self._starts(line):
            return False
        if ARROW.match(line.text) or LABEL.match(line.text) or line.indent > self.root_indent:
            return True
        after_blank = not self.lines[index - 1].text.strip()
        return not after_blank or _is_statement_line(line.text)


def _is_statement_line(text: str) -> bool:
    """Whether a line says something of the statement as a whole."""
    found = PROPERTY.match(text)
    return found is not None and (found[1] in DOCUMENT or found[1].startswith("Trigger"))
