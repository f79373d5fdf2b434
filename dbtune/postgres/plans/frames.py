"""Undoing what programs and people put around a plan: tables, quotes, fences, marks of replies."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from dbtune.postgres.plans.lines import Line, unescape_html
from dbtune.postgres.plans.markup import without_markup
from dbtune.postgres.plans.psql import without_tables

_HEADER = re.compile(r"\s*\"?QUERY PLAN\"?\s*")
_REPLY = re.compile(r"\s{0,3}(?:> ?)+")
_FENCE = re.compile(r"\s*(?:```|~~~)[\w+-]*\s*")
_CELL = re.compile(r'"((?:[^"]|"")*)"(?:\s*$|[,;\t]\S)')
_OPEN_CELL = re.compile(r'"(\s*(?:[\[{]|<explain|- Plan:|Plan:|[A-Z])(?:[^"]|"")*)$')


def unframe(lines: Sequence[Line]) -> list[Line]:
    """The lines in which a plan may stand, as the server printed them."""
    lines = without_markup(unescape_html(lines))
    lines = [
        line._replace(text="") if _FENCE.fullmatch(line.text) else line
        for line in _without_replies(lines)
    ]
    lines = list(without_tables(lines))
    return list(_without_quotes(lines))


def _without_replies(lines: Sequence[Line]) -> Iterator[Line]:
    """Quoted mail and markdown: ``> `` before two or more lines in a row."""
    marks = [_REPLY.match(line.text) for line in lines]
    for line, mark, *near in zip(lines, marks, [None, *marks], [*marks[1:], None], strict=False):
        yield line.cut(mark.end()) if mark and any(near) else line


# --- quotes of CSV and of programs that copy cells -----------------------------------------------


def _without_quotes(lines: Sequence[Line]) -> Iterator[Line]:
    """Cells in double quotes, one a line or one with all lines, and the name of the column."""
    index, first_row = 0, False
    while index < len(lines):
        line = lines[index]
        if _HEADER.fullmatch(line.text):
            first_row = True
            index += 1
            continue
        cell = [line]
        if line.text.startswith('"') and line.edge is None:
            cell = _cell(lines, index)
        if first_row:
            cell[0] = cell[0]._replace(first_row=True)
            first_row = not line.text.strip()
        yield from cell
        index += len(cell)


def _cell(lines: Sequence[Line], index: int) -> list[Line]:
    """The lines of a cell that starts at a line, unquoted; the line itself if there is none."""
    line = lines[index]
    if found := _CELL.match(line.text):
        return [line._replace(column=line.column + 1, text=found[1].replace('""', '"'))]
    if found := _OPEN_CELL.match(line.text):
        cell = [line._replace(column=line.column + 1, text=found[1].replace('""', '"'))]
        for row in lines[index + 1 :]:
            closing = row.text.replace('""', "\0\0").find('"')
            text = row.text if closing < 0 else row.text[:closing]
            cell.append(row._replace(text=text.replace('""', '"')))
            if closing >= 0:
                return cell
    return [line]
