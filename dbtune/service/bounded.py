"""Reports cut to a size that a reader with a limited memory can take."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from dbtune.errors import UsageError

MOST_ROWS = 50
MOST_TEXT = 4_000
MOST_CHARACTERS = 60_000
MOST_MARKDOWN = 40_000


def bounded(
    document: Mapping[str, Any],
    *,
    rows: int = MOST_ROWS,
    text: int = MOST_TEXT,
    characters: int = MOST_CHARACTERS,
) -> dict[str, Any]:
    """A report's document with long lists and texts cut, and a note on each that was.

    Args:
        document: what ``--format json`` prints.
        rows: most items of each list of the top level.
        text: most characters of each text.
        characters: most characters of the whole as JSON; lists get still shorter, then texts.
    """
    while True:
        cut: list[str] = []
        made = {key: _item(key, value, rows, text, cut) for key, value in document.items()}
        made["notes"] = [*made.get("notes", []), *cut]
        if len(json.dumps(made, ensure_ascii=False)) <= characters or (rows == 1 and text <= 80):
            return made
        rows, text = (rows // 2, text) if rows > 8 else (max(1, rows // 2), max(80, text // 2))


def _item(key: str, value: Any, rows: int, text: int, cut: list[str]) -> Any:
    if isinstance(value, list) and len(value) > rows:
        cut.append(f"{key}: the first {rows} of {len(value)}; ask for fewer, or for others")
        value = value[:rows]
    return _short(value, text)


def _short(value: Any, text: int) -> Any:
    if isinstance(value, str):
        return value if len(value) <= text else f"{value[:text]}… ({len(value):,} characters)"
    if isinstance(value, Mapping):
        return {key: _short(one, text) for key, one in value.items()}
    if isinstance(value, list):
        return [_short(one, text) for one in value]
    return value


def part_of(markdown: str, section: str = "", most: int = MOST_MARKDOWN) -> tuple[str, list[str]]:
    """A Markdown document's beginning, or one of its sections, and notes on what is left out.

    Args:
        markdown: the document; its sections begin with ``## ``.
        section: part of a section's heading, in any case; "" is the whole document.
        most: most characters; whole sections are left out, or the only one is cut.

    Raises:
        UsageError: no section is called so.
    """
    head, *sections = re.split(r"(?m)^(?=## )", markdown)
    names = [one.partition("\n")[0].removeprefix("## ") for one in sections]
    chosen = list(range(len(sections)))
    if section:
        chosen = [n for n, name in enumerate(names) if section.lower() in name.lower()]
        if not chosen:
            raise UsageError(f"no section {section!r}; there are: {'; '.join(names)}")
        head = ""
    made, left = head, []
    for number in chosen:
        if made and len(made) + len(sections[number]) > most:
            left.append(names[number])
        else:
            made += sections[number]
    notes = [f"left out, ask for each as section: {'; '.join(left)}"] if left else []
    if len(made) > most:
        notes.append(f"the first {most:,} of {len(made):,} characters")
    return made[:most], notes
