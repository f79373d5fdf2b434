"""Frozen dataclasses, named tuples and what they hold, as JSON and back.

Fields that have their default need no room; what a document lacks gets its default, and what its
type does not know is passed over, so that documents of other versions can be read.
"""

from __future__ import annotations

import dataclasses
import functools
import types
import typing
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from enum import Enum
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from dbtune.errors import Unavailable
from dbtune.text import plain

T = TypeVar("T")
Converter = Callable[[Any], Any]


class Mismatch(Exception):
    """A value is not what its type says; the text is where and why."""


# ------------------------------------------------------------------------------------ to JSON


def dump(value: object) -> Any:
    """A value as JSON has it; fields that have their default are left out."""
    if isinstance(value, Enum):
        return value.value
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Unavailable):
        return {"unavailable": value.reason, "remedy": value.remedy}
    if isinstance(value, Mapping):
        return {str(key): dump(one) for key, one in value.items()}
    if dataclasses.is_dataclass(value):
        return _fields(value)
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return {name: dump(getattr(value, name)) for name in value._fields}
    if isinstance(value, frozenset | set):
        return sorted(dump(one) for one in value)
    if isinstance(value, tuple | list):
        return [dump(one) for one in value]
    raise TypeError(f"a fact holds a {type(value).__name__}, which has no form in JSON")


def _fields(value: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for field, default in _defaults(value.__class__):
        one = getattr(value, field)
        if default is dataclasses.MISSING or one != default:
            found[field] = dump(one)
    return found


@functools.cache
def _defaults(kind: Any) -> list[tuple[str, Any]]:
    return [
        (
            field.name,
            field.default_factory()
            if field.default_factory is not dataclasses.MISSING
            else field.default,
        )
        for field in dataclasses.fields(kind)
    ]


# ---------------------------------------------------------------------------------- from JSON


def load(kind: type[T], data: Any) -> T:
    """The inverse of :func:`dump`.

    Raises:
        Mismatch: the data are not of that type.
    """
    result: T = _converter(kind)(data)  # type: ignore[arg-type] # types are hashable
    return result


@functools.cache
def _converter(kind: Any) -> Converter:
    origin, arguments = get_origin(kind), get_args(kind)
    if kind in (Any, object):
        return lambda data: data
    if origin in (typing.Union, types.UnionType):
        return _union(arguments)
    if origin is tuple:
        return _tuple(arguments)
    if origin is list:
        one = _converter(arguments[0])
        return lambda data: [one(value) for value in _list(data)]
    if origin is frozenset:
        item = _converter(arguments[0])
        return lambda data: frozenset(item(one) for one in _list(data))
    if origin is not None and issubclass(origin, Mapping):
        return _mapping(*arguments)
    if origin is typing.Literal:
        return _literal(arguments)
    if dataclasses.is_dataclass(kind):
        return _dataclass(kind)
    if isinstance(kind, type) and issubclass(kind, tuple):
        return _named_tuple(kind)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return _enum(kind)
    if kind is datetime:
        return _time
    if kind in (int, float, str, bool):
        return _scalar(kind)
    raise TypeError(f"facts cannot hold {kind}")


def _scalar(kind: type) -> Converter:
    accepted = (int, float) if kind is float else (kind,)

    def convert(data: Any) -> Any:
        if not isinstance(data, accepted) or (isinstance(data, bool) and kind is not bool):
            raise Mismatch(f"expected {kind.__name__}, found {_shown(data)}")
        return data

    return convert


def _shown(data: Any) -> str:
    return "nothing" if data is None else plain(repr(data))[:60]


def _time(data: Any) -> datetime:
    try:
        found = datetime.fromisoformat(data)
    except (TypeError, ValueError):
        raise Mismatch(f"expected a time, found {_shown(data)}") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _list(data: Any) -> list[Any]:
    if not isinstance(data, list):
        raise Mismatch(f"expected a list, found {_shown(data)}")
    return data


def _object(data: Any) -> dict[str, Any]:
    if not isinstance(data, dict):
        raise Mismatch(f"expected an object, found {_shown(data)}")
    return data


def _union(arguments: tuple[Any, ...]) -> Converter:
    options = [_converter(one) for one in arguments if one is not types.NoneType]
    optional = types.NoneType in arguments

    def convert(data: Any) -> Any:
        if data is None and optional:
            return None
        problem = Mismatch(f"unexpected {_shown(data)}")
        for option in options:
            try:
                return option(data)
            except Mismatch as found:
                problem = found
        raise problem

    return convert


def _tuple(arguments: tuple[Any, ...]) -> Converter:
    if len(arguments) == 2 and arguments[1] is Ellipsis:
        item = _converter(arguments[0])
        return lambda data: tuple([item(one) for one in _list(data)])
    items = [_converter(one) for one in arguments]

    def convert(data: Any) -> Any:
        if len(_list(data)) != len(items):
            raise Mismatch(f"expected {len(items)} values, found {len(data)}")
        return tuple(item(one) for item, one in zip(items, data, strict=True))

    return convert


def _mapping(key: Any, value: Any) -> Converter:
    convert_value = _converter(value)
    numeric = key is int

    def convert(data: Any) -> Any:
        found = {}
        for name, one in _object(data).items():
            if numeric and not name.lstrip("-").isdigit():
                raise Mismatch(f"expected a number as a key, found {_shown(name)}")
            found[int(name) if numeric else name] = convert_value(one)
        return found

    return convert


def _literal(arguments: tuple[Any, ...]) -> Converter:
    def convert(data: Any) -> Any:
        if data not in arguments:
            raise Mismatch(f"expected one of {', '.join(map(str, arguments))}: {_shown(data)}")
        return data

    return convert


def _enum(kind: type[Enum]) -> Converter:
    def convert(data: Any) -> Any:
        try:
            return kind(data)
        except ValueError:
            raise Mismatch(f"no {kind.__name__}: {_shown(data)}") from None

    return convert


def _dataclass(kind: Any) -> Converter:
    names = [field.name for field in dataclasses.fields(kind)]
    return _by_names(kind, names, {name for name, default in _defaults(kind) if _needed(default)})


def _named_tuple(kind: Any) -> Converter:
    return _by_names(kind, kind._fields, set(kind._fields) - set(kind._field_defaults))


def _needed(default: object) -> bool:
    return default is dataclasses.MISSING


def _by_names(kind: Any, names: typing.Iterable[str], needed: set[str]) -> Converter:
    # The hints may refer to the type itself: they are resolved when the first value comes.
    fields: dict[str, Converter] = {}

    def convert(data: Any) -> Any:
        if not fields:
            hints = get_type_hints(kind)
            fields.update({name: _converter(hints[name]) for name in names})
        given = {}
        for name, value in _object(data).items():
            if (field := fields.get(name)) is not None:
                try:
                    given[name] = field(value)
                except Mismatch as problem:
                    raise Mismatch(f"{name}: {problem}") from None
        if missing := needed - given.keys():
            raise Mismatch(f"{kind.__name__} lacks {', '.join(sorted(missing))}")
        return kind(**given)

    return convert
