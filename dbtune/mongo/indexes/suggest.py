"""``suggest-indexes`` on MongoDB: what to make, what to retire, and why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

from dbtune.errors import TargetError, Unavailable, UsageError
from dbtune.finding import Skipped, load_checks, run_checks
from dbtune.mongo.indexes.advise import Advice, advise
from dbtune.mongo.indexes.choose import MIN_DOCS, large_enough
from dbtune.mongo.indexes.collect import (
    SAMPLE_DOCS,
    collection_names,
    read_collection,
    read_sample,
)
from dbtune.mongo.indexes.commands import asked
from dbtune.mongo.indexes.facts import Collection
from dbtune.mongo.indexes.redundant import pairs
from dbtune.mongo.indexes.sample import Sample
from dbtune.mongo.indexes.sources import Source, from_logs, from_server, left_out
from dbtune.mongo.indexes.table import (
    INDEXES,
    QUERIES,
    SUGGESTIONS,
    VERIFIED,
    index_rows,
    query_rows,
    suggestion_rows,
)
from dbtune.mongo.indexes.usage import read_multikey, with_usage
from dbtune.mongo.indexes.views import read_views, resolved
from dbtune.mongo.indexes.workload import Usage, Workload, single
from dbtune.mongo.session import Session
from dbtune.mongo.shape import shape_of
from dbtune.report import Report
from dbtune.text import count_text, plain, plural

if TYPE_CHECKING:
    from dbtune.mongo.indexes.verify import Verified

CHECKS = "dbtune.mongo.indexes.checks"
MOST_COLLECTIONS = 300


@dataclass(frozen=True, slots=True)
class Request:
    """What to look at.

    Attributes:
        logs: log files in place of what the server has recorded; ``-`` is standard input.
        database: only this one.
        operation: one command (``{"find": ..., "filter": ...}``) in place of a workload, of this
            collection, ``database.collection``.
        collection: the collection of ``operation``.
        sample_docs: documents to sample of each collection.
        limit: rows of the table of queries.
        hygiene: look at indexes that could go, too.
        verify: build what is advised on a copy of a sample, in a scratch database, and measure.
    """

    logs: tuple[str, ...] = ()
    database: str = ""
    operation: Mapping[str, Any] = field(default_factory=dict)
    collection: str = ""
    sample_docs: int = SAMPLE_DOCS
    limit: int = 50
    hygiene: bool = True
    verify: bool = False


@dataclass(slots=True)
class Advised:
    """What there is to advise.

    Attributes:
        advised: for each collection that is large enough.
        small: collections too small for an index to pay.
        unreadable: collections that can't be read, and why.
    """

    advised: list[Advice] = field(default_factory=list)
    small: list[Collection] = field(default_factory=list)
    unreadable: dict[str, Unavailable] = field(default_factory=dict)

    @property
    def collections(self) -> list[Collection]:
        """All that were read."""
        return [*(one.collection for one in self.advised), *self.small]


def suggest(session: Session, request: Request = Request()) -> Report:
    """Indexes to make and to retire on a MongoDB server.

    Reads the workload, the catalog and a bounded sample of documents; writes nothing, unless
    ``request.verify`` asks for a scratch database.

    Raises:
        UsageError: a log can't be read, or the database is not there.
        TargetError: nothing at all can be read, or the connection broke.
    """
    try:
        source = _source(session, request)
    except Unavailable as missing:
        raise TargetError(f"nothing can be read: {missing.reason}\n{missing.remedy}") from None
    found = advise_all(session, source.workload, request.sample_docs)
    skipped = list(source.skipped)
    if (blind := session.blind()) is not None:
        skipped.append(Skipped("databases", blind.reason, blind.remedy))
    skipped += [
        Skipped(f"indexes for {plain(name)}", missing.reason, missing.remedy)
        for name, missing in found.unreadable.items()
    ]
    collections, more = _all_collections(session, request, found)
    skipped += more
    facts: dict[str, object] = {
        "advice": found.advised,
        "collections": collections,
        "usages": list(source.workload.usages.values()),
        "now": session.now(),
    }
    verified = _verified(session, found) if request.verify else []
    checks = load_checks(CHECKS)
    findings, not_run = run_checks(checks, facts, session.profile.thresholds)
    return Report(
        "suggest-indexes",
        (
            replace(SUGGESTIONS, rows=tuple(suggestion_rows(found.advised))),
            replace(QUERIES, rows=tuple(query_rows(found.advised))[: request.limit]),
            replace(INDEXES, rows=tuple(index_rows(collections))),
            *([replace(VERIFIED, rows=tuple(map(asdict, verified)))] if request.verify else []),
        ),
        tuple(findings),
        (*skipped, *not_run),
        tuple(_notes(request, source, found, collections)),
        target=session.target(),
        collected_at=session.now(),
        examined=tuple(one.name for one in checks),
    )


def _verified(session: Session, found: Advised) -> list[Verified]:
    from dbtune.mongo.indexes.verify import verify

    return verify(session.profile, session.limits, found.advised)


def _source(session: Session, request: Request) -> Source:
    if request.database and request.database not in session.database_names():
        known = ", ".join(session.database_names()) or "none"
        raise UsageError(
            f"there is no database {plain(request.database)!r}; there is: {plain(known)}"
        )
    if request.operation:
        document = {"op": "query", "ns": request.collection, "command": request.operation}
        views = read_views(session, [request.collection.partition(".")[0]])
        read = resolved(views, request.collection, request.operation)
        queries = [one.query for one in asked(*read)]
        if not queries:
            raise UsageError("no query that an index could serve")
        text = shape_of(document).text
        source = Source(single(queries[0], text), names=["the query that was given"])
        for query in queries[1:]:
            more = single(query, text)
            source.workload.usages |= more.usages
        return source
    if request.logs:
        return from_logs(request.logs, read_views(session, session.database_names()))
    return from_server(session, request.database)


def advise_all(session: Session, workload: Workload, docs: int = SAMPLE_DOCS) -> Advised:
    """Advice for the collections of a workload, those that took most time first.

    Raises:
        TargetError: the connection broke.
    """
    by_namespace: dict[str, list[Usage]] = {}
    for usage in workload.usages.values():
        by_namespace.setdefault(usage.namespace, []).append(usage)
    found = Advised()
    ordered = sorted(by_namespace.items(), key=lambda one: -sum(u.total_ms for u in one[1]))
    for namespace, usages in ordered[:MOST_COLLECTIONS]:
        try:
            collection = read_collection(session, namespace)
            if not large_enough(collection.count, collection.data_bytes):
                found.small.append(collection)
                continue
            found.advised.append(_advise(session, collection, usages, docs))
        except Unavailable as missing:
            found.unreadable[namespace] = missing
    return found


def _advise(session: Session, collection: Collection, usages: Sequence[Usage], docs: int) -> Advice:
    paths = {path for usage in usages for query in usage.queries for path in query.paths}
    paths |= {path for index in collection.indexes if index.is_btree for path in index.paths}
    documents = read_sample(session, collection, paths, docs)
    return advise(Sample(documents, collection.count), collection, usages)


def _all_collections(
    session: Session, request: Request, found: Advised
) -> tuple[list[Collection], list[Skipped]]:
    """The collections whose indexes are looked at: all of the databases, or those of the query."""
    known = {one.namespace: one for one in found.collections}
    skipped: list[Skipped] = []
    if request.hygiene and not request.operation:
        try:
            names = collection_names(session, request.database, MOST_COLLECTIONS + 1)
        except Unavailable as missing:
            skipped.append(Skipped("other collections", missing.reason, missing.remedy))
            names = []
        if len(names) > MOST_COLLECTIONS:
            reason = f"only the first {MOST_COLLECTIONS} collections were looked at"
            skipped.append(Skipped("further collections", reason, "--database NAME"))
        for name in names[:MOST_COLLECTIONS]:
            if name not in known and name not in found.unreadable:
                try:
                    known[name] = read_collection(session, name)
                except Unavailable as missing:
                    skipped.append(Skipped(f"indexes of {plain(name)}", missing.reason))
    told = with_usage(session, known.values())
    return [_with_multikey(session, one) for one in told], skipped


def _with_multikey(session: Session, collection: Collection) -> Collection:
    """Whether indexes hold arrays, where a verdict depends on it."""
    wanted = {one.name for pair in pairs(collection.indexes) for one in pair}
    if not wanted:
        return collection
    indexes = tuple(
        replace(one, multikey=read_multikey(session, one)) if one.name in wanted else one
        for one in collection.indexes
    )
    return replace(collection, indexes=indexes)


def _notes(
    request: Request,
    source: Source,
    found: Advised,
    collections: Sequence[Collection],
) -> Iterator[str]:
    if source.names:
        shapes = plural(len(source.workload.usages), "query shape")
        yield f"judged: {shapes} from {', '.join(source.names)}"
    else:
        yield "no query was recorded: only existing indexes were looked at"
    yield from source.notes
    yield from left_out(source.workload)
    if found.advised:
        docs = sum(one.sampled for one in found.advised)
        yield (
            f"work is estimated on {count_text(docs)} sampled documents; "
            + (
                "the copy on which it was verified is dropped again"
                if request.verify
                else "nothing was executed, and nothing was written"
            )
        )
    if found.small:
        names = ", ".join(plain(one.namespace) for one in found.small[:5])
        yield f"too small for an index to pay (under {MIN_DOCS:,} documents or 64 KiB): {names}"
    unread = {host for one in collections for host in one.unread_members}
    if unread:
        yield (
            "uses of indexes are not judged: these members could not be asked: "
            + ", ".join(sorted(map(plain, unread)))
        )
