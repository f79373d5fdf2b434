"""Collections with their indexes, and how often each was used."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from dbtune.errors import Unavailable
from dbtune.facts import fact
from dbtune.mongo.indexes.collect import collection_names, read_collection
from dbtune.mongo.indexes.facts import Collection, Index
from dbtune.mongo.indexes.usage import with_usage
from dbtune.mongo.session import Session

MOST = 500


@fact("collections")
def collections(session: Session) -> tuple[Collection, ...]:
    """At most 500, of all databases. Least privilege: clusterMonitor, and read on each."""
    if (missing := session.blind()) is not None:
        raise missing
    found = []
    refused: Unavailable | None = None
    for name in collection_names(session, "", MOST):
        try:
            found.append(read_collection(session, name))
        except Unavailable as lacking:  # of a database that may not be read, or dropped meanwhile
            refused = lacking if lacking.remedy else refused
    if refused is not None and not found:
        raise refused
    used = with_usage(session, found)
    return tuple(replace(one, indexes=tuple(map(_plain, one.indexes))) for one in used)


def _plain(index: Index) -> Index:
    """With what only BSON has in its filter as text, so that a snapshot can hold it."""
    simple = (str, int, float, bool, type(None))
    partial = {
        path: value if isinstance(value, simple) else repr(value)
        for path, value in index.partial.items()
    }
    return replace(index, partial=partial)


@fact("now")
def now(session: Session) -> datetime:
    """The server's clock. Least privilege: none."""
    return session.now()
