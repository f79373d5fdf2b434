"""``bloat`` on MongoDB: what of the files is waste, and the safest way to get it back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from dbtune.bloat import Effort, Selection
from dbtune.errors import TargetError, Unavailable
from dbtune.finding import Skipped, load_checks, run_checks
from dbtune.report import Report
from dbtune.text import plain

if TYPE_CHECKING:
    from dbtune.mongo.session import Session
    from dbtune.mongo.storage.facts import CollectionStorage

CHECKS = "dbtune.mongo.storage.checks"


def bloat(session: Session, selection: Selection) -> Report:
    """What of a MongoDB server's files is waste; ``schemas`` of the selection are databases.

    Raises:
        TargetError: nothing at all can be read, or the connection broke.
    """
    from dbtune.mongo.storage.collect import read_all, sampled
    from dbtune.mongo.storage.table import tables

    try:
        every, lost = read_all(session, selection)
    except Unavailable as missing:
        raise TargetError(f"nothing can be read: {missing.reason}\n{missing.remedy}") from None
    large: list[CollectionStorage] = []
    small: list[CollectionStorage] = []
    for one in every:
        whole = one.size_bytes + sum(index.size_bytes for index in one.indexes)
        (large if whole >= selection.min_bytes else small).append(one)
    large.sort(key=lambda one: -one.size_bytes)
    found = list(sampled(session, large, selection))
    checks = load_checks(CHECKS)
    # What is to be done about a file is done on the members that have it.
    files = [file for one in found for file in one.parts or (one,)]
    facts: dict[str, object] = {"storage": files, "version": session.version, "role": session.role}
    findings, not_run = run_checks(checks, facts, session.profile.thresholds)
    return Report(
        "bloat",
        tables(found, small, selection.limit, selection.min_bytes),
        tuple(findings),
        (*_blind(session), *lost, *_skipped(found), *not_run),
        tuple(_notes(found, session, selection)),
        target=session.target(),
        collected_at=session.now(),
        examined=tuple(one.name for one in checks),
    )


def _blind(session: Session) -> Iterator[Skipped]:
    if (missing := session.blind()) is not None:
        yield Skipped("databases", missing.reason, missing.remedy)


def _skipped(found: Sequence[CollectionStorage]) -> Iterator[Skipped]:
    from dbtune.mongo.storage.collect import listed

    reasons: dict[tuple[str, str], list[str]] = {}
    for one in found:
        if one.unsampled:
            why = (one.unsampled, one.unsampled_remedy)
            reasons.setdefault(why, []).append(plain(one.namespace))
    for (reason, remedy), names in reasons.items():
        yield Skipped(f"pages that are not full of {listed(names)}", reason, remedy)


def _notes(
    found: Sequence[CollectionStorage], session: Session, selection: Selection
) -> Iterator[str]:
    if selection.effort is Effort.statistics:
        yield (
            "only free blocks are counted: pages that are half empty, which deletes leave behind, "
            "show in a sample"
        )
    elif any(one.sampled for one in found):
        yield (
            "a fresh file's size is estimated by compressing sampled documents as the server does: "
            "within 10 %"
        )
    if session.role in ("primary", "secondary"):
        yield f"these are the files of this {session.role}: each member has its own"
    if session.role == "mongos":
        yield (
            "a mongos asks one member of each shard, which is named: its other members have files "
            "of their own (dbtune bloat mongodb://MEMBER looks at one)"
        )
