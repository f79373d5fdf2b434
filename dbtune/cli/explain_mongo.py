"""``dbtune explain --collection``: an operation on a MongoDB server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dbtune.cli.command import Run
from dbtune.errors import UsageError
from dbtune.report import Report


def live(
    run: Run,
    given: Mapping[str, Any],
    limit: int,
    more: Sequence[str],
    other: Sequence[str],
    *,
    analyze: bool,
) -> Report:
    """The report on the plan that a MongoDB target has for an operation.

    Args:
        run: the run.
        given: values of the options by name.
        limit: of a find; 0 is none.
        more: arguments beside the TARGET.
        other: options of PostgreSQL that were given.
        analyze: execute it.

    Raises:
        UsageError: the options don't fit each other.
        TargetError: the target can't be reached.
    """
    if other:
        raise UsageError(
            f"{other[0]} is for PostgreSQL, --collection for MongoDB: give one of them"
        )
    if more:
        raise UsageError(f"an operation has one TARGET, not {len(more) + 1}")
    if not given["--collection"]:
        named = next(name for name, value in given.items() if value)
        raise UsageError(f"{named} needs --collection DATABASE.COLLECTION")
    from dbtune.mongo.explain import from_session
    from dbtune.mongo.explain.live import Request
    from dbtune.mongo.shelltext import parse

    read = {
        name: parse(given[name], name, kind) if given[name] else None
        for name, kind in (
            ("--filter", dict),
            ("--sort", dict),
            ("--projection", dict),
            ("--pipeline", list),
        )
    }
    if read["--pipeline"] is not None:
        finds = [name for name in ("--filter", "--sort", "--projection", "--skip") if given[name]]
        finds += ["--find-limit"] * bool(limit)
        if finds:
            raise UsageError(f"{finds[0]} is for a find; in a --pipeline it is a stage")
    hint = given["--hint"].strip()
    request = Request(
        given["--collection"],
        filter=read["--filter"] or {},
        sort=read["--sort"] or {},
        projection=read["--projection"] or {},
        limit=limit,
        skip=given["--skip"],
        pipeline=read["--pipeline"],
        hint=parse(hint, "--hint", dict) if hint.startswith("{") else hint,
        analyze=analyze,
    )
    with run.mongo() as session:
        return from_session(session, request)
