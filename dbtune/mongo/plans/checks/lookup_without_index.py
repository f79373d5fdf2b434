"""mongo.lookup-without-index"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.mongo.plans.checks import BUILDING, MIN_DOCS, level, on_stage
from dbtune.mongo.plans.model import Plan, Stage
from dbtune.mongo.plans.raw import mapping, text
from dbtune.mongo.shellprint import collection_text, shell_text
from dbtune.text import count_text


@check("mongo.lookup-without-index")
def lookup_without_index(plan: Plan, *, min_docs: int = MIN_DOCS) -> Iterator[Finding]:
    """$lookup reads the other collection from start to end, for each document or once.

    Why: Without an index on the foreign field, each document that comes in costs a scan of the
    other collection (or its hash table is built from all of it, up to 100 MB): the work is the
    product of both.

    Mistaken when: The other collection is very small and stays so.

    Remedy: An index on the foreign field; or embed what is always read together.
    """
    for stage in plan.nodes:
        if stage.type not in ("$lookup", "EQ_LOOKUP", "EQ_LOOKUP_UNWIND"):
            continue
        scans = stage.number("collectionScans") or 0
        strategy = text(stage.props.get("strategy"))
        docs = stage.docs_examined or 0
        by_scan = scans > 0 or strategy in ("NestedLoopJoin", "HashJoin")
        if not by_scan or (plan.analyzed and docs < min_docs):
            continue
        came = plan.children(stage)[0].total_rows if stage.children else None
        how = "joins by hash" if strategy == "HashJoin" else "scans"
        often = f" {count_text(round(scans))} times" if scans > 1 else ""
        read = f": {count_text(docs)} documents" if docs else ""
        into = f" for {count_text(came)} that come in" if came is not None else ""
        yield on_stage(
            plan,
            stage,
            f"{how} {stage.relation or 'the other collection'}{often}{read}{into}, no index used",
            _remedy(stage),
            evidence={
                "docs_examined": stage.docs_examined,
                "collection_scans": round(scans),
                "strategy": strategy or None,
                "incoming_docs": came,
            },
            level=_level(plan, stage, strategy, docs, came),
        )


def _level(plan: Plan, stage: Stage, strategy: str, docs: int, came: int | None) -> Level:
    """A hash table of a small collection, built once, is as good as many reads of an index."""
    if strategy == "HashJoin" and came is not None and docs < 10 * came:
        return Level.info
    return level(plan, (stage,))


def _remedy(stage: Stage) -> Remedy:
    spec = mapping(stage.props.get("specification")) or stage.props
    foreign = text(spec.get("foreignField"))
    if not foreign or not stage.relation.partition(".")[2]:
        return Remedy(
            "Index what the $lookup's pipeline compares with the outer document.", effect=BUILDING
        )
    return Remedy(
        f"Index {foreign} in the other collection.",
        sql=f"{collection_text(stage.relation)}.createIndex({shell_text({foreign: 1})})",
        effect=BUILDING,
    )
