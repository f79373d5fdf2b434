"""Undoing what programs and people put around a plan: tables, quotes, fences, marks of replies.

psql's tables (print.c) end a line that goes on after a line break with ``+`` or ``↵``, and one that
was wrapped with ``.`` or ``…``, which the next line begins with. Where a table's head is there, its
rule tells the column of these marks; elsewhere they have to stand in the same column.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from dbtune.postgres.plans.lines import Line, unescape_html

_BARS = tuple("|│║")
_BROKEN_RANGE = re.compile(r"(?:time=\d+\.\d{3}|cost=\d+\.\d\d)\.\s*$")
"""``time=0.010..0.020`` that a terminal broke between its dots."""
_WRAPS = tuple(".…;")
_BREAKS = tuple("+↵")
_MARGIN = (" ", ":", *_WRAPS)

_RULE = re.compile(r"\s*([+├╠╟|┼]?)[ :]*([-─═]{3,})[ :]*([+┤╣╢|]?)\s*")
_EDGE = re.compile(r"\s*[+┌└╔╚├╠╟][-─═┬┴╤╧]{3,}[+┐┘╗╝┤╣╢]?\s*")
_RECORD = re.compile(r"\s*(?:[+├┌╠╔╟]?[-─═]\[ \S+ \d+ \][-─═┬┼╤╪+]*[+┐┤╗╣╢]?|\* \S+ \d+)\s*")
_FIELD = re.compile(r"\s?[|│║]? ?(?:QUERY PLAN)(?: ?[|│║]| )?")
_FIRST_FIELD = re.compile(r"QUERY PLAN[|,;\t](?=.)")
_HEADER = re.compile(r"\s*\"?QUERY PLAN\"?\s*")
FOOTER = re.compile(r"\s*[(（]\s*\d+\D{1,30}[)）]\s*")
_REPLY = re.compile(r"\s{0,3}(?:> ?)+")
_FENCE = re.compile(r"\s*(?:```|~~~)[\w+-]*\s*")
_CELLS_OF_HTML = re.compile(r"<td(?! colspan)[^>]*>(.*?)</td>", re.DOTALL | re.IGNORECASE)
_BREAK_OF_HTML = re.compile(r"<br ?/?>\n?")
_CELL = re.compile(r'"((?:[^"]|"")*)"(?:\s*$|[,;\t]\S)')
_OPEN_CELL = re.compile(r'"(\s*(?:[\[{]|<explain|- Plan:|Plan:|[A-Z])(?:[^"]|"")*)$')


def unframe(lines: Sequence[Line]) -> list[Line]:
    """The lines in which a plan may stand, as the server printed them."""
    lines = _without_html(unescape_html(lines))
    lines = [
        line._replace(text="") if _FENCE.fullmatch(line.text) else line
        for line in _without_replies(lines)
    ]
    lines = list(_without_records(lines))
    lines = list(_without_tables(lines))
    return list(_without_quotes(lines))


def _without_html(lines: Sequence[Line]) -> Sequence[Line]:
    """A table of HTML: a cell has one line, or all of them."""
    if not any("<td" in line.text for line in lines):
        return lines
    text = "\n".join(line.text for line in lines)
    found: list[Line] = []
    for cell in _CELLS_OF_HTML.finditer(text):
        number = lines[0].number + text.count("\n", 0, cell.start())
        content = html.unescape(_BREAK_OF_HTML.sub("\n", cell[1])).replace("\u00a0", " ")
        found += [Line(number, 0, part, first_row=not found) for part in content.split("\n")]
    return found or lines


def _without_replies(lines: Sequence[Line]) -> Iterator[Line]:
    """Quoted mail and markdown: ``> `` before two or more lines in a row."""
    marks = [_REPLY.match(line.text) for line in lines]
    for line, mark, *near in zip(lines, marks, [None, *marks], [*marks[1:], None], strict=False):
        yield line.cut(mark.end()) if mark and any(near) else line


# --- psql's expanded display -----------------------------------------------------------------


def _without_records(lines: Sequence[Line]) -> Iterator[Line]:
    """Records of a line each, of a plan in text format, or one record that has all lines."""
    records = sum(
        bool(_RECORD.fullmatch(line.text) or _FIRST_FIELD.match(line.text)) for line in lines
    )
    index, first_row = 0, True
    while index < len(lines):
        line = lines[index]
        end = index + 1
        if field := _FIRST_FIELD.match(line.text):
            yield line.cut(field.end())._replace(first_row=first_row)
            first_row = False
            while records > 1 and end < len(lines) and not lines[end].text.strip():
                end += 1
        elif not _RECORD.fullmatch(line.text):
            yield line
        elif end < len(lines) and (field := _FIELD.match(lines[end].text)):
            start, end = end, _end_of_record(lines, end + 1, field.end())
            rows = [_value(row, field.end()) for row in lines[start:end]]
            mended = list(_mended(rows, None, first_row=first_row, strip=records == 1))
            if records > 1:
                text = "".join(row.text for row in mended).rstrip()
                mended = [mended[0]._replace(text=text)]
            yield from mended
            first_row = False
        index = end


def _end_of_record(lines: Sequence[Line], index: int, column: int) -> int:
    """The index after a record: what belongs to it has nothing but bars where its name stood."""
    while index < len(lines):
        text = lines[index].text
        name = text[: column - 1].strip("|│║:; ")
        if not text.strip() or name or len(text) < column or _EDGE.fullmatch(text):
            break
        index += 1
    return index


def _value(line: Line, column: int) -> Line:
    """A record's value, with the mark at its left: next to the divider, or instead of it."""
    text = line.text
    if text.lstrip().startswith(_BARS) and text.rstrip().endswith(_BARS):
        end = len(text.rstrip()) - 1
        line = line.cut(0, end - (text[end - 1] == " "))
    divider = text[column - 1 : column]
    value = line.cut(column if divider in (*_BARS, ":", ";") else column - 1)
    return value._replace(text=";" + value.text[1:]) if divider == ";" else value


