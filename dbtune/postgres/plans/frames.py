"""Undoing what programs and people put around a plan: tables, quotes, fences, marks of replies."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from dbtune.postgres.plans.lines import Line, unescape_html
from dbtune.postgres.plans.markup import without_markup
from dbtune.postgres.plans.prefixes import without_prefixes
from dbtune.postgres.plans.psql import without_tables

_HEADER = re.compile(r"\s*\"?QUERY PLAN\"?\s*")
_FENCE = re.compile(r"\s*(?:```|~~~)[\w+-]*\s*")
_OPENED, _CLOSED = re.compile(r"\s*(?:```|~~~)"), re.compile(r"(?:```|~~~)\s*$")
_CELL = re.compile(r'"((?:[^"]|"")*)"(?:\s*$|[,;\t]\S)')
_OPEN_CELL = re.compile(r'"(\s*(?:[\[{]|<explain|- Plan:|Plan:|[A-Z])(?:[^"]|"")*)$')


def unframe(lines: Sequence[Line]) -> list[Line]:
    """The lines in which a plan may stand, as the server printed them."""
    lines = without_markup(unescape_html(lines))
    lines = list(_without_fences(without_prefixes(lines)))
    lines = list(without_tables(lines))
    return list(_without_quotes(lines))


def _without_fences(lines: Sequence[Line]) -> Iterator[Line]:
    """Markdown's fences, on lines of their own or around the text."""
    for line in lines:
        if "```" not in line.text and "~~~" not in line.text:
            yield line
        elif _FENCE.fullmatch(line.text):
            yield line._replace(text="")
        else:
            opened = _OPENED.match(line.text)
            line = line.cut(opened.end()) if opened else line
            closed = _CLOSED.search(line.text)
            yield line.cut(0, closed.start()) if closed else line


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
