"""Every format: the golden file, nothing that steers a reader's terminal or viewer, nothing lost.

DBTUNE_UPDATE_GOLDEN=1 writes the golden files anew; look at the difference before committing it.
"""

from __future__ import annotations

import csv
import io
import json
import math
import os
import re
from dataclasses import replace
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from rich.cells import cell_len

from dbtune.cli.command import Output
from dbtune.cli.formats import Format
from dbtune.cli.output import style
from dbtune.finding import Finding, Remedy, Skipped
from dbtune.plan_tree import Part, PlanTree, TreeNode
from dbtune.render import Style, render
from dbtune.render.document import document, schema, value
from dbtune.render.json import dumps
from dbtune.report import Column, Report, Table
from dbtune.text import visible
from tests.render.hostile import COLUMNS, EVERYTHING, REPORT, ROWS, TABLES

GOLDEN = Path(__file__).parent / "golden"
WAYS = {
    "table-80.txt": ("table", Style(80)),
    "table-200.txt": ("table", Style(200)),
    "table-pipe.txt": ("table", Style()),
    "table-colour-120.txt": ("table", Style(120, color=True)),
    **{f"report.{name}": (name, Style()) for name in Format if name != "table"},
}
# What could move a cursor, change a colour, or swap what a person reads.
STEERING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")


@pytest.mark.parametrize("name", WAYS)
def test_golden(name: str) -> None:
    format_name, style = WAYS[name]
    # The version of dbtune is in the files, and changes; as do style and script, by themselves.
    text = re.sub(
        r'("(?:dbtune_)?version": )"0[^"]*"', r'\1"VERSION"', render(REPORT, format_name, style)
    )
    if format_name == "html":
        text = re.sub(r"sha256-[^']+|dbtune 0[.\d]+", "VERSION", text)
        text = re.sub(r"(?s)(<style>|<script>).*?(?=</)", r"\1", text)
    path = GOLDEN / name
    if os.environ.get("DBTUNE_UPDATE_GOLDEN"):
        path.write_bytes(text.encode())
    assert text == path.read_bytes().decode()


@pytest.mark.parametrize("name", WAYS)
def test_the_same_report_gives_the_same_bytes(name: str) -> None:
    format_name, style = WAYS[name]
    assert render(REPORT, format_name, style) == render(REPORT, format_name, style)
    assert render(REPORT, format_name, style).endswith("\n")


@pytest.mark.parametrize("name", [name for name in WAYS if "colour" not in name])
def test_nothing_steers_a_terminal(name: str) -> None:
    format_name, style = WAYS[name]
    found = STEERING.findall(render(REPORT, format_name, style))
    assert found == []


def test_colours_are_all_that_a_coloured_table_adds() -> None:
    coloured = render(REPORT, "table", Style(120, color=True))
    codes = set(re.findall(r"\x1b\[([0-9;]*)m", coloured))
    # Standard colours only, and neither black nor dim: they vanish on some background.
    assert codes <= {
        "0",
        "1",
        *(f"{bold}{color}" for bold in ("", "1;") for color in range(31, 37)),
    }
    bare = re.sub(r"\x1b\[[0-9;]*m", "", coloured)
    assert "\x1b" not in bare
    lines = [line.rstrip() for line in bare.split("\n")]
    assert lines == render(REPORT, "table", Style(120)).split("\n")


@pytest.mark.parametrize("width", [40, 80, 120, 200])
def test_a_table_keeps_to_its_width_but_for_code_to_paste(width: int) -> None:
    texts = [text for one in REPORT.findings for text in (one.remedy.sql, one.remedy.config)]
    texts += [one.remedy for one in REPORT.skipped]
    code = {visible(line.expandtabs(4)).strip() for text in texts for line in text.split("\n")}
    for line in render(REPORT, "table", Style(width)).split("\n"):
        assert cell_len(line) <= width or line.strip() in code, line


