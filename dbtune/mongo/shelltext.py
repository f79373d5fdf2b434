"""MongoDB values as people write and paste them: JSON, Extended JSON, mongosh's syntax.

mongosh prints keys without quotes, ``Long('5')``, ``ISODate('2024-01-01T00:00:00Z')``, and
``[Object]`` for what is nested too deeply; the old shell printed ``NumberLong(5)``; Python prints
``None``. All of it is read by one reader, because people paste mixtures. Nothing is evaluated.
"""

from __future__ import annotations

import base64
import json
import math
import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from bson import (
    Binary,
    Code,
    DatetimeMS,
    Decimal128,
    Int64,
    MaxKey,
    MinKey,
    ObjectId,
    Regex,
    Timestamp,
)

from dbtune.errors import UsageError
from dbtune.text import plain, shorten

MAX_DEPTH = 250
"""Levels of nesting; BSON itself allows 100 to 200."""

_SPACE = re.compile(r"(?:[\s\u00a0\ufeff]+|//[^\n]*|/\*.*?\*/)+", re.DOTALL)
_NUMBER = re.compile(
    r"[+-]?(?:0[xX][0-9a-fA-F]+|Infinity|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)(?![\w.])"
)
_DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z")
_COMPUTED = re.compile(r"""\[\s*["'](\w+)["']\s*\]""")
_NAME = re.compile(r"[A-Za-z_$][\w$]*(?:\.[A-Za-z_]\w*)*")
_REGEX = re.compile(r"/((?:[^/\\\n\[]|\\.|\[(?:[^\]\\\n]|\\.)*\])+)/([a-z]*)")
_QUOTED = {
    '"': re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL),
    "'": re.compile(r"'((?:[^'\\]|\\.)*)'", re.DOTALL),
    "`": re.compile(r"`((?:[^`\\]|\\.)*)`", re.DOTALL),
}
_ESCAPE = re.compile(r"\\(u\{[0-9a-fA-F]{1,6}\}|u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|\r\n|.)", re.DOTALL)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "v": "\v", "0": "\0"}
_BROKEN_OFF = re.compile(r"[-+./\w\\]{1,40}")
_CUT = re.compile(
    r"\[(?:Object|Array|Circular)(?:[ :*][^\]\n]{0,40})?\]|\.\.\. \d+ more (?:items?|\w+)"
)
_WORDS: dict[str, object] = {
    "true": True,
    "false": False,
    "null": None,
    "undefined": None,
    "NaN": math.nan,
    "Infinity": math.inf,
    "True": True,
    "False": False,
    "None": None,
}


class Cut:
    """What a shell left out of its output, because it was nested too deeply or too long."""

    def __repr__(self) -> str:
        return "[not shown]"


CUT = Cut()


class SyntaxProblem(Exception):
    """A text that is no such value.

    Attributes:
        offset: where it stops making sense.
        expected: what should stand there.
    """

    def __init__(self, offset: int, expected: str) -> None:
        super().__init__(expected)
        self.offset = offset
        self.expected = expected


