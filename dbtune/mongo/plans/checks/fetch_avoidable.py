"""mongo.fetch-avoidable"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Confidence, Finding, Level, Remedy, check
from dbtune.mongo.plans.checks import BUILDING, fields, level, on_stage
from dbtune.mongo.plans.model import Plan, Stage
from dbtune.mongo.plans.raw import mapping
from dbtune.mongo.shellprint import collection_text, shell_text
from dbtune.text import count_text


@check("mongo.fetch-avoidable", level=Level.info, confidence=Confidence.estimated)
def fetch_avoidable(
    plan: Plan, *, min_docs: int = 1000, max_more_fields: int = 2, min_share: float = 0.1
) -> Iterator[Finding]:
    """Documents are fetched for a field or two that the index could hold.

    Why: Fetching is most of the work of a query that an index narrows well; if the index holds
    all fields that are asked for, the documents need not be read at all.

    Mistaken when: The fields hold arrays or documents (an index on arrays can't answer alone),
    are long, or change all the time.

    Remedy: Add the fields at the end of the index, and leave out _id in the projection.
    """
    wanted = _wanted(plan)
    for stage in plan.nodes:
        below = plan.children(stage)
        if stage.type != "FETCH" or not wanted or len(below) != 1 or below[0].type != "IXSCAN":
            continue
        scan, docs = below[0], stage.docs_examined or 0
        needed = {*wanted, *fields(plan.filter), *map(str, plan.sort)}
        more = sorted(needed - set(scan.key_pattern))
        if scan.multikey or docs < min_docs or len(more) > max_more_fields or not more:
            continue
        if plan.timing and (stage.self_ratio or 0) < min_share:
            continue
        if not _keeps_most(stage) or any("*" in name for name in more):
            continue
        keys = dict(scan.key_pattern) | dict.fromkeys(more, 1)
        place = stage.relation if "." in stage.relation else plan.namespace
        yield on_stage(
            plan,
            stage,
            f"fetches {count_text(docs)} documents for {', '.join(more)}, which {scan.index} "
            "could hold",
            Remedy(
                f"Make an index that has {', '.join(more)} at its end, and drop {scan.index} if "
                "nothing else needs it; _id: 0 in the projection, unless _id is in the index.",
                sql=f"{collection_text(place)}.createIndex({shell_text(keys)})",
                effect=BUILDING,
            ),
            evidence={"docs_examined": docs, "fields": ", ".join(more)},
            level=min(level(plan, (stage,), Level.info), Level.warning),
        )


def _wanted(plan: Plan) -> set[str]:
    """Fields that are returned, if the projection names them; else an empty set."""
    projection = dict(plan.projection)
    has_id = projection.pop("_id", True)
    if not projection or not all(one in (1, True) for one in projection.values()):
        return set()
    if _unwound(plan) & {str(name) for name in projection}:
        return set()  # arrays, which no index can give back
    return {str(name) for name in projection} | ({"_id"} if has_id else set())


def _unwound(plan: Plan) -> set[str]:
    paths = (mapping(one.props.get("specification")).get("path") for one in plan.nodes)
    return {str(path).lstrip("$") for path in paths if path}


def _keeps_most(stage: Stage) -> bool:
    """Else the filter is what has to go into the index first: mongo.fetch-discards-documents."""
    return (stage.total_rows or 0) >= 0.5 * (stage.docs_examined or 1)
