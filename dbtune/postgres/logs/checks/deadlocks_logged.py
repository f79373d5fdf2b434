"""pg.deadlocks-logged"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Remedy, check
from dbtune.postgres.logs.checks import subject
from dbtune.postgres.logs.digest import Digest
from dbtune.text import plain, plural


@check("pg.deadlocks-logged", tags=("log",))
def deadlocks_logged(digest: Digest, *, min_deadlocks: int = 1) -> Iterator[Finding]:
    """Statements block each other until the server ends one of them.

    Why: All of them wait for deadlock_timeout, then one fails with an error and has to be done
    again by the application.

    Mistaken when: The application tries again, and it happens seldom.

    Remedy: Take locks in one order everywhere: sort rows by key before updating them, lock the
    parent first, keep transactions short.
    """
    for one in digest.events.deadlocks.found.values():
        if one.count < min_deadlocks:
            continue
        locks = ", ".join(map(plain, one.locks))
        yield Finding(
            subject=" / ".join(map(subject, one.statements)) or locks,
            message=f"{plural(one.count, 'deadlock')}" + (f" ({locks})" if locks else ""),
            evidence={"deadlocks": one.count, "locks": locks, "context": one.context or None},
            remedy=Remedy(
                "Have these statements take their rows in one order.",
                sql="-- SELECT ... WHERE ... ORDER BY id FOR UPDATE; then UPDATE ...",
                effect="a change in the application",
            ),
        )
