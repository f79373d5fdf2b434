"""A document: sections of blocks. It holds what is said, the renderers decide how it looks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple

from dbtune.finding import Finding
from dbtune.report import Artifact, Table
from dbtune.text import ms_text, shorten


class Text(NamedTuple):
    """A paragraph.

    Attributes:
        text: its words.
        look: ``note`` for what is said aside.
    """

    text: str
    look: Literal["plain", "note"] = "plain"


class Lines(NamedTuple):
    """Sentences one below the other; numbered if their order counts."""

    lines: tuple[str, ...]
    ordered: bool = False


class Grid(NamedTuple):
    """A table or a record.

    Attributes:
        table: what it holds.
        fold: what stands in its place until somebody asks for it; "" shows it.
    """

    table: Table
    fold: str = ""


class Tile(NamedTuple):
    """One number that is worth a glance.

    Attributes:
        label: what it is.
        value: the number with its unit.
        note: what it is to be seen beside.
        level: ``ok``, ``warning`` or ``critical``; "" where nobody judges it.
    """

    label: str
    value: str
    note: str = ""
    level: str = ""


class Tiles(NamedTuple):
    """Numbers side by side."""

    tiles: tuple[Tile, ...]


class Bar(NamedTuple):
    """A bar of a chart.

    Attributes:
        label: what it is of.
        share: its length, of the longest that can be, from 0 to 1.
        text: the number that it stands for.
        before: where it began before; ``None`` draws no mark.
    """

    label: str
    share: float
    text: str
    before: float | None = None


class Bars(NamedTuple):
    """Bars one below the other, with the table that they are drawn from.

    Attributes:
        title: what the chart shows.
        bars: longest first.
        table: the same as numbers, and more.
    """

    title: str
    bars: tuple[Bar, ...]
    table: Table | None = None


class Span(NamedTuple):
    """From the fastest to the slowest execution, in milliseconds.

    Attributes:
        label: which statement.
        low, high: fastest and slowest.
        middle: the mean.
        inner: where most executions lie: the mean less and plus a standard deviation, within
            ``low`` and ``high``; or up to the 95th percentile.
        counts: executions by power of ten of their time, where the source knows them.
    """

    label: str
    low: float
    high: float
    middle: float
    inner: tuple[float, float] | None = None
    counts: tuple[tuple[str, int], ...] = ()

    @property
    def told(self) -> str:
        """The same in words."""
        if self.low == self.high:
            return ms_text(self.middle)
        return f"{ms_text(self.low)} to {ms_text(self.high)}, mean {ms_text(self.middle)}"


class Spread(NamedTuple):
    """How long executions take, on a logarithmic axis."""

    title: str
    spans: tuple[Span, ...]
    table: Table | None = None


class Curve(NamedTuple):
    """One measured quantity over what was varied.

    Attributes:
        title: of the quantity, with its unit.
        points: x and y, by x.
        low, high: bounds of each y; empty if not known.
    """

    title: str
    points: tuple[tuple[float, float], ...]
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()


class Curves(NamedTuple):
    """Curves over one axis, one chart each.

    Attributes:
        title: what was tried.
        axis: what x is.
        curves: what was measured.
        chosen: an x to mark; ``None`` for none.
        table: the same as numbers, and more.
    """

    title: str
    axis: str
    curves: tuple[Curve, ...]
    chosen: float | None = None
    table: Table | None = None


class Code(NamedTuple):
    """A file to copy.

    Attributes:
        artifact: its name and text.
        fold: what stands in its place until somebody asks for it; "" shows it.
    """

    artifact: Artifact
    fold: str = ""


class Problem(NamedTuple):
    """A finding in its place.

    Attributes:
        number: its rank, from 1: the worst.
        target: which target it is of.
        harm: what it does, in words.
        applies: what its remedy costs: online, reload, locks, restart, application or by hand.
        finding: the finding.
    """

    number: int
    target: str
    harm: str
    applies: str
    finding: Finding

    @property
    def title(self) -> str:
        """What is wrong, for those who read no more."""
        return self.finding.title or self.headline

    @property
    def headline(self) -> str:
        """The numbers, with what they are about where that is short and not said in them."""
        subject, message = self.finding.subject, self.finding.message
        bare = subject.removeprefix(f"{self.target}: ")
        told = len(bare) > _LONG or bare in message or bare.rpartition(" ")[2] in message
        return shorten(message if told else f"{bare}: {message}", _LONGEST)

    @property
    def about(self) -> str:
        """What it is about, what it does and what its remedy costs, in a line."""
        subject = shorten(self.finding.subject, _LONGEST)
        return f"{subject} · {self.harm} · remedy: {self.applies}"


_LONG, _LONGEST = 70, 400


class Problems(NamedTuple):
    """Problems, worst first.

    Attributes:
        problems: what they are.
        fold: what stands in their place until somebody asks for them; "" shows them.
    """

    problems: tuple[Problem, ...]
    fold: str = ""


class Step(NamedTuple):
    """A line of a checklist.

    Attributes:
        what: what to do or to look at.
        now: the number at the time of the report, or "".
        limit: what it should stay within, or "".
        command: what tells it, or "".
    """

    what: str
    now: str = ""
    limit: str = ""
    command: str = ""


class Steps(NamedTuple):
    """A checklist."""

    steps: tuple[Step, ...]


Block = (
    Text | Lines | Grid | Tiles | Bars | Spread | Curves | Code | Problems | Steps
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the document.

    Attributes:
        title: its heading.
        blocks: what it says.
        parts: sections within it.
    """

    title: str
    blocks: tuple[Block, ...] = ()
    parts: tuple[Section, ...] = ()


@dataclass(frozen=True, slots=True)
class Document:
    """A report for people.

    Attributes:
        title: its heading.
        about: what it is about, in a line.
        made_at: when the facts were read.
        summary: five lines for those who read no more.
        level: of the worst problem; "" if there is none.
        sections: the rest.
    """

    title: str
    about: str
    made_at: datetime | None
    summary: tuple[str, ...]
    level: str
    sections: tuple[Section, ...]

    def numbered(self) -> Iterator[tuple[str, Section]]:
        """The sections with their numbers, ``1``, ``2``, ..., which anchors are made of."""
        return ((str(number), one) for number, one in enumerate(self.sections, start=1))
