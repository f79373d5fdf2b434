"""Views: what is asked of one, the server asks as a pipeline of the collection that it is of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dbtune.errors import Unavailable
from dbtune.mongo.session import Session

Command = Mapping[str, Any]
_DEEPEST = 20
"""Views of views, as many as the server allows."""


@dataclass(frozen=True, slots=True)
class View:
    """A view.

    Attributes:
        of: the collection, or the other view, that it is of, ``database.collection``.
        stages: its pipeline.
    """

    of: str
    stages: Sequence[Any]


def read_views(session: Session, databases: Iterable[str]) -> dict[str, View]:
    """The views of some databases, by ``database.view``; of those that may not be listed, none.

    Raises:
        TargetError: the connection broke.
    """
    found: dict[str, View] = {}
    command = {"listCollections": 1, "filter": {"type": "view"}, "authorizedCollections": True}
    for database in databases:
        try:
            for told in session.documents(database, command):
                options = told.get("options", {})
                of, stages = options.get("viewOn"), options.get("pipeline")
                if isinstance(of, str) and isinstance(stages, list):
                    found[f"{database}.{told['name']}"] = View(f"{database}.{of}", stages)
        except Unavailable:
            continue
    return found


def resolved(views: Mapping[str, View], namespace: str, command: Command) -> tuple[str, Command]:
    """The collection that a command reads, and the command on that; as given if it is no view."""
    stages: list[Any] = []
    at = namespace
    for _ in range(_DEEPEST):
        view = views.get(at)
        if view is None:
            break
        at, stages = view.of, [*view.stages, *stages]
    if at == namespace:
        return namespace, command
    collation = {"collation": command["collation"]} if command.get("collation") else {}
    pipeline = [*stages, *_stages(command)]
    return at, {"aggregate": at.partition(".")[2], "pipeline": pipeline, **collation}


def _stages(command: Command) -> Iterator[Any]:
    """A reading command as stages."""
    if "aggregate" in command:
        given = command.get("pipeline")
        yield from given if isinstance(given, list) else ()
        return
    for place in ("filter", "query"):
        if isinstance(command.get(place), Mapping):
            yield {"$match": command[place]}
    for name, stage in (("sort", "$sort"), ("skip", "$skip"), ("limit", "$limit")):
        if command.get(name):
            yield {stage: command[name]}
    if "count" in command:
        yield {"$count": "n"}
    elif "distinct" in command:
        yield {"$group": {"_id": f"${command.get('key', '')}"}}
    elif command.get("projection"):
        yield {"$project": command["projection"]}
