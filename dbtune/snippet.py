"""Files made of settings, each below the reason for it."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable
from typing import NamedTuple

from dbtune import __version__

_WIDTH = 96


class Line(NamedTuple):
    """One setting.

    Attributes:
        name: as the framework's documentation writes it.
        value: in the syntax of the file.
        why: what it is good for.
        default: what the framework does without it.
    """

    name: str
    value: str
    why: str
    default: str


class Snippet(NamedTuple):
    """The file of a framework.

    Attributes:
        filename: what it is usually called.
        language: its syntax, for a Markdown fence.
        text: its content, without secrets: they come from the environment.
        lines: the settings in it, in its order.
        notes: what else has to be known.
        document: where the settings are documented.
    """

    filename: str
    language: str
    text: str
    lines: tuple[Line, ...]
    document: str
    notes: tuple[str, ...] = ()


def block(
    lines: Iterable[Line],
    form: Callable[[Line], str],
    *,
    margin: str = "",
    mark: str = "#",
) -> str:
    """Settings, each below the reason for it.

    Args:
        lines: the settings.
        form: writes one in the file's syntax.
        margin: what stands before each line.
        mark: what a comment begins with.
    """
    written = []
    for line in lines:
        written += _comment(f"{line.why} Default: {line.default}.", margin, mark)
        written += [margin + text for text in form(line).splitlines()]
    return "\n".join(written)


def heading(text: str, mark: str = "#") -> str:
    """The comment at the top of a file."""
    return "\n".join(_comment(f"{text} By dbtune {__version__}.", "", mark))


def number(value: float) -> str:
    """A number as most languages write it: ``22.5``, ``15``."""
    return f"{value:g}"


def milliseconds(seconds: float) -> str:
    """Seconds as whole milliseconds."""
    return str(round(seconds * 1000))


def keyword(line: Line) -> str:
    """``name=value,`` as in a call in Python."""
    return f"{line.name}={line.value},"


def item(line: Line) -> str:
    """``"name": value,`` as in a dictionary in Python."""
    return f'"{line.name}": {line.value},'


def member(line: Line) -> str:
    """``name: value,`` as in an object in JavaScript."""
    return f"{line.name}: {line.value},"


def entry(line: Line) -> str:
    """``name: value`` as in YAML."""
    return f"{line.name}: {line.value}"


def _comment(text: str, margin: str, mark: str) -> list[str]:
    first = f"{margin}{mark} "
    return textwrap.wrap(
        text, _WIDTH, initial_indent=first, subsequent_indent=first, break_on_hyphens=False
    )
