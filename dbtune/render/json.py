"""JSON: one document."""

from __future__ import annotations

import json
import re

from dbtune.render import Style
from dbtune.render.document import document
from dbtune.report import Report

# json.dumps escapes C0 controls; these too could steer a terminal or reorder what a person reads.
_STEERING = re.compile("[\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")


def dumps(data: object, indent: int | None = None) -> str:
    """JSON text in which nothing can steer a terminal."""
    text = json.dumps(data, ensure_ascii=False, indent=indent, allow_nan=False)
    return _STEERING.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def render(report: Report, style: Style) -> str:
    """The report as one indented JSON document."""
    return dumps(document(report), indent=2)
