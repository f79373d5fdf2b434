"""Server logs: entries of auto_explain in stderr, csvlog, jsonlog, syslog and what shippers make.

An entry is recognised by its words, ``duration: 1.234 ms  plan:``, which auto_explain does not
translate, whatever ``log_line_prefix`` or a log shipper has put before them. Nothing else of a log
is looked at, and an entry's plan is taken apart only when it is asked for.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from dbtune.postgres.logs.scan import Scanner
from dbtune.postgres.plans.lines import Line, number_lines

_MARK = b"plan:"
_ENTRY = re.compile(rb"duration: (\d+(?:\.\d+)?) ms {1,2}plan:")
_RECORD = re.compile(
    rb"\[?\d{4}-\d\d-\d\d[ T]\d\d:\d\d"
    rb'|\{"(?:timestamp|level|log)"'
    rb"|.{0,200}?\b(?:DEBUG\d?|LOG|INFO|NOTICE|WARNING|ERROR|FATAL|PANIC|STATEMENT|DETAIL|HINT"
    rb"|CONTEXT|QUERY|LOCATION): {2}"
)
_CSV = re.compile(rb'\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} [^,]{1,50},(?:"[^"]*")?,')
_TABBED = re.compile(rb"(?:\t[^\n]*+(?:\n|\Z))*+")
_TO_QUOTE = re.compile(rb'[^"]*+(?:""[^"]*+)*+(?:"[^\n]*+(?:\n|\Z)|\Z)')
_TAB = re.compile(r"(.{0,200}?)(?:\t|#011)")
_SYSLOG = re.compile(r"(.{0,200}?\[\d+\]: )\[(\d+)-\d+\] ")
_LETTER, _DIGIT = re.compile(r"[^\W\d_]+"), re.compile(r"\d+")
_MOST_LINES = 200_000
"""Lines of one entry in a log that has lost the tabs by which entries go on."""
_MOST_BETWEEN = 500
"""Lines of other processes that may stand between two lines of one entry in syslog."""


@dataclass(slots=True)
class Entry:
    """An entry of auto_explain.

    Attributes:
        line: where it starts, from 1.
        duration_ms: how long the execution took.
        context: what the line has before it.
        raw: what comes after its first words, as the log has it.
        decode: makes text of it.
        one_line: all of it stands in one line of the log.
        open_ended: nothing marked its end; the plan may stop before the last line.
    """

    line: int
    duration_ms: float
    context: str
    raw: bytes
    decode: Callable[[bytes], str]
    one_line: bool = False
    open_ended: bool = False

    @property
    def body(self) -> list[Line]:
        """The lines of the plan."""
        texts = self.decode(self.raw).removesuffix("\n").split("\n")
        lines = list(number_lines(texts, self.line))
        if self.one_line:
            lines = [line._replace(number=self.line) for line in lines]
        return lines[1:] if not lines[0].text.strip() else lines


def is_record(line: bytes) -> bool:
    """Whether a line looks like the first or a later line of a log's record."""
    return line.startswith(b"\t") or _RECORD.match(line) is not None


def is_csv(line: bytes) -> bool:
    """Whether a line looks like the first of a record of csvlog."""
    return _CSV.match(line) is not None


def entries(source: Scanner) -> Iterator[Entry]:
    """The entries of an input; the scanner tells of the lines that belong to none."""
    while source.leap(_MARK):
        line = next(source)
        found = _ENTRY.search(line)
        if found is not None:
            yield _entry(source, line, found)
        elif source.passed is not None:
            source.passed(source.number, line)


def _entry(source: Scanner, line: bytes, found: re.Match[bytes]) -> Entry:
    prefix, rest = line[: found.start()], line[found.end() :]
    context = _text(prefix[:1000]).strip().strip('"')[:300]
    entry = Entry(source.number, float(found[1]), context, rest, _text)
    if rest.startswith(b'\\n"'):  # in Docker's JSON, each line is a record
        begin = _text(prefix)
        texts = _lines_of(source, begin[_string_start(begin) + 1 :], _log_of)
        entry.raw = _joined(texts)
    elif rest.startswith((b"\\n", b"\\\\n")):
        entry.raw, entry.decode = line[_string_start(prefix.decode("latin-1")) :], _json_text
        entry.one_line = True
    elif prefix.endswith(b'"'):
        if rest.replace(b'""', b"").find(b'"') < 0:
            entry.raw = rest + source.match(_TO_QUOTE)
        entry.decode = _csv_text
    elif tabbed := source.match(_TABBED):
        entry.raw, entry.decode = b"\n" + tabbed, _tabbed_text
    else:
        texts = _lines_of(source, _text(prefix), _text)
        entry.open_ended = not texts
        texts = texts or list(_until_record(source))
        entry.raw = _joined(texts)
    return entry


