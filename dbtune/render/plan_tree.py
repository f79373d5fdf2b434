"""Plans as trees for people: where the time went in one bar, then one node a line.

Shares are shown by small bars, so that it reads without colour too. On a terminal, branches of
large plans that took next to nothing are folded into one line, and what does not fit is cut;
without a width (pipes, files, ``--wide``) everything is there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from rich.cells import cell_len, chop_cells, set_cell_size
from rich.text import Text

from dbtune.finding import Level
from dbtune.plan_tree import Part, PlanTree, TreeNode
from dbtune.render.cells import LEVEL_STYLES
from dbtune.render.plan_fold import folded, guides
from dbtune.text import ms_text, plain, significant

_BAR_WIDTH = 100
_PART_STYLES = ("red", "yellow", "cyan", "magenta", "blue", "green")
_FILLS = "█▓▒"
_HOT, _WARM, _NOISE = 0.4, 0.1, 0.01
_ROOM_FOR_ESTIMATES = 110
_NARROWEST = 20
_DETAIL_LINES = 3
_STATEMENT = 200


def draw(tree: PlanTree, width: int | None) -> list[Text]:
    """The lines of a plan, for ``width`` columns or for as many as it takes."""
    lines = [Text(line, "bold") for line in _wrapped(plain(tree.headline), width)]
    if tree.statement:
        lines.append(Text(_cut(plain(tree.statement), min(width or _STATEMENT, _STATEMENT))))
    if tree.parts:
        lines += _time_bar(tree.parts, min(width or _BAR_WIDTH, _BAR_WIDTH))
    return [*lines, Text(), *_tree(tree, width)]


def legend(trees: Iterable[PlanTree]) -> str:
    """What the columns and marks of some plans mean, for people; only of those that they have."""
    nodes = [node for tree in trees for node in tree.nodes]
    known = {
        "own: the node's part without the nodes below it": True,
        "rows: of all loops": any(node.rows is not None for node in nodes),
        "est: ↑ more, ↓ fewer rows than planned": any((one.factor or 0) >= 2 for one in nodes),
        "loops: in all processes": any((node.loops or 0) > 1 for node in nodes),
        "pays for #1: #1 ran when this node needed it": any(
            mark.startswith("pays for") for node in nodes for mark in node.marks
        ),
    }
    return " · ".join(text for text, holds in known.items() if holds)


# ----------------------------------------------------------------------------------------- the bar


def _time_bar(parts: Sequence[Part], width: int) -> Iterator[Text]:
    bar = Text()
    reached = 0.0
    words = []
    for number, part in enumerate(parts):
        reached += part.share
        cells = max(0, min(width, round(reached * width)) - len(bar))
        label = f"{plain(part.label)} "
        label = label if cell_len(label) < cells else ""
        fill = _FILLS[number % len(_FILLS)] * (cells - len(label))
        bar.append(label + fill, _PART_STYLES[number % len(_PART_STYLES)])
        words.append(f"{plain(part.label)} {percent(part.share)} {plain(part.title)}".strip())
    bar.append("·" * (width - len(bar)))
    yield bar
    if 1 - reached >= _NOISE:
        words.append(f"the rest {percent(1 - reached)}")
    yield from (Text(line) for line in _listed(words, width))


def _listed(words: Sequence[str], width: int) -> list[str]:
    """Items in lines that are broken between them, and within one that is too long."""
    lines: list[str] = []
    for word in words:
        if lines and cell_len(lines[-1]) + 3 + cell_len(word) <= width:
            lines[-1] += f" · {word}"
        else:
            lines += _wrapped(word, width)
    return lines


def percent(share: float) -> str:
    """A share as per cent, in as few characters as will do."""
    return f"{share * 100:.0f} %" if share >= 0.0995 or share <= 0 else f"{share * 100:.1f} %"


# ---------------------------------------------------------------------------------------- the tree


class _Column(NamedTuple):
    """A column before the tree: a heading, text and style for each line, and the widest of them."""

    head: str
    cells: list[tuple[str, str]]
    width: int


def _column(head: str, cells: Iterable[tuple[str, str]]) -> _Column:
    listed = list(cells)
    longest = max((len(text) for text, _ in listed), default=0)
    return _Column(head, listed, max(len(head), longest) if longest else 0)


def _tree(tree: PlanTree, width: int | None) -> Iterator[Text]:
    nodes = tree.nodes if width is None else folded(tree.nodes)
    columns = [column for column in _columns(nodes, tree, width) if column.width]
    before = sum(column.width + 1 for column in columns) + 1
    room = None if width is None else max(_NARROWEST, width - before)
    heads = "".join(f"{column.head:>{column.width}} " for column in columns)
    yield Text(f"{heads} node", "dim")
    for at, (node, (guide, below)) in enumerate(
        zip(nodes, guides([node.depth for node in nodes], room), strict=True)
    ):
        line = Text()
        for column in columns:
            text, style = column.cells[at]
            line.append(f"{text:>{column.width}} ", style)
        first, *more = _labels(node, room and room - len(guide), room and room - len(below))
        yield line.append(" ").append(guide, "dim").append_text(first)
        space = " " * before
        for one in more:
            yield Text(space).append(below, "dim").append_text(one)


def _columns(nodes: Sequence[TreeNode], tree: PlanTree, width: int | None) -> Iterator[_Column]:
    heat = [_heat(node) for node in nodes]
    yield _column("#", (("" if node.folds else f"#{node.id}", "dim") for node in nodes))
    yield _column("own", zip((_share(node.share) for node in nodes), heat, strict=True))
    amounts = (_amount(node, tree) for node in nodes)
    yield _column("cost" if tree.unit == "cost" else "time", zip(amounts, heat, strict=True))
    ran = any(node.rows is not None for node in nodes)
    if not ran or width is None or width >= _ROOM_FOR_ESTIMATES:
        yield _column("planned", ((compact(node.estimate), "dim" * ran) for node in nodes))
    yield _column("rows", ((compact(node.rows), "") for node in nodes))
    yield _column("est", map(_error, nodes))
    if any((node.loops or 0) > 1 for node in nodes):
        yield _column("loops", ((compact(node.loops), "") for node in nodes))


def _heat(node: TreeNode) -> str:
    if node.share is None or node.folds:
        return "dim" * node.folds
    if node.share >= _HOT:
        return "bold red"
    return "yellow" if node.share >= _WARM else "dim" * (node.share < _NOISE)


def _share(share: float | None) -> str:
    if share is None:
        return ""
    eighths = round(max(0.0, min(1.0, share)) * 32)
    bar = "█" * (eighths // 8) + (" ▏▎▍▌▋▊▉"[eighths % 8] if eighths % 8 else "")
    return f"{bar:<4} {share_text(share):>4}"


def share_text(share: float | None) -> str:
    """A share in whole per cent."""
    return "" if share is None else f"{share * 100:.0f}%"


def _amount(node: TreeNode, tree: PlanTree) -> str:
    if not node.executed and not node.folds:
        return "never"
    if node.amount is None:
        return ""
    return ms_text(node.amount) if tree.unit == "ms" else compact(node.amount)


def _error(node: TreeNode) -> tuple[str, str]:
    factor = node.factor or 0
    return error_text(node), "bold red" if factor >= 100 else "yellow" if factor >= 10 else ""


def error_text(node: TreeNode) -> str:
    """How far the estimate was off, and whether more (↑) or fewer rows came; "" below twice."""
    if node.factor is None or node.factor < 2:
        return ""
    factor = f"{node.factor:.1f}" if node.factor < 10 and node.factor % 1 else compact(node.factor)
    return f"{'↑' if node.more else '↓'}{factor}×"


def compact(value: float | None) -> str:
    """A count in at most five characters or so: ``12``, ``9,876``, ``12.3k``, ``4.56M``."""
    if value is None:
        return ""
    if abs(value) < 9_999.5:
        return significant(value, 2) if abs(value) < 10 and value % 1 else f"{value:,.0f}"
    for power, unit in ((3, "k"), (6, "M"), (9, "G"), (12, "T"), (15, "P")):
        if abs(value) < 999.5 * 10**power:
            return significant(value / 10**power) + unit
    return f"{value:.0e}"


# -------------------------------------------------------------------------------------- the labels


def _labels(node: TreeNode, first_room: int | None, room: int | None) -> list[Text]:
    """What a node does, what is remarkable, which findings; then details if it matters.

    Args:
        node: the node.
        first_room: columns for what fits into one line.
        room: columns for each of several lines.
    """
    rules = tuple(f"◀ {rule}" for rule in node.rules)
    marks = node.marks if node.executed else ()  # "never" stands in the column of times
    texts = [plain(text) for text in (node.title, *marks, *rules)]
    style = "dim" if node.folds or not node.executed else ""
    matters = bool(node.level) or (node.share or 0) >= _WARM
    if room is None or first_room is None or cell_len("  ".join(texts)) <= first_room:
        lines = [_styled(texts, node, style)]
    elif matters:
        lines = _stacked(texts, node, room)
    else:
        lines = [Text(_cut("  ".join(texts), first_room), style)]
    if room is None or matters:
        lines += _details(node, room)
    return lines


def _styled(texts: Sequence[str], node: TreeNode, style: str) -> Text:
    line = Text(texts[0], style)
    for text in texts[1:]:
        line.append("  ").append(text, _text_style(text, node, style))
    return line


def _text_style(text: str, node: TreeNode, style: str) -> str:
    return LEVEL_STYLES.get(node.level or Level.info, "") if text.startswith("◀ ") else style


def _stacked(texts: Sequence[str], node: TreeNode, room: int) -> list[Text]:
    """As many lines as it takes, broken between texts and within one that is too long."""
    lines: list[Text] = []
    for text in texts:
        style = _text_style(text, node, "")
        if lines and lines[-1].cell_len + 2 + cell_len(text) <= room:
            lines[-1].append("  ").append(text, style)
        else:
            lines += [Text(piece, style) for piece in _wrapped(text, room)]
    return lines


def _details(node: TreeNode, room: int | None) -> Iterator[Text]:
    for detail in map(plain, node.details):
        pieces = _wrapped(detail, None if room is None else room - 2)
        if room is not None and len(pieces) > _DETAIL_LINES:
            rest = " ".join(pieces[_DETAIL_LINES - 1 :])
            pieces = [*pieces[: _DETAIL_LINES - 1], _cut(rest, room - 2)]
        yield from (Text(f"  {piece}", "dim") for piece in pieces)


def _cut(text: str, room: int) -> str:
    return text if cell_len(text) <= room else set_cell_size(text, room - 1).rstrip() + "…"


def _wrapped(text: str, room: int | None) -> list[str]:
    """Text in lines of at most so many cells, broken at spaces or, if it must be, anywhere."""
    if room is None or cell_len(text) <= room:
        return [text]
    lines = [""]
    for word in text.split(" "):
        for piece in chop_cells(word, room) if cell_len(word) > room else [word]:
            if lines[-1] and cell_len(lines[-1]) + 1 + cell_len(piece) > room:
                lines.append(piece)
            else:
                lines[-1] = f"{lines[-1]} {piece}".strip()
    return lines
