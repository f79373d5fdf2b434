"""Filters evaluated on documents as the server does it, as far as index advice needs it.

What is not known here (``$where``, ``$text``, ``$jsonSchema``, most of ``$expr``) is not
evaluated.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bson import Decimal128, Int64

from dbtune.mongo.indexes.bson_order import (
    ARRAY,
    BINARY,
    BOOL,
    CODE,
    DATE,
    MISSING,
    NULL,
    NUMBER,
    OBJECT,
    OBJECT_ID,
    REGEX,
    STRING,
    TIMESTAMP,
    order_key,
    terminals,
)
from dbtune.mongo.indexes.places import GEO, place_test

Test = Callable[[Any], bool]
"""Whether a value at the end of a path meets a condition; an array is one value, and so are its
elements."""

_COMPARED: dict[str, Callable[[Any, Any], bool]] = {
    "$gt": lambda a, b: a > b,
    "$gte": lambda a, b: a >= b,
    "$lt": lambda a, b: a < b,
    "$lte": lambda a, b: a <= b,
}
_NAMES = {
    "double": 1, "string": 2, "object": 3, "array": 4, "binData": 5, "objectId": 7, "bool": 8,
    "date": 9, "null": 10, "regex": 11, "javascript": 13, "int": 16, "timestamp": 17, "long": 18,
    "decimal": 19,
}  # fmt: skip
_RANKS = {
    1: NUMBER, 2: STRING, 3: OBJECT, 4: ARRAY, 5: BINARY, 7: OBJECT_ID, 8: BOOL, 9: DATE, 10: NULL,
    11: REGEX, 13: CODE, 16: NUMBER, 17: TIMESTAMP, 18: NUMBER, 19: NUMBER,
}  # fmt: skip
_NUMBERS: dict[int, Callable[[Any], bool]] = {
    1: lambda value: isinstance(value, float),
    16: lambda value: isinstance(value, int) and not isinstance(value, Int64),
    18: lambda value: isinstance(value, Int64),
    19: lambda value: isinstance(value, Decimal128),
}
"""The types that compare as numbers, as the driver gives them."""
_FLAGS = {"i": re.I, "m": re.M, "s": re.S, "x": re.X}


class Undecided(Exception):
    """A condition that is not evaluated here."""


Document = Mapping[str, Any]
Predicate = Callable[[Any], bool]
"""Whether a document meets a filter."""


def predicate(given: Mapping[str, Any]) -> Predicate:
    """A filter made a function.

    Raises:
        Undecided: the filter has what is not evaluated here.
    """
    parts = [_part(str(key), value) for key, value in given.items() if key != "$comment"]
    return parts[0] if len(parts) == 1 else _all(parts)


def _all(parts: Sequence[Predicate]) -> Predicate:
    return lambda document: all(part(document) for part in parts)


def _any(parts: Sequence[Predicate]) -> Predicate:
    return lambda document: any(part(document) for part in parts)


def _not(part: Predicate) -> Predicate:
    return lambda document: not part(document)


def _part(key: str, value: Any) -> Predicate:
    if key in ("$and", "$or", "$nor"):
        parts = [predicate(one) for one in value]
        if key == "$and":
            return _all(parts)
        return _any(parts) if key == "$or" else _not(_any(parts))
    if key.startswith("$"):
        raise Undecided(key)
    path = tuple(key.split("."))
    if not is_operators(value):
        return condition(path, "$eq", value, {})
    parts = [
        condition(path, str(operator), operand, value)
        for operator, operand in value.items()
        if operator not in ("$options", "$comment", "$maxDistance", "$minDistance")
    ]
    return parts[0] if len(parts) == 1 else _all(parts)


def is_operators(value: object) -> bool:
    """Whether a value of a filter is made of operators."""
    return isinstance(value, Mapping) and bool(value) and str(next(iter(value))).startswith("$")


def condition(
    path: tuple[str, ...], operator: str, operand: Any, siblings: Mapping[str, Any]
) -> Predicate:
    """One condition on a path made a function of documents.

    Raises:
        Undecided: it is not evaluated here.
    """
    if operator in ("$ne", "$nin"):
        return _not(condition(path, "$eq" if operator == "$ne" else "$in", operand, siblings))
    if operator == "$not":
        inner = operand if is_operators(operand) else {"$regex": operand}
        return _not(
            _all(
                [condition(path, str(op), o, inner) for op, o in inner.items() if op != "$options"]
            )
        )
    if operator == "$exists":
        wanted = bool(operand)
        return lambda document: (
            wanted == any(one is not MISSING for one in terminals(document, path))
        )
    if operator == "$all":
        parts = [
            condition(path, "$elemMatch", one["$elemMatch"], {})
            if _is_elem(one)
            else condition(path, "$eq", one, {})
            for one in operand
        ]
        return _all(parts) if parts else lambda _document: False
    if operator == "$size":
        return lambda document: any(
            isinstance(one, list) and len(one) == operand for one in terminals(document, path)
        )
    if operator == "$elemMatch":
        element = _element(operand)
        return lambda document: any(
            isinstance(one, list) and any(map(element, one)) for one in terminals(document, path)
        )
    return _terminal(path, value_test(operator, operand, siblings))


def _terminal(path: tuple[str, ...], test: Test) -> Predicate:
    if len(path) == 1:  # by far the most, and needs no walk
        name = path[0]

        def simple(document: Any) -> bool:
            value = document.get(name, MISSING)
            if isinstance(value, list):
                return test(value) or any(map(test, value))
            return test(value)

        return simple
    return lambda document: any(
        test(one) or (isinstance(one, list) and any(map(test, one)))
        for one in terminals(document, path)
    )


def _is_elem(value: object) -> bool:
    return isinstance(value, Mapping) and "$elemMatch" in value


def _element(operand: Mapping[str, Any]) -> Predicate:
    """A test of one element of an array."""
    if is_operators(operand) and not {"$and", "$or", "$nor"} & operand.keys():
        inside = predicate({"x": operand})
        return lambda element: not isinstance(element, list) and inside({"x": [element]})
    inside = predicate(operand)
    return lambda element: isinstance(element, Mapping) and inside(element)


def value_test(operator: str, operand: Any, siblings: Mapping[str, Any]) -> Test:
    """A test on single values.

    Raises:
        Undecided: the operator is not evaluated here.
    """
    if operator == "$eq":
        if is_regex(operand):
            return value_test("$regex", operand, {})
        key = order_key(operand)
        return lambda value: order_key(value) == key
    if operator == "$in":
        tests = [value_test("$eq", one, {}) for one in operand if is_regex(one)]
        keys = {order_key(one) for one in operand if not is_regex(one)}
        return lambda value: order_key(value) in keys or any(test(value) for test in tests)
    if operator in _COMPARED:
        key, compare = order_key(operand), _COMPARED[operator]
        if key[0] == NULL:
            return lambda value: operator in ("$gte", "$lte") and order_key(value)[0] == NULL
        return lambda value: _comparable(value, key) and compare(order_key(value)[1], key[1])
    if operator == "$regex":
        pattern = compiled(operand, siblings.get("$options", ""))
        return lambda value: isinstance(value, str) and bool(pattern.search(value))
    if operator == "$type":
        types = [_type(one) for one in (operand if isinstance(operand, list) else [operand])]
        return lambda value: value is not MISSING and any(test(value) for _, test in types)
    if operator == "$mod":
        divisor, rest = int(operand[0]), int(operand[1])
        return lambda value: (
            (number := _whole(value)) is not None
            and abs(number) % abs(divisor) == (rest if number >= 0 else -rest)
        )
    if operator in GEO:
        test = place_test(operator, operand, siblings)
        if test is not None:
            return test
    raise Undecided(operator)


def type_ranks(operand: Any) -> list[int]:
    """The ranks in the order of values (``bson_order``) that ``$type`` asks for.

    Raises:
        Undecided: a type that is not known here.
    """
    return [_type(one)[0] for one in (operand if isinstance(operand, list) else [operand])]


def _type(one: Any) -> tuple[int, Test]:
    """The rank of a type's values, and the test of one value."""
    if one == "number":
        return NUMBER, lambda value: order_key(value)[0] == NUMBER
    number = _NAMES.get(one, 0) if isinstance(one, str) else int(one)
    rank = _RANKS.get(number)
    if rank is None:
        raise Undecided("$type")
    exactly = _NUMBERS.get(number, lambda _value: True)
    return rank, lambda value: order_key(value)[0] == rank and exactly(value)


def _comparable(value: Any, key: tuple[int, Any]) -> bool:
    rank, comparable = order_key(value)
    if value != value or key[1] != key[1]:  # NaN
        return False
    return rank == key[0] and value is not MISSING and comparable is not None


def _whole(value: Any) -> int | None:
    """A number without its fraction; ``None`` if it is none, or has no end."""
    if isinstance(value, Decimal128):
        value = float(value.to_decimal())
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return int(value)


def is_regex(value: object) -> bool:
    """Whether a value is a regular expression."""
    return hasattr(value, "pattern") and hasattr(value, "flags")


def compiled(operand: Any, options: str) -> re.Pattern[str]:
    """A regular expression of a filter, compiled.

    Raises:
        Undecided: Python's syntax has no such expression.
    """
    flags = 0
    for letter in str(options):
        flags |= _FLAGS.get(letter, 0)
    if is_regex(operand):
        flags |= operand.flags if isinstance(operand.flags, int) else 0
        operand = operand.pattern
    try:
        return re.compile(str(operand), flags & (re.I | re.M | re.S | re.X))
    except (re.error, RecursionError, OverflowError):
        raise Undecided("$regex") from None