def _joined(texts: list[str]) -> bytes:
    return "".join(f"\n{one}" for one in texts).encode(errors="replace")


def _text(raw: bytes) -> str:
    return raw.decode(errors="replace").rstrip("\r\n")


def _tabbed_text(raw: bytes) -> str:
    """The lines after the first; PostgreSQL begins each with a tab (elog.c, append_with_tabs)."""
    return raw.replace(b"\n\t", b"\n").decode(errors="replace")


def _csv_text(raw: bytes) -> str:
    """A CSV field up to its closing quote, quotes undoubled."""
    raw = raw.replace(b'""', b"\0\0")
    closing = raw.find(b'"')
    return raw[: closing if closing >= 0 else None].replace(b"\0\0", b'"').decode(errors="replace")


# --- lines that log shippers have put into JSON --------------------------------------------------


def _string_start(before: str) -> int:
    """Where the JSON string starts that is open after a text, its quote included."""
    at = before.rfind('"')
    while at > 0 and before[at - 1] == "\\":
        at = before.rfind('"', 0, at)
    return max(0, at)


def _unquoted(text: str) -> str:
    """The JSON string with which a text starts; of a broken one, what can be read."""
    try:
        value, _ = json.JSONDecoder(strict=False).raw_decode(text)
    except (json.JSONDecodeError, ValueError, RecursionError):
        value = text[1:].replace("\\n", "\n").replace("\\t", "\t").replace('\\"', '"')
    return str(value).encode(errors="replace").decode()


def _json_text(raw: bytes) -> str:
    """The message of a record that is in JSON, if need be in JSON in JSON."""
    text = _unquoted(_text(raw))
    for _ in range(2):
        before, mark, rest = text.partition("plan:")
        if not mark or not rest.startswith(("\\n", "\\\\n")):
            break
        text = _unquoted(text[_string_start(before) :])
    return text.partition("plan:")[2].replace("\n\t", "\n")


def _log_of(line: bytes) -> str:
    """The line of a server that Docker has put into JSON; of anything else, nothing."""
    try:
        record = json.loads(line)
    except (json.JSONDecodeError, ValueError, RecursionError):
        return ""
    log = record.get("log") if isinstance(record, dict) else None
    return log.rstrip("\r\n") if isinstance(log, str) else ""


# --- lines that begin with something else than a tab ---------------------------------------------


def _lines_of(source: Scanner, prefix: str, read: Callable[[bytes], str]) -> list[str]:
    """What the next lines add to the record that began with a prefix.

    In syslog, lines of other processes may stand between: those are given back.
    """
    lines: list[str] = []
    between: list[bytes] = []
    process = _SYSLOG.match(prefix)
    for raw in source:
        text = read(raw)
        continued = _continued(text, prefix)
        if continued is None:
            between.append(raw)
            others = _SYSLOG.match(text) if process is not None else None
            same = others is not None and process is not None and _same(others, process)
            if others is None or same or len(between) > _MOST_BETWEEN:
                break
            continue
        glued, part = continued
        if glued and lines:
            lines[-1] += part
        else:
            lines.append(part)
    source.give_back(*between)
    return lines


def _same(one: re.Match[str], other: re.Match[str]) -> bool:
    """Whether two lines of syslog are of one process, whatever the second they were written."""
    return one[1].split()[-1] == other[1].split()[-1]


def _continued(line: str, prefix: str) -> tuple[bool, str] | None:
    """What a line adds to the record that began with a prefix, or ``None`` if it is another's.

    Log shippers begin every line with a time, a host or a container; then the line looks like the
    beginning of the prefix as far as its tab. Syslog also cuts long lines: those are glued.
    """
    if line.startswith("\t"):
        return False, line[1:]
    if (found := _SYSLOG.match(line)) and (first := _SYSLOG.match(prefix)):
        if not _same(found, first) or found[2] != first[2]:
            return None
        rest = line[found.end() :]
        tabs = rest.startswith(("\t", "#011"))
        return not tabs, rest.removeprefix("\t").removeprefix("#011")
    if (found := _TAB.match(line)) and found[1].strip() and _alike(found[1], prefix):
        return False, line[found.end() :]
    return None


def _until_record(source: Scanner) -> Iterator[str]:
    for count, raw in enumerate(source):
        if is_record(raw) or _ENTRY.search(raw) or count > _MOST_LINES:
            source.give_back(raw)
            break
        yield _text(raw)


def _alike(part: str, prefix: str) -> bool:
    """Whether a text has the shape of a prefix's beginning: same words, any letters and digits."""
    begin = _shape(prefix)
    return begin.startswith(_shape(part).rstrip()) and len(part.strip()) > 0


def _shape(text: str) -> str:
    return " ".join(_LETTER.sub("a", _DIGIT.sub("0", text)).split())
