"""psql's tables taken apart, the way print.c puts them together.

A line of a cell that goes on after a line break ends with ``+`` or ``↵``, one that was wrapped with
``.`` or ``…``, which the next line begins with. These marks stand in one column: the first to the
right of the widest line. The style old-ascii has marks only in the divider of expanded records,
``:`` after a line break and ``;`` where a line was wrapped; its tables are wrapped as a terminal
wraps lines, and their lines say where their edge is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from dbtune.postgres.plans.lines import Line, display_width, split_at

_BARS = tuple("|│║")
_WRAPS = tuple(".…")
_BREAKS = tuple("+↵")
_MARGIN = (" ", *_WRAPS)
_EDITED = (" +", " ↵")
"""A mark moved away from its column by who shortened the line."""

RULE = re.compile(r"\s*([+├╠╟|┼]?)[ :]*([-─═]{3,})[ :]*([+┤╣╢|]?)\s*")
_EDGE = re.compile(r"\s*[+┌└╔╚├╠╟╞╘╒][-─═┬┴╤╧┼╪╥╨╫╬╦╩+]{3,}[+┐┘╗╝┤╣╢╡╛╕]?\s*")
_DIVIDED = re.compile(r"[-─═]{3,}[+┼╪╫╬][-─═]+\s*")
_RECORD = re.compile(
    r"\s*(?:[+├┌╠╔╟╞╒]?[-─═]\[ \S+ \d+ \][-─═┬┼╤╪╥╫╦╬+]*[+┐┤╗╣╢╡╕]?|\* \S+ \d+)\s*"
)
_NAME = "QUERY PLAN"
_BARE_FIELD = re.compile(rf"{_NAME}( ?[|│║,;:\t]| )(?=.*\S)")
_BOXED_FIELD = re.compile(rf"[|│║] {_NAME} [|│║](?=.*[^\s|│║])")
_ANY_FIELD = re.compile(rf"(?:[|│║] )?(?:[^\s|│║][^|│║]{{0,62}} [|│║](?= )|{_NAME} )")
FOOTER = re.compile(r"\s*[(（]\s*\d+\D{1,30}[)）]\s*")
_NO_NUMBER = re.compile(r"\d\.\d+\.\d|\d\.\.\.\d|=\d+\.\.\d+\.\.")
_LAST_DOT, _FIRST_DOT = re.compile(r"\d\.\d{2,3}\.$"), re.compile(r"\.\d")
_OPEN = re.compile(r"\([^()]*[^\d()]\.$")
_NO_TEXT_FORMAT = re.compile(r'\s*(?:[\[{<]|- |Plan: *$|Query Text: ")')


class _Piece(NamedTuple):
    """A line of a cell: what stands in its column, up to the mark at the right, and at its left."""

    line: Line
    left: str = " "


def without_tables(lines: Sequence[Line]) -> Iterator[Line]:
    """The lines with what psql printed around them removed."""
    index = 0
    while index < len(lines):
        line = lines[index]
        if (start := _records_at(lines, index)) is not None:
            index, rows = _records(lines, start)
            yield from rows
            yield Line(lines[index - 1].number, 0, "")
        elif rule := _head_at(lines, index):
            end = _end_of_table(lines, index + 2, barred=bool(rule[1]))
            yield from _table(lines[index + 2 : end], rule)
            index = end
        elif _EDGE.fullmatch(line.text):
            index += 1
        else:
            end = _end_of_block(lines, index)
            yield from _headless(lines[index:end], barred=_is_barred(line))
            index = end


# --- expanded records --------------------------------------------------------------------------


def _field(line: Line, *, named: bool) -> re.Match[str] | None:
    """A record's name and divider, of any name if a record's head stands above it."""
    text = line.text
    found = _BOXED_FIELD.match(text) or _BARE_FIELD.match(text)
    return found or (_ANY_FIELD.match(text) if named else None)


def _records_at(lines: Sequence[Line], index: int) -> int | None:
    """Where the first field stands of a record that begins at an index, or ``None``."""
    named = False
    for at in range(index, min(index + 2, len(lines))):
        text = lines[at].text
        if at + 1 < len(lines) and RULE.fullmatch(lines[at + 1].text):
            return None  # the head of a table
        if _field(lines[at], named=named):
            return at
        named = _RECORD.fullmatch(text) is not None
        if not named and not _EDGE.fullmatch(text):
            return None
    return None


def _records(lines: Sequence[Line], index: int) -> tuple[int, list[Line]]:
    """The index after records whose first field stands at an index, and the lines in them."""
    named = index > 0 and _RECORD.fullmatch(lines[index - 1].text) is not None
    found = _field(lines[index], named=named)
    assert found is not None
    if " " not in found[0][-2:]:
        return _raw_records(lines, index, found[0])
    rows: list[Line] = []
    cells: list[list[_Piece]] = []
    boxed = lines[index].text.startswith(_BARS)
    name = found[0]
    while found is not None:
        end = _end_of_field(lines, index + 1, found)
        cells.append([_piece(line, found, boxed=boxed) for line in lines[index:end]])
        index = _after_separators(lines, end)
        found = _field(lines[index], named=named) if index < len(lines) else None
        if found is None or len(found[0]) != len(name):
            found, index = None, end
        elif found[0] != name:
            rows += _mended(cells, _last_column(cells) if boxed else None)
            rows.append(lines[end - 1].cut(0, 0))
            cells, name = [], found[0]
    rows += _mended(cells, _last_column(cells) if boxed else None)
    return index, _first_row(rows)


def _raw_records(lines: Sequence[Line], index: int, name: str) -> tuple[int, list[Line]]:
    """CSV and the unaligned format have the lines of a record as they are."""
    rows: list[Line] = []
    while index < len(lines) and lines[index].text.startswith(name):
        rows.append(lines[index].cut(len(name)))
        index += 1
        while index < len(lines) and lines[index].text.strip():
            if lines[index].text.startswith(name):
                break
            rows.append(lines[index])
            index += 1
        index = _after_separators(lines, index)
    return index, _first_row(rows)


def _after_separators(lines: Sequence[Line], index: int) -> int:
    """The index after what separates two records: a head, a rule, or an empty line."""
    if index < len(lines):
        text = lines[index].text
        if _RECORD.fullmatch(text):
            return index if re.search(r" 1(?: |$)", text.rstrip(" -+─┬┐")) else index + 1
        if not text.strip() or _EDGE.fullmatch(text) or _DIVIDED.fullmatch(text):
            return index + 1
    return index


def _end_of_field(lines: Sequence[Line], index: int, field: re.Match[str]) -> int:
    """The index after a field: what belongs to it has no name, and the same divider."""
    end = field.end()
    dividers = (*_BARS, ":", ";") if field[0].endswith(_BARS) else (" ", *_WRAPS)
    while index < len(lines):
        text = lines[index].text
        name = text[: end - 1]
        inside = name[1:] if name.startswith(_BARS) else name
        if inside.strip() or text[end - 1 : end] not in dividers:
            break
        if not text.strip():
            # Between records, or what was wrapped of a line that begins with many spaces.
            following = lines[index + 1].text if index + 1 < len(lines) else ""
            if not following.strip() or following[: end - 1].strip():
                break
        index += 1
    return index


def _piece(line: Line, field: re.Match[str], *, boxed: bool) -> _Piece:
    """A line of a record's value."""
    end = field.end()
    if boxed:
        line = line.cut(0, len(line.text.rstrip()) - 1)
    if not field[0].endswith(_BARS):  # \pset border 0: the mark stands where a divider would
        return _Piece(line.cut(end), line.text[end - 1 : end])
    divider = line.text[end - 1 : end]
    mark = line.text[end : end + 1]
    return _Piece(line.cut(end + 1), divider if divider in (":", ";") else mark)


