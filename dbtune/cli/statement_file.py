"""``--file`` of every command that takes statements."""

from __future__ import annotations

import sys
from pathlib import Path

from dbtune.errors import UsageError
from dbtune.text import plain


def read_file(file: Path) -> str:
    """The text of ``--file``; ``-`` is standard input.

    Raises:
        UsageError: it can't be read, or is empty.
    """
    shown = plain(str(file))
    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text in UTF-8"
        raise UsageError(f"--file {shown} can't be read: {reason}") from None
    if not text.strip():
        raise UsageError(f"--file {shown} has no statement")
    return text
