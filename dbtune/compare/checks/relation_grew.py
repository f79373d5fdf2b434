"""compare.relation-grew"""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.compare.model import Comparison
from dbtune.finding import Finding, Level, Remedy, check
from dbtune.text import bytes_text, ms_text, significant

_DAY = 86_400


@check("compare.relation-grew", level=Level.info, tags=("sizes",))
def relation_grew(
    comparison: Comparison, *, min_ratio: float = 1.5, min_bytes: float = 256 * 1024**2
) -> Iterator[Finding]:
    """A table or an index became much larger.

    Why: It takes room in caches, backups and time to vacuum; plans that read all of it get dearer.

    Mistaken when: It was loaded on purpose, or fills up again after it was emptied.

    Remedy: See whether rows or waste grew (dbtune bloat); partition or delete what is old.
    """
    for one in comparison.relations or ():
        before, after = one.before_bytes, one.after_bytes
        if one.state != "grew" or not before or after is None:
            continue
        growth = one.growth_bytes
        if growth < min_bytes or after < min_ratio * before:
            continue
        rate = growth / max(comparison.seconds, 1.0) * _DAY
        rows = ""
        if one.before_rows and one.after_rows is not None:
            rows = f", with {significant(one.after_rows / one.before_rows)} times the rows"
        daily = f"; {bytes_text(rate)} a day" if comparison.seconds >= _DAY else ""
        yield Finding(
            one.name,
            f"{bytes_text(before)} → {bytes_text(after)} in {ms_text(comparison.seconds * 1000)}"
            f"{rows}{daily}",
            Remedy("See whether rows or waste grew: dbtune bloat."),
            evidence={"before_bytes": before, "after_bytes": after, "growth_bytes": growth},
        )
