"""pg.updates-not-hot"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Confidence, Finding, Level, Remedy, check
from dbtune.postgres.bloat.checks import subject
from dbtune.postgres.bloat.facts import Bloat, Kind
from dbtune.postgres.bloat.remedy import name_of
from dbtune.text import bytes_text, ratio_text


@check(
    "pg.updates-not-hot",
    level=Level.info,
    confidence=Confidence.rule_of_thumb,
    tags=("bloat",),
)
def updates_not_hot(
    bloat: Bloat,
    *,
    min_updates: int = 100_000,
    max_hot_ratio: float = 0.5,
    min_index_bloat_bytes: int = 64 * 1024**2,
) -> Iterator[Finding]:
    """Updates of a table put new entries into all its indexes, which grow by it.

    Why: An update stays within its page, and out of the indexes, only if the page has room and no
        indexed column changes.

    Mistaken when: The updates change indexed columns: then no free space helps; see whether those
        indexes are used.

    Remedy: A fillfactor below 100 leaves room for new versions; it counts for pages that are
        written from then on.
    """
    for one in bloat.estimates:
        relation, counters = one.relation, one.relation.counters
        if relation.kind is not Kind.TABLE or counters.updated < min_updates:
            continue
        hot = counters.hot_updated / counters.updated
        wasted = sum(
            other.bloat_bytes or 0.0
            for other in bloat.of_table(relation.oid)
            if other.relation.kind is Kind.INDEX
        )
        if hot > max_hot_ratio or wasted < min_index_bloat_bytes or relation.fillfactor(100) < 95:
            continue
        name = name_of(relation)
        yield Finding(
            subject(one, bloat),
            f"{ratio_text(hot)} of {counters.updated:,} updates stayed out of the indexes, whose "
            f"bloat is {bytes_text(wasted)}; its fillfactor is {relation.fillfactor(100)}",
            Remedy(
                "Leave room in its pages.",
                sql=f"ALTER TABLE {name} SET (fillfactor = 85);",
                effect="SHARE UPDATE EXCLUSIVE for a moment; new pages hold 15 % less",
            ),
            {
                "updates": counters.updated,
                "hot_ratio": hot,
                "index_bloat_bytes": round(wasted),
                "fillfactor": relation.fillfactor(100),
            },
        )
