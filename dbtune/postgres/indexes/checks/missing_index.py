"""pg.missing-index"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dbtune.finding import Confidence, Finding, Level, Remedy, check
from dbtune.postgres.indexes.advice import Suggestion
from dbtune.postgres.indexes.ddl_script import analyze, builds, drops, subject_of
from dbtune.postgres.plans.ddl import INDEX_EFFECT
from dbtune.postgres.relations.facts import Index
from dbtune.postgres.sqltext import masked
from dbtune.postgres.statements.checks import SUBJECT_WIDTH
from dbtune.text import bytes_text, plain, plural, ratio_text, shorten, significant


@check("pg.missing-index", level=Level.warning, confidence=Confidence.estimated, tags=("indexes",))
def missing_index(
    suggestions: Sequence[Suggestion],
    *,
    warning_ratio: float = 0.05,
) -> Iterator[Finding]:
    """An index would make statements of the workload cheaper.

    Why: Without it, statements read far more of the table than they need, each time: that is time,
    I/O and cache that others lack.

    Mistaken when: The workload is not typical, statistics are old, or rows depend on each other in
    a way that the planner does not know: costs are its estimates, nothing was executed.

    Remedy: Create it with CREATE INDEX CONCURRENTLY in quiet hours, and look at the statements'
    plans afterwards.
    """
    for one in suggestions:
        best = one.effects[0] if one.effects else None
        helped = plural(len(one.effects), "statement")
        example = ""
        if best is not None and best.after < best.before:
            example = (
                f", one of them from cost {significant(best.before)} to {significant(best.after)}"
            )
        doubt = f"; {one.doubt}" if one.doubt else ""
        beside = f"; {_beside(one.beside)}" if one.beside else ""
        upkeep = f"; writes to it cost {ratio_text(one.upkeep_ratio)}" if one.upkeep.cost else ""
        yield Finding(
            subject=subject_of(one),
            message=(
                f"an index of about {bytes_text(one.size_bytes)} would save "
                f"{ratio_text(one.saved)} of the workload's cost and serve {helped}"
                f"{example}{beside}{upkeep}{_writers(one)}{doubt}"
            ),
            confidence=Confidence.rule_of_thumb if one.doubt else None,
            level=Level.warning if one.saved >= warning_ratio else Level.info,
            evidence={
                "saved_ratio": one.saved,
                "size_bytes": round(one.size_bytes),
                "statements": len(one.effects),
                "upkeep_ratio": one.upkeep_ratio,
                "entries": round(one.upkeep.entries),
                "lost_hot_updates": round(one.upkeep.lost_hot),
                "before_cost": best.before if best else None,
                "after_cost": best.after if best else None,
            },
            verify="dbtune slow-queries --interval before and after, or EXPLAIN (ANALYZE).",
            serves=tuple(_serves(one)),
            remedy=Remedy(
                "Create the index"
                + (", then drop what it makes superfluous." if one.superfluous else "."),
                sql="\n".join((*builds(one), *analyze(one), *drops(one))),
                effect=INDEX_EFFECT,
            ),
        )


def _serves(one: Suggestion) -> Iterator[str]:
    """The table and the statements, as other rules call them."""
    yield f"table {one.table.schema}.{one.table.name}"
    yield from (shorten(plain(effect.query.text), SUBJECT_WIDTH) for effect in one.effects)


def _beside(wider: Index) -> str:
    """Why it may pay though a wider index begins with its column."""
    size = bytes_text(wider.size_bytes or 0)
    return (
        f"{plain(wider.name)} begins with the same column, but has {size}, and the planner takes "
        "an index of several columns for less in the table's order: only what it would plan "
        "otherwise is counted"
    )


def _writers(one: Suggestion) -> str:
    """Statements that become dearer, by name."""
    texts = [shorten(" ".join(plain(masked(query.text)).split()), 60) for query in one.writers]
    if not texts:
        return ""
    more = f" and {len(texts) - _NAMED} more" if len(texts) > _NAMED else ""
    return f"; {', '.join(texts[:_NAMED])}{more} would have to maintain it"


_NAMED = 2
