"""A plan on the page: its bar, flame view and findings as markup, its tree as data for the script.

The widths of SVG elements are per cent, so that they follow the window without any script.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from dbtune.finding import Level
from dbtune.plan_tree import Fact, Part, PlanTree, TreeNode
from dbtune.render.cells import level_counts
from dbtune.render.frames import Frame, frames, heat
from dbtune.render.html.findings import Numbered, cards, numbered
from dbtune.render.html.markup import code, tag, text
from dbtune.render.plan_tree import compact, draw, error_text, legend, percent, share_text
from dbtune.render.svg import label, tooltip
from dbtune.report import Report, Table
from dbtune.text import ms_text, plain, shorten

_ROW = 22
_NARROWEST = 0.0005
_WIDTH_WITHOUT_SCRIPTS = 120
_STATEMENT = 140


def contents(report: Report) -> Iterator[str]:
    """The list of plans, where there are several."""
    found = list(_trees(report))
    if len(found) < 2:
        return
    yield '<nav aria-label="Plans"><ol class="plans">'
    for number, tree in found:
        findings = [finding for _, finding in _of_plan(report, number)]
        about = f" <code>{text(shorten(plain(tree.statement), _STATEMENT))}</code>"
        worst = max((one.level or Level.info for one in findings), default=None)
        sign = f" {tag(worst.name)}" if worst else ""
        yield f'<li><a href="#plan{number}">{text(tree.headline)}</a>{sign}{about}</li>'
    yield "</ol></nav>"


def sections(report: Report, table: Table) -> Iterator[str]:
    """A section for each plan of a table."""
    for number, tree in _trees(report):
        if any(tree is one for one in table.trees):
            yield from _section(report, number, tree)


def data(report: Report) -> list[dict[str, Any]]:
    """What the script draws trees of: for each plan its nodes, every text fit for people."""
    found = []
    for number, tree in _trees(report):
        by_node: dict[int, list[Numbered]] = {}
        for one in _of_plan(report, number):
            if isinstance(node := one[1].evidence.get("node"), int):
                by_node.setdefault(node, []).append(one)
        nodes = [_node(node, tree, by_node.get(node.id, ())) for node in tree.nodes]
        found.append({"number": number, "unit": tree.unit, "nodes": nodes})
    return found


def _trees(report: Report) -> Iterator[tuple[int, PlanTree]]:
    yield from enumerate((one for table in report.tables for one in table.trees), start=1)


def _of_plan(report: Report, number: int) -> list[Numbered]:
    return [one for one in numbered(report) if one[1].evidence.get("plan") == number]


# ------------------------------------------------------------------------------------- as markup


def _section(report: Report, number: int, tree: PlanTree) -> Iterator[str]:
    yield f'<section class="plan" id="plan{number}"><h2>{text(tree.headline)}</h2>'
    if tree.statement:
        short = text(shorten(plain(tree.statement), _STATEMENT))
        yield f'<details class="statement"><summary>Statement <code>{short}</code></summary>'
        yield f"{code(tree.statement)}</details>"
    yield from _parts(number, tree)
    yield from _flame(number, tree)
    yield f'<div class="viewer" id="p{number}"></div>'
    drawn = "\n".join(line.plain for line in draw(tree, _WIDTH_WITHOUT_SCRIPTS))
    yield f"<noscript>{code(drawn)}</noscript>"
    yield f'<p class="legend">{text(legend([tree]))}</p>'
    found = _of_plan(report, number)
    if found:
        numbers = level_counts(finding for _, finding in found)
        yield f'<h3>Findings: {numbers}</h3><div class="cards">'
        yield from cards(found)
        yield "</div>"
    yield from _facts(tree.facts())
    yield "</section>"


def _parts(number: int, tree: PlanTree) -> Iterator[str]:
    """Where it went: one bar, and what its parts are called."""
    if not tree.parts:
        return
    yield '<svg class="parts" role="img" aria-label="Where it went, as listed below">'
    start = 0.0
    for part in tree.parts:
        width = max(0.0, min(part.share, 1 - start))
        yield (
            f'<svg x="{start * 100:.2f}%" width="{width * 100:.2f}%" height="100%">'
            f'<rect class="{_fill(part, tree)}" width="100%" height="100%"/>'
            f'<text x="4" y="17">{text(part.label)}</text></svg>'
        )
        start += width
    yield '</svg><ol class="parts">'
    for part in tree.parts:
        link = text(part.label)
        if part.label.startswith("#"):
            link = f'<a class="node" href="#p{number}n{text(part.label[1:])}">{link}</a>'
        yield f"<li>{link} {percent(part.share)} {text(part.title)}</li>"
    if start < 0.99:
        yield f"<li>the rest {percent(1 - start)}</li>"
    yield "</ol>"


def _fill(part: Part, tree: PlanTree) -> str:
    return "outside" if part in tree.outside else f"fill{heat(part.share)}"


def _flame(number: int, tree: PlanTree) -> Iterator[str]:
    found = [one for one in frames(tree) if one.width >= _NARROWEST]
    if not found:
        return
    height = (1 + max(one.depth for one in found)) * _ROW
    yield '<details class="flame" open><summary>Flame view</summary>'
    yield f'<svg class="flame" data-plan="{number}" height="{height}" role="group" '
    yield 'aria-label="Flame view: each frame is as wide as it and what is below">'
    for one in found:
        look = f"fill{heat(one.own)}" if one.node or not one.depth else "outside"
        node = f' data-node="{one.node.id}"' if one.node else ""
        yield (
            f'<svg class="frame {look}" x="{one.start * 100:.4f}%" y="{one.depth * _ROW}" '
            f'width="{one.width * 100:.4f}%" height="{_ROW}"{node}>'
            f"<title>{_lines(tooltip(one, tree))}</title>"
            f'<rect width="100%" height="{_ROW - 1}"/>{_words(one)}</svg>'
        )
    yield "</svg></details>"


def _lines(content: str) -> str:
    return "&#10;".join(text(line) for line in content.split("\n"))


def _words(frame: Frame) -> str:
    return f'<text x="4" y="15">{text(shorten(label(frame), 200))}</text>'


def _facts(facts: Sequence[Fact]) -> Iterator[str]:
    if not facts:
        return
    yield '<details class="facts"><summary>Settings, times and source</summary><div>'
    for group, several in groupby(facts, key=lambda fact: fact.group):
        yield f"<h4>{text(group)}</h4><dl>"
        for fact in several:
            yield f"<dt>{text(fact.label)}</dt><dd>{text(fact.text)}</dd>"
        yield "</dl>"
    yield "</div></details>"


# --------------------------------------------------------------------------------------- as data


def _node(node: TreeNode, tree: PlanTree, findings: Sequence[Numbered]) -> dict[str, Any]:
    """A node; what says nothing is left out, since there may be thousands."""
    amount = ""
    if node.amount is not None:
        amount = ms_text(node.amount) if tree.unit == "ms" else compact(node.amount)
    every: Mapping[str, Any] = {
        "depth": node.depth,
        "title": plain(node.title),
        "share": None if node.share is None else round(node.share, 5),
        "own": share_text(node.share),
        "amount": amount,
        "rows": compact(node.rows),
        "planned": compact(node.estimate),
        "error": error_text(node),
        "loops": compact(node.loops) if (node.loops or 0) > 1 else "",
        "marks": [plain(mark) for mark in node.marks],
        "details": [plain(detail) for detail in node.details],
        "skipped": not node.executed,
        "findings": [
            [number, one.rule, (one.level or Level.info).name] for number, one in findings
        ],
        "facts": [
            [plain(group), [[plain(fact.label), plain(fact.text)] for fact in several]]
            for group, several in groupby(node.facts(), key=lambda fact: fact.group)
        ],
    }
    return {"id": node.id} | {key: item for key, item in every.items() if item}
