"""Read the definitions of views that statements name, and of those that these are made of."""

from __future__ import annotations

from collections.abc import Iterable

from dbtune.errors import Unavailable
from dbtune.postgres.relations.facts import View
from dbtune.postgres.session import Session
from dbtune.postgres.sqltext import names

_MOST = 500
_MOST_LEVELS = 20


def read_views(session: Session, statements: Iterable[str]) -> tuple[View, ...]:
    """Views that statements may mean; none of a name that somebody locks right now.

    Raises:
        TargetError: the connection broke.
    """
    found: dict[tuple[str, str], View] = {}
    asked: set[str] = set()
    words = set().union(*map(names, statements))
    for _ in range(_MOST_LEVELS):
        new = words - asked
        if not new or len(found) >= _MOST:
            break
        asked |= new
        try:
            rows = session.fact("relations_views", {"names": sorted(new), "count": _MOST})
        except Unavailable:
            break
        views = [View(row["schema"], row["name"], row["definition"]) for row in rows]
        found |= {(one.schema, one.name): one for one in views if one.definition}
        words = set().union(*(names(one.definition) for one in views if one.definition))
    return tuple(found.values())
