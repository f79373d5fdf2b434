"""Counting a log's records: the loop that every line goes through.

What almost every record is, a statement with its duration, costs a few dictionary look-ups: its
duration is put beside those of the same statement in the same session's place, and such heaps are
added up an hour of the log at a time. Everything else is put together to a whole record, with its
DETAIL and STATEMENT, and given to the events.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from operator import mul

from dbtune.logs.blocks import decoded
from dbtune.logs.tally import MOST_NAMES, Sum, add, buckets
from dbtune.postgres import APP_NAME, TAG, is_own
from dbtune.postgres.logs.auto_explain import query_text
from dbtune.postgres.logs.digest import Digest
from dbtune.postgres.logs.events import Events
from dbtune.postgres.logs.language import ENGLISH, LOST, is_duration
from dbtune.postgres.logs.record import FIELDS, Format, Raw, Record, Who
from dbtune.postgres.logs.samples import Sampler
from dbtune.postgres.logs.statement import Logged
from dbtune.postgres.logs.texts import ZEROS, Texts
from dbtune.postgres.sqltext import masked, parameterised
from dbtune.text import shorten

BURST = 5
"""Executions of one statement in a row, in one session, that make a burst."""
NOT_LOGGED = "(statement not logged: log_duration alone)"
_TEXT_LIMIT = 8192
_MOST_PENDING = 100_000
_MOST_SESSIONS = 20_000
_STATEMENT, _EXECUTE = b"se"
_PID, _LEVEL, _STATE, _DURATION, _KIND, _MESSAGE, _TAIL = (
    FIELDS.index(one) for one in "pid level state duration kind message tail".split()
)
_FETCH = b"execute fetch from "
_LATER = {b"DETAIL": "detail", b"HINT": "hint", b"CONTEXT": "context", b"STATEMENT": "statement"}
_PASSED_OVER = frozenset((b"QUERY", b"LOCATION", b"BACKTRACE"))


_END = re.compile(r"(?:commit|rollback|end|abort)\b", re.IGNORECASE)


def _parts(record: Raw) -> tuple[bytes, bytes, bytes]:
    return record[2], record[4], record[11]


class _Found(dict[tuple[bytes, bytes, bytes], list[bytes]]):
    """A statement's durations that are not added up yet, by who executed it."""

    __slots__ = ("key", "logged", "planned")

    def __init__(self, key: str, logged: Logged) -> None:
        super().__init__()
        self.key, self.logged = key, logged
        self.planned: list[bytes] = []


def _found(kept: dict[str, Logged], key: str, text: str) -> _Found:
    """What is kept for a statement that is seen the first time: nothing of dbtune's own."""
    logged = kept.get(key)
    if logged is None:
        logged = Logged(shorten(parameterised(text[:_TEXT_LIMIT]), 4000))
        if key != TAG:
            kept[key] = logged
    return _Found(key, logged)


class Session:
    """What is known of a session: its last statement, how often in a row, and the one before."""

    __slots__ = ("before", "last", "row", "text", "who")

    def __init__(self, last: _Found | None) -> None:
        self.last, self.row = last, 1
        self.before: _Found | None = None
        self.text = b""
        """A statement that was logged before it ran, whose duration is still to come."""

    @property
    def statement(self) -> str:
        """The last statement, constants folded; "" if there was none.

        The end of a transaction holds nothing: what stood before it is what others waited for, and
        in which of the logs it is seen first is chance.
        """
        texts = [one.logged.text for one in (self.last, self.before) if one is not None]
        return next((one for one in texts if not _END.match(one)), "".join(texts[:1]))


