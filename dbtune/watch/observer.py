"""What became worse from one snapshot to the next, each thing told once. Knows no server.

The last interval stands beside a reference: what came before it, at most an hour. While something
is worse the reference stays where it was, so that bad times do not become the measure; after an
hour they do.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from dbtune.compare import NONE, Outcome, comparison
from dbtune.compare.health import Thresholds
from dbtune.compare.held import Held
from dbtune.compare.noise import MIN_CALLS, Verdict
from dbtune.compare.verdict import judge as judge_workload
from dbtune.facts import Snapshot
from dbtune.finding import Finding, Level
from dbtune.health.run import judge
from dbtune.profile import Engine
from dbtune.text import ms_text, plural, shorten
from dbtune.watch.store import Event

REFERENCE = timedelta(hours=1)
_TWICE = frozenset({"compare.statement-slower", "compare.workload-slower", "compare.measure-worse"})
"""Load alone can do these: they have to be there in two intervals one after the other."""


def _blind(snapshot: Snapshot) -> Iterator[Event]:
    """What will not be seen, by what would mend that; what has no remedy is as it is."""
    lacking: dict[tuple[str, str], list[str]] = {}
    for name, fact in snapshot.facts.items():
        if isinstance(fact, dict) and fact.get("unavailable") and fact.get("remedy"):
            remedy = str(fact["remedy"]).partition("\n")[0]
            lacking.setdefault((str(fact["unavailable"]), remedy), []).append(name)
    for (reason, remedy), names in lacking.items():
        message = f"not watched: {', '.join(names)}: {reason}; what would change that: {remedy}"
        yield Event(snapshot.collected_at, "note", message)


class Observer:
    """Sees snapshots of one target, one after the other.

    Args:
        level: findings below it are not told.
        thresholds: overrides by check name and threshold name.

    Attributes:
        active: what is worse at present, by fingerprint.
    """

    def __init__(self, level: Level = Level.warning, thresholds: Thresholds = NONE) -> None:
        self.active: dict[str, Finding] = {}
        self._level, self._thresholds = level, thresholds
        self._seen: deque[Snapshot] = deque()
        self._waiting: set[str] = set()
        self._reference: tuple[Snapshot, Snapshot] | None = None
        self._since: datetime | None = None
        self._known: set[str] = set()
        self._said: set[str] = set()

    def see(self, taken: Snapshot) -> list[Event]:
        """What is to be told now that a snapshot was taken."""
        previous = self._seen[-1] if self._seen else None
        snapshot = taken if previous is None else _carried(previous, taken)
        if previous is not None and taken.collected_at < previous.collected_at:
            return [self._anew(snapshot, previous.collected_at)]
        self._seen.append(snapshot)
        while len(self._seen) > 3 and self._seen[1].collected_at < taken.collected_at - REFERENCE:
            self._seen.popleft()
        if previous is None:
            return list(self._first(snapshot))
        start, end = self._reference or (self._seen[0], previous)
        given = (
            [previous, snapshot]
            if start is end or start is previous
            else [start, end, previous, snapshot]
            if end is not previous
            else [start, previous, snapshot]
        )
        found = comparison(given, (), self._thresholds)
        events = list(self._changes(found, taken.collected_at))
        events += self._judged(found, taken.collected_at, alone=len(given) == 2)
        self._hold(taken.collected_at, (start, end))
        return events

    def _anew(self, snapshot: Snapshot, before: datetime) -> Event:
        """The clock was put back: no time lies between what was seen and this, which comes first
        from now on."""
        self._seen = deque([snapshot])
        self._waiting.clear()
        self._let_go()
        by = ms_text((before - snapshot.collected_at).total_seconds() * 1000)
        return Event(
            snapshot.collected_at,
            "note",
            f"the target's clock went back by {by}: nothing before that is compared any more",
        )

    def _first(self, snapshot: Snapshot) -> Iterator[Event]:
        """What check finds at the beginning is known: it is no regression."""
        findings, _, _ = judge(Engine(snapshot.engine), Held(snapshot), self._thresholds)
        self._known = {one.fingerprint for one in findings}
        yield from _blind(snapshot)
        worst = [one for one in findings if (one.level or Level.info) >= self._level]
        if worst:
            yield Event(
                snapshot.collected_at,
                "note",
                f"{plural(len(worst), 'finding')} of dbtune check from before; what is new is told",
            )

    def _judged(self, found: Outcome, at: datetime, *, alone: bool) -> Iterator[Event]:
        """Findings that appeared, and those that are over.

        Args:
            found: the comparison.
            at: when.
            alone: there is no reference yet: only check's findings count.
        """
        own = [] if alone else list(found.findings)
        health = [
            one.finding
            for one in found.health.changes
            if one.state in ("new", "remaining", "not known before")
        ]
        now = {
            one.fingerprint: one
            for one in (*own, *health)
            if (one.level or Level.info) >= self._level and one.fingerprint not in self._known
        }
        # What can't be seen this time is taken to be as it was.
        unseen = {
            one.finding.fingerprint
            for one in found.health.changes
            if one.state == "not known after"
        }
        self._known &= {one.fingerprint for one in (*own, *health)} | unseen
        waiting = {key for key, one in now.items() if one.rule in _TWICE} - self.active.keys()
        for key, one in now.items():
            if key in self.active or (key in waiting and key not in self._waiting):
                continue
            self.active[key] = one
            yield _event(at, "regression", one)
        self._waiting = waiting
        for key, one in list(self.active.items()):
            if key not in now and key not in unseen and _can_be_seen(one, found):
                del self.active[key]
                yield _event(at, "over", one)

    def _hold(self, at: datetime, reference: tuple[Snapshot, Snapshot]) -> None:
        """Keep the reference while something that was compared is worse, for an hour at most."""
        compared = [key for key, one in self.active.items() if one.rule.startswith("compare.")]
        if not compared and not self._waiting:
            self._reference = self._since = None
            return
        if self._since is None:
            self._since = at
        if at - self._since <= REFERENCE:
            self._reference = reference
            return
        self._let_go()

    def _let_go(self) -> None:
        """What is worse is the new normal: told once, and not again while it lasts."""
        self._reference = self._since = None
        for key in [key for key, one in self.active.items() if one.rule.startswith("compare.")]:
            self._known.add(key)
            del self.active[key]

    def _changes(self, found: Outcome, at: datetime) -> Iterator[Event]:
        one = found.comparison
        told = [
            (setting.name, f"setting {setting.name}: {setting.before} → {setting.after}"
             + (f" ({setting.remark})" if setting.remark else ""))
            for setting in one.settings or ()
        ]  # fmt: skip
        told += [
            (index.name, f"index {index.name} is {index.state}"
             + (f" ({index.remark})" if index.remark else ""))
            for index in one.indexes or ()
            if index.state in ("new", "gone", "changed", "now invalid", "now valid")
        ]  # fmt: skip
        told += [
            (table.name, f"table {table.name} is {table.state}")
            for table in one.relations or ()
            if table.state in ("new", "gone")
        ]
        for subject, message in told:
            if message not in self._said:
                yield Event(at, "change", message, subject=subject)
        # What is no longer in the comparison may happen again, and is told again.
        self._said &= {message for _, message in told} | set(one.notes)
        self._said |= {message for _, message in told}
        for note in one.notes:
            if note not in self._said and ("restarted" in note or " reset " in note):
                yield Event(at, "note", note)
            self._said.add(note)


def _can_be_seen(one: Finding, found: Outcome) -> bool:
    """Whether the last interval can show that something is over: what did not run can't."""
    changes = found.comparison.statements or ()
    if one.rule.startswith("compare.statement-"):
        return any(
            change.statement.text == one.subject
            and change.after is not None
            and change.after.calls >= MIN_CALLS
            for change in changes
        )
    if one.rule == "compare.workload-slower":
        return judge_workload(found.comparison.workload).verdict is not Verdict.unknown
    return True


def _carried(previous: Snapshot, taken: Snapshot) -> Snapshot:
    """With the facts that were not read this time, as they were."""
    return replace(taken, facts={**previous.facts, **taken.facts})


def _event(at: datetime, kind: str, one: Finding) -> Event:
    level = (one.level or Level.info).name
    message = one.message if kind == "regression" else "no longer found"
    return Event(at, kind, message, level, one.rule, shorten(one.subject, 500))
