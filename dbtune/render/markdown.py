"""Markdown (GitHub's): for tickets, change records and job summaries."""

from __future__ import annotations

import re
from collections.abc import Iterator

from dbtune.finding import Finding, Level, Skipped
from dbtune.plan_tree import PlanTree
from dbtune.render import Style
from dbtune.render.cells import RIGHT, cell, level_counts, saving, subject
from dbtune.render.plan_tree import draw, legend
from dbtune.report import Report, Table
from dbtune.text import plain, shorten, visible

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~&@!])")
# At the start of a paragraph or list item: another list, a heading's underline, a number's dot.
_STARTS_BLOCK = r"^(\s*(?=[-+](?:[\s-]|$)|=+\s*$)|\s*\d+(?=[.)](?:\s|$)))(.)"
_SQL_WIDTH = 200
_TREE_WIDTH = 120
_STATEMENT = 4000


def render(report: Report, style: Style) -> str:
    """The report as Markdown; nothing in it can become markup of its own."""
    if report.document is not None:
        from dbtune.render.guide import markdown

        return markdown(report.document)
    target = (report.target or {}).get("name")
    parts = [f"## dbtune {report.command}" + (f": {escape(str(target))}" if target else "")]
    parts += [part for table in report.tables if (part := _table(table))]
    parts += [f"### {one.filename}\n\n{fence(one.text, one.language)}" for one in report.artifacts]
    if report.findings:
        parts.append(f"### Findings ({level_counts(report.findings)})")
        parts += [_finding(finding, report) for finding in report.findings]
    if report.skipped:
        parts.append("### Skipped\n\n" + "\n".join(map(_skipped, report.skipped)))
    if report.notes:
        parts.append("### Notes\n\n" + "\n".join(f"- {escape(note)}" for note in report.notes))
    return "\n\n".join(parts)


def escape(text: str) -> str:
    """Text that Markdown and HTML show as it is, on one line."""
    escaped = _SPECIAL.sub(r"\\\1", plain(text)).replace("\\<", "&lt;").replace("\\>", "&gt;")
    return re.sub(_STARTS_BLOCK, r"\1\\\2", escaped)


def fence(text: str, language: str = "") -> str:
    """A code block whose fence no content can close."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    ticks = "`" * max(3, longest + 1)
    clean = "\n".join(visible(line.expandtabs(4)) for line in text.rstrip().split("\n"))
    return f"{ticks}{language}\n{clean}\n{ticks}"


def span(text: str) -> str:
    """A code span that no content can end."""
    clean = plain(text).strip()
    longest = max((len(run) for run in re.findall(r"`+", clean)), default=0)
    ticks = "`" * (longest + 1)
    return f"{ticks} {clean} {ticks}" if longest else f"`{clean}`"


def _skipped(skipped: Skipped) -> str:
    remedy = f": {span(skipped.remedy)}" if skipped.remedy.strip() else ""
    return f"- {escape(skipped.what)}: {escape(skipped.reason)}{remedy}"


def _table(table: Table) -> str:
    if not table.rows:
        return ""
    title = f"### {escape(table.title)}\n\n" if table.title else ""
    if table.trees:
        return "\n\n".join([*(_tree(tree) for tree in table.trees), escape(legend(table.trees))])
    return title + table_text(table)


def table_text(table: Table) -> str:
    """A table or record that has rows, without its title."""
    if table.record:
        row = table.rows[0]
        body = [
            f"| {escape(column.title)} | {escape(cell(column, row.get(column.name)))} |"
            for column in table.columns
            if column.rank is not None and row.get(column.name) is not None
        ]
        return "\n".join(["| | |", "|---|---|", *body])
    if table.shown == 0:
        return escape(table.footer)
    shown = [
        column
        for column in table.columns
        if column.rank is not None and any(row.get(column.name) is not None for row in table.rows)
    ]
    lines = [
        "| " + " | ".join(escape(column.title) for column in shown) + " |",
        "|" + "|".join("---:" if column.kind in RIGHT else "---" for column in shown) + "|",
    ]
    for row in table.rows[: table.shown]:
        texts = [shorten(cell(column, row.get(column.name)), _SQL_WIDTH) for column in shown]
        lines.append("| " + " | ".join(escape(text) for text in texts) + " |")
    footer = f"\n\n{escape(table.footer)}" if table.footer else ""
    return "\n".join(lines) + footer


def _tree(tree: PlanTree) -> str:
    parts = [f"### {escape(tree.headline)}"]
    if tree.statement:
        parts.append(fence(shorten(tree.statement, _STATEMENT), "sql"))
    drawn = draw(tree._replace(headline="", statement=""), _TREE_WIDTH)
    parts.append(fence("\n".join(line.plain for line in drawn).strip("\n")))
    return "\n\n".join(parts)


def _finding(finding: Finding, report: Report) -> str:
    level = (finding.level or Level.info).name
    about = escape(shorten(subject(finding, report), _SQL_WIDTH))
    lines = [
        f"**{level}: {escape(finding.rule)}** {about}",
        "",
        f"{escape(finding.message)} ({finding.confidence})",
        "",
        "\n\n".join(labelled(finding)),
    ]
    return "\n".join(lines)


def labelled(finding: Finding) -> Iterator[str]:
    """What a finding says below its message: why, what to do, what that costs."""
    if found := saving(finding):
        yield f"*Saves:* {escape(found)}"
    yield f"*Why:* {escape(finding.why)}"
    yield f"*What to do:* {escape(finding.remedy.text)}"
    for code, language in ((finding.remedy.sql, "sql"), (finding.remedy.config, "ini")):
        if code:
            yield fence(code, language)
    if finding.remedy.effect:
        yield f"*Effect:* {escape(finding.remedy.effect)}"
    for label, text in (("Check", finding.verify), ("Mistaken when", finding.mistaken_when)):
        if text:
            yield f"*{label}:* {escape(text)}"