# --- tables --------------------------------------------------------------------------------------


def _head_at(lines: Sequence[Line], index: int) -> re.Match[str] | None:
    """The rule below a table's head, if one stands at an index."""
    line = lines[index]
    if index + 1 >= len(lines) or not line.text.strip():
        return None
    if _EDGE.fullmatch(line.text) or RULE.fullmatch(line.text):
        return None
    rule = RULE.fullmatch(lines[index + 1].text)
    if rule and rule[1]:
        rows = (line, *lines[index + 2 : index + 3])
        return rule if len(rows) == 2 and all(map(_is_barred, rows)) else None
    return rule


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


def _end_of_block(lines: Sequence[Line], index: int) -> int:
    """The index after lines that belong together: up to an empty one, or to a table."""
    barred = _is_barred(lines[index])
    end = index + 1
    while end < len(lines) and lines[index].text.strip():
        text = lines[end].text
        if not text.strip() or _is_barred(lines[end]) != barred or _EDGE.fullmatch(text):
            break
        if _head_at(lines, end) or _records_at(lines, end) is not None:
            break
        end += 1
    return end


def _table(rows: Sequence[Line], rule: re.Match[str]) -> Iterator[Line]:
    """The rows below a head and its rule."""
    width = len(rule[2])
    if rule[1]:
        cells = [[_unbarred(row) for row in rows]]
        yield from _first_row(_mended(cells, _last_column(cells)))
        return
    if rule[3] and all(row.text.rstrip().endswith(_BARS) for row in rows):
        rows = [row.cut(0, len(row.text.rstrip()) - 1) for row in rows]
    margin = all(row.text[:1] in ("", *_MARGIN) for row in rows)
    column = width - 2 if margin else width  # \pset border 0 has no margin
    cells = [[_with_margin(row) if margin else _Piece(row, "") for row in rows]]
    widest = max((display_width(one.line.text.rstrip()) for one in cells[0]), default=0)
    marked = any(_split(one, column)[1] for one in cells[0])
    # Rules are shortened and lengthened by who edits tables.
    known = widest <= column + 1 and (marked or not rows or _mark_column(cells) is None)
    yield from _first_row(_mended(cells, column if known else None))