class Counting:
    """Adds a log's records to a digest."""

    def __init__(
        self,
        format_: Format,
        digest: Digest,
        *,
        show_parameters: bool = False,
        since: str = "",
        until: str = "",
        database: str = "",
        user: str = "",
        samples: int = 0,
    ) -> None:
        """Make one for a log, or a part of it.

        Args:
            format_: how its records stand.
            digest: where they are added.
            show_parameters: keep constants and parameters of single statements.
            since: only records of this time (as the log writes it) and later.
            until: only records before this time.
            database, user: only records of sessions in this database, of this user.
            samples: executions of each statement to keep, with their constants.
        """
        self._format, self._digest = format_, digest
        self._show = show_parameters
        self._since, self._until = since, until or "\x7f"
        self._database, self._user = database, user
        self._records = 0
        self._texts = Texts(lambda key, text: _found(self._digest.statements, key, text))
        self._plan_texts = Texts(lambda key, text: _found(self._digest.plans, key, text))
        self._touched: list[_Found] = []
        self._pending = 0
        self._hour, self._zone = b"", b""
        self.sessions: dict[bytes, Session] = {}
        self._record: Record | None = None
        self._slow: dict[str, str] | None = None
        self._events: Events = digest.events
        self._sampler = (
            Sampler(
                format_,
                digest.samples,
                samples,
                lambda record: self._accepts(format_.who(_parts(record))),
            )
            if samples
            else None
        )

    # ------------------------------------------------------------------------------- the loop

    def feed(self, text: bytes) -> None:
        """Count the records of whole lines."""
        records: Iterable[Raw] = self._format.records(text)
        if self._since or self._until != "\x7f":
            records = self._within(records)
        self._digest.seen.bytes += len(text)
        found = list(records)
        self._count(found)
        if self._sampler is not None:
            self._sampler.take(found, self._texts, self._plan_texts)

    def _within(self, records: Iterable[Raw]) -> Iterable[Raw]:
        since, until = self._since.encode(), self._until.encode()
        return [one for one in records if since <= one[0] + one[1] < until]

    def _count(self, records: list[Raw]) -> None:
        known, find = self._texts.known.get, self._texts.find
        sessions, escape, clean = self.sessions, self._format.escape, self._format.clean
        hour, least, junk_lines = self._hour, self._slow_least(), 0
        digits = len(least)
        for record in records:
            now, _, who0, pid, who1, _, _, duration, kind, message, _, who2, junk = record
            if not kind:
                if junk:
                    junk_lines += 1
                    self._junk(junk)
                else:
                    self._other(record)
                continue
            if kind == b"plan":
                self._plan(record)
                continue
            if now != hour:
                self._add_up()
                self._hour = hour = now
                self._zone = record[1]
            if self._record is not None:
                self._tell()
            if escape in message:
                message = clean(message)
            zeros = message.translate(ZEROS)
            found = known(zeros)
            if found is None:
                found = find(message, zeros)
            first = kind[0]
            if first != _STATEMENT and (first != _EXECUTE or kind.startswith(_FETCH)):
                self._planned(record, found)
                continue
            who = (who0, who1, who2)
            if who in found:
                found[who].append(duration)
            else:
                found[who] = [duration]
                self._touched.append(found)
            session = sessions.get(pid)
            if session is None:
                sessions[pid] = Session(found)
            elif session.last is found:
                session.row += 1
                if session.row >= BURST:
                    self._burst(session, found)
            else:
                session.before, session.last, session.row = session.last, found, 1
            if len(duration) >= digits and (duration > least or len(duration) > digits):
                self._slow_one(record, found, message)
                least = self._slow_least()
                digits = len(least)
        self._after(records, junk_lines)

    def _after(self, records: list[Raw], junk_lines: int) -> None:
        seen = self._digest.seen
        self._records += len(records) - junk_lines
        self._pending += len(records)
        # Of all records: clocks go back, and several servers write to one file.
        stamps = [record[0] + record[1] for record in records if record[0]]
        if stamps:
            first, last = decoded(min(stamps)), decoded(max(stamps))
            seen.first = min(seen.first or first, first)
            seen.last = max(seen.last, last)
        if self._pending > _MOST_PENDING:
            self._add_up()
        if len(self.sessions) > _MOST_SESSIONS:
            self.sessions.clear()

    def go_on_in(self, digest: Digest) -> None:
        """Add what comes to another digest; what is known of sessions stays."""
        self._digest, self._events = digest, digest.events
        self._texts.forget()
        self._plan_texts.forget()

    def finish(self) -> None:
        """Count what is not counted yet."""
        if self._record is not None:
            self._tell()
        self._add_up()
        if self._sampler is not None:
            self._sampler.finish()
        name = f"{self._format.name} {self._format.prefix}".strip()
        seen = self._digest.seen
        seen.records += self._records
        seen.formats[name] = seen.formats.get(name, 0) + self._records
        self._records = 0

    # ------------------------------------------------------------------------ single statements

    def _plan(self, record: Raw) -> None:
        """A plan of auto_explain: the statement is in it."""
        message = self._format.clean(record[_MESSAGE])
        who = self._format.who(_parts(record))
        if not self._accepts(who):
            return
        text = query_text(message)
        found = self._plan_texts.find(text, text.translate(ZEROS))
        if found.key == TAG:
            return
        hour = self._hour_text(record[0], record[1])
        hours = self._digest.plan_hours
        self._add_cell(found.logged, hours, hour, who, [record[_DURATION]])
        milliseconds = float(record[_DURATION])
        if milliseconds > self._digest.slowest_plans.least:
            what = {"at": decoded(record[0] + record[1]), **who._asdict(), "id": found.key}
            what["statement"] = shorten(decoded(text), 4000) if self._show else found.logged.text
            self._digest.slowest_plans.add(milliseconds, what)

    def _planned(self, record: Raw, found: _Found) -> None:
        """Parse and bind; the rest of a cursor's rows."""
        if not found.planned:
            self._touched.append(found)
        if record[_KIND].startswith(_FETCH):
            found.logged.total_ms += float(record[_DURATION])
        else:
            found.planned.append(record[_DURATION])

    def _burst(self, session: Session, found: _Found) -> None:
        logged = found.logged
        if session.row > BURST:
            logged.burst_calls += 1
            return
        logged.bursts += 1
        logged.burst_calls += BURST
        if session.before is not None:
            key = session.before.key
            if key in logged.parents or len(logged.parents) < MOST_NAMES:
                logged.parents[key] = logged.parents.get(key, 0) + 1

    def _slow_least(self) -> bytes:
        """What a duration must exceed to be among the slowest; of equal lengths texts compare."""
        least = self._digest.slowest.least
        return b"%.3f" % least if least > 0 else b""

    def _slow_one(self, record: Raw, found: _Found, message: bytes) -> None:
        milliseconds = float(record[_DURATION])
        self._slow = None
        if milliseconds <= self._digest.slowest.least or found.key == TAG:
            return
        who = self._format.who(_parts(record))
        if not self._accepts(who):
            return
        what = {"at": decoded(record[0] + record[1]), **who._asdict(), "id": found.key}
        what["statement"] = shorten(decoded(message), 4000) if self._show else found.logged.text
        if self._show:
            self._slow = what
            if detail := self._format.extras(record[_TAIL]).get("detail"):
                self._parameters(detail)
        self._digest.slowest.add(milliseconds, what)

    def _parameters(self, detail: str) -> None:
        if self._slow is not None and detail[:11].lower() == "parameters:":
            self._slow["parameters"] = shorten(detail[11:].strip(), 1000)

    # --------------------------------------------------------------------------- other records

    def _junk(self, line: bytes) -> None:
        shown = decoded(line[:200])
        self._digest.seen.skip(self.masked(shown))

    def _other(self, record: Raw) -> None:
        """A record that is no statement's duration, or a line that goes on one."""
        level, message = record[_LEVEL], record[_MESSAGE]
        if level in ENGLISH:
            level = ENGLISH[level]
            self._digest.seen.foreign += 1
        elif level[:1] == LOST:  # a message or a part of one: nobody can tell
            self._digest.seen.foreign += 1
            return
        if (name := _LATER.get(level)) is not None:
            text = decoded(self._format.clean(message))
            if self._record is not None:
                setattr(self._record, name, text)
            elif level == b"DETAIL":
                self._parameters(text)
            return
        if level in _PASSED_OVER:
            return
        if self._record is not None:
            self._tell()
        pid, duration = record[_PID], record[_DURATION]
        if duration and not record[_KIND]:
            self._duration_alone(record)
        elif message.startswith((b"statement: ", b"execute ")):
            session = self.sessions.get(pid)
            if session is None:
                session = self.sessions[pid] = Session(None)
            session.text = self._format.clean(message.partition(b": ")[2])
        else:
            self._digest.seen.foreign += level == b"LOG" and is_duration(message)
            self._record = Record(
                decoded(record[0] + record[1]),
                decoded(pid),
                self._format.who(_parts(record)),
                decoded(level),
                decoded(record[_STATE]),
                decoded(self._format.clean(message)),
                **self._format.extras(record[_TAIL]),
            )

    def _duration_alone(self, record: Raw) -> None:
        """A duration whose statement was logged before, or not at all."""
        session = self.sessions.get(record[_PID])
        text = session.text if session is not None else b""
        if session is not None:
            session.text = b""
        text = text or NOT_LOGGED.encode()
        self._count([(*record[:_KIND], b"statement", text, *record[_MESSAGE + 1 :])])
        self._records -= 1

    def _tell(self) -> None:
        """Give the record that is now whole to the events."""
        record, self._record = self._record, None
        if record is not None and self._accepts(record.who) and not is_own(record.statement):
            self._events.take(record, self)

    def _accepts(self, who: Who) -> bool:
        return (
            who.application != APP_NAME
            and (not self._database or who.database == self._database)
            and (not self._user or who.user == self._user)
        )

    def masked(self, text: str) -> str:
        """A text as it may be kept: without constants, unless they are asked for."""
        return text if self._show else masked(text)

    def statement_of(self, pid: str) -> str:
        """The last statement of a session, or ""."""
        session = self.sessions.get(pid.encode())
        return session.statement if session is not None else ""

    def logged(self, text: str) -> Logged:
        """What is kept for a statement."""
        return self._texts.of(text.encode(errors="replace")).logged

    # ------------------------------------------------------------------------------- adding up

    def _add_up(self) -> None:
        hour = self._hour_text(self._hour, self._zone)
        for found in self._touched:
            logged = found.logged
            for parts, cell in found.items() if found.key != TAG else ():
                who = self._format.who(parts)
                if self._accepts(who):
                    self._add_cell(logged, self._digest.hours, hour, who, cell)
            if found.planned:
                logged.planning_ms += sum(map(float, found.planned))
                found.planned.clear()
            found.clear()
        self._touched.clear()
        self._pending = 0
        if self._digest.bound(2):
            self._texts.forget()
            self._plan_texts.forget()
            self.sessions.clear()

    def _hour_text(self, hour: bytes, rest: bytes) -> str:
        """An hour with the zone of the log's clock."""
        if self._format.epoch:
            return str(int(hour or b"0") // 36 * 3600)
        _, _, zone = decoded(rest).partition(" ")
        return f"{decoded(hour)} {zone}".rstrip()

    def _add_cell(
        self, logged: Logged, hours: dict[str, Sum], hour: str, who: Who, cell: list[bytes]
    ) -> None:
        values = list(map(float, cell))
        count, total, least, largest = len(values), sum(values), min(values), max(values)
        logged.min_ms = min(logged.min_ms, least) if logged.calls else least
        logged.max_ms = max(logged.max_ms, largest)
        logged.calls += count
        logged.total_ms += total
        logged.squares += sum(map(mul, values, values))
        counted = logged.buckets
        for bucket, number in buckets(values if least else [one or 1e-3 for one in values]).items():
            counted[bucket] = counted.get(bucket, 0) + number
        add(logged.hours, hour, count, total, largest)
        one = hours.get(hour)
        if one is None:
            one = hours[hour] = Sum()
        one.merge(Sum(count, total, largest))
        for names, name in zip(
            (logged.users, logged.databases, logged.applications, logged.hosts), who, strict=True
        ):
            add(names, name, count, total, largest)