def test_everything_is_said_at_any_width() -> None:
    for width in (40, 80, None):
        text = render(REPORT, "table", Style(width))
        squeezed = re.sub(r"\s+", "", text)
        for word in (
            "nothing here",
            "bare message",
            "short note",
            "Not examined",
            "pg.meh",
            "12 of 34",
        ):
            assert re.sub(r"\s+", "", word) in squeezed
        assert "[boldred]markup[/boldred]" in squeezed


# --------------------------------------------------------------------------------------- CSV, JSON


def test_csv_comes_back() -> None:
    header, *rows = csv.reader(io.StringIO(render(REPORT, "csv")))
    assert header == [column.name for column in COLUMNS]
    assert len(rows) == len(ROWS)
    data = document(REPORT)["main"]
    for row, wanted in zip(rows, data, strict=True):
        for name, cell in zip(header, row, strict=True):
            assert cell == as_csv(wanted[name]), name


def as_csv(item: Any) -> str:
    if item is None:
        return ""
    if isinstance(item, bool):
        return str(item).lower()
    if isinstance(item, list | dict):
        return dumps(item)
    text = "\n".join(visible(line) for line in str(item).split("\n")).replace("\\t", "\t")
    return f"'{text}" if text.startswith(("=", "+", "-", "@")) else text


@given(st.text(), st.text())
def test_any_text_survives_json_and_steers_nothing(first: str, second: str) -> None:
    columns = (Column("a", "A", "text", ""), Column("b", "B", "sql", ""))
    report = Report("x", (Table("t", "T", columns, ({"a": first, "b": second},)),))
    (row,) = json.loads(render(report, "json"))["t"]
    assert row == {"a": first, "b": second}
    for name in Format:
        assert not STEERING.search(render(report, name))


@given(
    st.lists(st.text(st.characters(exclude_categories=["Cc", "Cf", "Zl", "Zp"]) | st.just("\n")))
)
def test_any_text_survives_csv(texts: list[str]) -> None:
    column = (Column("a", "A", "text", ""), Column("b", "B", "int", ""))
    rows = tuple({"a": text, "b": 1} for text in texts)
    _, *found = csv.reader(
        io.StringIO(render(Report("x", (Table("t", "T", column, rows),)), "csv"))
    )
    plain = [text for text, _ in found]
    assert [
        text.removeprefix("'") if given_[:1] in "=+-@" and given_ else text
        for text, given_ in zip(plain, texts, strict=True)
    ] == texts


def test_spreadsheets_get_no_formula() -> None:
    column = (Column("a", "A", "text", ""),)
    for start in "=+-@\t\r":
        report = Report("x", (Table("t", "T", column, ({"a": f"{start}1+1"},)),))
        _, (cell,) = csv.reader(io.StringIO(render(report, "csv")))
        assert cell.startswith(("'", "\\"))


def test_json_holds_everything() -> None:
    data = json.loads(render(REPORT, "json"))
    jsonschema.validate(data, schema("slow-queries", TABLES))
    jsonschema.Draft202012Validator.check_schema(schema("slow-queries", TABLES))
    first, second, third = data["main"]
    assert first["text_column"] == EVERYTHING
    assert second["int_column"] == 12345678901234567890
    assert (second["float_column"], second["seconds_column"]) == (None, None)
    assert first["time_column"] == "2026-11-20T21:34:05Z"
    assert set(third.values()) == {None}
    assert data["empty"] == []
    assert data["facts"]["bytes_column"] == 5 * 1024**3
    assert data["findings"][0]["evidence"]["name"] == EVERYTHING
    assert data["skipped"][0]["remedy"].startswith("GRANT x;")
    assert data["artifacts"][0]["text"] == REPORT.artifacts[0].text
    assert data["target"]["port"] == 5432


def test_a_schema_notices_a_wrong_type() -> None:
    data = json.loads(render(REPORT, "json"))
    data["main"][0]["int_column"] = "many"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(data, schema("slow-queries", TABLES))


