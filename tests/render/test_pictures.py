"""Pictures of plans: what is drawn adds up, fits, and nothing in it is anybody else's markup."""

from __future__ import annotations

import json
from itertools import pairwise
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from dbtune.plan_tree import Part, PlanTree, TreeNode, Unit
from dbtune.render import render
from dbtune.render.frames import Frame, frames, heat
from dbtune.report import Report, Table
from tests.render.hostile import EVERYTHING, HOSTILE

SVG = "{http://www.w3.org/2000/svg}"
FORMATS = ("svg", "folded", "speedscope")


def tree(
    nodes: list[tuple[int, str, float | None]], *outside: tuple[str, float], unit: Unit = "ms"
) -> PlanTree:
    """A tree of (depth, title, own amount), and what took time beside it."""
    whole = sum(own or 0 for _, _, own in nodes) + sum(amount for _, amount in outside)
    return PlanTree(
        "execution 100 ms",
        unit,
        tuple(
            TreeNode(number, depth, title, own, own and own / whole)
            for number, (depth, title, own) in enumerate(nodes)
        ),
        (),
        "SELECT 1",
        whole,
        tuple(Part(label, "", amount / whole) for label, amount in outside),
    )


def report(*trees: PlanTree) -> Report:
    return Report("explain flame", (Table("plans", "", (), ({},) * len(trees), trees=trees),))


JOIN = tree(
    [
        (0, "Sort", 50.0),
        (1, "Hash Join", 10.0),
        (2, "Seq Scan on o", 20.0),
        (2, "Hash", 0.0),
        (3, "Seq Scan on c", 5.5),
    ],
    ("trigger t", 10.0),
    ("outside the nodes", 4.5),
)


@st.composite
def trees(draw: st.DrawFn) -> PlanTree:
    amounts = st.none() | st.floats(0, 1e6)
    depth = -1
    nodes: list[tuple[int, str, float | None]] = []
    for wanted in draw(st.lists(st.integers(0, 8), min_size=1, max_size=30)):
        depth = max(1, min(wanted, depth + 1)) if nodes else 0
        nodes.append((depth, draw(st.text(max_size=12)), draw(amounts)))
    beside = draw(st.lists(st.tuples(st.text(max_size=9), st.floats(0, 1e6)), max_size=3))
    unit: Unit = draw(st.sampled_from(("ms", "cost", "blocks")))
    return tree(nodes, *beside, unit=unit) if any(n[2] for n in nodes) else JOIN


def test_a_plan_folds_like_this() -> None:
    assert render(report(JOIN), "folded").splitlines() == [
        "statement;Sort 50000",
        "statement;Sort;Hash Join 10000",
        "statement;Sort;Hash Join;Seq Scan on o 20000",
        "statement;Sort;Hash Join;Hash;Seq Scan on c 5500",
        "statement;trigger t 10000",
        "statement;outside the nodes 4500",
    ]


def test_frames_lie_in_their_parents_and_own_parts_add_up() -> None:
    found = list(frames(JOIN))
    assert [(one.title, one.depth) for one in found[:3]] == [
        ("statement", 0),
        ("Sort", 1),
        ("Hash Join", 2),
    ]
    assert [round(one.width, 3) for one in found] == [
        1,
        0.855,
        0.355,
        0.2,
        0.055,
        0.055,
        0.1,
        0.045,
    ]
    assert [round(one.start, 3) for one in found] == [0, 0, 0, 0, 0.2, 0.2, 0.855, 0.955]


@given(trees())
def test_nothing_is_lost_or_counted_twice(drawn: PlanTree) -> None:
    found = list(frames(drawn))
    assert sum(one.own for one in found) == pytest.approx(1)
    path: list[Frame] = []
    for frame in found:
        del path[frame.depth :]
        if path:
            assert frame.start >= path[-1].start - 1e-9
            assert frame.start + frame.width <= path[-1].start + path[-1].width + 1e-9
        path.append(frame)
    for depth in range(10):
        row = [one for one in found if one.depth == depth]
        for left, right in pairwise(row):
            assert left.start + left.width <= right.start + 1e-9


@given(trees())
def test_folded_stacks_add_up_to_the_whole(drawn: PlanTree) -> None:
    lines = render(report(drawn), "folded").splitlines()
    numbers = [int(line.rpartition(" ")[2]) for line in lines if line]
    scale = {"ms": 1000, "cost": 100, "blocks": 1}[drawn.unit]
    assert sum(numbers) == pytest.approx(drawn.whole * scale, abs=0.51)
    assert all(number > 0 for number in numbers)
    deepest = max(node.depth for node in drawn.nodes) + 2
    assert all(1 <= line.count(";") < deepest for line in lines if line)


