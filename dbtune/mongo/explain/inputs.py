"""Explain output from files and standard input."""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

from dbtune.errors import UsageError
from dbtune.mongo.explain.report import Given
from dbtune.mongo.plans.build import build
from dbtune.mongo.plans.find import MOST_CHARACTERS, find_documents, looks_like
from dbtune.text import plain, plural

STDIN = "-"
_HEAD_BYTES = 1 << 16


def mongo_texts(names: Sequence[str]) -> list[tuple[str, str]]:
    """Files (``-`` is standard input) with MongoDB's explain output, and their texts.

    It is recognised by its beginning; of standard input nothing is taken away unless it is.
    """
    found = []
    for name in names:
        text = _stdin() if name == STDIN else _file(name)
        if text is not None:
            found.append(("" if name == STDIN else name, text))
    return found


def _file(name: str) -> str | None:
    """The text of a file, if it is MongoDB's; errors are left to whoever reads it then."""
    try:
        path = Path(name)
        if path.is_dir() or path.stat().st_size > MOST_CHARACTERS:
            return None
        with path.open("rb") as stream:
            head = _decoded(stream.read(_HEAD_BYTES))
            if not looks_like(head):
                return None
            stream.seek(0)
            return _decoded(stream.read())
    except OSError:
        return None


def _decoded(data: bytes) -> str:
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):  # what PowerShell writes
        return data.decode("utf-16", errors="replace")
    return data.decode("utf-8-sig", errors="replace")


def _stdin() -> str | None:
    """Standard input, if its beginning is MongoDB's; it is put back unless it is."""
    binary = getattr(sys.stdin, "buffer", None)
    if binary is None:
        text = sys.stdin.read()
        sys.stdin = io.StringIO(text)
        return text if looks_like(text[:_HEAD_BYTES]) else None
    head = _peek(binary)
    if not looks_like(_decoded(head)):
        return None
    return _decoded(binary.read(MOST_CHARACTERS))


def _peek(binary: IO[bytes]) -> bytes:
    """The beginning of a stream that stays where it is: a pipe gives it in pieces."""
    data: Any = getattr(binary, "peek", lambda _size: b"")(_HEAD_BYTES)
    return bytes(data)


def read_texts(texts: Sequence[tuple[str, str]], limit: int) -> tuple[list[Given], list[str]]:
    """The plans in some texts, in their order; of more than ``limit`` the slowest, and a note.

    Raises:
        UsageError: one of them can't be read, or there is none.
    """
    given: list[Given] = []
    for name, text in texts:
        shown = plain(name) or "standard input"
        try:
            given += [Given(build(found), name) for found in find_documents(text)]
        except UsageError as problem:
            raise UsageError(f"{shown}, {problem}") from None
    if not given:
        shown = " and ".join(plain(name) or "standard input" for name, _ in texts)
        raise UsageError(
            f"{shown}: expected the output of explain(), which begins with queryPlanner, stages "
            "or shards"
        )
    if len(given) <= limit:
        return given, []
    slowest = sorted(given, key=lambda one: -(one.plan.total_ms or 0.0))[:limit]
    note = f"{plural(len(given), 'plan')} read; shown are the {limit} that took longest (--limit)"
    return slowest, [note]
