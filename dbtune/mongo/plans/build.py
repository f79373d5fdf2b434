"""Explain output made a plan: which of its many forms it is, and what the whole says of itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from dbtune.mongo.plans import classic, pipeline
from dbtune.mongo.plans.find import Found
from dbtune.mongo.plans.model import Plan, Rejected, Stage
from dbtune.mongo.plans.number import numbered
from dbtune.mongo.plans.raw import Document, Raw, count, items, mapping, number, text
from dbtune.mongo.plans.slots import is_slot_based
from dbtune.mongo.plans.texts import command_text

_INDEX_ONLY = frozenset(("IXSCAN", "COUNT_SCAN", "DISTINCT_SCAN"))
_FETCHING = frozenset(
    "FETCH COLLSCAN IDHACK CLUSTERED_IXSCAN TEXT TEXT_MATCH TEXT_OR EQ_LOOKUP EQ_LOOKUP_UNWIND "
    "GEO_NEAR_2D GEO_NEAR_2DSPHERE EXPRESS_IXSCAN EXPRESS_CLUSTERED_IXSCAN EXPRESS_UPDATE "
    "EXPRESS_DELETE RECORD_STORE_FAST_COUNT VIRTUAL_SCAN SAMPLE_FROM_RANDOM_CURSOR "
    "UNPACK_TS_BUCKET $lookup $graphLookup $unionWith $geoNear".split()
)
_OPERATIONS = {
    "UPDATE": "update",
    "DELETE": "delete",
    "BATCHED_DELETE": "delete",
    "COUNT": "count",
}


def build(found: Found) -> Plan:
    """The plan of a document of explain output."""
    document = found.document
    if "execStats" in document and "queryPlanner" not in document:
        document = _profiled(document)
    root = _root(document, "")
    if root is None:
        root = Raw("(no stage)")
    stats = mapping(document.get("executionStats"))
    analyzed = any(one.rows is not None or one.ms is not None for one in root.walk())
    execution_ms = number(stats.get("executionTimeMillis"))
    nodes, total_ms = numbered(root, execution_ms if analyzed else None)
    planners = list(_planners(document))
    planner = planners[0] if planners else {}
    command = mapping(document.get("command"))
    plan = Plan(
        nodes,
        line=found.line,
        truncated=found.cut,
        engine="sbe" if any(map(is_slot_based, _documents(document))) else "classic",
        version=_version(document),
        namespace=_namespace(document, planner, command),
        operation=_operation(command, root),
        query=command_text(command),
        filter=mapping(planner.get("parsedQuery")),
        sort=_sort(command, nodes),
        projection=_projection(command, nodes),
        analyzed=analyzed,
        timing=bool(total_ms),
        error=_error(document),
        execution_ms=execution_ms,
        total_ms=total_ms,
        unaccounted_ms=_unaccounted(nodes, total_ms),
        total_rows=_rows(stats, nodes),
        keys_examined=_total(document, nodes, "totalKeysExamined", "keys_examined"),
        docs_examined=_total(document, nodes, "totalDocsExamined", "docs_examined"),
        shards=tuple(dict.fromkeys(one.shard for one in nodes if one.shard)),
        cached=any(one.props.get("isCached") is True for one in nodes),
    )
    rejected, score = _rejected(document, planner)
    return replace(plan, covered=is_covered(plan), rejected=rejected, winner_score=score)


def _profiled(document: Document) -> dict[str, Any]:
    """An operation of system.profile, which keeps the executed stages."""
    stats = {
        "executionStages": document.get("execStats"),
        "nReturned": document.get("nreturned"),
        "executionTimeMillis": document.get("millis"),
        "totalKeysExamined": document.get("keysExamined"),
        "totalDocsExamined": document.get("docsExamined"),
    }
    planner = {"namespace": document.get("ns")}
    known = {key: value for key, value in stats.items() if value is not None}
    return dict(document) | {"executionStats": known, "queryPlanner": planner}


def _root(document: Document, shard: str) -> Raw | None:
    """The stages of any form of output; ``None`` if there are none."""
    if isinstance(document.get("shards"), Mapping):
        return pipeline.sharded(document, _root)
    if isinstance(document.get("stages"), list):
        return pipeline.chain(document["stages"], lambda one: _root(one, shard), shard=shard)
    planner = mapping(document.get("queryPlanner"))
    winning = mapping(planner.get("winningPlan"))
    namespace = text(planner.get("namespace"))
    stats = mapping(mapping(document.get("executionStats")).get("executionStages"))
    if stats:
        return classic.executed(stats, winning, namespace, shard)
    return classic.planned(winning, namespace, shard) if winning else None


def _documents(document: Document, depth: int = 0) -> Iterator[Document]:
    """The whole and the outputs that it is made of: of cursors, of shards."""
    yield document
    if depth > 4:
        return
    inner = [*mapping(document.get("shards")).values()]
    for stage in map(mapping, items(document.get("stages"))):
        inner += [one for key, one in stage.items() if str(key).startswith("$")]
    for one in inner:
        if isinstance(one, Mapping):
            yield from _documents(one, depth + 1)


def _planners(document: Document) -> Iterator[Document]:
    for one in _documents(document):
        planner = mapping(one.get("queryPlanner"))
        shards = items(mapping(planner.get("winningPlan")).get("shards"))
        yield from map(mapping, shards)
        if planner and not shards:
            yield planner


def _version(document: Document) -> str:
    for one in (*_documents(document), *_planners(document)):
        if found := text(mapping(one.get("serverInfo")).get("version")):
            return found
    return ""


def _namespace(document: Document, planner: Document, command: Document) -> str:
    if found := text(planner.get("namespace")) or text(document.get("ns")):
        return found
    collection = text(next(iter(command.values()), ""))
    database = text(command.get("$db"))
    return f"{database}.{collection}".strip(".") if collection else ""


def _operation(command: Document, root: Raw) -> str:
    name = str(next(iter(command), ""))
    if name and not name.startswith("$"):
        return name
    if root.type.startswith("$"):
        return "aggregate"
    return next((_OPERATIONS[one.type] for one in root.walk() if one.type in _OPERATIONS), "")


def _sort(command: Document, nodes: tuple[Stage, ...]) -> Document:
    if found := mapping(command.get("sort")):
        return found
    return next(
        (mapping(one.props["sortPattern"]) for one in nodes if "sortPattern" in one.props), {}
    )


def _projection(command: Document, nodes: tuple[Stage, ...]) -> Document:
    if found := mapping(command.get("projection")):
        return found
    return next(
        (mapping(one.props["transformBy"]) for one in nodes if "transformBy" in one.props), {}
    )


def _error(document: Document) -> str:
    for one in _documents(document):
        stats = mapping(one.get("executionStats"))
        if stats.get("executionSuccess") is False:
            return text(stats.get("errorMessage")) or "it failed"
    return ""


def _rows(stats: Document, nodes: tuple[Stage, ...]) -> int | None:
    """What came out; of a count or a write, what was counted or matched."""
    told = count(stats.get("nReturned"))
    return nodes[0].total_rows if nodes[0].total_rows is not None else told


def _total(document: Document, nodes: tuple[Stage, ...], key: str, own: str) -> int | None:
    """The server's own total where it tells one, else the stages' sum."""
    told = count(mapping(document.get("executionStats")).get(key))
    if told is not None:
        return told
    parts = [found for one in nodes if (found := getattr(one, own)) is not None]
    return sum(parts) if parts else None


def _unaccounted(nodes: tuple[Stage, ...], total_ms: float | None) -> float | None:
    if total_ms is None:
        return None
    return max(0.0, total_ms - sum(one.self_ms or 0.0 for one in nodes))


def is_covered(plan: Plan) -> bool:
    """Whether the index alone answers.

    That is: something is read, every scan is of an index, no stage fetches a document or scans a
    collection, and the execution examined none. One index scan, or its parent's name, is not
    enough: other branches, other shards and lookups may fetch.
    """
    if plan.docs_examined:
        return False
    types = {one.type for one in plan.nodes}
    if types & _FETCHING or any(one.props.get("isFetching") for one in plan.nodes):
        return False
    leaves = {one.type for one in plan.nodes if not one.children}
    return bool(leaves & _INDEX_ONLY) and leaves <= _INDEX_ONLY | {"EOF"}


# --------------------------------------------------------------------------------- rejected plans


def _rejected(document: Document, planner: Document) -> tuple[tuple[Rejected, ...], float | None]:
    """Plans that lost, with what their trial runs took, and the winner's score."""
    plans = [_summary(mapping(one)) for one in items(planner.get("rejectedPlans"))[:50]]
    trials: dict[str, Document] = {}
    for one in _documents(document):
        stats = mapping(one.get("executionStats"))
        for trial in map(mapping, items(stats.get("allPlansExecution"))):
            stages = mapping(trial.get("executionStages"))
            if stages:
                trials[_summary(stages)] = trial
    winner = trials.get(_summary(mapping(planner.get("winningPlan"))), {})
    found = []
    for summary in plans:
        trial = trials.get(summary, {})
        stages = mapping(trial.get("executionStages"))
        found.append(
            Rejected(
                summary,
                count(stages.get("works")),
                count(trial.get("nReturned")),
                number(trial.get("score")),
            )
        )
    return tuple(found), number(winner.get("score"))


def _summary(plan: Document) -> str:
    """The scans of a plan as planSummary tells them, with what sorts them."""
    from dbtune.mongo.shellprint import shell_text

    words = []
    for one in classic.planned(plan, "").walk():
        if one.type in ("COLLSCAN", "SORT", "SORT_MERGE", "AND_SORTED", "AND_HASH"):
            words.append(one.type)
        elif one.type.endswith("SCAN"):
            words.append(f"{one.type} {shell_text(mapping(one.props.get('keyPattern')))}")
    return ", ".join(words)