def test_ndjson_is_the_same_in_lines() -> None:
    lines = [json.loads(line) for line in render(REPORT, "ndjson").splitlines()]
    data = json.loads(render(REPORT, "json"))
    assert lines[0].pop("type") == "header"
    assert lines[0] == {key: data[key] for key in lines[0]}
    by_type: dict[str, list[Any]] = {}
    for line in lines[1:]:
        by_type.setdefault(line.pop("type"), []).append(line)
    assert by_type["main"] == data["main"]
    assert by_type["facts"] == [data["facts"]]
    assert by_type["finding"] == data["findings"]
    assert by_type["skipped"] == data["skipped"]
    assert [one["text"] for one in by_type["note"]] == data["notes"]
    assert by_type["artifact"] == data["artifacts"]


def test_numbers_are_numbers() -> None:
    assert value(Decimal("1.5")) == 1.5
    assert value(0.1234567891) == 0.123457
    assert [value(odd) for odd in (math.nan, math.inf, -math.inf, Decimal("NaN"))] == [None] * 4
    assert value(True) is True
    column = (Column("n", "N", "int", ""),)
    for given_, wanted in ((Decimal("1e18"), 10**18), (2.0, 2), (math.nan, None), (None, None)):
        report = Report("x", (Table("t", "T", column, ({"n": given_},)),))
        assert json.loads(render(report, "json"))["t"] == [{"n": wanted}]


# ---------------------------------------------------------------------------------------- Markdown


def tokens(markdown: str) -> list[Any]:
    parser = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    found = []
    for token in parser.parse(markdown):
        found.append(token)
        found += token.children or []
    return found


def test_markdown_holds_no_markup_of_others() -> None:
    text = render(REPORT, "markdown")
    kinds = {token.type for token in tokens(text)}
    assert kinds.isdisjoint({"html_inline", "html_block", "link_open", "image", "s_open"})
    assert "em_open" in kinds  # our own labels
    emphasised = re.findall(r"(?<!\\)\*([A-Z][^*]*):\*", text)
    assert set(emphasised) <= {"Why", "What to do", "Effect", "Mistaken when", "Saves", "Check"}
    found = tokens(text)
    headings = [after.content for one, after in pairwise(found) if one.type == "heading_open"]
    assert [heading.split()[0] for heading in headings] == [
        *("dbtune", "Main", "Facts", "a.conf", "Findings", "Skipped", "Notes")
    ]


def test_markdown_tables_keep_their_columns() -> None:
    text = render(REPORT, "markdown")
    block = text.partition("### Main")[2].partition("\n\n")[2].partition("\n\n")[0].splitlines()
    counts = {len(re.findall(r"(?<!\\)\|", line)) for line in block}
    assert len(block) == 2 + len(ROWS)
    assert len(counts) == 1


@given(st.text())
def test_no_text_breaks_out_of_markdown(text: str) -> None:
    hostile = Finding(text, text, Remedy(text, sql=text, config=text), rule="x", why=text)
    report = Report("x", findings=(hostile,), skipped=(Skipped(text, text, text),), notes=(text,))
    found = tokens(render(report, "markdown"))
    assert {"html_inline", "html_block", "link_open", "image"}.isdisjoint({t.type for t in found})
    # The headings, the two code blocks (when there is code) and the two lists are ours.
    assert sum(t.type == "heading_open" for t in found) == 4
    assert sum(t.type == "fence" for t in found) == (2 if text else 0)
    assert sum(t.type == "bullet_list_open" for t in found) == 2
    assert not any(t.type in ("code_block", "hr", "blockquote_open", "table_open") for t in found)


@given(st.text())
def test_no_text_breaks_out_of_a_plan_in_markdown(text: str) -> None:
    node = TreeNode(0, 0, text, 1.0, 1.0, marks=(text,), details=(text,), rules=(text,))
    tree = PlanTree(text, "ms", (node,), (Part(text, text, 1.0),), text, 1.0)
    report = Report("x", (Table("plans", "", (), ({},), trees=(tree,)),))
    found = tokens(render(report, "markdown"))
    assert {"html_inline", "html_block", "link_open", "image"}.isdisjoint({t.type for t in found})
    assert sum(t.type == "heading_open" for t in found) == 2
    assert sum(t.type == "fence" for t in found) == (2 if text else 1)
    assert not any(t.type in ("code_block", "hr", "blockquote_open") for t in found)