class Reader:
    """Reads one value of a text.

    Attributes:
        cut: something was left out, or the text ended too soon.
    """

    def __init__(self, text: str, offset: int = 0, *, lenient: bool = False) -> None:
        """Args:
        text: the text.
        offset: where the value starts.
        lenient: a text that ends in the middle gives what was read up to there.
        """
        self._text = text
        self._at = offset
        self._lenient = lenient
        self.cut = False

    def read(self) -> tuple[Any, int]:
        """The value and the offset after it.

        Raises:
            SyntaxProblem: there is none.
        """
        value = self._value(0)
        return value, self._at

    def _skip(self) -> str:
        """Go to the next thing; its first character, "" at the end."""
        if found := _SPACE.match(self._text, self._at):
            self._at = found.end()
        return self._text[self._at : self._at + 1]

    def _value(self, depth: int) -> Any:
        if depth > MAX_DEPTH:
            raise SyntaxProblem(self._at, "fewer levels of nesting")
        first = self._skip()
        if not first:
            return self._ended("a value")
        if found := _CUT.match(self._text, self._at):
            self._at, self.cut = found.end(), True
            return CUT
        if first == "{":
            return extended(self._document(depth))
        if first == "[":
            return self._list("]", depth)
        if first in _QUOTED:
            return self._string()
        for pattern, make in _LITERALS:
            if found := pattern.match(self._text, self._at):
                self._at = found.end()
                return make(found)
        return self._named(depth)

    def _ended(self, expected: str) -> Cut:
        if not self._lenient:
            raise SyntaxProblem(self._at, f"{expected} before the end of the text")
        self.cut = True
        return CUT

    def _document(self, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        self._at += 1
        while (first := self._skip()) != "}":
            if not first:
                self._ended("}")
                return found
            if cut := _CUT.match(self._text, self._at):
                self._at, self.cut = cut.end(), True
            else:
                key = self._key()
                if self._skip() != ":":
                    if not self._skip():
                        self._ended(":")
                        return found
                    raise SyntaxProblem(self._at, f"a colon after the key {shorten(key, 40)}")
                self._at += 1
                found[key] = self._value(depth + 1)
            self._comma("}")
        self._at += 1
        return found

    def _key(self) -> str:
        if self._text[self._at] in _QUOTED:
            text = self._string()
            return text if isinstance(text, str) else ""
        for pattern in (_NAME, _NUMBER):
            if found := pattern.match(self._text, self._at):
                self._at = found.end()
                return found[0]
        if computed := _COMPUTED.match(self._text, self._at):
            self._at = computed.end()
            return computed[1]
        raise SyntaxProblem(self._at, "a key or }")

    def _comma(self, closing: str) -> None:
        first = self._skip()
        if first == ",":
            self._at += 1
        elif first and first != closing:
            raise SyntaxProblem(self._at, f"a comma or {closing}")

    def _list(self, closing: str, depth: int) -> list[Any]:
        found: list[Any] = []
        self._at += 1
        while (first := self._skip()) != closing:
            if not first:
                self._ended(closing)
                return found
            found.append(self._value(depth + 1))
            self._comma(closing)
        self._at += 1
        return found

    def _string(self) -> Any:
        found = _QUOTED[self._text[self._at]].match(self._text, self._at)
        if not found:
            if self._lenient:
                self._at = len(self._text)
            return self._ended("the end of this string")
        self._at = found.end()
        return _unescaped(found[1])

    def _named(self, depth: int) -> Any:
        found = _NAME.match(self._text, self._at)
        if self._lenient and _BROKEN_OFF.fullmatch(self._text, self._at):
            self._at = len(self._text)
            return self._ended("a value")
        if not found:
            raise SyntaxProblem(self._at, "a value")
        start, name = self._at, found[0]
        self._at = found.end()
        if name == "new":
            self._skip()
            return self._named(depth)
        if name in _WORDS and not self._text.startswith("(", self._at):
            return _WORDS[name]
        if self._skip() != "(":
            if name in _CONSTRUCTORS:
                return _constructed(name, [], start)
            raise SyntaxProblem(start, "a value (text stands in quotes)")
        given = self._list(")", depth)
        return CUT if CUT in given else _constructed(name, given, start)


def _unescaped(text: str) -> str:
    return _ESCAPE.sub(_escape, text) if "\\" in text else text


def _escape(found: re.Match[str]) -> str:
    text = found[1]
    if text[0] in "ux" and len(text) > 1:
        number = int(text[1:].strip("{}"), 16)
        return chr(number) if number < 0x110000 else "\ufffd"
    return "" if text in ("\n", "\r\n") else _ESCAPES.get(text, text)


def _number(found: re.Match[str]) -> int | float:
    text = found[0].lower()
    if "infinity" in text:
        return -math.inf if text[0] == "-" else math.inf
    if "0x" in text:
        return int(text, 16)
    try:
        return int(text) if text.lstrip("+-").isdigit() else float(text)
    except ValueError:  # longer than any number that is meant
        return float(text)


def _date(text: str) -> datetime:
    moment = datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", text.strip()))
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


_LITERALS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], Any]], ...] = (
    (_DATE, lambda found: _date(found[0])),
    (re.compile(r"-Infinity\b"), lambda _: -math.inf),
    (_NUMBER, _number),
    (_REGEX, lambda found: Regex(found[1], found[2])),
)


# ------------------------------------------------------------------------------------ constructors


def _constructed(name: str, given: Sequence[Any], offset: int) -> Any:
    make = _CONSTRUCTORS.get(name)
    if make is None:
        raise SyntaxProblem(offset, f"a value; {shorten(name, 40)}() is none that is known here")
    try:
        return make(*given)
    except Exception:  # what somebody typed may be of any number and kind
        raise SyntaxProblem(offset, f"a value; this {name}() has none that fits it") from None


def _moment(*given: Any) -> datetime | DatetimeMS:
    if not given:
        return datetime.now(UTC)
    if len(given) > 1:  # Python's datetime.datetime(2024, 1, 31, ...)
        numbers = [*(one for one in given if isinstance(one, int)), 0, 0, 0, 0]
        year, month, day, hour, minute, second, micro = numbers[:7]
        return datetime(year, month, day, hour, minute, second, micro, tzinfo=UTC)
    return _of_ms(int(given[0])) if isinstance(given[0], int | float) else _date(given[0])


def _of_ms(ms: int) -> datetime | DatetimeMS:
    try:
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)
    except OverflowError:  # BSON's dates go further than Python's
        return DatetimeMS(ms)


def _timestamp(time: Any = 0, increment: Any = 0) -> Timestamp:
    if isinstance(time, Mapping):
        return Timestamp(int(time["t"]), int(time["i"]))
    if isinstance(time, Int64 | int) and time >= 1 << 32:
        return Timestamp(int(time) >> 32, int(time) & 0xFFFFFFFF)
    return Timestamp(int(time), int(increment))


def _binary(subtype: Any, data: Any = "") -> Binary:
    if isinstance(subtype, str):  # Binary.createFromBase64(data, subtype)
        subtype, data = data or 0, subtype
    return Binary(base64.b64decode(data), int(subtype))


