"""What programs put before each line that they pass on: replies, diffs, numbers, log prefixes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import groupby

from dbtune.postgres.plans.lines import Line

_REPLY = re.compile(r"\s{0,3}(?:> ?)*>")
_ADDED = re.compile(r"\+")
_LOGGED = re.compile(r"\S.*?\b(?:LOG|INFO|NOTICE|DEBUG\d?|DETAIL|WARNING):  ?(?=\s*\S)")
_NUMBERED = re.compile(r"\s*(\d+)")
_AFTER_NUMBER = re.compile(r"\t|[:.)|]? *")
_PLAN = re.compile(r"\((?:cost=|actual )|\"Plan\":|<explain|Node Type: ")
_FEWEST = 3
"""Lines in a row of which one may think that a program numbered them."""


def without_prefixes(lines: Sequence[Line]) -> Sequence[Line]:
    """The lines without what stands before several of them in a row."""
    lines = list(_without_mark(lines, _REPLY))
    for mark in (_ADDED, _LOGGED):
        lines = list(_without_mark(lines, mark, plans_only=True))
    return list(_without_numbers(_without_ends(lines)))


def _without_ends(lines: Sequence[Line]) -> list[Line]:
    """Cut off the ``$`` with which ``cat -A`` ends each line."""
    found: list[Line] = []
    for ended, group in groupby(lines, key=lambda line: line.text.endswith("$")):
        run = list(group)
        ended = ended and len(run) >= _FEWEST and any(map(_is_plan, run))
        found += [line.cut(0, -1) for line in run] if ended else run
    return found


def _without_mark(
    lines: Sequence[Line], mark: re.Pattern[str], *, plans_only: bool = False
) -> Iterator[Line]:
    """Cut off a mark where two or more lines in a row have it, if there is a plan among them."""
    for marked, group in groupby(lines, key=lambda line: mark.match(line.text) is not None):
        run = list(group)
        if marked and len(run) > 1 and (not plans_only or any(map(_is_plan, run))):
            ends = [found.end() if (found := mark.match(line.text)) else 0 for line in run]
            rest = [line.text[end:] for line, end in zip(run, ends, strict=True)]
            spaced = mark is _REPLY and all(text[:1] in ("", " ") for text in rest)
            for line, end in zip(run, ends, strict=True):
                yield line.cut(end + spaced)
        else:
            yield from run


def _is_plan(line: Line) -> bool:
    return _PLAN.search(line.text) is not None


def _without_numbers(lines: Sequence[Line]) -> Iterator[Line]:
    """Cut off numbers that count the lines."""
    index = 0
    while index < len(lines):
        run = _numbered(lines, index)
        if run >= _FEWEST and any(map(_is_plan, lines[index : index + run])):
            first = _NUMBERED.match(lines[index].text)
            assert first is not None
            after = _AFTER_NUMBER.match(lines[index].text, first.end())
            width = after.end() - after.start() if after else 0
            for line in lines[index : index + run]:
                number = _NUMBERED.match(line.text)
                yield line.cut(number.end() + width) if number else line
            index += run
        else:
            yield lines[index]
            index += 1


def _numbered(lines: Sequence[Line], index: int) -> int:
    """How many lines from an index on have numbers that count them."""
    found = _NUMBERED.match(lines[index].text)
    if found is None:
        return 0
    number, at = int(found[1]), index
    while at < len(lines):
        found = _NUMBERED.match(lines[at].text)
        if found is None or int(found[1]) != number + at - index:
            break
        at += 1
    return at - index