def _headless(rows: Sequence[Line], *, barred: bool) -> Iterator[Line]:
    """Lines up to an empty one, which may be the rest of a table."""
    if len(rows) < 2:
        yield from rows
        return
    if barred:
        cells = [[_unbarred(row) for row in rows]]
        yield from _first_row(_mended(cells, _last_column(cells)))
        return
    if all(row.text.rstrip().endswith(_BARS) for row in rows):
        rows = [row.cut(0, len(row.text.rstrip()) - 1) for row in rows]
    if edge := _filled_up(rows):  # old-ascii, which has no marks
        yield from _plain([row._replace(text=row.text.rstrip(), edge=edge) for row in rows])
        return
    # Whoever copied them may have missed the first row's margin.
    rest = rows[1:]
    first = rows[0]
    if all(row.text.startswith(_MARGIN) for row in rest) and not _is_outermost(first, rest[0]):
        if not first.text.startswith(_MARGIN):
            first = first._replace(column=first.column - 1, text=f" {first.text}")
        cells = [[_with_margin(row) for row in (first, *rest)]]
        if _mark_column(cells) is not None:
            yield from _mended(cells, None)
            return
    cells = [[_Piece(row, "") for row in rows]]
    column = _mark_column(cells)
    marked = (
        [] if column is None else [pair for pair in _pairs(cells[0]) if _split(pair[0], column)[1]]
    )
    if len(marked) > 1 or any(_must_be_marked(*pair) for pair in marked):
        yield from _mended(cells, column)
    else:
        yield from _plain(rows)


def _plain(rows: Sequence[Line]) -> Iterator[Line]:
    """Lines without marks; strings in a format other than text must not get the margin in them."""
    margin = all(row.text.startswith(" ") for row in rows)
    if margin and _NO_TEXT_FORMAT.match(rows[0].text):
        for row in rows:
            yield row.cut(1)._replace(edge=row.edge and row.edge - 1)
    else:
        yield from rows


def _must_be_marked(piece: _Piece, following: _Piece | None) -> bool:
    """Whether what ends a line cannot be its own last character."""
    text = piece.line.text.rstrip()
    joined = text[-20:] + (following.line.text[:20] if following else "")
    return bool(text.endswith("…") or _NO_NUMBER.search(joined) or _OPEN.search(text))


def _filled_up(rows: Sequence[Line]) -> int:
    """The column up to which spaces fill up lines where other styles have marks, or 0."""
    filled = [display_width(row.text) for row in rows[:-1] if row.text.endswith(" ")]
    return filled[0] - 1 if len(filled) > 1 and len(set(filled)) == 1 else 0


def _is_outermost(first: Line, second: Line) -> bool:
    """Whether it is FORMAT YAML's indentation, and no margin, by which the second differs."""
    return first.text.startswith("- ") and second.indent == 4


def _with_margin(row: Line) -> _Piece:
    return _Piece(row.cut(1), row.text[:1] or " ")


def _unbarred(line: Line) -> _Piece:
    """A row without its bars; the marks inside them stay."""
    text = line.text.rstrip()
    start = len(text) - len(text.lstrip()) + 1
    end = len(text) - 1 if text[start:].endswith(_BARS) else len(text)
    return _Piece(line.cut(start + 1, max(start + 1, end)), text[start : start + 1] or " ")


