"""Tables for people, by rich: as many columns as fit, statement text in the space that is left."""

from __future__ import annotations

import io
from collections.abc import Sequence
from itertools import groupby

from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.table import Table as RichTable
from rich.text import Text

from dbtune.finding import Confidence, Finding, Level
from dbtune.render import Style
from dbtune.render.cells import LEVEL_STYLES, RIGHT, cell, is_blank, level_counts, saving, subject
from dbtune.render.plan_tree import draw, legend
from dbtune.report import Column, Report, Row, Table
from dbtune.text import plain, shorten, visible

_SQL_MINIMUM = 30
_SQL_MINIMUM_NARROW = 14
_NARROW = 60
"""Columns of a terminal on which a statement has to do with less."""
_TEXT_MINIMUM = 12
_WRAPPED = frozenset({"text", "list", "object"})
"""Kinds whose cells may take several lines; in two, or cut, a number would be another one."""
_SQL_PORTION = 0.35
_BAR_WIDTH = 8
_UNLIMITED = 100_000
_PROSE_WIDTH = 100


def render(report: Report, style: Style) -> str:
    """The report for a terminal of ``style.width`` columns, or unlimited where that is ``None``."""
    out = io.StringIO()
    console = Console(
        file=out,
        width=style.width or _UNLIMITED,
        force_terminal=style.color,
        color_system="standard" if style.color else None,
        no_color=not style.color,
        highlight=False,
        markup=False,
        emoji=False,
        legacy_windows=False,
    )
    prose = min(style.width or _PROSE_WIDTH, _PROSE_WIDTH)
    if report.target:
        console.print(Text(_headline(report), style="bold"), width=style.width or None)
    for table in report.tables:
        _print_table(console, table, style)
    _print_findings(console, report, prose)
    if report.skipped:
        console.print()
        console.print(Text("Not examined (skipped is not clean):", style="bold"))
        for skipped in report.skipped:
            what = Text(plain(f"{skipped.what}: {skipped.reason}"))
            console.print(Padding(what, (0, 2)), width=prose)
            if skipped.remedy:
                _print_code(console, skipped.remedy, 4)
    if report.notes:
        console.print()
        for note in report.notes:
            grid = RichTable.grid(padding=(0, 1))
            grid.add_row(Text("note:", style="bold"), Text(plain(note)))
            console.print(grid, width=prose)
    return "\n".join(line.rstrip() for line in out.getvalue().split("\n"))


def _headline(report: Report) -> str:
    target = report.target or {}
    known = [target.get(key) for key in ("name", "server", "role")]
    return plain(" · ".join(str(item) for item in known if item))


# ------------------------------------------------------------------------------------------ tables


def _print_table(console: Console, table: Table, style: Style) -> None:
    console.print()
    if table.title:
        console.print(Text(plain(table.title), style="bold"))
    if not table.rows:
        console.print(Text(table.empty))
        return
    if table.trees:
        _print_trees(console, table, style)
    elif table.record:
        _print_record(console, table, style)
    elif table.shown != 0:
        _print_rows(console, table, style)
    if table.footer:
        console.print(Text(plain(table.footer)), width=min(style.width or _PROSE_WIDTH, 120))


def _print_trees(console: Console, table: Table, style: Style) -> None:
    for number, tree in enumerate(table.trees):
        if number:
            console.print()
        for line in draw(tree, style.width):
            console.print(line, soft_wrap=True)
    console.print()
    console.print(
        Text(legend(table.trees), style="dim"), width=min(style.width or _PROSE_WIDTH, _PROSE_WIDTH)
    )


def _print_record(console: Console, table: Table, style: Style) -> None:
    row = table.rows[0]
    grid = RichTable.grid(padding=(0, 2))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for column in table.columns:
        if column.rank is not None and row.get(column.name) is not None:
            grid.add_row(Text(column.title), Text(cell(column, row.get(column.name))))
    console.print(grid, width=style.width or None)


def _print_rows(console: Console, table: Table, style: Style) -> None:
    columns, hidden = _fitting(table, style.width)
    rich_table = RichTable(
        box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), show_edge=False
    )
    narrowed = _narrowed(columns, table.rows, style.width)
    for column in columns:
        is_sql = column.kind == "sql"
        rich_table.add_column(
            Text(column.title),
            justify="right" if column.kind in RIGHT else "left",
            no_wrap=column.kind not in _WRAPPED or style.width is None,
            overflow="ellipsis" if is_sql else "fold",
            ratio=1 if is_sql and style.width else None,
            min_width=_sql_minimum(style.width) if is_sql else None,
            max_width=narrowed.get(column.name),
        )
    for row in table.rows[: table.shown]:
        rich_table.add_row(*(_rich_cell(column, row) for column in columns))
    rich_table.expand = style.width is not None and any(c.kind == "sql" for c in columns)
    console.print(rich_table)
    if hidden:
        names = ", ".join(column.title for column in hidden)
        console.print(Text(f"not shown at this width: {names} (--wide or --format json)"))


def _rich_cell(column: Column, row: Row) -> Text:
    item = row.get(column.name)
    text = cell(column, item)
    if column.kind == "share" and isinstance(item, int | float):
        text = f"{_bar(float(item))} {text:>7}"
    return Text(text)


