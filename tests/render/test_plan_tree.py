"""Plans as trees: they fit, nothing steers the terminal, what matters is never folded away."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from dbtune.finding import Level
from dbtune.plan_tree import Part, PlanTree, TreeNode
from dbtune.render.plan_fold import folded, guides
from dbtune.render.plan_tree import compact, draw, legend, percent
from dbtune.text import CONTROL

HOSTILE = "a\x1b[31mred\x07\n\u202e日本語の表 (cost=1)"


def node(id_: int, depth: int, share: float, title: str = "Seq Scan", **more: object) -> TreeNode:
    return TreeNode(id_, depth, title, share * 100, share, **more)  # type: ignore[arg-type]


def text(tree: PlanTree, width: int | None = 80) -> list[str]:
    return [line.plain.rstrip() for line in draw(tree, width)]


def tree(nodes: Sequence[TreeNode], parts: Sequence[Part] = ()) -> PlanTree:
    return PlanTree("execution 100 ms", "ms", tuple(nodes), tuple(parts), "SELECT 1")


SMALL = tree(
    [
        node(0, 0, 0.05, "Sort", rows=10, estimate=1000, factor=100),
        node(1, 1, 0.15, "Hash Join", rows=10, details=("Hash Cond: (a = b)",)),
        node(2, 2, 0.6, "Seq Scan on orders", rows=10, level=Level.critical, rules=("bad-scan",)),
        TreeNode(3, 2, "Hash", executed=False, marks=("never executed",)),
    ],
    [Part("#2", "Seq Scan on orders", 0.6), Part("#1", "Hash Join", 0.15)],
)


def test_a_small_plan_reads_like_this() -> None:
    assert text(SMALL) == [
        "execution 100 ms",
        "SELECT 1",
        "#2 █████████████████████████████████████████████#1 ▓▓▓▓▓▓▓▓▓····················",
        "#2 60 % Seq Scan on orders · #1 15 % Hash Join · the rest 25 %",
        "",
        " #       own    time rows   est  node",
        "#0 ▎      5% 5.00 ms   10 ↓100×  Sort",
        "#1 ▋     15% 15.0 ms   10        └ Hash Join",
        "                                   │   Hash Cond: (a = b)",
        "#2 ██▍   60% 60.0 ms   10          ├ Seq Scan on orders  ◀ bad-scan",
        "#3             never               └ Hash",
    ]


def test_colour_says_what_the_bars_say() -> None:
    styles = {str(span.style) for line in draw(SMALL, 80) for span in line.spans}
    assert {"bold red", "yellow", "dim"} <= styles


@given(
    st.lists(st.tuples(st.integers(0, 40), st.sampled_from([0.0, 0.02, 0.5])), max_size=40),
    st.sampled_from([40, 80, 200]),
    st.text(max_size=20),
)
@settings(max_examples=40)
def test_every_line_fits_and_is_harmless(
    drawn: list[tuple[int, float]], width: int, title: str
) -> None:
    depth = -1
    nodes: list[TreeNode] = []
    for number, (wanted, share) in enumerate(drawn):
        depth = min(wanted, depth + 1) if nodes else 0
        depth = max(depth, 1) if nodes else 0
        nodes.append(
            node(number, depth, share, title + HOSTILE, rows=1e9, loops=2, marks=(HOSTILE,),
                 details=(HOSTILE * 9,), rules=("some-rule",))
        )  # fmt: skip
    for line in text(tree(nodes or [node(0, 0, 1)], [Part("#0", HOSTILE, 1)]), width):
        assert cell_len(line) <= max(width, 80), line
        assert not CONTROL.search(line)


def test_without_a_width_nothing_is_cut_or_folded() -> None:
    long = "x" * 500
    nodes = [node(0, 0, 1.0, long), *(node(n, 1, 0.0, f"Seq Scan {n}") for n in range(1, 101))]
    lines = text(tree(nodes), None)
    assert any(line.endswith(long) for line in lines)
    assert lines[-1].endswith("└ Seq Scan 100")


def test_partitions_are_folded_and_their_numbers_added() -> None:
    parts = [node(n, 1, 0.009, f"Scan p{n}", rows=2.0) for n in range(1, 101)]
    shown = folded([node(0, 0, 0.1, "Append"), *parts])
    assert [one.folds for one in shown] == [0, 100]
    assert shown[1].share == pytest.approx(0.9)
    assert shown[1].rows == 200
    assert "100 nodes, #1 to #100" in shown[1].title


def test_what_has_a_finding_or_takes_time_is_not_folded() -> None:
    parts = [node(n, 1, 0.001) for n in range(1, 101)]
    parts[40] = node(41, 1, 0.001, level=Level.info)
    parts[70] = node(71, 1, 0.8)
    shown = folded([node(0, 0, 0.1), *parts])
    assert [one.id for one in shown if not one.folds] == [0, 41, 71]
    assert sum(one.folds or 1 for one in shown) == 101


@given(st.lists(st.tuples(st.integers(1, 6), st.floats(0, 0.05)), min_size=31, max_size=60))
@settings(max_examples=40)
def test_folding_loses_no_node_and_no_time(drawn: list[tuple[int, float]]) -> None:
    depth, nodes = 0, [node(0, 0, 0.0)]
    for number, (wanted, share) in enumerate(drawn, start=1):
        depth = min(wanted, depth + 1)
        nodes.append(node(number, depth, share))
    shown = folded(nodes)
    assert sum(one.folds or 1 for one in shown) == len(nodes)
    assert sum(one.share or 0 for one in shown) == pytest.approx(sum(n.share or 0 for n in nodes))


def test_small_plans_are_shown_whole() -> None:
    nodes = [node(n, n % 9, 0.0) for n in range(27)]
    assert folded(nodes) == nodes
    few = [node(n, min(n, 1), 0.0) for n in range(9)]
    assert folded(few) == few


def test_partitions_that_took_the_same_are_one_line_in_a_small_plan_too() -> None:
    parts = [node(n, 1, 0.06, f"Seq Scan on p{n}", rows=1) for n in range(1, 17)]
    shown = folded([node(0, 0, 0.04, "Append"), *parts])
    assert [one.folds for one in shown] == [0, 16]
    assert shown[1].share == pytest.approx(0.96)


def test_many_siblings_that_do_different_things_are_not_alike() -> None:
    parts = [node(n, 1, 0.1, f"{'Seq' if n % 2 else 'Index'} Scan on p{n}") for n in range(1, 11)]
    assert len(folded([node(0, 0, 0.0, "Append"), *parts])) == 11


def test_the_one_of_many_that_took_more_is_shown() -> None:
    parts = [node(n, 1, 0.01, f"Seq Scan on p{n}") for n in range(1, 17)]
    parts[7] = node(8, 1, 0.5, "Seq Scan on p8")
    shown = folded([node(0, 0, 0.0, "Append"), *parts])
    assert [one.id for one in shown if not one.folds] == [0, 8]


def test_guides_lead_to_each_node() -> None:
    assert [one for one, _ in guides([0, 1, 2, 2, 1], None)] == ["", "├ ", "│ ├ ", "│ └ ", "└ "]
    assert [one for _, one in guides([0, 1, 2, 2, 1], None)] == [
        "│ ",
        "│ │ ",
        "│ │   ",
        "│     ",
        "    ",
    ]


def test_deep_plans_keep_their_room() -> None:
    deep = list(guides(list(range(300)), 80))
    assert max(len(one) for pair in deep for one in pair) == 20
    flat = list(guides(list(range(10)), 40))
    assert max(len(one) for pair in flat for one in pair) == 20  # two columns a level
    assert deep[-1][0].startswith("…")


@pytest.mark.parametrize(
    ("value", "expected"),
    [(None, ""), (0, "0"), (0.33, "0.33"), (12, "12"), (9876, "9,876"), (12345, "12.3k"),
     (4.56e6, "4.56M"), (7.8e9, "7.80G"), (1e13, "10.0T"), (1e30, "1e+30")],
)  # fmt: skip
def test_counts_are_short(value: float | None, expected: str) -> None:
    assert compact(value) == expected


def test_shares_are_short() -> None:
    assert [percent(share) for share in (0, 0.004, 0.0996, 0.5)] == [
        "0 %",
        "0.4 %",
        "10 %",
        "50 %",
    ]


def test_costs_have_no_unit() -> None:
    lines = text(tree([node(0, 0, 1.0)])._replace(unit="cost"))
    assert re.search(r"cost +node", lines[3])
    assert " 100 " in lines[4]


def test_the_legend_explains_what_is_there() -> None:
    assert legend([SMALL]) == (
        "own: the node's part without the nodes below it · rows: of all loops · est: ↑ more, ↓ "
        "fewer rows than planned"
    )
    paying = tree([node(0, 0, 1.0, marks=("pays for #7",), loops=3)])
    assert legend([paying]).endswith(
        "loops: in all processes · pays for #1: #1 ran when this node needed it"
    )


def test_what_took_it_is_listed_in_whole_items() -> None:
    parts = [Part(f"#{n}", "Seq Scan on a table", 0.2) for n in range(5)]
    lines = text(tree([node(0, 0, 1.0)], parts), 60)[3:6]
    assert lines == [
        "#0 20 % Seq Scan on a table · #1 20 % Seq Scan on a table",
        "#2 20 % Seq Scan on a table · #3 20 % Seq Scan on a table",
        "#4 20 % Seq Scan on a table",
    ]