_CONSTRUCTORS: dict[str, Callable[..., Any]] = {
    **dict.fromkeys(
        ("NumberLong", "Long", "Int64", "Long.fromString"), lambda n="0": Int64(int(n))
    ),
    **dict.fromkeys(("NumberInt", "Int32"), lambda n=0: int(n)),
    **dict.fromkeys(("Double", "Number"), lambda n=0: float(n)),
    **dict.fromkeys(("NumberDecimal", "Decimal128"), lambda n="0": Decimal128(str(n))),
    **dict.fromkeys(("Decimal128.fromString",), lambda n: Decimal128(n)),
    **dict.fromkeys(("ObjectId", "ObjectID"), lambda *n: ObjectId(*n)),
    **dict.fromkeys(("ISODate", "Date", "datetime.datetime"), _moment),
    **dict.fromkeys(("UUID", "LUUID"), lambda n: Binary.from_uuid(uuid.UUID(n))),
    **dict.fromkeys(("BinData", "Binary", "Binary.createFromBase64"), _binary),
    **dict.fromkeys(("RegExp", "BSONRegExp", "Regex"), lambda p, o="": Regex(p, o)),
    "HexData": lambda subtype, data: Binary(bytes.fromhex(data), int(subtype)),
    "Timestamp": _timestamp,
    "MinKey": lambda: MinKey(),
    "MaxKey": lambda: MaxKey(),
    "Code": lambda text="", _scope=None: Code(text),
    "Symbol": str,
    "BSONSymbol": str,
}


# ----------------------------------------------------------------------------------- Extended JSON


def extended(document: dict[str, Any]) -> Any:
    """The value that a document of Extended JSON stands for; other documents as they are.

    ``$regex`` stays an operator, since filters have it, too.
    """
    if not document or len(document) > 2:
        return document
    name = next(iter(document))
    make = _EXTENDED.get(name)
    if make is None or (len(document) == 2 and name not in ("$binary", "$code")):
        return document
    try:
        return make(document)
    except Exception:  # a document that only looks like it
        return document


def _extended_date(given: Any) -> datetime | DatetimeMS:
    if isinstance(given, Mapping):
        given = int(given["$numberLong"])
    return _date(given) if isinstance(given, str) else _of_ms(int(given))


def _extended_binary(document: Mapping[str, Any]) -> Binary:
    given = document["$binary"]
    if isinstance(given, Mapping):
        return Binary(base64.b64decode(given["base64"]), int(given["subType"], 16))
    return Binary(base64.b64decode(given), int(document["$type"], 16))


def _float(given: Any) -> float:
    return float(given)  # "Infinity" and "NaN", too


_EXTENDED: dict[str, Callable[[Mapping[str, Any]], Any]] = {
    "$numberInt": lambda d: int(d["$numberInt"]),
    "$numberLong": lambda d: Int64(int(d["$numberLong"])),
    "$numberDouble": lambda d: _float(d["$numberDouble"]),
    "$numberDecimal": lambda d: Decimal128(d["$numberDecimal"]),
    "$oid": lambda d: ObjectId(d["$oid"]),
    "$date": lambda d: _extended_date(d["$date"]),
    "$timestamp": lambda d: _timestamp(d["$timestamp"]),
    "$binary": _extended_binary,
    "$uuid": lambda d: Binary.from_uuid(uuid.UUID(d["$uuid"])),
    "$regularExpression": lambda d: Regex(
        d["$regularExpression"]["pattern"], d["$regularExpression"]["options"]
    ),
    "$minKey": lambda _: MinKey(),
    "$maxKey": lambda _: MaxKey(),
    "$undefined": lambda _: None,
    "$symbol": lambda d: str(d["$symbol"]),
    "$code": lambda d: Code(d["$code"]),
}

_JSON = json.JSONDecoder(object_hook=extended)


def read_value(text: str, offset: int = 0, *, lenient: bool = False) -> tuple[Any, int, bool]:
    """A value that starts at an offset, the offset after it, and whether something is left out.

    Raises:
        SyntaxProblem: there is none.
    """
    try:  # plain JSON is by far the most, and read twenty times as fast
        value, end = _JSON.raw_decode(text, offset)
        return value, end, False
    except (ValueError, RecursionError):
        reader = Reader(text, offset, lenient=lenient)
        value, end = reader.read()
        return value, end, reader.cut


def parse(text: str, what: str, kind: type) -> Any:
    """A document or list that a user gave as an option.

    Args:
        text: what was given.
        what: the option, for errors.
        kind: ``dict`` or ``list``.

    Raises:
        UsageError: it is none, or more than one.
    """
    wanted = "a document: {status: 'new'}" if kind is dict else "a list: [{$match: {...}}]"
    try:
        start = len(text) - len(text.lstrip())
        value, end, cut = read_value(text, start)
    except SyntaxProblem as problem:
        raise UsageError(
            f"{what}, character {problem.offset + 1}: expected {problem.expected} "
            f"in {plain(shorten(text, 60))}"
        ) from None
    rest = text[end:].strip().rstrip(";")
    if rest or cut or not isinstance(value, kind):
        raise UsageError(f"{what} takes {wanted}; this is {plain(shorten(text, 60))}")
    return value
