"""Where watched snapshots are kept: a folder, or a PostgreSQL when many targets share one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol

from dbtune.errors import UsageError
from dbtune.facts import Snapshot
from dbtune.text import ms_text, plain

_LOOK_BACK = 200
"""A fact that a snapshot does not hold is looked for in so many earlier ones."""


class Entry(NamedTuple):
    """A snapshot in a store.

    Attributes:
        target: the target's name.
        engine: its engine.
        at: when it was taken.
        name: the store's name for it, a file's in a folder.
        size_bytes: what it takes.
    """

    target: str
    engine: str
    at: datetime
    name: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened while a target was watched.

    Attributes:
        at: when it was seen.
        type: ``regression``, ``over``, ``change``, ``unreachable``, ``reachable``, ``note``.
        message: one sentence.
        level: of a regression: ``info``, ``warning``, ``critical``; else "".
        rule: of a regression: the check's name; else "".
        subject: what it is about, or "".
    """

    at: datetime
    type: str
    message: str
    level: str = ""
    rule: str = ""
    subject: str = ""


class Store(Protocol):
    """Keeps snapshots and events of targets."""

    def add(self, snapshot: Snapshot) -> Entry:
        """Keep a snapshot, whole or not at all."""
        ...

    def entries(self, target: str = "") -> list[Entry]:
        """What is kept, of all targets or one, earliest first."""
        ...

    def load(self, entry: Entry) -> Snapshot:
        """A snapshot.

        Raises:
            UsageError: it can't be read any more.
        """
        ...

    def remove(self, entries: Iterable[Entry]) -> None:
        """Forget snapshots."""
        ...

    def log(self, target: str, events: Sequence[Event]) -> None:
        """Keep events."""
        ...

    def close(self) -> None:
        """Let go of it."""
        ...


def filled(store: Store, entries: Sequence[Entry], entry: Entry) -> Snapshot:
    """A snapshot of a store; facts that were not read then are of the last time they were.

    Args:
        store: where it is.
        entries: all of its target, earliest first.
        entry: which one.
    """
    found = store.load(entry)
    place = entries.index(entry)
    facts = dict(found.facts)
    wanted: set[str] | None = None
    for earlier in reversed(entries[max(0, place - _LOOK_BACK) : place]):
        wanted = _facts_of(found) if wanted is None else wanted
        if wanted <= facts.keys():
            break
        facts = {**store.load(earlier).facts, **facts}
    return replace(found, facts=facts)


def _facts_of(snapshot: Snapshot) -> set[str]:
    from dbtune.facts import load_facts
    from dbtune.profile import PACKAGES, Engine

    return set(load_facts(f"{PACKAGES[Engine(snapshot.engine)]}.facts"))


def periods(
    store: Store, targets: Sequence[str], since_seconds: float, where: str
) -> list[Snapshot]:
    """Snapshots around a change: as long a time before it, the change, now.

    Args:
        store: where they are.
        targets: names that the target may have there; empty if there is only one.
        since_seconds: how long ago the change was made, counted from the last snapshot.
        where: the store, for messages.

    Raises:
        UsageError: the store has not enough.
    """
    entries = store.entries()
    names = sorted({one.target for one in entries})
    if not entries:
        raise UsageError(f"{where} holds no snapshot: dbtune watch TARGET -o {where} takes some")
    known = ", ".join(map(plain, names))
    if not targets and len(names) > 1:
        raise UsageError(f"{where} has several targets, name one: {known}")
    chosen = next((one for one in (targets or names) if one in names), "")
    if not chosen:
        raise UsageError(f"{where} has no snapshot of {plain(targets[0])}; it has: {known}")
    entries = [one for one in entries if one.target == chosen]
    last = entries[-1]
    start = last.at - timedelta(seconds=since_seconds)
    change = min(entries[:-1], key=_distance(start), default=None)
    if change is None:
        raise UsageError(f"{where} holds one snapshot of {plain(chosen)}: two are needed")
    if abs((change.at - start).total_seconds()) > max(60.0, since_seconds / 2):
        gone = ms_text((last.at - entries[0].at).total_seconds() * 1000)
        raise UsageError(
            f"{where} has no snapshot of {ms_text(since_seconds * 1000)} before the last one: "
            f"the first is of {gone} before it"
        )
    earlier = [one for one in entries if one.at < change.at]
    first = min(earlier, key=_distance(change.at - (last.at - change.at)), default=None)
    return [filled(store, entries, one) for one in (first, change, last) if one is not None]


def _distance(to: datetime) -> Callable[[Entry], float]:
    return lambda entry: abs((entry.at - to).total_seconds())
