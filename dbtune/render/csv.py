"""CSV (RFC 4180): the rows of the main table, every column, raw numbers.

A second table would need a second header, which no CSV reader expects; findings are in JSON.
"""

from __future__ import annotations

import csv
import io

from dbtune.render import Style
from dbtune.render.document import row_data
from dbtune.render.json import dumps
from dbtune.report import Report
from dbtune.text import CONTROL, visible


def render(report: Report, style: Style) -> str:
    """The main table as CSV with a header line."""
    if not report.tables:
        return ""
    table = report.tables[0]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([column.name for column in table.columns])
    for row in table.rows:
        writer.writerow([_cell(cell) for cell in row_data(table, row).values()])
    return out.getvalue()


def _cell(value: object) -> object:
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, bool):
        return str(value).lower()
    return dumps(value) if isinstance(value, list | dict) else value


def _text(value: str) -> str:
    """Line breaks and tabs stay; other controls, which could steer a terminal, become visible."""
    clean = CONTROL.sub(lambda found: found[0] if found[0] in "\n\t" else visible(found[0]), value)
    # A spreadsheet would run it as a formula.
    return f"'{clean}" if clean.startswith(("=", "+", "-", "@", "\t")) else clean
