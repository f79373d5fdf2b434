"""log_line_prefix: from its text to a pattern for the beginning of lines."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from dbtune.errors import UsageError
from dbtune.text import plain

_ZONE = rb"(?: (?:[A-Za-z]{1,10}|[+-]\d\d(?::?\d\d)?|<[^>\n]{1,20}>))?"
_ZONE_AND_SPACE = rb"(?: [A-Za-z+\-\d:<>]{1,12})?"
"""The same, quicker, where a space ends it."""
_DAY_AND_HOUR, _AFTER_HOUR = rb"\d{4}-\d\d-\d\d \d\d", rb":\d\d:\d\d(?:\.\d{1,6})?" + _ZONE
_STAMP = _DAY_AND_HOUR + _AFTER_HOUR
_ANY = rb"[^\n]{0,128}?"
_HOST = rb"[^\n()]{0,255}?"
_PLAIN: dict[str, bytes] = {
    "P": rb"\d*",
    "c": rb"(?:[0-9a-f]+\.[0-9a-f]+)?",
    "l": rb"\d*",
    "s": rb"(?:" + _STAMP + rb")?",
    "v": rb"(?:-?\d+/\d+)?",
    "x": rb"\d*",
    "i": rb"[A-Za-z<> _-]{0,60}?",
    "b": _ANY,
    "Q": rb"-?\d*",
    "L": _HOST,
    "*": _ANY,
}
"""What stands for an escape that is passed over. ``%*`` is dbtune's own: something unknown."""
_WHO = {"u": "user", "d": "database", "a": "application", "h": "host", "r": "host"}
_ESCAPE = re.compile(r"%(-?\d*)([A-Za-z%*])")


@dataclass(frozen=True, slots=True)
class Prefix:
    """How the lines of a log begin.

    Attributes:
        text: as log_line_prefix has it.
        pattern: matches the prefix, with a group for each of ``groups``.
        quick: likewise, where no name has the character in it that comes after it.
        groups: what the groups of the pattern are, in their order: ``hour`` (up to the hour),
            ``rest`` (of the time), ``pid``, ``state`` (SQLSTATE), and ``who0`` ... for parts of the
            line that tell user, database, application and host and do not change in a session.
        who: for each of those parts a pattern with the groups ``user``, ``database``,
            ``application`` and ``host``, as far as they are in it.
        epoch: times are seconds since 1970.
    """

    text: str
    pattern: bytes
    quick: bytes
    groups: tuple[str, ...]
    who: tuple[re.Pattern[bytes], ...] = ()
    epoch: bool = False


def compile_prefix(text: str, *, before: bytes = b"") -> Prefix:
    """The pattern of a log_line_prefix.

    Args:
        text: as it stands in postgresql.conf.
        before: a pattern for what stands before it.

    Raises:
        UsageError: it has an escape that PostgreSQL does not know.
    """
    builder = _Builder()
    builder.add(before)
    elements = list(_elements(text))
    for at, (literal, width, escape) in enumerate(elements):
        if escape:
            following = elements[at + 1][0] if at + 1 < len(elements) else ""
            builder.escape(width, escape, following[:1])
        else:
            builder.literal(literal)
    return builder.done(text)


def _elements(text: str) -> Iterator[tuple[str, str, str]]:
    """Literal text, or the width and letter of an escape."""
    at = 0
    for found in _ESCAPE.finditer(text):
        if found.start() > at:
            yield text[at : found.start()], "", ""
        yield ("%", "", "") if found[2] == "%" else ("", found[1], found[2])
        at = found.end()
    if at < len(text):
        yield text[at:], "", ""