# --- cells ---------------------------------------------------------------------------------------


def _last_column(cells: Sequence[Sequence[_Piece]]) -> int | None:
    """The column of marks in a box, where every line has it; ``None`` if they differ in width."""
    widths = {display_width(one.line.text) for cell in cells for one in cell}
    return widths.pop() - 1 if len(widths) == 1 else None


def _mark_column(cells: Sequence[Sequence[_Piece]]) -> int | None:
    """The column in which the marks of lines that go on stand, if there are any.

    It is the right-most of all: whatever reaches it is a mark.
    """
    pieces = [(one, following) for cell in cells for one, following in _pairs(cell)]
    widths = [display_width(one.line.text.rstrip()) for one, _ in pieces]
    column = max(widths) - 1
    if column < 0:
        return None
    marks = ""
    for (one, following), width in zip(pieces, widths, strict=True):
        if width == column + 1:
            if not _goes_on(one, following):
                return None
            marks += one.line.text.rstrip()[-1]
    # All lines of a cell have the mark but its last.
    several = any(len(cell) > 1 for cell in cells)
    breaks = several and any(mark in marks for mark in _BREAKS)
    return None if breaks and len(marks) < (len(pieces) - 1) // 2 else column


def _pairs(cell: Sequence[_Piece]) -> Iterator[tuple[_Piece, _Piece | None]]:
    return zip(cell, [*cell[1:], None], strict=True)


def _goes_on(piece: _Piece, following: _Piece | None) -> bool:
    """Whether a line ends with a mark, and the next begins as it says."""
    text = piece.line.text.rstrip()
    mark = text[-1:]
    if following is None or mark not in (*_WRAPS, *_BREAKS):
        return False
    if mark in _BREAKS:
        return following.left in ("", " ")
    if following.left == "":
        # ``0.010..0.020`` that a terminal broke between its dots
        return not (_LAST_DOT.search(text) and _FIRST_DOT.match(following.line.text))
    return following.left == mark


def _split(piece: _Piece, column: int | None) -> tuple[str, str]:
    """What a line says, and the mark at its right, or ""."""
    text = piece.line.text
    if column is None:
        return text, ""
    body, rest = split_at(text, column)
    mark = rest.strip()
    if not mark and body.rstrip().endswith(_EDITED):
        return body.rstrip()[:-1], body.rstrip()[-1]
    if not mark:
        return body, ""
    return (body, mark) if mark in (*_WRAPS, *_BREAKS) else (text, "")


def _mended(cells: Sequence[Sequence[_Piece]], column: int | None) -> list[Line]:
    """The lines of cells, wrapped ones joined.

    Args:
        cells: the lines of each.
        column: where the marks stand; ``None`` if that is to be found out.
    """
    cells = [cell for cell in cells if cell]
    given = column is not None
    divided = any(one.left in (":", ";") for cell in cells for one in cell)
    if column is None and cells and not divided:
        column = _mark_column(cells)
    split = [[(one, *_split(one, column)) for one in cell] for cell in cells]
    marked = divided or any(mark for cell in split for _, _, mark in cell)
    bodies = [body for cell in split for _, body, _ in cell]
    width = column if given and column else max(map(display_width, bodies), default=0)
    found: list[Line] = []
    for cell in split:
        pending: Line | None = None
        for (one, body, mark), following in zip(cell, [*cell[1:], None], strict=True):
            line = one.line._replace(text=body, edge=0 if marked else width)
            if pending is not None:
                line = pending._replace(text=pending.text + body)
            blank = not marked and display_width(body) == width and not body.strip()
            wrapped = mark in _WRAPS or (following is not None and following[0].left == ";")
            if following is not None and (wrapped or blank):
                pending = line._replace(text=_filled(line.text, body, following[1], width))
            else:
                pending = None
                found.append(line._replace(text=line.text.rstrip()))
    return found


def _filled(text: str, body: str, following: str, width: int) -> str:
    """A wrapped line as wide as its column, unless the next character would not have fitted."""
    missing = width - display_width(body)
    if following[:1] and display_width(following[0]) > 1:
        return text.rstrip() if missing <= 1 and body.endswith(" ") else text
    return text + " " * missing


def _first_row(rows: Sequence[Line]) -> list[Line]:
    return [row._replace(first_row=not at) for at, row in enumerate(rows)]
