"""Which checks run: by name, by pattern, by tag, by engine."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from fnmatch import fnmatchcase

from dbtune.errors import UsageError
from dbtune.finding import Check
from dbtune.text import plain


def select(
    checks: Iterable[Check], only: Sequence[str] = (), exclude: Sequence[str] = ()
) -> list[Check]:
    """Checks that ``only`` names and ``exclude`` does not.

    Args:
        checks: all there are.
        only: names, patterns (``pg.*``, ``*vacuum*``), tags or engines; empty means all.
        exclude: likewise.

    Raises:
        UsageError: a word names no check, or none is left.
    """
    checks = list(checks)
    chosen = _named(checks, only, "--only") if only else {check.name for check in checks}
    chosen -= _named(checks, exclude, "--exclude")
    if not chosen:
        raise UsageError("no check is left by --only and --exclude")
    return [check for check in checks if check.name in chosen]


def _named(checks: Sequence[Check], words: Sequence[str], option: str) -> set[str]:
    found: set[str] = set()
    for word in words:
        named = {check.name for check in checks if is_named(check, word)}
        if not named:
            raise UsageError(f"{option} {plain(word)}: no such check or tag; {_hint(checks, word)}")
        found |= named
    return found


def is_named(check: Check, word: str) -> bool:
    """Whether a word means a check: its name, a pattern of it, one of its tags, its engine."""
    engine = check.name.partition(".")[0]
    return word in (check.name, engine, *check.tags) or fnmatchcase(check.name, word)


def _hint(checks: Sequence[Check], word: str) -> str:
    tags = sorted({tag for check in checks for tag in check.tags})
    names = [check.name for check in checks]
    close = get_close_matches(word, [*names, *tags], n=1)
    if close:
        return f"did you mean {close[0]}?"
    return f"tags: {', '.join(tags)}; dbtune rules lists the checks"
