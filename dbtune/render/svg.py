"""Plans as icicles (flame graphs that hang): one picture that needs nothing but an SVG viewer.

Each frame is as wide as it and what is below it took; what is its own has no frame below it. Colour
says the same. Where text does not fit it is cut, and a frame's ``<title>`` has all of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from xml.sax.saxutils import escape

from rich.cells import cell_len, set_cell_size

from dbtune.plan_tree import PlanTree
from dbtune.render import Style
from dbtune.render.frames import Frame, amount_text, frames, heat
from dbtune.render.plan_tree import percent
from dbtune.report import Report
from dbtune.text import plain, shorten

_WIDTH, _ROW, _PAD, _FONT = 1200, 22, 16, 12
_LETTER = 0.61 * _FONT
"""Advance of a letter in the widest of the fonts asked for."""
_NARROWEST = 0.4
"""Frames of fewer pixels are not drawn, nor those below them."""
_STATEMENT_LINES = 3
# What XML 1.0 has no way to write, escaped or not.
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_STYLE = f"""\
text {{ font: {_FONT}px "DejaVu Sans Mono", Menlo, Consolas, monospace; fill: #1a1a1a }}
.bold {{ font-weight: bold }}
.page {{ fill: #fff }}
.frame {{ stroke: #fff }}
.frame:hover {{ stroke: #1a1a1a }}
.heat0 {{ fill: #e8e6e1 }}
.heat1 {{ fill: #fdebb0 }}
.heat2 {{ fill: #fdc97a }}
.heat3 {{ fill: #fb9a62 }}
.heat4 {{ fill: #f4705c }}
.outside {{ fill: #cfd8e3 }}
@media (prefers-color-scheme: dark) {{
  .page {{ fill: #16181c }}
  .frame {{ stroke: #16181c }}
  .frame:hover {{ stroke: #fff }}
  .head {{ fill: #e6e6e6 }}
}}"""


def render(report: Report, style: Style) -> str:
    """All plans of the report, one below the other."""
    body: list[str] = []
    top: float = _PAD
    for table in report.tables:
        for tree in table.trees:
            drawn, height = _plan(tree, top)
            body += drawn
            top += height + 2 * _PAD
    if not body:
        body, top = [_text(_PAD, top + _FONT, "no plan to draw", "head")], top + 2 * _ROW
    height = top - _PAD
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" '
            f'width="{_WIDTH}" height="{height}">',
            f"<style>\n{_STYLE}\n</style>",
            f'<rect class="page" width="{_WIDTH}" height="{height}"/>',
            *body,
            "</svg>",
        ]
    )


def _plan(tree: PlanTree, top: float) -> tuple[list[str], float]:
    """A plan's picture from ``top`` on, and how high it is."""
    room = int((_WIDTH - 2 * _PAD) / _LETTER)
    what = {"ms": "time", "cost": "estimated cost", "blocks": "blocks"}[tree.unit]
    heads = [tree.headline, *_lines(tree.statement, room)]
    heads.append(
        f"by {what}: a frame is as wide as it and what is below; colour and number are its own part"
    )
    lines = []
    for number, head in enumerate(heads):
        look = "head" if number else "head bold"
        lines.append(_text(_PAD, top + _FONT + number * _ROW * 0.8, head, look, room))
    top_of_frames = top + len(heads) * _ROW * 0.8 + _PAD / 2
    drawn = list(_frames(tree, top_of_frames))
    if not drawn:
        nothing = f"the plan tells nothing by {what}"
        drawn = [(_text(_PAD, top_of_frames + _FONT, nothing, "head"), 0)]
    depth = 1 + max(depth for _, depth in drawn)
    return [*lines, *(one for one, _ in drawn)], top_of_frames - top + depth * _ROW


def _lines(text: str, room: int) -> Iterator[str]:
    rest = plain(shorten(text, 4 * room * _STATEMENT_LINES)).strip()
    for number in range(_STATEMENT_LINES):
        if rest:
            last = number == _STATEMENT_LINES - 1
            yield rest if last else rest[:room]
            rest = rest[room:]


def _frames(tree: PlanTree, top: float) -> Iterator[tuple[str, int]]:
    scale = _WIDTH - 2 * _PAD
    for frame in frames(tree):
        width = frame.width * scale
        if width < _NARROWEST:
            continue
        left, upper = _PAD + frame.start * scale, top + frame.depth * _ROW
        shown = label(frame)
        look = f"heat{heat(frame.own)}" if frame.node or not frame.depth else "outside"
        room = int((width - 6) / _LETTER)
        text = _text(left + 4, upper + 15, shown, "", room) if room >= 3 else ""
        yield (
            f'<g><title>{_escape(tooltip(frame, tree))}</title><rect class="frame {look}" '
            f'x="{left:.2f}" y="{upper:g}" width="{width:.2f}" height="{_ROW}"/>{text}</g>',
            frame.depth,
        )


def label(frame: Frame) -> str:
    """What stands in a frame, if there is room for it."""
    if not frame.depth:
        return frame.title
    own = f" {percent(frame.own)}" if frame.own >= 0.001 else ""
    return (f"#{frame.node.id} {frame.title}" if frame.node else frame.title) + own


def tooltip(frame: Frame, tree: PlanTree) -> str:
    """What is said of a frame when one points at it."""
    if not frame.depth:
        return f"{plain(tree.headline)}\n{shorten(plain(tree.statement), 1000)}".strip()
    lines = [f"#{frame.node.id} {plain(frame.title)}" if frame.node else plain(frame.title)]
    lines.append(f"own: {percent(frame.own)}, {amount_text(frame.amount, tree.unit)}")
    if frame.width - frame.own > 1e-9:
        whole = amount_text(frame.total, tree.unit)
        lines.append(f"with what is below: {percent(frame.width)}, {whole}")
    if frame.node:
        lines += map(plain, [*frame.node.marks, *frame.node.details])
    return "\n".join(shorten(line, 500) for line in lines)


def _text(x: float, y: float, text: str, look: str, room: int | None = None) -> str:
    clean = plain(text)
    if room is not None and cell_len(clean) > room:
        clean = set_cell_size(clean, room - 1).rstrip() + "…"
    kind = f' class="{look}"' if look else ""
    return f'<text{kind} x="{x:.2f}" y="{y:.2f}">{_escape(clean)}</text>'


def _escape(text: str) -> str:
    return escape(_NOT_XML.sub("\ufffd", text))
