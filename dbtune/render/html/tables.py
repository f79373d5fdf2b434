"""Tables and records as HTML."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.render.cells import RIGHT, cell
from dbtune.render.html.markup import bar, code, text
from dbtune.report import Column, Table
from dbtune.text import shorten

_SQL_WIDTH = 300
_LONG = 60
_BESIDE = 3
"""A document's tables of more columns have a row's cells one below the other on a phone."""


def section(table: Table) -> Iterator[str]:
    """A table as a section of a page."""
    yield "<section>"
    if table.title:
        yield f"<h2>{text(table.title)}</h2>"
    yield from content(table)
    yield "</section>"


def content(table: Table, most_rank: int | None = None) -> Iterator[str]:
    """A table without its title.

    Args:
        table: a table or a record.
        most_rank: columns of higher rank are left out; ``None`` shows all that people see.
    """
    if not table.rows:
        yield f"<p>{text(table.empty)}</p>"
    elif table.record:
        yield from _record(table)
    elif table.shown != 0:
        yield from _rows(table, most_rank)
    if table.footer and table.rows:
        yield f"<p>{text(table.footer)}</p>"


def _record(table: Table) -> Iterator[str]:
    row = table.rows[0]
    yield '<dl class="record">'
    for column in table.columns:
        if column.rank is not None and row.get(column.name) is not None:
            yield f"<dt>{text(column.title)}</dt><dd>{_cell(column, row.get(column.name))}</dd>"
    yield "</dl>"


def _rows(table: Table, most_rank: int | None) -> Iterator[str]:
    shown = [
        column
        for column in table.columns
        if column.rank is not None
        and (most_rank is None or column.rank <= most_rank)
        and any(row.get(column.name) not in (None, "", (), []) for row in table.rows)
    ]
    stacks = most_rank is not None and len(shown) > _BESIDE
    name = f' role="group" aria-label="{text(table.title)}"' if table.title else ""
    kind = ' class="stacks"' if stacks else ""
    yield f'<div class="scroll" tabindex="0"{name}><table{kind}{_role("table", stacks)}>'
    yield f"<thead><tr{_role('row', stacks)}>"
    for column in shown:
        about = f'{_align(column)}{_role("columnheader", stacks)} title="{text(column.help)}"'
        yield f'<th scope="col"{about}>{text(column.title)}</th>'
    yield "</tr></thead><tbody>"
    looks = {column.name: _look(column, table) for column in shown}
    for row in table.rows[: table.shown]:
        yield f"<tr{_role('row', stacks)}>"
        for column in shown:
            item = row.get(column.name)
            empty = " data-empty" if stacks and not cell(column, item) else ""
            label = f' data-label="{text(column.title)}"{empty}' if stacks else ""
            more = f"{looks[column.name]}{label}{_role('cell', stacks)}"
            inner = _cell(column, item)
            yield f"<td{more}>{f'<div>{inner}</div>' if stacks else inner}</td>"
        yield "</tr>"
    yield "</tbody></table></div>"


def _role(name: str, stacks: bool) -> str:
    """A table whose rows become blocks on a narrow screen is still a table to screen readers."""
    return f' role="{name}"' if stacks else ""


def _look(column: Column, table: Table) -> str:
    """Numbers to the right; room for words where there are many."""
    words = column.kind in ("text", "sql", "list")
    if words and any(len(cell(column, row.get(column.name))) > _LONG for row in table.rows):
        return ' class="long"'
    return _align(column)


def _align(column: Column) -> str:
    return ' class="number"' if column.kind in RIGHT else ""


def _cell(column: Column, item: object) -> str:
    shown = cell(column, item)
    if column.kind == "share" and isinstance(item, int | float):
        return f'<span class="share">{bar(float(item))} {text(shown)}</span>'
    if column.kind != "sql" or not shown:
        return text(shown)
    if len(shown) <= _SQL_WIDTH:
        return f"<code>{text(shown)}</code>"
    short = text(shorten(shown, _SQL_WIDTH))
    return f"<details><summary><code>{short}</code></summary>{code(str(item))}</details>"
