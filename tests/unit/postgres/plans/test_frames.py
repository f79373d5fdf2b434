"""Plans as people paste them: whatever stands around a plan, it is the same plan."""

from __future__ import annotations

import csv
import html
import io
import json
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from dbtune.postgres.plans.model import Plan
from dbtune.postgres.plans.read import read_plans

SAMPLES = Path(__file__).parent / "samples"
FORMATS = ("text", "json", "yaml", "xml")
NAMES = sorted(path.stem for path in SAMPLES.glob("*.text"))
FEW = [name for name in NAMES if name.partition("-")[2] in ("literal", "initplans", "subplans")]
FEW += [name for name in NAMES if name.partition("-")[2] in ("parallel-sort", "triggers", "cube")]


def sample(name: str, form: str) -> str:
    """A plan as EXPLAIN prints it: without auto_explain's Query Text."""
    text = (SAMPLES / f"{name}.{form}").read_text().rstrip("\n")
    if form == "text":
        lines = text.split("\n")
        first = next(at for at, line in enumerate(lines) if "(cost=" in line and "->" not in line)
        return "\n".join(lines[first:])
    return text


def one(text: str) -> Plan:
    """The only plan of a text."""
    [plan] = read_plans(text)
    return plan


def boxed(text: str) -> str:
    """A table of \\pset border 2."""
    lines = text.split("\n")
    width = max(map(len, lines))
    rule = f"+-{'-' * width}-+"
    rows = [f"| {line.ljust(width)} |" for line in lines]
    head = f"| {'QUERY PLAN'.center(width)} |"
    return "\n".join([rule, head, rule, *rows, rule, f"({len(lines)} rows)", ""])


def plain_table(text: str, footer: str = "({} rows)") -> str:
    """A table of \\pset border 1, of one row per line."""
    lines = text.split("\n")
    width = max(map(len, lines)) + 2
    rows = "\n".join(f" {line}" for line in lines)
    head = "QUERY PLAN".center(width)
    return f"{head}\n{'-' * width}\n{rows}\n{footer.format(len(lines))}\n"


def cell(text: str) -> str:
    """A CSV file with the whole plan in one cell."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([["QUERY PLAN"], [text]])
    return out.getvalue()


def cells(text: str) -> str:
    """pgAdmin's clipboard: every line a quoted cell."""
    out = io.StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerows([["QUERY PLAN"], *([line] for line in text.split("\n"))])
    return out.getvalue()