def test_a_remedy_for_what_was_skipped_is_code() -> None:
    text = render(Report("x", skipped=(Skipped("a", "b", "SELECT `x`;\n  SELECT 2;"),)), "markdown")
    codes = [token.content for token in tokens(text) if token.type == "code_inline"]
    assert codes == ["SELECT `x`; SELECT 2;"]


# -------------------------------------------------------------------------------------- odd reports


@pytest.mark.parametrize("name", Format)
def test_an_empty_report(name: str) -> None:
    text = render(Report("x"), name)
    assert text.endswith("\n")
    if name in ("json", "sarif"):
        json.loads(text)


@pytest.mark.parametrize("name", Format)
def test_a_report_without_tables_or_target(name: str) -> None:
    render(replace(REPORT, tables=(), target=None, collected_at=None), name)


@pytest.mark.parametrize("width", [1, 10, 39])
def test_a_very_narrow_terminal(width: int) -> None:
    assert "pg.bad" in re.sub(r"\s+", "", render(REPORT, "table", Style(width)))


def test_a_table_without_a_title_gets_no_empty_heading() -> None:
    untitled = Table("found", "", (Column("name", "name", "text", ""),), ({"name": "a"},))
    made = render(Report("check", (untitled,)), "markdown", Style())
    headings = [line for line in made.splitlines() if line.startswith("#")]
    assert headings == ["## dbtune check"]


def test_a_long_text_leaves_a_statement_its_width() -> None:
    columns = (Column("view", "view", "text", "."), Column("statement", "statement", "sql", "."))
    row = {"view": "v" * 70, "statement": "SELECT something FROM a_table_of_mine"}
    shown = render(
        Report("cache", (Table("views", "Views", columns, (row,)),)), "table", Style(width=80)
    )
    assert "SELECT something FROM a_table" in shown
    assert max(map(len, shown.splitlines())) <= 80


@pytest.mark.parametrize("width", [20, 40, 60, 80])
def test_no_number_is_cut_or_parted_from_its_unit(width: int) -> None:
    columns = (
        Column("relation", "relation", "text", "."),
        *(Column(f"b{n}", f"size {n}", "bytes", ".") for n in range(4)),
        Column("took", "took", "ms", ".", 1),
        Column("users", "users", "list", ".", 1),
        Column("statement", "statement", "sql", "."),
    )
    row = {
        "relation": "public.a_name_of_some_length",
        **{f"b{n}": 1_234_567_890 + n * 10**9 for n in range(4)},
        "took": 123.4,
        "users": ["an_application", "another_application"],
        "statement": "SELECT something FROM a_table_of_mine",
    }
    sizes = ("1.15 GiB", "2.08 GiB", "3.01 GiB", "3.94 GiB")
    for left_out in ("", "statement", "users"):
        chosen = tuple(one for one in columns if one.name != left_out)
        table = Table("sizes", "Sizes", chosen, (row,))
        shown = render(Report("bloat", (table,)), "table", Style(width=width))
        lines = shown.splitlines()
        assert max(map(len, lines)) <= max(40, width)
        hidden = " ".join(lines).partition("not shown at this width: ")[2]
        for number, size in enumerate(sizes):
            assert (size in shown) != (f"size {number}" in hidden)
        assert ("123 ms" in shown) != ("took" in hidden)


@pytest.mark.parametrize("columns", ["", "0", "-3", "²", "many", "20", "9" * 30])
def test_any_width_that_the_environment_names(
    columns: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:  # pytest's own reports are written later
        patched.setenv("COLUMNS", columns)
        wanted = style(Output(), io.StringIO())
    assert wanted.width is None or wanted.width >= 40