def test_stacks_of_all_plans_are_added_up() -> None:
    lines = render(report(JOIN, JOIN), "folded").splitlines()
    assert lines[0] == "statement;Sort 100000"
    assert len(lines) == 6


@given(trees())
def test_a_profile_for_speedscope(drawn: PlanTree) -> None:
    data = json.loads(render(report(drawn, JOIN), "speedscope"))
    assert data["$schema"].startswith("https://www.speedscope.app")
    count = len(data["shared"]["frames"])
    first, second = data["profiles"]
    assert second["weights"] == [50, 10, 20, 5.5, 10, pytest.approx(4.5)]
    assert first["unit"] == ("milliseconds" if drawn.unit == "ms" else "none")
    for profile in (first, second):
        assert len(profile["samples"]) == len(profile["weights"])
        assert profile["endValue"] == pytest.approx(sum(profile["weights"]))
        assert all(0 <= at < count for sample in profile["samples"] for at in sample)


@given(trees())
def test_every_text_of_the_picture_fits_its_frame(drawn: PlanTree) -> None:
    root = ElementTree.fromstring(render(report(drawn), "svg"))
    width, height = float(root.attrib["width"]), float(root.attrib["height"])
    for group in root.iter(f"{SVG}g"):
        box, text = group.find(f"{SVG}rect"), group.find(f"{SVG}text")
        assert box is not None
        left, top, wide, high = (float(box.attrib[key]) for key in ("x", "y", "width", "height"))
        assert left >= 0
        assert left + wide <= width
        assert top + high <= height
        if text is not None:
            assert cell_len(text.text or "") * 0.6 * 12 + 4 <= wide


def test_what_the_picture_says_of_a_frame() -> None:
    root = ElementTree.fromstring(render(report(JOIN), "svg"))
    titles = [(one.text or "").splitlines() for one in root.iter(f"{SVG}title")]
    assert titles[0] == ["execution 100 ms", "SELECT 1"]
    assert titles[2] == [
        "#1 Hash Join",
        "own: 10 %, 10.0 ms",
        "with what is below: 36 %, 35.5 ms",
    ]
    assert titles[-1] == ["outside the nodes", "own: 4.5 %, 4.50 ms"]


def test_the_picture_is_text_and_boxes_whatever_names_say() -> None:
    node = TreeNode(0, 0, EVERYTHING, 1.0, 1.0, marks=HOSTILE, details=HOSTILE)
    hostile = PlanTree(EVERYTHING, "ms", (node,), (), EVERYTHING, 1.0)
    root = ElementTree.fromstring(render(report(hostile), "svg"))
    assert {one.tag.removeprefix(SVG) for one in root.iter()} == {
        *("svg", "style", "rect", "text", "g", "title")
    }
    assert {name for one in root.iter() for name in one.attrib} <= {
        *("x", "y", "width", "height", "class", "viewBox")
    }


@pytest.mark.parametrize("name", FORMATS)
def test_no_name_steers_a_terminal(name: str) -> None:
    node = TreeNode(0, 0, EVERYTHING, 1.0, 1.0)
    text = render(report(PlanTree("x", "ms", (node,), (), EVERYTHING, 1.0)), name)
    assert not [one for one in text if ord(one) < 32 and one != "\n"]
    assert "\x9b" not in text
    assert "\u202e" not in text


@pytest.mark.parametrize("name", FORMATS)
def test_plans_without_any_number_and_reports_without_plans(name: str) -> None:
    empty = tree([(0, "Result", None)], ("x", 1.0))._replace(outside=(), whole=0.0)
    assert "none" not in render(report(empty), name).lower().replace('"unit": "none"', "")
    assert render(Report("x"), name).endswith("\n")


def test_what_is_too_narrow_to_see_is_not_drawn() -> None:
    nodes: list[tuple[int, str, float | None]] = [(0, "Append", 1e6)]
    nodes += [(1, f"Seq Scan on p{number}", 1.0) for number in range(4000)]
    assert len(render(report(tree(nodes)), "svg")) < 10_000


def test_heat_has_five_steps() -> None:
    assert [heat(share) for share in (0, 0.009, 0.01, 0.1, 0.25, 0.4, 1)] == [0, 0, 1, 2, 3, 4, 4]
