"""``dbtune suggest-indexes`` on a MongoDB target."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dbtune.cli.command import Run
from dbtune.errors import UsageError
from dbtune.profile import Profile
from dbtune.report import Report


def of_mongo(
    run: Run,
    profile: Profile,
    given: Mapping[str, str],
    limit: int,
    logs: tuple[str, ...],
    *,
    verify: bool,
) -> Report:
    """Indexes for the target's workload, a log's, or one query.

    Raises:
        UsageError: the options don't fit each other, or can't be read.
        TargetError: the target can't be reached.
    """
    from dbtune.mongo.explain.live import namespace_of
    from dbtune.mongo.indexes.suggest import Request, suggest

    command = _command(given, limit)
    if command and logs:
        raise UsageError("give --collection or --log, not both: one query, or a log")
    with run.mongo(profile) as session:
        collection = ""
        if command:
            database, name = namespace_of(session, given["--collection"])
            collection = f"{database}.{name}"
            command = {key: name if value is None else value for key, value in command.items()}
        request = Request(
            logs=logs,
            database=given["--database"],
            operation=command,
            collection=collection,
            verify=verify,
        )
        return suggest(session, request)


def _command(given: Mapping[str, str], limit: int) -> dict[str, Any]:
    """The command of one query, its collection still ``None``; empty if none is given."""
    from dbtune.mongo.shelltext import parse

    named = [name for name in ("--filter", "--sort", "--projection", "--pipeline") if given[name]]
    named += ["--find-limit"] * bool(limit)
    if not given["--collection"]:
        if named:
            raise UsageError(f"{named[0]} needs --collection DATABASE.COLLECTION")
        return {}
    if given["--database"]:
        raise UsageError("give --database or --collection, not both")
    if given["--pipeline"]:
        if len(named) > 1:
            raise UsageError(f"{named[0]} is for a find; in a --pipeline it is a stage")
        return {"aggregate": None, "pipeline": parse(given["--pipeline"], "--pipeline", list)}
    if not named:
        raise UsageError("--collection needs a query: --filter, --sort or --pipeline")
    command: dict[str, Any] = {"find": None, "filter": {}}
    for name in ("--filter", "--sort", "--projection"):
        if given[name]:
            command[name[2:]] = parse(given[name], name, dict)
    return command | ({"limit": limit} if limit else {})
