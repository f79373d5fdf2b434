"""NDJSON: a header line, then one line for each row, finding, skipped item and note."""

from __future__ import annotations

from dbtune.render import Style
from dbtune.render.document import finding_data, header, row_data, skipped_data
from dbtune.render.json import dumps
from dbtune.report import Report


def render(report: Report, style: Style) -> str:
    """Lines of JSON; ``type`` tells what each is."""
    lines: list[dict[str, object]] = [{"type": "header", **header(report)}]
    for table in report.tables:
        lines += ({"type": table.name, **row_data(table, row)} for row in table.rows)
    lines += ({"type": "finding", **finding_data(finding)} for finding in report.findings)
    lines += ({"type": "skipped", **skipped_data(skipped)} for skipped in report.skipped)
    lines += ({"type": "note", "text": note} for note in report.notes)
    lines += (
        {"type": "artifact", "filename": one.filename, "language": one.language, "text": one.text}
        for one in report.artifacts
    )
    return "\n".join(dumps(line) for line in lines)