# --- tables --------------------------------------------------------------------------------------


def _without_tables(lines: Sequence[Line]) -> Iterator[Line]:
    index = 0
    while index < len(lines):
        line = lines[index]
        following = lines[index + 1].text if index + 1 < len(lines) else ""
        rule = _RULE.fullmatch(following) if line.text.strip() else None
        if rule and not _EDGE.fullmatch(line.text) and not _RULE.fullmatch(line.text):
            end = _end_of_table(lines, index + 2, barred=bool(rule[1]))
            yield from _table(lines[index + 2 : end], rule)
        elif _EDGE.fullmatch(line.text):
            end = index + 1
        else:
            # A table without its head: bars or marks are all that is left of it.
            barred = _is_barred(line)
            end = index + 1
            while end < len(lines) and _is_barred(lines[end]) == barred and lines[end].text.strip():
                end += 1
            yield from _headless(lines[index:end], barred=barred)
        index = max(end, index + 1)


def _is_barred(line: Line) -> bool:
    text = line.text.strip()
    return len(text) > 1 and text.startswith(_BARS)


def _end_of_table(lines: Sequence[Line], index: int, *, barred: bool) -> int:
    while index < len(lines):
        text = lines[index].text
        if not text.strip():
            # An empty line may stand in a literal; then a row of the table follows.
            following = lines[index + 1].text if index + 1 < len(lines) else ""
            if barred or not following.startswith(" ") or not following.strip():
                break
        elif (
            _EDGE.fullmatch(text)
            or FOOTER.fullmatch(text)
            or (barred and not text.lstrip().startswith(_BARS))
        ):
            break
        index += 1
    return index


def _table(rows: Sequence[Line], rule: re.Match[str]) -> Iterator[Line]:
    """The rows below a head and its rule."""
    width = len(rule[2])
    if rule[1]:
        yield from _mended([_unbarred(row) for row in rows], width - 1, first_row=True)
        return
    if rule[3] and all(row.text.rstrip().endswith(_BARS) for row in rows):
        rows = [row.cut(0, len(row.text.rstrip()) - 1) for row in rows]
    if all(row.text[:1] in ("", *_MARGIN) for row in rows):
        yield from _mended(rows, width - 1, first_row=True)
    else:  # \pset border 0 has no margin
        yield from _mended([_with_margin(row) for row in rows], width + 1, first_row=True)


