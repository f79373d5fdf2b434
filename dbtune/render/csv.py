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
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r"):
        return "'" + value  # a spreadsheet would run it as a formula
    if isinstance(value, bool):
        return str(value).lower()
    return dumps(value) if isinstance(value, list | dict) else value
