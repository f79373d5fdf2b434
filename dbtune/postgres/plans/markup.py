"""Tables in markup languages: HTML from anywhere, and what psql prints of the others (print.c)."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator, Sequence

from dbtune.postgres.plans.lines import Line

_HTML_CELL = re.compile(r"<td(?! colspan)[^>]*>(.*?)</td>", re.DOTALL | re.IGNORECASE)
_PREFORMATTED = re.compile(r"^\s*(?:<(?:pre|code)\b[^>]*>)+|(?:</(?:code|pre)>)+\s*$")
_HTML_BREAK = re.compile(r"<br ?/?>\n?")

_ASCIIDOC = re.compile(r"^(?:\[[^\n]*\]\n)?\|====\n(.*?)^\|====$", re.DOTALL | re.MULTILINE)
_ASCIIDOC_CELL = re.compile(
    r"^(?:<l\|(?:[^|\n\\]|\\.)* [<>]l)?\|((?:[^|\\]|\\\||\\)*?)$(?=\n(?:\||<l\||2\+|\Z)|\Z)",
    re.DOTALL | re.MULTILINE,
)

_LATEX = re.compile(r"\\begin\{(tabular|longtable)\}\{[^\n]*\n(.*?)\\end\{\1\}", re.DOTALL)
_LATEX_CELL = re.compile(
    r"^(?!\\(?:textit|hline|multicolumn))(?:[^&\n]* & )?(?:\\raggedright\{)?(.*?)"
    r"(?:\} \\tabularnewline| \\\\)$",
    re.MULTILINE,
)
_LATEX_HEAD = re.compile(r"\A.*\\(?:endhead|endlastfoot)\n", re.DOTALL)
_LATEX_TOKEN = re.compile(
    r"\\text(less|greater|backslash|bar)\{\}|\\([\^~])\{\}|\\([#$%&_{}])|\\\\"
)
_LATEX_WORDS = {"less": "<", "greater": ">", "backslash": "\\", "bar": "|"}

_TROFF = re.compile(r"^\.TS\n(.*?)^\.TE$", re.DOTALL | re.MULTILINE)
_TROFF_NOISE = re.compile(r"(?:\.T&|_|(?:center|c)\b.*[.;]|l\.|\\fI.*\\fP)$")


def without_markup(lines: Sequence[Line]) -> Sequence[Line]:
    """The lines with tables in markup replaced by what stands in their cells.

    A cell has one line of a plan, or all of them.
    """
    for mark, table, cells in _LANGUAGES:
        if any(mark in line.text for line in lines):
            text = "\n".join(line.text for line in lines)
            found = list(_replaced(lines, text, table, cells))
            lines = found or lines
    if any(_PREFORMATTED.search(line.text) for line in lines):
        texts = [_PREFORMATTED.sub("", line.text) for line in lines]
        if not any("<explain" in text for text in texts):  # XML escapes such characters itself
            texts = [html.unescape(text) for text in texts]
        lines = [line._replace(text=text) for line, text in zip(lines, texts, strict=True)]
    return lines


def _replaced(
    lines: Sequence[Line],
    text: str,
    table: re.Pattern[str],
    cells: Callable[[re.Match[str]], Iterator[tuple[int, str]]],
) -> Iterator[Line]:
    """The lines of a text, with the cells of its tables instead of the tables."""
    end = 0
    for one in table.finditer(text):
        before = text.count("\n", 0, one.start())
        yield from lines[end:before]
        first = True
        for start, content in cells(one):
            number = lines[min(text.count("\n", 0, start), len(lines) - 1)].number
            for part in content.split("\n"):
                yield Line(number, 0, part, first_row=first)
                first = False
        yield Line(lines[before].number, 0, "")
        end = text.count("\n", 0, one.end()) + 1
    yield from lines[end:]


def _html_cells(table: re.Match[str]) -> Iterator[tuple[int, str]]:
    for cell in _HTML_CELL.finditer(table[0]):
        content = html.unescape(_HTML_BREAK.sub("\n", cell[1])).replace("\u00a0", " ")
        yield table.start() + cell.start(), content


def _asciidoc_cells(table: re.Match[str]) -> Iterator[tuple[int, str]]:
    for cell in _ASCIIDOC_CELL.finditer(table[1]):
        yield table.start(1) + cell.start(), cell[1].replace("\\|", "|")


def _latex_cells(table: re.Match[str]) -> Iterator[tuple[int, str]]:
    rows = _LATEX_HEAD.sub("", table[2])
    for cell in _LATEX_CELL.finditer(rows):
        start = table.end(2) - len(rows) + cell.start()
        yield start, _LATEX_TOKEN.sub(_of_latex, cell[1])


def _of_latex(token: re.Match[str]) -> str:
    if token[0] == "\\\\":
        return "\n"
    return _LATEX_WORDS.get(token[1] or "") or token[2] or token[3]


def _troff_cells(table: re.Match[str]) -> Iterator[tuple[int, str]]:
    start = table.start(1)
    for row in table[1].split("\n"):
        if not _TROFF_NOISE.match(row):
            yield start, row.removeprefix("QUERY PLAN\t").replace("\\(rs", "\\")
        start += len(row) + 1


_LANGUAGES = (
    (
        "<td",
        re.compile(r"(?:<table|<td|<tr).*</td>(?:\s*</\w+>)*", re.DOTALL | re.IGNORECASE),
        _html_cells,
    ),
    ("|====", _ASCIIDOC, _asciidoc_cells),
    ("\\begin{", _LATEX, _latex_cells),
    (".TS", _TROFF, _troff_cells),
)
