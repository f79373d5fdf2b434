"""pg.index-cleanup-off"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.finding import Finding, Remedy, check
from dbtune.postgres.bloat.checks import subject
from dbtune.postgres.bloat.facts import Bloat, Kind
from dbtune.postgres.bloat.remedy import name_of
from dbtune.text import bytes_text

_OFF = ("off", "false", "no", "0")


@check("pg.index-cleanup-off", tags=("bloat", "vacuum"))
def index_cleanup_off(bloat: Bloat) -> Iterator[Finding]:
    """VACUUM passes over the indexes of a table.

    Why: Entries for dead rows stay in them, and so the rows' places in the table can't be used
        again either: both grow for ever.

    Mistaken when: It was set for one urgent VACUUM against wraparound, and is reset today.

    Remedy: Reset the option, and VACUUM (INDEX_CLEANUP ON) once.
    """
    for one in bloat.estimates:
        relation = one.relation
        given = relation.options.get("vacuum_index_cleanup", "").lower()
        if relation.kind is not Kind.TABLE or given not in _OFF:
            continue
        indexes = [
            other.relation
            for other in bloat.of_table(relation.oid)
            if other.relation.kind is Kind.INDEX
        ]
        size = sum(index.size_bytes for index in indexes)
        name = name_of(relation)
        yield Finding(
            subject(one, bloat),
            f"vacuum_index_cleanup is {given} for it; its indexes take {bytes_text(size)}, "
            f"{one.relation.counters.deleted + one.relation.counters.updated:,} rows have died "
            "since statistics began",
            Remedy(
                "Reset it, and clean up once.",
                sql=f"ALTER TABLE {name} RESET (vacuum_index_cleanup);\n"
                f"VACUUM (INDEX_CLEANUP ON, VERBOSE) {name};",
                effect="SHARE UPDATE EXCLUSIVE: reading and writing go on; reads all its indexes",
            ),
            {"index_bytes": size, "indexes": len(indexes)},
        )
