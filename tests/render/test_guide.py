"""A document as HTML and Markdown: everything is on it, and nothing of it is markup of others."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbtune.finding import Finding, Level, Remedy
from dbtune.guide.model import (
    Bar,
    Bars,
    Block,
    Code,
    Curve,
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
    Tile,
    Tiles,
)
from dbtune.render import render
from dbtune.report import Artifact, Column, Report, Table
from tests.render.hostile import EVERYTHING, HOSTILE
from tests.render.test_html import ATTRIBUTES, TAGS, Page, shape
from tests.render.test_render import STEERING, tokens

OWN_TAGS = TAGS | set("circle figcaption figure input label line polygon polyline".split())
OWN_ATTRIBUTES = ATTRIBUTES | set(
    """cx cy data-empty data-label for points r text-anchor viewbox x1 x2 y1 y2""".split()
)


def document(text: str) -> Document:
    """One of each block, in which every text is this one."""
    columns = tuple(Column(f"c{n}", text, "sql" if n == 1 else "text", text) for n in range(5))
    table = Table("t", text, columns, ({f"c{n}": text for n in range(4)},), footer=text)
    record = Table("r", text, columns, ({"c0": text, "c1": text},), record=True)
    remedy = Remedy(text, text, text, text)
    finding = Finding(text, text, remedy, {"x": text}, Level.critical, None, *(text,) * 5)
    blocks: tuple[Block, ...] = (
        *(Text(text), Text(text, "note"), Lines((text, text)), Lines((text,), ordered=True)),
        *(Grid(table), Grid(table, text), Grid(record)),
        Tiles((Tile(text, text, text, "critical"), Tile(text, text))),
        Bars(text, (Bar(text, 0.5, text), Bar(text, 2, text, 1.0)), table),
        Spread(text, (Span(text, 0.1, 10, 1, (0.5, 2), ((text, 3), (text, 1))),)),
        Curves(
            text, text, (Curve(text, ((1, 2), (2, 3), (64, 1)), (1, 2, 0), (3, 4, 2)),), 2, table
        ),
        *(Code(Artifact(text, text)), Code(Artifact(text, text), text)),
        Steps((Step(text, text, text, text), Step(text))),
    )
    one, other = (Problem(number, text, text, text, finding) for number in (1, 2))
    part = Section(
        text,
        (*blocks, Problems((one,))),
        (Section(text, (*blocks, Problems((other,), text))),),
    )
    moment = datetime(2026, 11, 29, 6, tzinfo=UTC)
    return Document(text, text, moment, (text,) * 5, "critical", (part, Section(text)))


def page(text: str) -> Page:
    return Page(render(Report("report", document=document(text)), "html"))


@pytest.mark.parametrize(("low", "high", "labels"), [(1.0, 900.0, 4), (0.002, 600_000.0, 5)])
def test_labels_of_the_axis_of_times_have_room(low: float, high: float, labels: int) -> None:
    part = Section("s", (Spread("t", (Span("a", low, high, 2.0),)),))
    moment = datetime(2026, 11, 29, 6, tzinfo=UTC)
    made = Document("t", "t", moment, ("a",) * 5, "critical", (part,))
    html = render(Report("report", document=made), "html")
    axis = html[html.index('class="axis"') :].partition("</svg>")[0]
    assert axis.count("<text") == labels
    assert ">17 min<" in axis or ">1.00 s<" in axis


def test_a_problem_is_headed_by_what_is_wrong_and_its_numbers_follow() -> None:
    finding = Finding("fsync", "fsync is off", Remedy("do"), title="A crash may lose everything")
    part = Section("s", (Problems((Problem(1, "prod", "harm", "reload", finding),)),))
    moment = datetime(2026, 11, 29, 6, tzinfo=UTC)
    made = Report("report", document=Document("t", "t", moment, ("a",) * 5, "ok", (part,)))
    assert "A crash may lose everything</h3><span>fsync is off</span>" in render(made, "html")
    assert "1. A crash may lose everything\n\nfsync is off\n" in render(made, "markdown")


@pytest.mark.parametrize("text", ["plain words", EVERYTHING, *HOSTILE])
def test_all_elements_and_attributes_are_ours(text: str) -> None:
    found = page(text)
    assert {tag for tag, _ in found.elements} <= OWN_TAGS
    assert {name for _, attributes in found.elements for name in attributes} <= OWN_ATTRIBUTES
    links = [attributes["href"] for tag, attributes in found.elements if tag == "a"]
    assert all(re.fullmatch(r"#(main|s\d+(-\d+)?)", str(link)) for link in links)
    ids = [attributes["id"] for _, attributes in found.elements if "id" in attributes]
    assert {str(link)[1:] for link in links} <= set(ids)
    assert len(ids) == len(set(ids))


def test_hostile_text_makes_the_same_page_as_harmless_text() -> None:
    harmless = shape(page("words " * 80))
    for text in (EVERYTHING, "</script><script>alert(1)</script>" * 20, '"><img src=x>' * 40):
        assert shape(page(text)) == harmless


def test_headings_go_down_one_level_at_a_time_and_there_is_one_h1() -> None:
    levels = [int(tag[1]) for tag, _ in page("words").elements if re.fullmatch(r"h\d", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


@pytest.mark.parametrize("name", ["html", "markdown"])
def test_a_statement_of_a_megabyte_does_not_fill_the_page(name: str) -> None:
    text = "SELECT '" + "x" * 1_000_000 + "'"
    finding = Finding(text, f"slow: {text}", Remedy("mend it"), {}, Level.warning)
    cards = Problems((Problem(1, "prod", "work is slow", "by hand", finding),))
    made = Document("t", "", None, (), "", (Section("s", (cards,)),))
    assert len(render(Report("report", document=made), name)) < 200_000


@pytest.mark.parametrize("name", ["html", "markdown", "json"])
@pytest.mark.parametrize("text", [EVERYTHING, *HOSTILE])
def test_nothing_steers_a_terminal(name: str, text: str) -> None:
    assert STEERING.findall(render(Report("report", document=document(text)), name)) == []


@given(st.text(min_size=1, max_size=60))
def test_no_text_breaks_out_of_markdown(text: str) -> None:
    found = tokens(render(Report("report", document=document(f"x{text}x")), "markdown"))
    assert not {"html_block", "html_inline", "image", "link_open"} & {one.type for one in found}


def test_everything_is_in_markdown() -> None:
    text = render(Report("report", document=document("one two")), "markdown")
    for words in ("# one two", "## In short", "- [ ] one two", "**critical**", "```"):
        assert words in text, words