class _Builder:
    """Puts a pattern together, parts that tell who it is in as few groups as possible."""

    def __init__(self) -> None:
        self._parts: list[tuple[bytes, bytes]] = []
        """The pattern, and the quick one."""
        self._groups: list[str] = []
        self._who: list[bytes] = []
        self._run: list[tuple[bytes, bytes, bytes]] = []
        """What the present group of that kind has: both patterns, and one with named groups."""
        self._pending: list[bytes] = []
        """Literals after the run, which belong to it if another field of it follows."""
        self._named: set[str] = set()
        self._optional = 0
        self._epoch = False

    def add(self, pattern: bytes, quick: bytes | None = None) -> None:
        """Something that is none of what a session has."""
        self._end_run()
        self._parts.append((pattern, pattern if quick is None else quick))

    def literal(self, text: str) -> None:
        pattern = re.escape(text.encode())
        if self._run:
            self._pending.append(pattern)
        else:
            self.add(pattern)

    def escape(self, width: str, letter: str, following: str) -> None:
        """A field, padded with spaces to a width; ``following`` is the character after it."""
        before = b" *" if width and not width.startswith("-") else b""
        after = b" *" if width.startswith("-") else b""
        if letter == "q":
            self.add(b"(?:")
            self._optional += 1
        elif letter in _WHO:
            self._field(letter, before, after, following)
        elif letter in "mt" and "hour" not in self._groups:
            self._end_run()
            self._groups += ["hour", "rest"]
            exact = rb"(" + _DAY_AND_HOUR + rb")(" + _AFTER_HOUR + rb")"
            quick = exact.replace(_ZONE, _ZONE_AND_SPACE) if following == " " else exact
            self.add(before + exact + after, before + quick + after)
        else:
            self._end_run()
            self.add(before + self._pattern(letter) + after)

    def _pattern(self, letter: str) -> bytes:
        if letter == "n" and "hour" not in self._groups:
            self._groups += ["hour", "rest"]
            self._epoch = True
            return rb"(\d{8})(\d\d\.\d{3})"
        if letter in "pc" and "pid" not in self._groups:
            nobody = b""
            if not self._who:  # so that groups come in the order in which other formats have them
                self._groups.append("who0")
                self._who.append(b"")
                nobody = b"()"
            self._groups.append("pid")
            return nobody + (rb"(\d+)" if letter == "p" else rb"([0-9a-f]+\.[0-9a-f]+)")
        if letter == "e" and "state" not in self._groups:
            self._groups.append("state")
            return rb"([0-9A-Z]{5})"
        more = {"m": _STAMP, "t": _STAMP, "n": rb"[\d.]+", "p": rb"\d+", "e": rb"[0-9A-Z]{5}"}
        found = _PLAIN.get(letter) or more.get(letter)
        if found is None:
            raise UsageError(
                f"log_line_prefix has no %{plain(letter)}; it has "
                + " ".join(f"%{one}" for one in "abcdehilLmnpPqQrstuvx")
            )
        return found

    def _field(self, letter: str, before: bytes, after: bytes, following: str) -> None:
        name = _WHO[letter]
        exact = _HOST if name == "host" else _ANY
        stop = "(" if letter == "r" else following
        quick = b"[^\n" + re.escape(stop.encode()) + b"]{0,255}" if stop and not after else exact
        named = exact if name in self._named else b"(?P<" + name.encode() + b">" + exact + b")"
        self._named.add(name)
        self._run += [(one, one, one) for one in self._pending]
        self._pending = []
        self._run.append((before + exact + after, before + quick + after, before + named + after))
        if letter == "r":  # the port is another in each session
            self.add(rb"(?:\(\d*\))?")

    def _end_run(self) -> None:
        if self._run:
            self._groups.append(f"who{len(self._who)}")
            self._who.append(b"".join(named for _, _, named in self._run))
            self._parts += [
                (b"(", b"("),
                *((exact, quick) for exact, quick, _ in self._run),
                (b")", b")"),
            ]
        self._parts += [(one, one) for one in self._pending]
        self._run, self._pending = [], []

    def done(self, text: str) -> Prefix:
        self._end_run()
        exact, quick = (
            b"".join(part) + b")?" * self._optional for part in zip(*self._parts, strict=True)
        )
        return Prefix(
            text,
            exact,
            quick,
            tuple(self._groups),
            tuple(re.compile(one, re.DOTALL) for one in self._who),
            self._epoch,
        )
