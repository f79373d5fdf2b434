"""The HTML page as text: its own markup only, nothing asked of the network, data that stays data.

What it does in a browser is in tests/integration/test_html_page.py.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbtune.finding import Finding, Level, Remedy, Skipped
from dbtune.plan_tree import Fact, Part, PlanTree, TreeNode
from dbtune.render import render
from dbtune.report import Artifact, Column, Report, Table
from tests.render.hostile import EVERYTHING, HOSTILE, REPORT

TAGS = set(
    """a article aside b body button code dd details div dl dt footer h1 h2 h3 h4 head header html
    li main meta nav noscript ol p pre rect script section small span strong style summary svg table
    tbody td text th thead title tr ul""".split()
)
ATTRIBUTES = set(
    """aria-hidden aria-label charset class content data-node data-plan height href http-equiv id
    lang name open role scope tabindex title type width x y""".split()
)


class Page(HTMLParser):
    """The elements of a page, and what its scripts and styles hold."""

    def __init__(self, source: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.held: list[tuple[str, str]] = []
        self.texts: list[str] = []
        self._in = ""
        self.feed(source)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._in = tag
        if tag in ("script", "style"):
            self.held.append((tag, ""))

    def handle_endtag(self, tag: str) -> None:
        self._in = ""

    def handle_data(self, data: str) -> None:
        if self._in in ("script", "style"):
            tag, before = self.held[-1]
            self.held[-1] = (tag, before + data)
        else:
            self.texts.append(data)

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"a comment: {data}")

    @property
    def text(self) -> str:
        """What a person reads."""
        return " ".join(" ".join(self.texts).split())

    @property
    def data(self) -> Any:
        """What the script draws from."""
        return json.loads(self.held[1][1])


def page(report: Report) -> Page:
    return Page(render(report, "html"))


def plan(text: str) -> Report:
    """A report on a plan in which every text is this one."""
    facts = (Fact(text, text, text),)
    node = TreeNode(0, 0, text, 90.0, 0.9, rows=5, marks=(text,), details=(text,), rules=(text,),
                    level=Level.critical, facts=lambda: facts)  # fmt: skip
    tree = PlanTree(text, "ms", (node,), (Part("#0", text, 0.9), Part(text, "", 0.1)), text, 100.0,
                    (Part(text, "", 0.1),), lambda: facts)  # fmt: skip
    finding = Finding(text, text, Remedy(text, text, text, text), {"plan": 1, "node": 0, "x": text},
                      Level.critical, None, "plan.x", text, text, text)  # fmt: skip
    return Report(
        "explain",
        (
            Table("plans", text, (), ({},), trees=(tree,)),
            Table("t", text, (Column("c", text, "sql", text),), ({"c": text},), footer=text),
        ),
        findings=(finding,),
        skipped=(Skipped(text, text, text),),
        notes=(text,),
        target={"name": text},
        artifacts=(Artifact(text, text),),
    )


def shape(source: Page) -> list[tuple[str, tuple[str, ...]]]:
    return [(tag, tuple(attributes)) for tag, attributes in source.elements]


@pytest.mark.parametrize("report", [REPORT, plan(EVERYTHING), *map(plan, HOSTILE)])
def test_all_elements_and_attributes_are_ours(report: Report) -> None:
    found = page(report)
    assert {tag for tag, _ in found.elements} <= TAGS
    assert {name for _, attributes in found.elements for name in attributes} <= ATTRIBUTES
    links = [attributes["href"] for tag, attributes in found.elements if tag == "a"]
    assert all(re.fullmatch(r"#(p\d+n\d+|f\d+|plan\d+)", str(link)) for link in links)


def test_hostile_text_makes_the_same_page_as_harmless_text() -> None:
    harmless = shape(page(plan("words " * 80)))
    for text in (EVERYTHING, "</script><script>alert(1)</script>" * 20, '"><img src=x>' * 30):
        assert shape(page(plan(text))) == harmless


@given(st.text(min_size=1))
def test_no_text_becomes_markup_or_ends_the_data(text: str) -> None:
    # As many lines and as short as each other, since long ones are shown otherwise.
    found, other = page(plan(f"x{text}x")), page(plan("x"))
    assert [tag for tag, _ in found.elements if tag != "details" and tag != "summary"] == [
        tag for tag, _ in other.elements if tag != "details" and tag != "summary"
    ]
    assert len(found.data) == 1


def test_everything_is_on_the_page() -> None:
    found = page(REPORT)
    ours = ("nothing here", "bare message", "short note", "pg.meh", "12 of 34", "a.conf")
    for words in (*ours, "<script>alert(1)</script>", "[bold red]markup[/bold red]", "GRANT x;"):
        assert words in found.text, words


def test_nothing_but_the_pages_own_script_and_style_may_run() -> None:
    found = page(plan(EVERYTHING))
    policy = next(
        str(attributes["content"])
        for _, attributes in found.elements
        if attributes.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy.startswith("default-src 'none';")
    assert "unsafe" not in policy
    hashes = set(re.findall(r"'sha256-([^']+)'", policy))
    (style, script) = (found.held[0][1], found.held[-1][1])
    for content in (style, script):
        assert base64.b64encode(hashlib.sha256(content.encode()).digest()).decode() in hashes
    assert len(hashes) == 2
    assert [tag for tag, _ in found.held] == ["style", "script", "script"]


def test_the_data_is_what_the_tree_has() -> None:
    (given_,) = page(plan("a & <b>")).data
    assert given_ == {
        "number": 1,
        "unit": "ms",
        "nodes": [
            {
                "id": 0,
                "title": "a & <b>",
                "share": 0.9,
                "own": "90%",
                "amount": "90.0 ms",
                "rows": "5",
                "marks": ["a & <b>"],
                "details": ["a & <b>"],
                "findings": [[1, "plan.x", "critical"]],
                "facts": [["a & <b>", [["a & <b>", "a & <b>"]]]],
            }
        ],
    }


def test_a_finding_links_to_its_node_and_shows_code_to_copy() -> None:
    found = page(plan("words"))
    assert ("a", {"class": "node", "href": "#p1n0"}) in found.elements
    assert ("article", {"class": "card", "id": "f1"}) in found.elements
    assert "Copy" in found.texts


def test_half_characters_can_be_written() -> None:
    render(plan("\ud800x"), "html").encode()


def test_a_statement_of_a_megabyte_is_there_once() -> None:
    long = f"SELECT {'x' * 1_000_000} FROM t"
    report = plan("words")
    table = report.tables[0]
    tree = table.trees[0]._replace(statement=long)
    report = Report("explain", (Table("plans", "", (), ({},), trees=(tree,)),))
    text = render(report, "html")
    assert long in text
    assert len(text) < 1_100_000


def test_findings_of_no_plan_stand_apart() -> None:
    finding = Finding("s", "m", Remedy("r"), {"plan": 7}, Level.info, rule="x.y")
    found = page(Report("x", findings=(finding,)))
    assert ("article", {"class": "card", "id": "f1"}) in found.elements
