"""One HTML page that needs nothing else: no network, no fonts, no library.

Everything that was read from outside is text in it, or data that the script makes text of. A
Content-Security-Policy names the page's own style sheet and script by their hashes: nothing else
would run, whatever got into the page, and nothing can be asked of the network.

Without scripts all of it can still be read; plans are then drawn as text.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Iterator
from importlib import resources
from typing import Any

from dbtune import __version__
from dbtune.render import Style
from dbtune.render.cells import level_counts
from dbtune.render.document import value
from dbtune.render.html.findings import cards, numbered
from dbtune.render.html.markup import code, script_data, text
from dbtune.render.html.plan import contents, data, sections
from dbtune.render.html.tables import section
from dbtune.report import Report

_SCRIPTS = ("tree.js", "flame.js", "page.js")


def render(report: Report, style: Style) -> str:
    """The report as a page."""
    if report.document is not None:
        from dbtune.render.html.guide import body

        css = _own("page.css") + _own("guide.css")
        return _page(report.document.title, css, body(report.document), [])
    return _page(_title(report), _own("page.css"), _body(report), data(report))


def _page(title: str, css: str, body: Iterable[str], plans: list[dict[str, Any]]) -> str:
    """A page around its body."""
    script = f'(() => {{\n"use strict";\n{"".join(map(_own, _SCRIPTS))}}})();'
    scripts = f"<script>{script}</script>"
    if plans:
        scripts = (
            f'<script type="application/json" id="data">{script_data(plans)}</script>' + scripts
        )
    policy = (
        f"default-src 'none'; style-src '{_hash(css)}'; script-src '{_hash(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en">',
            '<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="color-scheme" content="light dark">',
            '<meta name="referrer" content="no-referrer">',
            f'<meta name="generator" content="dbtune {__version__}">',
            f"<title>{text(title)}</title>",
            f"<style>{css}</style>",
            "<body>",
            *body,
            scripts,
            "</body>",
            "</html>",
        ]
    )


def _own(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


def _hash(content: str) -> str:
    digest = hashlib.sha256(content.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"


def _title(report: Report) -> str:
    target = (report.target or {}).get("name")
    trees = [tree for table in report.tables for tree in table.trees]
    about = str(target) if target else trees[0].headline if len(trees) == 1 else ""
    return f"dbtune {report.command}" + (f": {about}" if about else "")


def _body(report: Report) -> Iterator[str]:
    yield f"<header><h1>dbtune {text(report.command)}</h1>{_target(report)}</header>"
    yield "<main>"
    yield from contents(report)
    for table in report.tables:
        yield from sections(report, table) if table.trees else section(table)
    for one in report.artifacts:
        yield f"<section><h2>{text(one.filename)}</h2>{code(one.text)}</section>"
    trees = sum(len(table.trees) for table in report.tables)
    others = [
        one for one in numbered(report) if one[1].evidence.get("plan") not in range(1, trees + 1)
    ]
    if others:
        found = level_counts(finding for _, finding in others)
        yield f'<section><h2>Findings: {found}</h2><div class="cards">'
        yield from cards(others)
        yield "</div></section>"
    yield from _skipped(report)
    if report.notes:
        items = "".join(f"<li>{text(note)}</li>" for note in report.notes)
        yield f"<section><h2>Notes</h2><ul>{items}</ul></section>"
    yield "</main>"
    when = f", {text(str(value(report.collected_at)))}" if report.collected_at else ""
    yield f"<footer>made by dbtune {__version__}{when}</footer>"


def _target(report: Report) -> str:
    target = report.target or {}
    known = [str(target[key]) for key in ("name", "server", "role") if target.get(key)]
    return f"<p>{text(' · '.join(known))}</p>" if known else ""


def _skipped(report: Report) -> Iterator[str]:
    if not report.skipped:
        return
    yield "<section><h2>Not examined</h2><p>Skipped is not clean.</p><ul>"
    for one in report.skipped:
        remedy = code(one.remedy) if one.remedy else ""
        yield f"<li>{text(one.what)}: {text(one.reason)}{remedy}</li>"
    yield "</ul></section>"