def _headless(rows: Sequence[Line], *, barred: bool) -> Iterator[Line]:
    """Lines up to an empty one, which may be the rest of a table."""
    if len(rows) > 1:
        if barred:
            yield from _mended([_unbarred(row) for row in rows], None, first_row=True)
            return
        if all(row.text.rstrip().endswith(_BARS) for row in rows):
            rows = [row.cut(0, len(row.text.rstrip()) - 1) for row in rows]
    wraps = any(_is_wrapped(row.text, following.text) for row, following in pairwise(rows))
    if not wraps and _column_of_breaks(rows) < 0:
        yield from rows
    elif all(row.text.startswith(_MARGIN) for row in rows[1:]):
        # Whoever copied them may have missed the first row's margin.
        margin = rows[0] if rows[0].text.startswith(_MARGIN) else _with_margin(rows[0])
        yield from _mended([margin, *rows[1:]], None)
    else:
        yield from _mended([_with_margin(row) for row in rows], None)


def _is_wrapped(text: str, following: str) -> bool:
    """Whether a row ends with psql's mark of a wrapped one, and the next begins with it."""
    mark = text.rstrip()[-1:]
    if mark not in (".", "…") or not following.startswith(mark):
        return False
    return _BROKEN_RANGE.search(text) is None


def _with_margin(row: Line) -> Line:
    return row._replace(column=row.column - 1, text=f" {row.text}")


def _unbarred(line: Line) -> Line:
    """A row without its bars; the marks inside them stay."""
    text = line.text.rstrip()
    start = len(text) - len(text.lstrip()) + 1
    return line.cut(start, len(text) - 1 if text[start:].endswith(_BARS) else len(text))


def _mended(
    rows: Sequence[Line], column: int | None, *, first_row: bool = False, strip: bool = True
) -> Iterator[Line]:
    """Rows without margin and marks, wrapped ones joined.

    Args:
        rows: lines whose first character is a mark or a space.
        column: where the marks at the right stand; ``None`` if that is to be found out.
        first_row: the first of them is the first row of a table.
        strip: remove the spaces that fill up a row.
    """
    if column is None:
        column = _column_of_breaks(rows)
    pending: Line | None = None
    for row, following in zip(rows, [*rows[1:], None], strict=True):
        text, mark = _split_mark(row.text, column, following)
        if pending is not None:
            row = pending._replace(text=pending.text + text[1:])
        else:
            row = row._replace(text=text, first_row=first_row).cut(1)
            first_row = False
        if following is not None and (mark in _WRAPS or following.text.startswith(";")):
            pending = row
        else:
            pending = None
            yield row._replace(text=row.text.rstrip()) if strip else row


def _split_mark(text: str, column: int, following: Line | None) -> tuple[str, str]:
    """A row and the mark at its right end, or ""."""
    mark = text[column:].strip() if 0 < column < len(text) else ""
    if mark in (*_BREAKS, *_WRAPS) and mark:
        return text[:column], mark
    stripped = text.rstrip()
    # Wide characters move the mark; and a wrapped row tells by how the next begins.
    if not text.isascii() and stripped.endswith(_BREAKS) and column > 0:
        return stripped[:-1], stripped[-1]
    if following and _is_wrapped(text, following.text):
        return stripped[:-1], stripped[-1]
    return text, ""


def _column_of_breaks(rows: Sequence[Line]) -> int:
    """The column in which the marks of line breaks stand one below the other, or -1."""
    ends = [len(row.text.rstrip()) - 1 for row in rows if row.text.rstrip().endswith(_BREAKS)]
    together = len(ends) > 1 and ends.count(ends[0]) > len(ends) // 2
    return ends[0] if together else -1


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
        if line.text.startswith('"'):
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
