"""``dbtune snapshot``: all facts of a target in one file, so that everything can run offline."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Mapping
from contextlib import nullcontext
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from dbtune import __version__
from dbtune.codec import dump
from dbtune.errors import Unavailable
from dbtune.facts import Live, Snapshot, load_facts
from dbtune.finding import Skipped
from dbtune.profile import PACKAGES
from dbtune.report import Column, Report, Row, Table

if TYPE_CHECKING:
    from dbtune.mongo.session import Session as MongoSession
    from dbtune.pgbouncer.session import Session as PgBouncerSession
    from dbtune.postgres.session import Session as PostgresSession
    from dbtune.redis.session import Session as RedisSession
    from dbtune.watch.pace import Pace

    Session = PostgresSession | PgBouncerSession | MongoSession | RedisSession

FACTS = Table(
    "facts",
    "What the snapshot holds",
    (
        Column("fact", "fact", "text", "Name of the fact."),
        Column("items", "items", "int", "How many things of the kind; null for a single one."),
        Column("json_bytes", "size", "bytes", "Its size, uncompressed."),
    ),
)
Progress = Callable[[float], None]
Strip = Callable[[Any], Any]


def take(
    session: Session,
    *,
    strip: Mapping[str, Strip] = MappingProxyType({}),
    instead: Mapping[str, Callable[[Any], Any]] = MappingProxyType({}),
    only: Collection[str] | None = None,
    pace: Pace | None = None,
    progress: Progress = lambda _done: None,
) -> Snapshot:
    """Read the facts of the session's engine.

    Args:
        session: an open session.
        strip: what to take out of facts before they are kept, by name of the fact.
        instead: other ways to read facts of a session, by name of the fact.
        only: names of the facts to read; ``None`` for all.
        pace: facts that are not due by it are left out; all are read without it.
        progress: told which share of the facts is read.

    Raises:
        TargetError: the connection broke.
    """
    package = PACKAGES[session.profile.engine]
    target, now = import_module(f"{package}.health").describe(session)
    live = Live(session)
    found: dict[str, Any] = {}
    facts = load_facts(f"{package}.facts")
    for done, one in enumerate(facts.values()):
        progress(done / len(facts))
        if (only is not None and one.name not in only) or (pace and not pace.due(one.name)):
            continue
        try:
            with pace.reading(one.name) if pace else nullcontext():
                value = instead[one.name](session) if one.name in instead else live.of(one)
            found[one.name] = dump(strip.get(one.name, _whole)(value))
        except Unavailable as missing:
            found[one.name] = dump(missing)
    return Snapshot(session.profile.engine.value, target, now, found, __version__)


def _whole(value: Any) -> Any:
    return value


def report(snapshot: Snapshot, notes: tuple[str, ...] = ()) -> Report:
    """What a snapshot holds, and what it lacks and why."""
    import json

    rows: list[Row] = []
    skipped = []
    for name, data in snapshot.facts.items():
        if isinstance(data, dict) and "unavailable" in data:
            skipped.append(Skipped(name, data["unavailable"], data["remedy"]))
            continue
        size = len(json.dumps(data, ensure_ascii=False).encode("utf-8", "surrogatepass"))
        rows.append({"fact": name, "items": _items(data), "json_bytes": size})
    return Report(
        "snapshot",
        (dataclasses.replace(FACTS, rows=tuple(rows)),),
        skipped=tuple(skipped),
        notes=notes,
        target=snapshot.target,
        collected_at=snapshot.collected_at,
    )


def _items(data: object) -> int | None:
    """The length of a fact's largest collection."""
    values = list(data.values()) if isinstance(data, dict) else [data]
    return max((len(one) for one in values if isinstance(one, list | dict)), default=None)
