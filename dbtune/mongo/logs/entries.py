"""Entries of a structured log: an object of JSON a line."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from dbtune.errors import UsageError
from dbtune.logs.blocks import decoded
from dbtune.logs.envelopes import ENVELOPES, Envelope, Plain
from dbtune.text import plain, shorten

HEAD_BYTES = 200_000
"""Bytes that are looked at to tell what a log is."""
LONGEST = 4_000_000
"""Bytes of an entry that are read; the server's own limit is maxLogSizeKB, 10 kB by default."""
_MOST_LINES = 200
_LEAST_SHARE, _SURE = 0.3, 0.9
_STARTS = re.compile(rb'\{ ?"t" ?: ?\{ ?"\$date"')
_TEXT = re.compile(
    rb"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}(?:[+-]\d{4}|Z) [A-Z]\d? +[A-Z-]+ +\[[^\]\n]+\] "
    rb"|^[A-Z][a-z]{2} [A-Z][a-z]{2} +\d+ \d\d:\d\d:\d\d\.\d{3} \[[^\]\n]+\] ",
    re.MULTILINE,
)
"""Versions 3.0 to 4.2, and 2.4 and before."""

_DECODE = json.JSONDecoder().raw_decode
Entry = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Detected:
    """How to read a log.

    Attributes:
        envelope_number: what is around its lines, of :data:`~dbtune.logs.envelopes.ENVELOPES`.
        first: time of the first entry.
    """

    envelope_number: int = 0
    first: str = ""

    @property
    def is_plain(self) -> bool:
        """Whether nothing is around the lines, so that reading may start in the middle."""
        return ENVELOPES[self.envelope_number] is Plain

    def envelope(self) -> Envelope:
        """What undoes what is around the lines."""
        return ENVELOPES[self.envelope_number]()


class Event(NamedTuple):
    """An entry that is no slow operation.

    Attributes:
        level: F, E, W, I or D.
        number: of the message, the same in every version; 0 if it has none.
        attr: what the message is of.
    """

    stamp: str
    level: str
    component: str
    number: int
    message: str
    attr: Mapping[str, Any]


def event_of(entry: Entry, stamp: str) -> Event:
    """An entry with its parts as they should be."""
    number, attr = entry.get("id"), entry.get("attr")
    return Event(
        stamp,
        str(entry.get("s"))[:1],
        shorten(str(entry.get("c")), 30),
        number if type(number) is int else 0,
        shorten(str(entry["msg"]), 300),
        attr if isinstance(attr, dict) else {},
    )


def looks_like_mongo(head: bytes) -> bool:
    """Whether the beginning of a log is that of MongoDB's, in any format."""
    return bool(_STARTS.search(head) or _TEXT.search(head) or b'\\"t\\":{\\"$date' in head)


def detect(head: bytes, name: str) -> Detected:
    """How to read a log.

    Args:
        head: its first bytes.
        name: what it is called, for messages.

    Raises:
        UsageError: it is none of MongoDB's, or of a version that wrote no structured log.
    """
    lines = head.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    text = b"\n".join(lines[: min(len(lines) - 1, _MOST_LINES)] or lines) + b"\n"
    for number, make in enumerate(ENVELOPES):
        envelope = make()
        inside = envelope.opened(text) + envelope.rest()
        if envelope.name and inside == text:
            continue
        found = [entry_of(line) for line in inside.split(b"\n") if line.strip()]
        read = [one for one in found if one is not None]
        if found and len(read) >= _LEAST_SHARE * len(found):
            return Detected(number, next(map(stamp_of, read)))
    raise UsageError(_unknown(text, name))


def fits(detected: Detected, text: bytes) -> bool:
    """Whether lines are in a format that is known already."""
    envelope = detected.envelope()
    inside = envelope.opened(text[: text.rfind(b"\n") + 1]) + envelope.rest()
    found = [
        entry_of(line) is not None for line in inside.split(b"\n")[:_MOST_LINES] if line.strip()
    ]
    return bool(found) and sum(found) >= _SURE * len(found)


def _unknown(text: bytes, name: str) -> str:
    if _TEXT.search(text):
        return (
            f"{plain(name)} is a log of MongoDB 4.2 or older, in text; dbtune reads the structured "
            "log (JSON) that MongoDB writes since 4.4"
        )
    first = next((line for line in text.split(b"\n") if line.strip()), b"")
    if not first:
        return f"{plain(name)} is empty"
    shown = shorten(plain(decoded(first[:300])), 80)
    return (
        f"{plain(name)} is no structured log of MongoDB's (4.4 and later, an object of JSON a "
        f"line); its first line is: {shown}"
    )


def entry_of(line: bytes) -> Entry | None:
    """The entry in a line; ``None`` if there is none."""
    found, rest = object_of(line)
    if type(found) is dict and type(found.get("t")) is dict and "msg" in found and not rest.strip():
        return found
    return None


def object_of(line: bytes) -> tuple[Any, str]:
    """What a line begins with, and what follows it; nothing if that is not JSON."""
    line = _without_locks(line)
    try:
        text = line.decode()
    except UnicodeDecodeError:
        text = decoded(line)
    try:
        found, end = _DECODE(text)
    except (ValueError, RecursionError):
        return None, text
    return found, text[end:]


def _without_locks(line: bytes) -> bytes:
    """An operation without what it locked: a third of its text, of which nothing is read.

    It stands after ``reslen`` or ``numYields``, and is three levels deep.
    """
    start = line.rfind(b',"locks":{"')
    colon = line.rfind(b":", 0, start) if start > 0 else -1
    if (
        colon < 0
        or not line[colon + 1 : start].isdigit()
        or not line.endswith((b'"reslen"', b'"numYields"'), 0, colon)
    ):
        return line
    end = line.find(b'}}},"', start)
    return line if end < 0 else line[:start] + line[end + 3 :]


def stamp_of(entry: Entry) -> str:
    """When an entry was written, as it stands there; "" if it does not tell."""
    stamp = entry["t"].get("$date")
    return stamp if isinstance(stamp, str) and stamp[:4].isdigit() and len(stamp) > 13 else ""


def start(text: bytes) -> int:
    """Where the first entry starts in some whole lines, -1 if none does."""
    found = re.search(rb"^\{", text, re.MULTILINE)
    return found.start() if found else -1


class Lines:
    """Whole lines of what comes in blocks, out of what is around them."""

    def __init__(self, envelope: Envelope) -> None:
        self._envelope = envelope
        self._rest = b""
        self._passing = False
        self.too_long = 0

    def of(self, block: bytes) -> Iterator[bytes]:
        """The lines that a block ends."""
        if self._passing:  # the rest of a line that is too long
            _, found, block = block.partition(b"\n")
            self._passing = not found
        text = self._rest + block if self._rest else block
        end = text.rfind(b"\n") + 1
        self._rest = text[end:]
        if len(self._rest) > LONGEST:
            self._rest, self._passing = b"", True
            self.too_long += 1
        if end:
            yield from self._envelope.opened(text[:end]).split(b"\n")

    def end(self) -> Iterator[bytes]:
        """The lines that nothing follows."""
        text = self._envelope.opened(self._rest + b"\n") if self._rest else b""
        self._rest = b""
        yield from (text + self._envelope.rest()).split(b"\n")
