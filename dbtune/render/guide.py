"""A document as Markdown (GitHub's): for wikis and change records."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

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
    Span,
    Spread,
    Step,
    Steps,
    Text,
    Tiles,
)
from dbtune.render.cells import cell
from dbtune.render.markdown import escape, fence, labelled, span, table_text
from dbtune.report import Column, Table

_RANK = 2
_WHEN = Column("at", "", "time", "")
_TILES = Table(
    "tiles", "", (Column("label", "", "text", ""), Column("value", "", "text", ""),
                  Column("note", "", "text", ""), Column("level", "", "text", "")),
)  # fmt: skip
_BARS = Table("bars", "", (Column("label", "", "sql", ""), Column("text", "", "text", "")))


def markdown(document: Document) -> str:
    """The document; nothing in it can become markup of its own."""
    made = cell(_WHEN, document.made_at)
    about = " · ".join(one for one in (document.about, made) if one)
    parts = [f"# {escape(document.title)}", escape(about), "## In short"]
    parts.append(_list(document.summary, ordered=True))
    for number, section in document.numbered():
        parts += _section(section, 2, f"{number}. ")
    return "\n\n".join(part for part in parts if part)


def _section(section: Section, level: int, number: str = "") -> Iterator[str]:
    yield f"{'#' * level} {number}{escape(section.title)}"
    for block in section.blocks:
        yield from _block(block, level + 1)
    for part in section.parts:
        yield from _section(part, level + 1)


def _block(block: Block, level: int) -> Iterator[str]:
    match block:
        case Text(text, look):
            yield f"*{escape(text)}*" if look == "note" else escape(text)
        case Lines(lines, ordered):
            yield _list(lines, ordered=ordered)
        case Grid(table, _):
            yield _table(table, level)
        case Tiles(tiles):
            rows = tuple(one._asdict() for one in tiles)
            yield _table(replace(_TILES, rows=rows), level)
        case Bars(title, bars, table):
            rows = tuple({"label": one.label, "text": one.text} for one in bars)
            drawn = replace(_BARS, title=title, rows=rows)
            yield _table(drawn if table is None else replace(table, title=title), level)
        case Spread(title, spans, _):
            rows = tuple({"label": one.label, "text": _told(one)} for one in spans)
            yield _table(replace(_BARS, title=title, rows=rows), level)
        case Curves(_, _, _, _, table):
            yield _table(table, level) if table else ""
        case Code(artifact, _):
            yield f"{'#' * level} {escape(artifact.filename)}"
            yield fence(artifact.text, artifact.language)
        case Problems(problems, _):
            for one in problems:
                yield from _problem(one, level)
        case Steps(steps):
            yield "\n".join(map(_step, steps))


def _list(lines: Sequence[str], *, ordered: bool) -> str:
    marks = (f"{place}." if ordered else "-" for place in range(1, len(lines) + 1))
    return "\n".join(f"{mark} {escape(line)}" for mark, line in zip(marks, lines, strict=True))


def _table(table: Table, level: int) -> str:
    columns = tuple(one for one in table.columns if one.rank is not None and one.rank <= _RANK)
    heading = f"{'#' * level} {escape(table.title)}" if table.title else ""
    if not table.rows:
        return f"{heading}\n\n{escape(table.empty)}".strip()
    body = table_text(replace(table, columns=columns))
    return f"{heading}\n\n{body}".strip()


def _told(one: Span) -> str:
    counts = ", ".join(f"{name}: {count:,}" for name, count in one.counts)
    return f"{one.told} ({counts})" if counts else one.told


def _problem(one: Problem, level: int) -> Iterator[str]:
    finding = one.finding
    name = (finding.level or Level.info).name
    yield f"{'#' * level} {one.number}. {escape(one.title)}"
    if one.finding.title:
        yield escape(one.headline)
    yield f"**{name}** · {escape(one.about)}"
    yield f"{escape(finding.rule)}, {finding.confidence}"
    yield from labelled(finding)


def _step(step: Step) -> str:
    facts = [f"now {step.now}" * bool(step.now), f"limit {step.limit}" * bool(step.limit)]
    about = "; ".join(one for one in facts if one)
    line = f"- [ ] {escape(step.what)}" + (f" ({escape(about)})" if about else "")
    return line + (f": {span(step.command)}" if step.command else "")
