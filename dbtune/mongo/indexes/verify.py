"""Advice proven: the indexes built and the queries executed on a copy of a sample.

This is the one place that writes: a database of its own, ``dbtune_scratch_...``, on the same
server, with at most some thousand documents of each collection. It is dropped at the end, also
when something fails or the user interrupts. It runs only when ``--verify`` asks for it.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from pymongo import errors

from dbtune.errors import UsageError
from dbtune.mongo.connect import Client, connect, server_message
from dbtune.mongo.indexes.advise import Advice, Case
from dbtune.mongo.indexes.propose import name_of
from dbtune.mongo.indexes.query import Query
from dbtune.mongo.indexes.special import needs_special
from dbtune.mongo.plans.build import build
from dbtune.mongo.plans.find import Found
from dbtune.profile import Profile
from dbtune.redaction import redact
from dbtune.session import Limits
from dbtune.text import plain

COPIED_DOCS = 5_000
PREFIX = "dbtune_scratch_"


@dataclass(frozen=True, slots=True)
class Verified:
    """A query executed on the copy, before and after.

    Attributes:
        namespace: the collection that was copied.
        statement: the query's shape.
        copied: documents of the copy.
        before_keys, before_docs, before_ms: examined and taken with the existing indexes.
        after_keys, after_docs, after_ms: the same with the advised ones.
        uses: the index that the planner chose then.
    """

    namespace: str
    statement: str
    copied: int
    before_keys: int
    before_docs: int
    before_ms: float
    after_keys: int
    after_docs: int
    after_ms: float
    uses: str


def verify(profile: Profile, limits: Limits, advised: Sequence[Advice]) -> list[Verified]:
    """Execute the queries that indexes are advised for on a copy of a sample, without and with.

    Raises:
        UsageError: this user may not write to a scratch database.
        TargetError: the server can't be reached.
    """
    found: list[Verified] = []
    client, _ = connect(profile, limits)
    with client, _scratch(client) as name:
        for number, one in enumerate(advice for advice in advised if advice.indexes):
            try:
                found += _verify(client, name, f"c{number}", one, limits)
            except errors.OperationFailure as error:
                raise UsageError(
                    f"--verify can't build on a copy in {name}: "
                    f"{plain(redact(server_message(error)))}; it needs the roles read on the "
                    f"database and readWrite on {name}"
                ) from None
    return found


@contextmanager
def _scratch(client: Client) -> Iterator[str]:
    name = PREFIX + secrets.token_hex(4)
    try:
        yield name
    except BaseException:
        with suppress(errors.PyMongoError):  # it may never have been made
            client.drop_database(name)
        raise
    client.drop_database(name)


def _verify(
    client: Client, scratch: str, name: str, one: Advice, limits: Limits
) -> Iterator[Verified]:
    database, _, collection = one.collection.namespace.partition(".")
    size = min(COPIED_DOCS, max(100, int(one.collection.count * 0.049)))
    if one.collection.count <= 2 * COPIED_DOCS:
        size = min(COPIED_DOCS, one.collection.count)
    stages = [{"$sample": {"size": size}}, {"$out": {"db": scratch, "coll": name}}]
    limit_ms = max(1, round(limits.statement_seconds * 1000))
    client[database].command(
        {"aggregate": collection, "pipeline": stages, "cursor": {}, "maxTimeMS": limit_ms}
    )
    copy = client[scratch][name]
    for index in one.collection.indexes:
        searches_text = any(way == "text" for _, way in index.keys)
        if index.name != "_id_" and not index.unique and not searches_text:
            options: dict[str, Any] = {"sparse": True} if index.sparse else {}
            if index.partial:
                options["partialFilterExpression"] = dict(index.partial)
            if index.collation:
                options["collation"] = dict(index.collation)
            copy.create_index(list(index.keys), name=index.name, **options)
    # What fails without an index of its kind leaves nothing to compare with.
    cases = [case for case in one.cases if case.by and not needs_special(case.examples[0])]
    before = [_executed(client, scratch, name, case, limit_ms) for case in cases]
    for proposal in one.indexes:
        name_there = name_of(proposal, one.collection)
        copy.create_index(list(proposal.keys), name=name_there, **proposal.options)
    copied = copy.estimated_document_count()
    for case, old in zip(cases, before, strict=True):
        new = _executed(client, scratch, name, case, limit_ms)
        yield Verified(
            one.collection.namespace, case.usage.text, copied, *old[:3], *new[:3], uses=new[3]
        )


def _executed(
    client: Client, scratch: str, name: str, case: Case, limit_ms: int
) -> tuple[int, int, float, str]:
    """Keys and documents examined, milliseconds, and the indexes that were used."""
    command = command_of(case.examples[0], name)
    explain = {"explain": command, "verbosity": "executionStats", "maxTimeMS": limit_ms}
    plan = build(Found(client[scratch].command(explain), 1, False))
    used = dict.fromkeys(one.index for one in plan.nodes if one.index)
    return (
        plan.keys_examined or 0,
        plan.docs_examined or 0,
        plan.total_ms or 0.0,
        ", ".join(used) or "none",
    )


def command_of(query: Query, collection: str) -> dict[str, Any]:
    """A query as the command that asks it."""
    given: Mapping[str, Any] = dict(query.filter)
    if query.kind == "count":
        return {"count": collection, "query": given}
    if query.kind == "distinct":
        return {"distinct": collection, "key": query.distinct, "query": given}
    command: dict[str, Any] = {"find": collection, "filter": given}
    if query.sort:
        command["sort"] = dict(query.sort)
    if query.limit:
        command["limit"] = query.limit
    if query.needed:
        command["projection"] = {"_id": 0} | dict.fromkeys(sorted(query.needed), 1)
    if query.collation:
        command["collation"] = dict(query.collation)
    return command
