"""What a subcommand's output may be: formats, colours, levels that make an exit code, the file."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import NamedTuple


class Format(StrEnum):
    """Output formats."""

    table = "table"
    json = "json"
    ndjson = "ndjson"
    csv = "csv"
    markdown = "markdown"
    html = "html"
    sarif = "sarif"
    junit = "junit"
    github = "github"
    gitlab = "gitlab"
    nagios = "nagios"
    sql = "sql"


class Picture(StrEnum):
    """Output formats of pictures of plans."""

    svg = "svg"
    folded = "folded"
    speedscope = "speedscope"


class Written(StrEnum):
    """Output formats of documents."""

    markdown = "markdown"
    html = "html"
    json = "json"


Formats = type[Format] | type[Picture] | type[Written]


class Color(StrEnum):
    """When to colour."""

    auto = "auto"
    always = "always"
    never = "never"


class FailOn(StrEnum):
    """From which level on findings make the exit code 1."""

    never = "never"
    info = "info"
    warning = "warning"
    critical = "critical"


class Gate(StrEnum):
    """``--fail-on`` of commands that compare: a regression is a finding from warning on."""

    never = "never"
    regression = "regression"
    info = "info"
    warning = "warning"
    critical = "critical"


class Output(NamedTuple):
    """Where a report goes and in which form: ``None`` is by the file's name."""

    format: Format | Picture | Written | None = Format.table
    path: Path | None = None
    force: bool = False
    wide: bool = False
    color: Color = Color.auto
    quiet: bool = False
    formats: Formats = Format
