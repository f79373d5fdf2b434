"""Ranges of an index that a condition is answered from."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from dbtune.mongo.indexes.bson_order import (
    ARRAY,
    MAX_KEY,
    MIN_KEY,
    NULL,
    REGEX,
    STRING,
    Key,
    order_key,
)
from dbtune.mongo.indexes.match import compiled, is_regex
from dbtune.mongo.indexes.query import Condition

_SPECIAL = re.compile(r"[\\^$.|?*+()\[{]")


class Interval(NamedTuple):
    """A range of keys."""

    low: Key
    low_in: bool
    high: Key
    high_in: bool

    def has(self, key: Key) -> bool:
        """Whether a key is in it."""
        above = key >= self.low if self.low_in else key > self.low
        return above and (key <= self.high if self.high_in else key < self.high)


@dataclass(frozen=True, slots=True)
class Bound:
    """What of an index's field a condition reads.

    Attributes:
        points: single keys, if it reads only those.
        intervals: ranges, if not.
        exact: a key in bounds meets the condition; else the key or the document has to be looked
            at.
        on_key: the key decides, without the document (of a field that holds no arrays).
        narrow: it is worth leading an index with; conditions that exclude are not.
    """

    points: frozenset[Key] | None = None
    intervals: tuple[Interval, ...] = ()
    exact: bool = True
    on_key: bool = True
    narrow: bool = True

    def has(self, key: Key) -> bool:
        """Whether a key is in bounds."""
        if self.points is not None:
            return key in self.points
        return any(one.has(key) for one in self.intervals)


_EVERYTHING = (Interval(MIN_KEY, True, MAX_KEY, True),)


def bound_of(condition: Condition) -> Bound | None:
    """The bounds of a condition; ``None`` if no index serves it."""
    operator, operand = condition.operator, condition.operand
    if operator == "$eq":
        return _points([operand])
    if operator == "$in" and isinstance(operand, list):
        return _points(operand)
    if operator in ("$gt", "$gte", "$lt", "$lte"):
        return _range(operator, operand)
    if operator == "$regex":
        return _regex(operand, str(condition.siblings.get("$options", "")))
    if operator == "$exists":
        if operand:
            return Bound(intervals=_EVERYTHING, exact=False, on_key=False, narrow=False)
        return Bound(points=_null(), exact=False, on_key=False)
    if operator in ("$ne", "$nin", "$not"):
        return _excluded(condition)
    if operator == "$type":
        return Bound(intervals=_EVERYTHING, exact=False, on_key=False, narrow=False)
    if operator == "$mod":
        return Bound(intervals=_EVERYTHING, exact=False, narrow=False)
    return None


def _null() -> frozenset[Key]:
    return frozenset(((NULL, 0), (NULL, -1)))


def _points(operands: Sequence[Any]) -> Bound | None:
    points: set[Key] = set()
    exact = on_key = True
    for one in operands:
        if is_regex(one):
            return _regex(one, "") if len(operands) == 1 else _mixed(operands)
        if one is None:
            points |= _null()
            exact = on_key = False
        elif isinstance(one, list):
            points |= {order_key(one), *map(order_key, one[:1])}
            exact = on_key = False
        else:
            points.add(order_key(one))
    return Bound(points=frozenset(points), exact=exact, on_key=on_key)


def _mixed(operands: Sequence[Any]) -> Bound:
    """``$in`` with regular expressions among its values."""
    intervals: list[Interval] = []
    narrow = True
    for one in operands:
        bound = _regex(one, "") if is_regex(one) else None
        if bound is not None:
            intervals += bound.intervals
            narrow &= bound.narrow
        elif not is_regex(one):
            intervals.append(Interval(order_key(one), True, order_key(one), True))
    return Bound(intervals=tuple(intervals), exact=False, narrow=narrow)


def _range(operator: str, operand: Any) -> Bound:
    key = order_key(operand)
    if key[0] in (NULL, ARRAY):
        return Bound(intervals=_EVERYTHING, exact=False, on_key=False, narrow=False)
    lowest: Key = (key[0], _Least())
    highest: Key = (key[0], _Most())
    if operator in ("$gt", "$gte"):
        return Bound(intervals=(Interval(key, operator == "$gte", highest, True),))
    return Bound(intervals=(Interval(lowest, True, key, operator == "$lte"),))


class _Least:
    """Less than every value of its type."""

    def __lt__(self, other: object) -> bool:
        return not isinstance(other, _Least)

    def __le__(self, other: object) -> bool:
        return True

    def __gt__(self, other: object) -> bool:
        return False

    def __ge__(self, other: object) -> bool:
        return isinstance(other, _Least)


class _Most:
    """More than every value of its type."""

    def __lt__(self, other: object) -> bool:
        return False

    def __le__(self, other: object) -> bool:
        return isinstance(other, _Most)

    def __gt__(self, other: object) -> bool:
        return not isinstance(other, _Most)

    def __ge__(self, other: object) -> bool:
        return True


def _regex(operand: Any, options: str) -> Bound:
    pattern = operand.pattern if is_regex(operand) else str(operand)
    flags = compiled_flags(operand, options)
    prefix, whole = _prefix(str(pattern)) if not flags & (re.I | re.X | re.M) else ("", False)
    texts = Interval((STRING, ""), True, (STRING, _Most()), True)
    same = Interval((REGEX, _Least()), True, (REGEX, _Most()), True)
    if not prefix:
        return Bound(intervals=(texts, same), exact=False, narrow=False)
    high = prefix[:-1] + chr(min(ord(prefix[-1]) + 1, 0x10FFFF))
    return Bound(intervals=(Interval((STRING, prefix), True, (STRING, high), False),), exact=whole)


def compiled_flags(operand: Any, options: str) -> int:
    """The flags of a regular expression; 0 if Python can't read it."""
    from dbtune.mongo.indexes.match import Undecided

    try:
        return compiled(operand, options).flags
    except Undecided:
        return re.I


def _prefix(pattern: str) -> tuple[str, bool]:
    """What a text must begin with, and whether that is the whole condition."""
    if not pattern.startswith("^") or "|" in pattern:
        return "", False
    text, at = "", 1
    while at < len(pattern):
        letter = pattern[at]
        if letter == "\\" and at + 1 < len(pattern) and not pattern[at + 1].isalnum():
            letter, step = pattern[at + 1], 2
        elif _SPECIAL.match(letter):
            break
        else:
            step = 1
        follows = pattern[at + step : at + step + 1]
        if follows and follows in "?*{":
            break
        text, at = text + letter, at + step
    rest = pattern[at:]
    return text, rest in ("", ".*")


def _excluded(condition: Condition) -> Bound | None:
    """Bounds of what is not equal, or not in a range: two ranges around it."""
    if condition.operator == "$not":
        return Bound(intervals=_EVERYTHING, exact=False, narrow=False)
    operands = condition.operand if condition.operator == "$nin" else [condition.operand]
    if not isinstance(operands, list) or any(is_regex(one) for one in operands):
        return Bound(intervals=_EVERYTHING, exact=False, narrow=False)
    intervals: list[Interval] = []
    low: Key = MIN_KEY
    for key in sorted(order_key(one) for one in operands):
        intervals.append(Interval(low, not intervals, key, False))
        low = key
    intervals.append(Interval(low, not intervals, MAX_KEY, True))
    null = any(one is None for one in operands)
    return Bound(intervals=tuple(intervals), exact=not null, on_key=not null, narrow=False)
