"""The statement in an entry of auto_explain, in each of its formats."""

from __future__ import annotations

import html
import json
import re

_TEXT = re.compile(
    rb"\s*Query Text: (.*?)\n(?=[^\n]*(?:  \(cost=|  \(actual |  \(rows=)|Query Parameters: )",
    re.DOTALL,
)
_REST = re.compile(rb"\s*Query Text: ([^\n]*)")
_QUOTED = re.compile(rb'\s*\{?\s*"?Query Text"?: ("(?:[^"\\]|\\.)*")')
_XML = re.compile(rb"\s*<explain[^>]*>\s*<Query-Text>(.*?)</Query-Text>", re.DOTALL)


def query_text(body: bytes) -> bytes:
    """The statement whose plan an entry has; "" if it does not tell."""
    if found := _QUOTED.match(body):
        try:
            return str(json.loads(found[1])).encode(errors="replace")
        except ValueError:
            return found[1]
    if found := _XML.match(body):
        return html.unescape(found[1].decode(errors="replace")).encode(errors="replace")
    found = _TEXT.match(body) or _REST.match(body)
    return found[1] if found else b""
