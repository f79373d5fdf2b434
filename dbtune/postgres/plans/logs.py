"""Server logs: entries of auto_explain in stderr, csvlog and jsonlog, found line by line.

An entry is recognised by its words, ``duration: 1.234 ms  plan:``, which auto_explain does not
translate, whatever ``log_line_prefix`` or a log shipper has put before them.
"""

from __future__ import annotations

import heapq
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

from dbtune.postgres.plans.lines import Line, number_lines
from dbtune.postgres.plans.stream import Lines

_ENTRY = re.compile(r"duration: (\d+(?:\.\d+)?) ms {1,2}plan:")
_RECORD = re.compile(
    r"\[?\d{4}-\d\d-\d\d[ T]\d\d:\d\d"
    r'|\{"(?:timestamp|level|log)"'
    r"|.{0,200}?\b(?:DEBUG\d?|LOG|INFO|NOTICE|WARNING|ERROR|FATAL|PANIC|STATEMENT|DETAIL|HINT"
    r"|CONTEXT|QUERY|LOCATION): {2}"
)
_TAB = re.compile(r"(.{0,200}?)(?:\t|#011)")
_SYSLOG = re.compile(r"(.{0,200}?\[\d+\]: )\[\d+-\d+\] ")
_LETTER, _DIGIT = re.compile(r"[^\W\d_]+"), re.compile(r"\d+")
_MOST_LINES = 200_000
"""Lines of one entry in a log that has lost the tabs by which entries go on."""


@dataclass
class Entry:
    """An entry of auto_explain.

    Attributes:
        line: where it starts, from 1.
        duration_ms: how long the execution took.
        context: what the line has before it.
        body: the lines of the plan.
        open_ended: nothing marked its end; the plan may stop before the last line.
    """

    line: int
    duration_ms: float
    context: str
    body: list[Line]
    open_ended: bool = False


def is_record(line: str) -> bool:
    """Whether a line looks like the first or a later line of a log's record."""
    return line.startswith("\t") or _RECORD.match(line) is not None


class Choice:
    """Which of a log's entries are worth reading: those that took longest.

    Attributes:
        passed: entries that were not read, because enough others took longer.
    """

    def __init__(self, limit: int | None = None) -> None:
        self._limit = limit
        self._longest: list[float] = []
        self.passed = 0

    def wants(self, duration_ms: float) -> bool:
        """Whether an entry may be among the longest; it is then one of those seen."""
        if self._limit is None:
            return True
        if len(self._longest) < self._limit:
            heapq.heappush(self._longest, duration_ms)
            return True
        if duration_ms > self._longest[0]:
            heapq.heapreplace(self._longest, duration_ms)
            return True
        self.passed += 1
        return False


class Splitter:
    """An iterator over entries, and between them the lines that belong to none.

    Attributes:
        is_log: the input is a log: what belongs to no entry is passed over, unread.
    """

    def __init__(self, source: Lines, choice: Choice) -> None:
        self._source = source
        self._choice = choice
        self.is_log = False

    def __iter__(self) -> Iterator[Entry | Line]:
        source = self._source
        while not self.is_log or source.skip_to(b"plan:"):
            text = next(source, None)
            if text is None:
                return
            found = _ENTRY.search(text) if "plan:" in text else None
            if found is None:
                if not self.is_log:
                    yield Line(source.number, 0, text)
            elif self._choice.wants(float(found[1])):
                entry = _entry(source, text, found)
                self.is_log |= not entry.open_ended
                yield entry
            elif text[: found.start()].endswith('"') and not text.startswith("\\n", found.end()):
                _csv_message(source, text[found.end() :])  # a statement may look like an entry


def _entry(source: Lines, text: str, found: re.Match[str]) -> Entry:
    number, prefix, rest = source.number, text[: found.start()], text[found.end() :]
    entry = Entry(number, float(found[1]), prefix.strip().strip('"')[:300], [])
    if prefix.endswith('"') and rest.startswith("\\n"):
        body = _json_message(text, found.start() - 1).partition("plan:")[2]
        entry.body = list(number_lines(body.lstrip("\n").split("\n"), number))
        entry.body = [line._replace(number=number) for line in entry.body]
    elif prefix.endswith('"'):
        entry.body = list(number_lines(_csv_message(source, rest), number))
    else:
        lines, entry.open_ended = _stderr_message(source, prefix)
        entry.body = list(number_lines(lines, number + 1))
    if entry.body and not entry.body[0].text.strip():
        del entry.body[0]
    return entry


def _json_message(text: str, start: int) -> str:
    """The JSON string that starts at an offset; of a broken one, what can be read."""
    try:
        value, _ = json.JSONDecoder(strict=False).raw_decode(text, start)
    except (json.JSONDecodeError, ValueError):
        value = text[start + 1 :].replace("\\n", "\n").replace("\\t", "\t").replace('\\"', '"')
    return str(value)


def _csv_message(source: Lines, rest: str) -> list[str]:
    """A CSV field that goes on to its closing quote, quotes undoubled."""
    lines: list[str] = []
    line = rest.rstrip("\r\n")
    while True:
        closing = line.replace('""', "\0\0").find('"')
        if closing >= 0:
            return [*lines, line[:closing].replace('""', '"')]
        lines.append(line.replace('""', '"'))
        following = next(source, None)
        if following is None:
            return lines
        line = following.rstrip("\r\n")


def _stderr_message(source: Lines, prefix: str) -> tuple[list[str], bool]:
    """The lines after the first; PostgreSQL begins each with a tab (elog.c, append_with_tabs)."""
    lines: list[str] = []
    for line in source:
        continued = _continued(line, prefix)
        if continued is None:
            source.give_back(line)
            break
        glued, part = continued
        if glued and lines:
            lines[-1] = lines[-1].rstrip("\r\n") + part
        else:
            lines.append(part)
    if lines:
        return lines, False
    for line in source:
        if is_record(line) or _ENTRY.search(line) or len(lines) > _MOST_LINES:
            source.give_back(line)
            break
        lines.append(line)
    return lines, True


def _continued(line: str, prefix: str) -> tuple[bool, str] | None:
    """What a line adds to the record that began with a prefix, or ``None`` if it is another's.

    Log shippers begin every line with a time, a host or a container; then the line looks like the
    beginning of the prefix as far as its tab. Syslog also cuts long lines: those are glued.
    """
    if line.startswith("\t"):
        return False, line[1:]
    if (found := _TAB.match(line)) and found[1].strip() and _alike(found[1], prefix):
        return False, line[found.end() :]
    if (found := _SYSLOG.match(line)) and not _RECORD.match(line[found.end() :]):
        first = _SYSLOG.match(prefix)
        if first is not None and first[1] == found[1]:
            return True, line[found.end() :]
    return None


def _alike(part: str, prefix: str) -> bool:
    """Whether a text has the shape of a prefix's beginning: same words, any letters and digits."""
    begin = _shape(prefix)
    return begin.startswith(_shape(part).rstrip()) and len(part.strip()) > 0


def _shape(text: str) -> str:
    return " ".join(_LETTER.sub("a", _DIGIT.sub("0", text)).split())
