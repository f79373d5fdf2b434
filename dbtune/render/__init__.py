"""Renderers: a Report in, text out. They know no database, and equal reports give equal text.

Each format is a module of this package with a function ``render(report, style) -> str``.
"""

from __future__ import annotations

from importlib import import_module
from typing import NamedTuple

from dbtune.report import Report


class Style(NamedTuple):
    """How text for people is laid out.

    Attributes:
        width: columns to fit into, or ``None`` for as wide as the data wants (pipes, files).
        color: whether to use ANSI colours.
    """

    width: int | None = None
    color: bool = False


PLAIN = Style()
"""For pipes and files."""


def render(report: Report, format_name: str, style: Style = PLAIN) -> str:
    """The report as text that ends with a line break."""
    text: str = import_module(f"dbtune.render.{format_name}").render(report, style)
    return text if text.endswith("\n") else text + "\n"
