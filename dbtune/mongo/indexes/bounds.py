"""Ranges of an index that a condition is answered from."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from dbtune.mongo.indexes.bson_order import (
    ARRAY,
    MAX_KEY,
    MIN_KEY,
    NULL,
    NUMBER,
    REGEX,
    STRING,
    Key,
    order_key,
)
from dbtune.mongo.indexes.match import Undecided, compiled, is_regex, type_ranks
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


def bound_of(condition: Condition, array: bool = False) -> Bound | None:
    """The bounds of a condition; ``None`` if no index serves it.

    Args:
        condition: the condition.
        array: its field holds arrays.
    """
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
            return _all_keys()
        return Bound(points=_null(), exact=False, on_key=False)
    if operator in ("$ne", "$nin", "$not"):
        return _excluded(condition, array)
    if operator == "$type":
        return _typed(operand)
    if operator == "$mod":
        return Bound(intervals=(_all_of(NUMBER),), exact=False, narrow=False)
    return None


def _typed(operand: Any) -> Bound:
    """All keys of some types; of arrays an index has the elements, so all keys of all types."""
    try:
        ranks = set(type_ranks(operand))
    except (Undecided, TypeError, ValueError):
        ranks = {ARRAY}
    if ARRAY in ranks:
        return _all_keys()
    intervals = tuple(map(_all_of, sorted(ranks)))
    return Bound(intervals=intervals, exact=False, on_key=NULL not in ranks, narrow=False)


def _all_of(rank: int) -> Interval:
    """All keys of a type."""
    return Interval((rank, _Least()), True, (rank, _Most()), True)


def _all_keys() -> Bound:
    return Bound(intervals=_EVERYTHING, exact=False, on_key=False, narrow=False)


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
    if key[0] == NULL and operator in ("$gte", "$lte"):
        return Bound(points=_null(), exact=False, on_key=False)
    if key[0] in (NULL, ARRAY):
        return _all_keys()
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
    if not prefix:
        return Bound(intervals=(_all_of(STRING), _all_of(REGEX)), exact=False, narrow=False)
    high = prefix[:-1] + chr(min(ord(prefix[-1]) + 1, 0x10FFFF))
    return Bound(intervals=(Interval((STRING, prefix), True, (STRING, high), False),), exact=whole)


def compiled_flags(operand: Any, options: str) -> int:
    """The flags of a regular expression; 0 if Python can't read it."""
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


def _excluded(condition: Condition, array: bool) -> Bound | None:
    """Bounds of what is not equal, or not in a range: what lies around it."""
    operand, excluded = condition.operand, Bound(points=frozenset())
    if condition.operator == "$ne":
        operand = [operand]
    if condition.operator == "$not":
        inner = _negated(condition, array)
        if inner is None:
            return _all_keys()
        excluded = inner
    elif not isinstance(operand, list) or any(is_regex(one) for one in operand):
        return _all_keys()
    else:
        excluded = Bound(points=frozenset(map(order_key, operand)))
    gaps = excluded.intervals or [Interval(one, True, one, True) for one in excluded.points or ()]
    intervals: list[Interval] = []
    low, low_in = MIN_KEY, True
    for one in sorted(gaps, key=lambda gap: gap.low):
        intervals.append(Interval(low, low_in, one.low, not one.low_in))
        low, low_in = one.high, not one.high_in
    intervals.append(Interval(low, low_in, MAX_KEY, True))
    null = any(one.has(order_key(None)) for one in gaps)
    return Bound(intervals=tuple(intervals), exact=not null, on_key=not null, narrow=False)


def _negated(condition: Condition, array: bool) -> Bound | None:
    """What ``$not`` excludes, if its bounds are just what lies around that.

    The server reads all keys for several operators, for patterns, and for ranges of arrays.
    """
    operand = condition.operand
    if not isinstance(operand, Mapping) or len(operand) != 1:
        return None
    operator, value = next(iter(operand.items()))
    if operator not in ("$eq", "$in", *(() if array else ("$gt", "$gte", "$lt", "$lte"))):
        return None
    bound = bound_of(Condition(condition.path, operator, value))
    return bound if bound is not None and bound.exact else None
