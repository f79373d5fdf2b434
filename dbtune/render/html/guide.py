"""A document as a page: landmarks, headings in order, charts with their numbers beside them."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune import __version__
from dbtune.finding import Level
from dbtune.guide.model import (
    Bars,
    Block,
    Code,
    Curves,
    Document,
    Grid,
    Lines,
    Problem,
    Problems,
    Section,
    Spread,
    Steps,
    Text,
    Tiles,
)
from dbtune.render.document import value
from dbtune.render.html import charts
from dbtune.render.html.findings import remedy
from dbtune.render.html.markup import code, tag, text
from dbtune.render.html.tables import content
from dbtune.report import Table

_RANK = 2
"""Columns of a higher rank are in JSON: a document is no place to scroll sideways."""


def body(document: Document) -> Iterator[str]:
    """The page's body."""
    moment = str(value(document.made_at)).replace("T", " ").replace("Z", " UTC")
    made = f" · {text(moment)}" if document.made_at else ""
    level = document.level or "ok"
    yield '<a class="skip" href="#main">Skip to the contents</a>'
    yield '<div class="guide">'
    yield f'<header class="title {level}"><h1>{text(document.title)}</h1>'
    yield f"<p>{text(document.about)}{made}</p></header>"
    yield from _contents(document)
    yield '<main id="main"><section class="summary"><h2>In short</h2><ol>'
    yield "".join(f"<li>{text(line)}</li>" for line in document.summary)
    yield "</ol></section>"
    for number, section in document.numbered():
        yield from _section(section, number, 2)
    yield f"<footer>made by dbtune {__version__}{made}</footer></main></div>"


def _contents(document: Document) -> Iterator[str]:
    yield '<nav class="toc" aria-label="Contents"><ol>'
    for number, section in document.numbered():
        yield f'<li><a href="#s{number}">{text(section.title)}</a>'
        parts = "".join(
            f'<li><a href="#s{number}-{place}">{text(part.title)}</a></li>'
            for place, part in enumerate(section.parts, start=1)
        )
        yield f"<ol>{parts}</ol></li>" if parts else "</li>"
    yield "</ol></nav>"


def _section(section: Section, number: str, level: int) -> Iterator[str]:
    shown = f'<span class="count">{number}</span> ' if level == 2 else ""
    yield f'<section id="s{number}"><h{level}>{shown}{text(section.title)}</h{level}>'
    for block in section.blocks:
        yield from _block(block, level + 1)
    for place, part in enumerate(section.parts, start=1):
        yield from _section(part, f"{number}-{place}", level + 1)
    yield "</section>"


def _block(block: Block, level: int) -> Iterator[str]:
    """A block; ``level`` is that of headings within it."""
    match block:
        case Text(words, look):
            yield f'<p class="{look}">{text(words)}</p>'
        case Lines(lines, ordered):
            kind = "ol" if ordered else "ul"
            items = "".join(f"<li>{text(line)}</li>" for line in lines)
            yield f'<{kind} class="lines">{items}</{kind}>'
        case Grid(table, fold):
            yield from _grid(table, fold, level)
        case Tiles(tiles):
            yield from charts.tiles(tiles)
        case Bars(title, bars, table):
            yield from _figure(title, charts.bars(bars), table)
        case Spread(title, spans, table):
            yield from _figure(title, charts.spread(spans), table)
        case Curves(title, axis, curves, chosen, table):
            yield from _figure(title, charts.curves(axis, curves, chosen), table)
        case Code(artifact, fold):
            shown = code(artifact.text)
            yield _fold(fold, shown) if fold else shown
        case Problems(problems, fold):
            cards = "".join(part for one in problems for part in _problem(one, level))
            inner = f'<div class="problems">{cards}</div>'
            yield _fold(fold, inner) if fold else inner
        case Steps():
            yield from _steps(block)


def _grid(table: Table, fold: str, level: int) -> Iterator[str]:
    inner = "".join(content(table, _RANK))
    if fold:
        yield _fold(fold, inner)
        return
    if table.title:
        yield f"<h{level}>{text(table.title)}</h{level}>"
    yield inner


def _fold(title: str, inner: str) -> str:
    return f'<details class="fold"><summary>{text(title)}</summary>{inner}</details>'


def _figure(title: str, chart: Iterator[str], table: Table | None) -> Iterator[str]:
    yield f"<figure><figcaption>{text(title)}</figcaption>"
    yield from chart
    if table is not None:
        yield _fold("The numbers", "".join(content(table, _RANK)))
    yield "</figure>"


def _problem(one: Problem, level: int) -> Iterator[str]:
    finding = one.finding
    name = (finding.level or Level.info).name
    shown = " open" if name == "critical" else ""
    yield f'<details class="problem" id="problem{one.number}"{shown}><summary>'
    yield f'<h{level}><span class="count">{one.number}</span> {tag(name)} '
    yield f"{text(one.title)}</h{level}>"
    if one.finding.title:
        yield f"<span>{text(one.headline)}</span>"
    yield f"<small>{text(one.about)}</small>"
    yield '</summary><div class="inner">'
    yield from remedy(finding)
    yield f"<p><small>{text(finding.rule)}, {text(str(finding.confidence))}</small></p>"
    yield "</div></details>"


def _steps(block: Steps) -> Iterator[str]:
    yield '<ul class="steps">'
    for step in block.steps:
        yield f'<li><label><input type="checkbox"> <span>{text(step.what)}</span></label>'
        if step.now:
            yield f'<span class="now"><small>now</small> {text(step.now)}</span>'
        if step.limit:
            yield f'<span class="limit"><small>limit</small> {text(step.limit)}</span>'
        if step.command:
            yield f"<code>{text(step.command)}</code>"
        yield "</li>"
    yield "</ul>"