def _bar(share: float) -> str:
    """A bar of eighths of a block, so that small shares are told apart."""
    eighths = round(max(0.0, min(1.0, share)) * _BAR_WIDTH * 8)
    full, rest = divmod(eighths, 8)
    bar = "█" * full + (" ▏▎▍▌▋▊▉"[rest] if rest else "")
    return f"{bar:<{_BAR_WIDTH}}"


def _fitting(table: Table, width: int | None) -> tuple[list[Column], list[Column]]:
    """Columns that fit, by rank, and those that do not; columns that say nothing are left out."""
    candidates = [
        column
        for column in table.columns
        if column.rank is not None
        and (column.rank == 0 or not all(is_blank(row.get(column.name)) for row in table.rows))
    ]
    if width is None:
        return candidates, []
    widths = {column.name: _natural_width(column, table.rows, width) for column in candidates}
    chosen: set[str] = set()
    used = 0
    for column in sorted(candidates, key=lambda one: one.rank or 0):
        need = widths[column.name] + 2
        if column.rank == 0 or used + need <= width:
            chosen.add(column.name)
            used += need
    least = {one.name: _least_width(one, table.rows, width) + 2 for one in candidates}
    # What a row is about stays: its first column, and its statement.
    others = [one for one in candidates if one.name in chosen][1:]
    others = [one for one in others if one.kind != "sql"]
    for column in sorted(others, key=lambda one: one.rank or 0)[::-1]:
        if sum(least[name] for name in chosen) > width + 2:
            chosen.remove(column.name)
    shown = [column for column in candidates if column.name in chosen]
    return shown, [column for column in candidates if column.name not in chosen]


def _narrowed(columns: list[Column], rows: Sequence[Row], width: int | None) -> dict[str, int]:
    """How wide texts may be, so that a statement beside them keeps its least width."""
    if width is None or not any(column.kind == "sql" for column in columns):
        return {}
    widths = {
        column.name: _sql_minimum(width)
        if column.kind == "sql"
        else _natural_width(column, rows, width)
        for column in columns
    }
    narrowed: dict[str, int] = {}
    texts = [column.name for column in columns if column.kind in _WRAPPED]
    for widest in sorted(texts, key=lambda name: -widths[name]):
        over = sum(widths.values()) + 2 * len(columns) - width
        if over > 0 and widths[widest] > _TEXT_MINIMUM:
            widths[widest] = narrowed[widest] = max(_TEXT_MINIMUM, widths[widest] - over)
    return narrowed


def _sql_minimum(width: int | None) -> int:
    return _SQL_MINIMUM_NARROW if width is not None and width < _NARROW else _SQL_MINIMUM


def _least_width(column: Column, rows: Sequence[Row], width: int) -> int:
    if column.kind == "sql":
        return _sql_minimum(width)
    natural = _natural_width(column, rows, width)
    return min(natural, _TEXT_MINIMUM) if column.kind in _WRAPPED else natural


def _natural_width(column: Column, rows: Sequence[Row], width: int) -> int:
    if column.kind == "sql":
        return max(_sql_minimum(width), round(width * _SQL_PORTION))
    longest = max(len(_rich_cell(column, row).plain) for row in rows)
    return max(len(column.title), longest)


# ---------------------------------------------------------------------------------------- findings


def _print_findings(console: Console, report: Report, width: int) -> None:
    findings = report.findings
    if not findings:
        return
    console.print()
    console.print(Text(f"Findings: {level_counts(findings)}", style="bold"))
    for (level, rule, confidence), alike in groupby(findings, key=_heading):
        several = list(alike)
        console.print()
        title = Text(f"{(level or Level.info).name} ", style=LEVEL_STYLES[level or Level.info])
        title.append(rule, style="bold")
        title.append(f"  ({confidence})")
        console.print(title)
        _labelled(console, "why", several[0].why, width)
        _labelled(console, "unless", several[0].mistaken_when, width)
        for number, finding in enumerate(several, start=1):
            label = f"{number}." if len(several) > 1 else "what"
            _labelled(
                console, label, shorten(subject(finding, report), 2 * (width - 10)), width, "bold"
            )
            _print_advice(console, finding, width)
        for check in dict.fromkeys(finding.verify for finding in several):
            _labelled(console, "check", check, width)


def _heading(finding: Finding) -> tuple[Level | None, str, Confidence | None]:
    return finding.level, finding.rule, finding.confidence


def _print_advice(console: Console, finding: Finding, width: int) -> None:
    _labelled(console, "", finding.message, width)
    _labelled(console, "saves", saving(finding), width)
    _labelled(console, "do", finding.remedy.text, width)
    for code in (finding.remedy.sql, finding.remedy.config):
        _print_code(console, code, 9)
    _labelled(console, "cost", finding.remedy.effect, width)


def _labelled(console: Console, label: str, text: str, width: int, style: str = "") -> None:
    if not text:
        return
    grid = RichTable.grid(padding=(0, 1))
    grid.add_column(min_width=6)
    grid.add_row(Text(label), Text(plain(text), style=style))
    console.print(Padding(grid, (0, 0, 0, 2)), width=width)


def _print_code(console: Console, text: str, indent: int) -> None:
    """Code to paste: never wrapped or cut, control characters made visible."""
    for line in text.strip("\n").split("\n") if text else ():
        shown = " " * indent + visible(line.expandtabs(4))
        console.print(Text(shown, style="green"), soft_wrap=True)
