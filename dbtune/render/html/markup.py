"""Text as HTML: everything from outside goes through here."""

from __future__ import annotations

import re
from html import escape

from dbtune.render.json import dumps
from dbtune.text import plain, visible

_HALF = re.compile("[\ud800-\udfff]")


def text(content: str) -> str:
    """Text on one line, for between tags and within attributes' quotes."""
    return escape(_HALF.sub("\ufffd", plain(content)))


def code(content: str) -> str:
    """Lines to copy, with the button that does."""
    lines = (visible(line.expandtabs(4)) for line in content.strip("\n").split("\n"))
    body = escape(_HALF.sub("\ufffd", "\n".join(lines)))
    return (
        '<div class="code"><button type="button" class="copy">Copy</button>'
        f'<pre tabindex="0"><code>{body}</code></pre></div>'
    )


def tag(name: str) -> str:
    """A level as a small sign that does without colour."""
    return f'<span class="tag {name}">{name}</span>'


def bar(share: float) -> str:
    """A share of one as a bar; a style attribute would be forbidden by the page's policy."""
    width = max(0.0, min(1.0, share)) * 100
    return (
        '<svg class="bar" aria-hidden="true"><rect class="all" width="100%" height="100%"/>'
        f'<rect width="{width:.1f}%" height="100%"/></svg>'
    )


def script_data(data: object) -> str:
    """JSON that can't end the script element that it stands in, nor open a comment."""
    escaped = dumps(data)
    for character in "<>&":
        escaped = escaped.replace(character, f"\\u{ord(character):04x}")
    return escaped
