"""The HTML page in a real browser: keyboard, mouse, phone, dark, paper, thousands of nodes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dbtune.render import render
from tests import browser
from tests.browser import Browser, Page
from tests.command import dbtune
from tests.conftest import missing
from tests.render.hostile import EVERYTHING, REPORT

SAMPLES = Path(__file__).parents[1] / "unit/postgres/plans/samples"
Open = Callable[..., Page]
ROWS = "document.querySelectorAll('[role=treeitem]').length"
FOCUSED = "document.activeElement.id"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    if browser.program() is None:
        missing("chromium")
    with Browser() as running:
        yield running


@pytest.fixture
def opened(chromium: Browser, tmp_path: Path) -> Iterator[Open]:
    """`opened(plan_text_or_html, width=390)`: its page; at the end, that it caused no complaint."""
    pages: list[Page] = []

    def open_(content: str, **look: Any) -> Page:
        file = tmp_path / "page.html"
        if content.startswith("<!doctype"):
            file.write_text(content)
        else:
            plan = tmp_path / "plan.txt"
            plan.write_text(content)
            dbtune("explain", str(plan), "-o", str(file), "--force").ok()
        pages.append(chromium.open(file, **look))
        return pages[-1]

    yield open_
    for page in pages:
        assert page.errors == []
        assert page.requests == []


def sample(name: str) -> str:
    return (SAMPLES / name).read_text()


SORT = "pg18-parallel-sort.json"


def wide(count: int, groups: int = 10) -> str:
    """A plan of so many scans of partitions, each next to nothing, but for one."""
    scans = [
        {
            "Node Type": "Seq Scan",
            "Relation Name": f"p{number}",
            "Actual Total Time": 900.0 if number == count // 2 else 0.01,
            "Actual Rows": 1,
            "Actual Loops": 1,
            "Plan Rows": 1,
        }
        for number in range(count)
    ]

    def append(children: list[dict[str, Any]]) -> dict[str, Any]:
        total = 1 + sum(child["Actual Total Time"] for child in children)
        return {
            "Node Type": "Append",
            "Actual Rows": 1,
            "Actual Loops": 1,
            "Plan Rows": 1,
            "Actual Total Time": total,
            "Plans": children,
        }

    size = count // groups
    return json.dumps([{"Plan": append([append(scans[n * size : (n + 1) * size])
                                        for n in range(groups)])}])  # fmt: skip


def focus_tree(page: Page) -> None:
    page.value("document.querySelector('[role=tree] [tabindex=\"0\"]').focus()")


def test_a_node_is_chosen_by_mouse_and_its_details_show(opened: Open) -> None:
    page = opened(sample(SORT))
    page.click("#p1n1 .title")
    panel = page.value("document.querySelector('.panel').innerText")
    for words in (
        "#1 Sort",
        "with what is below",
        "temp written",
        "Sort Key",
        "worker 0",
        "sort-spill",
    ):
        assert words in panel, words
    assert page.value("document.querySelector('#p1n1').getAttribute('aria-selected')") == "true"
    assert page.value("document.querySelector('.frame.chosen').dataset.node") == "1"


def test_the_tree_is_a_tree_to_the_keyboard_and_to_screen_readers(opened: Open) -> None:
    page = opened(sample(SORT))
    assert page.value("document.querySelector('[role=tree]').getAttribute('aria-label')")
    focus_tree(page)
    page.press("ArrowDown", "ArrowDown")
    assert page.value(FOCUSED) == "p1n2"
    page.press("ArrowLeft")
    assert page.value("document.activeElement.getAttribute('aria-expanded')") == "false"
    assert page.value(ROWS) == 3
    page.press("ArrowRight", "ArrowRight")
    assert page.value(FOCUSED) == "p1n3"
    page.press("End", "ArrowLeft", "Enter")
    assert "#4" in page.value("document.querySelector('.panel h3').innerText")
    page.press("Home")
    assert page.value(FOCUSED) == "p1n0"
    levels = page.value("[...document.querySelectorAll('[role=treeitem]')].map(e => e.ariaLevel)")
    assert levels == ["1", "2", "3", "4", "4", "5"]
    tab_stops = "document.querySelectorAll('[role=tree] [tabindex=\"0\"]').length"
    assert page.value(tab_stops) == 1
    tree = page.ask("Accessibility.getFullAXTree")["nodes"]
    names = [n["name"]["value"] for n in tree if n.get("role", {}).get("value") == "treeitem"]
    assert names[1].startswith("#1 Sort, 25% own, 48.5 ms, 20.0k rows")


def test_findings_lead_to_nodes_and_back(opened: Open) -> None:
    page = opened(sample(SORT))
    page.click(".card a.node")
    chosen = page.value("document.querySelector('[aria-selected=true]').id")
    assert f"#{chosen}" == page.value("document.querySelector('.card a.node').getAttribute('href')")
    assert page.value(f"document.querySelector('#{chosen} a.tag').getAttribute('href')") == "#f1"


def test_sql_is_copied(opened: Open) -> None:
    page = opened(sample(SORT))
    page.value("navigator.clipboard.writeText = async (text) => { window.copied = text; }")
    page.click(".card .copy")
    assert page.value("window.copied") == page.value(
        "document.querySelector('.card code').textContent"
    )
    assert page.value("document.querySelector('.card .copy').textContent") == "Copied"


def test_the_flame_view_zooms(opened: Open) -> None:
    page = opened(sample(SORT))
    width = "document.querySelector('.frame[data-node=\"2\"]').getBoundingClientRect().width"
    before = page.value(width)
    page.click('.frame[data-node="2"]')
    assert page.value(width) > 2 * before
    assert page.value("document.querySelector('[aria-selected=true]').id") == "p1n2"
    page.value("document.querySelector('.frame').focus()")
    page.press("ArrowDown", "ArrowDown", "ArrowDown", "Escape")
    assert page.value("document.activeElement.dataset.node") == "2"
    assert page.value(width) == pytest.approx(before, abs=1)


def test_thousands_of_nodes_are_made_when_they_are_looked_at(opened: Open) -> None:
    page = opened(wide(4000))
    assert page.value(ROWS) < 100
    assert page.value("document.querySelector('#p1n2007 .title').innerText") == "Seq Scan on p2000"
    page.click(".row.fold[aria-level='3']")
    assert 200 <= page.value(ROWS) < 400
    page.value("location.hash = '#p1n3333'")
    page.value("new Promise((done) => setTimeout(done, 50))")
    assert page.value("document.querySelector('[aria-selected=true]').id") == "p1n3333"
    page.value("document.querySelector('[type=search]').value = 'p17'")
    page.value("document.querySelector('[type=search]').focus()")
    page.press("Enter")
    assert page.value("document.querySelector('.panel h3').innerText").endswith("p17")
    position = "document.querySelector('[aria-selected=true]').ariaPosInSet"
    assert page.value(position) == "18"
    page.click(".tools button:nth-of-type(2)")
    assert page.value(ROWS) == 4011


@pytest.mark.parametrize("width", [390, 768, 1280])
@pytest.mark.parametrize("content", ["sort", "hostile", "report"])
def test_nothing_is_wider_than_the_window(opened: Open, width: int, content: str) -> None:
    long = "x" * 3000
    plan = [{"Plan": {"Node Type": "Seq Scan", "Relation Name": f"{EVERYTHING} {long}",
                      "Filter": f"(a = '{EVERYTHING}{long}')"}, "Query Text": long}]  # fmt: skip
    texts = {
        "sort": sample(SORT),
        "hostile": json.dumps(plan),
        "report": render(REPORT, "html"),
    }
    page = opened(texts[content], width=width, height=800)
    assert page.value("document.documentElement.scrollWidth") <= width


def test_no_script_of_others_runs(opened: Open) -> None:
    attack = "</script><script>window.broken=1</script><img src=x onerror='window.broken=2'>"
    plan = {"Node Type": "Seq Scan", "Relation Name": attack, "Alias": f'"{attack}',
            "Filter": f"(a = '{attack}')", "Actual Total Time": 5.0, "Actual Loops": 1,
            "Actual Rows": 1, attack: attack}  # fmt: skip
    page = opened(json.dumps([{"Plan": plan, "Query Text": attack, "Settings": {"x": attack}}]))
    page.click("#p1n0 .title")
    page.value("new Promise((done) => setTimeout(done, 50))")
    assert page.value("window.broken") is None
    assert attack in page.value("document.querySelector('.panel').innerText")


def test_the_policy_stops_what_would_be_asked_of_the_network(opened: Open) -> None:
    page = opened(sample(SORT))
    asked = page.value("fetch('http://127.0.0.1:9/').then(() => 'let', () => 'stopped')")
    assert asked == "stopped"
    assert any("Content Security Policy" in error for error in page.errors)
    page.errors.clear()
    page.requests.clear()


def test_several_plans_have_a_tree_each(opened: Open) -> None:
    page = opened(sample("pg15-sample.json") + "\n\n" + sample("pg18-recursive.json"))
    assert page.value("document.querySelectorAll('[role=tree]').length") == 2
    page.click("#p2n1 .title")
    assert page.value("document.querySelectorAll('.plans a').length") == 2
    assert page.value("document.querySelector('#p2n1').getAttribute('aria-selected')") == "true"


def test_on_a_phone_details_do_not_hide_the_tree(opened: Open) -> None:
    page = opened(sample(SORT), width=390, height=800)
    page.click("#p1n2 .title")
    panel, row = page.value(
        "['.panel', '#p1n2'].map(e => document.querySelector(e).getBoundingClientRect().top)"
    )
    assert row < panel
    page.click(".panel .close")
    assert page.value("document.querySelector('.panel').hidden")


def test_dark_and_paper_have_their_own_colours(opened: Open) -> None:
    background = "getComputedStyle(document.body).backgroundColor"
    light, dark = opened(sample(SORT)), opened(sample(SORT), dark=True)
    assert light.value(background) == "rgb(255, 255, 255)"
    assert dark.value(background) == "rgb(21, 23, 27)"
    paper = opened(sample(SORT), dark=True, paper=True)
    assert paper.value(background) == "rgb(255, 255, 255)"
    assert paper.value("getComputedStyle(document.querySelector('.tools')).display") == "none"


def test_without_scripts_the_plan_is_text(opened: Open) -> None:
    page = opened(sample(SORT), scripts=False)
    # Scripts of the page do not run; ours are evaluated all the same.
    shown = page.value("document.querySelector('noscript').innerText")
    assert "└ Parallel Hash Join" in shown


def test_text_of_a_picture_fits_in_a_real_font(chromium: Browser, tmp_path: Path) -> None:
    file = tmp_path / "plan.svg"
    dbtune("explain", "flame", str(SAMPLES / SORT), "-o", str(file)).ok()
    page = chromium.open(file)
    widths = page.value(
        "[...document.querySelectorAll('g text')].map(t => [t.getBBox().width + 4,"
        "t.parentNode.querySelector('rect').getBBox().width])"
    )
    assert widths
    assert all(text <= box for text, box in widths)
