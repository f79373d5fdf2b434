"""pg.errors-frequent"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.postgres.logs.digest import Digest
from dbtune.text import plain, plural, shorten

_RESOURCES = ("53", "58", "XX")
"""Classes of SQLSTATE: insufficient resources, system errors, internal errors (damaged data)."""
_WORDS = ("No space left on device", "out of memory", "could not read block", "invalid page")


@check("pg.errors-frequent", tags=("log",))
def errors_frequent(digest: Digest, *, min_errors: int = 100) -> Iterator[Finding]:
    """The same error is reported again and again, or one that should never be.

    Why: An error costs the work of its transaction, and an application that meets it often mostly
    has a bug. Errors of disk, memory or damaged pages get worse until somebody looks.

    Mistaken when: The application provokes it and handles it, such as a duplicate key on purpose.

    Remedy: Fix the statement, or ask in another way: INSERT ... ON CONFLICT in place of catching
    duplicate keys.
    """
    for one in digest.events.errors.classes.values():
        grave = one.state[:2] in _RESOURCES or any(word in one.message for word in _WORDS)
        if one.level != "ERROR" or (one.count < min_errors and not grave):
            continue
        statement = f"; a statement: {shorten(plain(one.statement), 120)}" if one.statement else ""
        yield Finding(
            subject=plain(one.message),
            level=Level.critical if grave else None,
            message=f"{plural(one.count, 'time')}{statement}",
            evidence={
                "count": one.count,
                "sqlstate": one.state or None,
                "databases": ", ".join(sorted(one.databases)) or None,
            },
            remedy=Remedy(
                "Look at disk, memory and hardware at once."
                if grave
                else "Find the code that runs the statement, and see why it fails."
            ),
        )
