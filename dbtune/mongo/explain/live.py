"""Ask a server for an operation's plan, or execute a read and measure it.

``explain`` itself changes nothing, also of an update: it says what would be done. Executing
(``executionStats``) is for reads only, and ends after the session's time limit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from dbtune.errors import TargetError, Unavailable, UsageError
from dbtune.mongo.plans.build import build
from dbtune.mongo.plans.find import Found
from dbtune.mongo.plans.model import Plan
from dbtune.mongo.session import Session, grant_text
from dbtune.text import plain

_WRITING = frozenset(("$out", "$merge"))


@dataclass(frozen=True, slots=True)
class Request:
    """What to explain, and how.

    Attributes:
        collection: ``database.collection``, or a collection of the session's database.
        filter: conditions of a find.
        sort, projection: of a find.
        limit, skip: of a find; 0 is none.
        pipeline: an aggregation's stages, in place of a find.
        collation: of either.
        hint: name or keys of an index to use.
        analyze: execute it and measure.
    """

    collection: str
    filter: Mapping[str, Any] = field(default_factory=dict)
    sort: Mapping[str, Any] = field(default_factory=dict)
    projection: Mapping[str, Any] = field(default_factory=dict)
    limit: int = 0
    skip: int = 0
    pipeline: Sequence[Any] | None = None
    collation: Mapping[str, Any] = field(default_factory=dict)
    hint: str | Mapping[str, Any] = ""
    analyze: bool = False


def explain(session: Session, request: Request) -> Plan:
    """The plan of an operation on a server.

    Raises:
        UsageError: no database is named, or a pipeline writes, or the server refuses it.
        TargetError: the time limit passed, or the connection broke.
    """
    database, command = command_of(session, request)
    verbosity = "executionStats" if request.analyze else "queryPlanner"
    try:
        document = session.command(database, {"explain": command, "verbosity": verbosity})
    except Unavailable as refused:
        if "longer than" in refused.reason:
            raise TargetError(f"the operation {refused.reason}") from None
        remedy = f"\n{refused.remedy}" if refused.remedy else ""
        raise UsageError(f"the server can't explain it: {refused.reason}{remedy}") from None
    told = {"command": {**command, "$db": database}} | document
    return build(Found(told, 1, False))


def command_of(session: Session, request: Request) -> tuple[str, dict[str, Any]]:
    """The database and the command that a request asks for.

    Raises:
        UsageError: as :func:`explain`.
    """
    database, collection = namespace_of(session, request.collection)
    if request.pipeline is not None:
        _refuse_writing(request.pipeline)
        stages = list(request.pipeline)
        command: dict[str, Any] = {"aggregate": collection, "pipeline": stages, "cursor": {}}
    else:
        command = {"find": collection, "filter": dict(request.filter)}
        given: dict[str, Any] = {"sort": request.sort, "projection": request.projection}
        given |= {"skip": request.skip, "limit": request.limit}
        command |= {key: value for key, value in given.items() if value}
    if request.collation:
        command["collation"] = dict(request.collation)
    if request.hint:
        command["hint"] = request.hint
    return database, command


def namespace_of(session: Session, collection: str) -> tuple[str, str]:
    """Database and collection of what the user named.

    Raises:
        UsageError: no database is named, or it has no such collection.
    """
    databases = set(session.database_names())
    before, dot, after = collection.partition(".")
    if dot and before in databases:
        return before, _existing(session, before, after)
    if session.database:
        return session.database, _existing(session, session.database, collection)
    if dot:
        known = ", ".join(sorted(databases)) or "none"
        grant = f"\n{grant_text(session.user, 'read', before)}" if session.user else ""
        raise UsageError(
            f"--collection {plain(collection)}: {session.user or 'this user'} sees no database "
            f"{plain(before)}; it sees: {plain(known)}" + grant
        )
    raise UsageError(
        f"--collection {plain(collection)} names no database, and neither does the URL: write "
        f"--collection DATABASE.{plain(collection)}"
    )


def _existing(session: Session, database: str, collection: str) -> str:
    """The collection: for one that is not there the server would plan a read of nothing."""
    listed = {"listCollections": 1, "nameOnly": True, "authorizedCollections": True}
    try:
        names = [str(one["name"]) for one in session.documents(database, listed)]
    except Unavailable:
        return collection
    if collection in names or collection.startswith("system."):
        return collection
    close = get_close_matches(collection, names, n=1)
    raise UsageError(
        f"--collection {plain(collection)}: database {plain(database)} has no such collection"
        + (f"; did you mean {plain(close[0])}?" if close else "")
    )


def _refuse_writing(stages: Sequence[Any]) -> None:
    for stage in stages:
        if not isinstance(stage, Mapping) or len(stage) != 1:
            raise UsageError("--pipeline: each stage is a document with one key, its name")
        name = next(iter(stage))
        if name in _WRITING:
            raise UsageError(
                f"--pipeline: {name} writes; leave it out, the stages before it are what is planned"
            )
        for inner in _inner(stage[name]):
            _refuse_writing(inner)


def _inner(spec: object) -> list[Sequence[Any]]:
    """Pipelines inside a stage: of ``$lookup``, ``$unionWith``, ``$facet``."""
    if not isinstance(spec, Mapping):
        return []
    return [
        one
        for key, one in spec.items()
        if isinstance(one, list)
        and one
        and all(isinstance(item, Mapping) for item in one)
        and (key == "pipeline" or all(str(next(iter(item), "")).startswith("$") for item in one))
    ]
