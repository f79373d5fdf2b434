"""What containers, syslog, log shippers and cloud services put around a server's lines.

An envelope takes whole lines and gives the lines that the server wrote, or lines like those.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Protocol

from dbtune.logs.blocks import decoded

_ISO = rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z|[+-]\d\d:?\d\d)?"


class Envelope(Protocol):
    """Takes lines out of what stands around them.

    Attributes:
        name: for people; "" if there is nothing around them.
    """

    name: str

    def opened(self, text: bytes) -> bytes:
        """The server's lines in some whole lines; what may go on is kept for the next call."""

    def rest(self) -> bytes:
        """What was kept."""


class Plain:
    """Nothing is around the lines."""

    name = ""

    def opened(self, text: bytes) -> bytes:
        return text

    def rest(self) -> bytes:
        return b""


class Headed:
    """Each line has something before it that a pattern matches."""

    def __init__(self, name: str, head: bytes) -> None:
        self.name = name
        self._head = re.compile(rb"^" + head, re.MULTILINE)

    def opened(self, text: bytes) -> bytes:
        return self._head.sub(b"", text)

    def rest(self) -> bytes:
        return b""


class Json:
    """Each line is an object, in which the server's text stands, or the fields of its record."""

    name = "JSON"

    def __init__(self) -> None:
        self._part = ""

    def opened(self, text: bytes) -> bytes:
        return b"".join(self._opened(line) for line in text.split(b"\n") if line)

    def _opened(self, line: bytes) -> bytes:
        try:
            data = json.loads(line)
        except (ValueError, RecursionError):
            return line + b"\n"
        found = _inside(data) if isinstance(data, dict) else None
        if found is None:
            return line + b"\n"
        if isinstance(found, Mapping):
            return json.dumps(found).encode() + b"\n"
        if "log" in data and not found.endswith("\n"):  # Docker cuts lines at 16 kB
            self._part += found
            return b""
        found, self._part = self._part + found, ""
        lines = re.sub(r"\r?\n(?!\t)", "\n\t", found.rstrip("\r\n"))
        return lines.encode(errors="replace") + b"\n"

    def rest(self) -> bytes:
        return self._part.encode(errors="replace")


_TEXTS = ("log", "textPayload", "message", "@message", "msg", "MESSAGE", "line", "text", "body")
_OBJECTS = ("record", "jsonPayload", "properties", "fields", "event", "data", "attributes", "body")


def _inside(data: Mapping[str, Any], depth: int = 3) -> str | Mapping[str, Any] | None:
    """The server's text in an object, or the object that has a record's fields."""
    if "message" in data and ("error_severity" in data or "errorLevel" in data):
        return data
    for key in _OBJECTS:
        inner = data.get(key)
        if isinstance(inner, dict) and depth and (found := _inside(inner, depth - 1)) is not None:
            return found
    for key in _TEXTS:
        value = data.get(key)
        if isinstance(value, str):
            return value
    return None


# --- syslog --------------------------------------------------------------------------------------

_SYSLOG = re.compile(
    rb"^(?:<\d+>)?(?P<stamp>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d|" + _ISO + rb") (?P<host>\S+) "
    rb"(?P<program>[^\s\[:]+)\[(?P<pid>\d+)\]: ?(?P<rest>.*)$"
)
_RFC5424 = re.compile(
    rb"^<\d+>1 (?P<stamp>" + _ISO + rb") (?P<host>\S+) (?P<program>\S+) (?P<pid>\d+) \S+ "
    rb"(?:-|\[[^\]]*\]) ?(?:\xef\xbb\xbf)?(?P<rest>.*)$"
)
_CHUNK = re.compile(rb"\[(\d+)-(\d+)\] ?")
_LATER = re.compile(
    rb"(?:.{0,200}[^A-Za-z])?(?:DETAIL|HINT|STATEMENT|CONTEXT|QUERY|LOCATION): {1,2}"
)
_MOST_OPEN = 500
_LONGEST = 4_000_000


class Syslog:
    """syslog: a record's lines one by one, long ones cut, those of several processes mixed."""

    name = "syslog"

    def __init__(self, year: int | None = None) -> None:
        """Make one.

        Args:
            year: when the log ends; this year by default.
        """
        self._year = year or datetime.now(UTC).year
        self._open: dict[bytes, _Chunks] = {}

    def opened(self, text: bytes) -> bytes:
        return b"".join(part for line in text.split(b"\n") if line for part in self._line(line))

    def _line(self, line: bytes) -> Iterator[bytes]:
        found = _SYSLOG.match(line) or _RFC5424.match(line)
        if found is None:
            yield line + b"\n"
            return
        rest = found["rest"].replace(b"#011", b"\t").replace(b"#015", b"")
        process = found["host"] + b"/" + found["pid"]
        chunk = _CHUNK.match(rest)
        number = chunk[1] if chunk else b""
        rest = rest[chunk.end() :] if chunk else rest
        one = self._open.get(process)
        goes_on = chunk is not None and chunk[2] != b"1"
        if one is not None and (one.number == number if goes_on else rest.startswith(b"\t")):
            one.add(rest, glued=goes_on and not rest.startswith(b"\t"))
            if one.size > _LONGEST:
                yield self._open.pop(process).text
            return
        if one is not None:
            yield self._open.pop(process).text
        if len(self._open) >= _MOST_OPEN:
            yield self._open.pop(next(iter(self._open))).text
        head = self._stamp(decoded(found["stamp"])).encode() + b" [" + found["pid"] + b"] "
        self._open[process] = _Chunks(number, head, rest)

    def rest(self) -> bytes:
        text = b"".join(one.text for one in self._open.values())
        self._open.clear()
        return text

    def _stamp(self, stamp: str) -> str:
        """A time as log_line_prefix has it. That of old syslog has no year, and no zone."""
        if stamp[:4].isdigit():
            moved = stamp.replace(",", ".").replace("T", " ")
            found = re.match(r"([\d-]+ [\d:]+(?:\.\d{1,6})?)\d*(.*)", moved)
            assert found is not None
            return f"{found[1]} {found[2].replace('Z', 'UTC')}".strip()
        month = _MONTHS.index(stamp[:3]) + 1 if stamp[:3] in _MONTHS else 1
        return f"{self._year}-{month:02d}-{int(stamp[4:6]):02d} {stamp[7:]}"


_MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()


class _Chunks:
    """The lines of a record as far as they have come."""

    def __init__(self, number: bytes, head: bytes, first: bytes) -> None:
        self.number, self._head = number, head
        self._parts = [head, first]
        self.size = len(first)

    def add(self, rest: bytes, *, glued: bool) -> None:
        self.size += len(rest)
        if glued and _LATER.match(rest):
            self._parts += [b"\n", self._head, rest]
        elif glued:
            self._parts.append(rest)
        else:
            self._parts += [b"\n", rest]

    @property
    def text(self) -> bytes:
        return b"".join(self._parts) + b"\n"


ENVELOPES: tuple[Callable[[], Envelope], ...] = (
    Plain,
    Json,
    lambda: Headed("kubectl", rb"\[pod/[^\]\n]+\] ?(?:" + _ISO + rb" )?"),
    lambda: Headed("containerd", _ISO + rb" (?:stdout|stderr) [FP] ?"),
    lambda: Headed("docker compose", rb"[\w.@-]+ *\| ?(?:" + _ISO + rb" )?"),
    Syslog,
    lambda: Headed("a second time", _ISO + rb"[ \t]"),
)
"""In the order in which they are tried."""