ANY_FORMAT: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "CRLF": lambda text: text.replace("\n", "\r\n"),
    "BOM": lambda text: "\ufeff" + text,
    "no-break spaces": lambda text: text.replace("  ", "\u00a0 "),
    "fence": lambda text: f"Look at this:\n\n```sql\n{text}\n```\nWhy is it so slow?\n",
    "reply": lambda text: textwrap.indent(text, "> ", lambda _: True) + "\n\nNo idea, sorry.",
    "indented": lambda text: textwrap.indent(text, "    "),
    "prompt": lambda text: f"db=# explain analyze\ndb-# select 1;\n{text}\ndb=# \n",
    "CSV cell": cell,
    "pgAdmin cells": cells,
    "box": boxed,
    "box without head": lambda text: "\n".join(boxed(text).split("\n")[3:]),
    "table": plain_table,
    "colours": lambda text: "\x1b[1m" + text.replace("\n", "\x1b[0m\n\x1b[32m") + "\x1b[0m",
    "JSON row": lambda text: json.dumps([{"QUERY PLAN": text}]),
}
TEXT_ONLY: dict[str, Callable[[str], str]] = {
    "rows in German": lambda text: plain_table(text, "({} Zeilen)\n\nZeit: 1,234 ms"),
    "rows in Japanese": lambda text: plain_table(text, "({} 行)\n\n時間: 1.234 ミリ秒(ms)"),
    "rows in French": lambda text: plain_table(text, "({} lignes)\n\nTemps : 1,234 ms"),
    "trailing bars": lambda text: "\n".join(f"{line:<200}|" for line in text.split("\n")),
    "no space before the first": lambda text: plain_table(text).partition("\n ")[2],
    "tabs": lambda text: "\n".join(
        "\t" * ((len(line) - len(line.lstrip())) // 2) + line.lstrip() for line in text.split("\n")
    ),
    "half the indentation": lambda text: "\n".join(
        " " * ((len(line) - len(line.lstrip())) // 2) + line.lstrip() for line in text.split("\n")
    ),
    "blank lines between": lambda text: text.replace("\n", "\n\n"),
    "escaped for HTML": lambda text: html.escape(text, quote=False),
    "arrows of a chat": lambda text: text.replace("->  ", "→ "),
    "JSON rows": lambda text: json.dumps([{"QUERY PLAN": line} for line in text.split("\n")]),
    "lists of rows": lambda text: json.dumps([[line] for line in text.split("\n")]),
    "DBeaver's text": lambda text: "\n".join(
        [f"{'QUERY PLAN':<250}|", "-" * 250 + "+", *(f"{line:<250}|" for line in text.split("\n"))]
    ),
    "table of markdown": lambda text: "\n".join(
        ["| QUERY PLAN |", "|---|", *(f"| {line} |" for line in text.split("\n"))]
    ),
    "reply to a reply": lambda text: "Hi\n> see:\n" + textwrap.indent(text, "> > ", lambda _: True),
    "reply without spaces": lambda text: textwrap.indent(text, ">", lambda _: True),
    "fence in the line": lambda text: f"hey, look at this:\n```{text}```",
    "preformatted": lambda text: f"<pre><code>{html.escape(text)}</code></pre>",
    "numbered": lambda text: "\n".join(
        f"{number:6}\t{line}" for number, line in enumerate(text.split("\n"), 1)
    ),
    "grep -n": lambda text: "\n".join(
        f"{number}:{line}" for number, line in enumerate(text.split("\n"), 98)
    ),
    "cat -A": lambda text: text.replace("\n", "$\n") + "$",
    "diff": lambda text: "@@ -0,0 +1,9 @@\n" + textwrap.indent(text, "+", lambda _: True),
    "log prefixes": lambda text: textwrap.indent(
        text, "2026-11-29 01:02:03.123 UTC [4711] app@db LOG:  ", lambda _: True
    ),
    "rows of a driver": lambda text: repr([(line,) for line in text.split("\n")]),
    "a list": lambda text: "\n".join(f"- {line}" for line in ["see", "this"]) + "\n" + text,
}


REINDENT = ("indented", "no space before the first", "blank lines between", "trailing bars")


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("frame", ANY_FORMAT)
@pytest.mark.parametrize("name", FEW)
def test_frames(name: str, frame: str, form: str) -> None:
    if "literal" in name and frame in REINDENT:
        pytest.skip("a literal with a line break is not what it was in this frame")
    plain = sample(name, form)
    expected = one(plain)
    assert not expected.truncated
    got = one(ANY_FORMAT[frame](plain))
    assert got == expected
    assert got.source.format == form


@pytest.mark.parametrize("frame", TEXT_ONLY)
@pytest.mark.parametrize("name", FEW)
def test_frames_of_text(name: str, frame: str) -> None:
    if "literal" in name and frame in REINDENT:
        pytest.skip("a literal with a line break is not what it was in this frame")
    plain = sample(name, "text")
    assert one(TEXT_ONLY[frame](plain)) == one(plain)


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize(
    "frame", ["as it is", "fence", "CSV cell", "pgAdmin cells", "table", "box"]
)
def test_two_plans_in_one_paste_are_two(frame: str, form: str) -> None:
    texts = [sample(name, form) for name in ("pg14-triggers", "pg13-cube")]
    got = read_plans("\n\n".join(map(ANY_FORMAT[frame], texts)))
    assert got == list(map(one, texts))
