"""pg.freeze-debt"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.postgres.bloat.checks import subject
from dbtune.postgres.bloat.facts import Bloat, Kind
from dbtune.postgres.bloat.remedy import duration, name_of
from dbtune.postgres.facts.xids import XID_LIMIT
from dbtune.text import bytes_text, ratio_text


@check("pg.freeze-debt", level=Level.info, tags=("bloat", "vacuum", "wraparound"))
def freeze_debt(
    bloat: Bloat, *, due_ratio: float = 0.9, min_size_bytes: int = 1024**3
) -> Iterator[Finding]:
    """A large table is about to be vacuumed against wraparound, whatever else goes on.

    Why: That VACUUM reads all of the table's pages that are not frozen, does not give way to locks
        (a change of the table has to wait for it), and comes at a time of its own.

    Mistaken when: The table hardly changes and is frozen already: then it is over in moments.

    Remedy: VACUUM (FREEZE) at a quiet time.
    """
    settings = bloat.sizes.settings
    for one in bloat.estimates:
        relation = one.relation
        if relation.kind is Kind.INDEX or relation.size_bytes < min_size_bytes:
            continue
        limit = _number(
            relation.options.get("autovacuum_freeze_max_age")
            or settings.get("autovacuum_freeze_max_age"),
            200_000_000,
        )
        age = relation.frozen_age or 0
        if age < due_ratio * limit:
            continue
        table = bloat.sizes.relations.get(relation.table, relation)
        left = XID_LIMIT - age
        yield Finding(
            subject(one, bloat),
            f"{age:,} transactions old, {ratio_text(age / limit)} of autovacuum_freeze_max_age "
            f"({limit:,}); {left:,} are left until wraparound; {bytes_text(relation.size_bytes)} "
            "to read",
            Remedy(
                "Freeze it at a quiet time.",
                sql=f"VACUUM (FREEZE, VERBOSE) {name_of(table)};",
                effect="SHARE UPDATE EXCLUSIVE: reading and writing go on; runs for "
                f"{duration(relation.size_bytes).text}",
            ),
            {"age": age, "autovacuum_freeze_max_age": limit, "left": left},
            level=Level.warning if age > 1.5 * limit else None,
        )


def _number(text: str | None, default: int) -> int:
    return int(text) if text and text.isdigit() else default
