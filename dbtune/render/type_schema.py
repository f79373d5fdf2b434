"""The JSON Schema of dataclasses that rows hold, from their annotations and docstrings."""

from __future__ import annotations

import dataclasses
import inspect
import re
import types
import typing
from collections.abc import Mapping
from typing import Any, Literal, Union

_SCALARS = {str: "string", int: "integer", float: "number", bool: "boolean", type(None): "null"}
_ATTRIBUTE = r"(?ms)^    (\w[\w, ]*): (.+?)(?=^    \w[\w, ]*: |\Z)"


def type_schema(kind: Any) -> dict[str, Any]:
    """The schema of values of a type: scalars, literals, unions, tuples, mappings, dataclasses."""
    if kind in _SCALARS:
        return {"type": _SCALARS[kind]}
    if dataclasses.is_dataclass(kind):
        return _dataclass_schema(kind)
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is Literal:
        return {"enum": list(arguments)}
    if origin in (Union, types.UnionType):
        return _union([type_schema(one) for one in arguments])
    if origin is tuple:
        return {"type": "array", "items": type_schema(arguments[0])}
    if isinstance(origin, type) and issubclass(origin, Mapping):
        texts = arguments[1] is str
        return {"type": "object"} | ({"additionalProperties": {"type": "string"}} if texts else {})
    return {}


def _union(schemas: list[dict[str, Any]]) -> dict[str, Any]:
    if all(set(one) == {"type"} for one in schemas):
        return {"type": [one["type"] for one in schemas]}
    return {"anyOf": schemas}


def _dataclass_schema(kind: Any) -> dict[str, Any]:
    hints = typing.get_type_hints(kind)
    described = _descriptions(kind)
    properties = {
        one.name: type_schema(hints[one.name])
        | ({"description": described[one.name]} if one.name in described else {})
        for one in dataclasses.fields(kind)
    }
    return {"type": "object", "properties": properties, "required": list(properties)}


def _descriptions(kind: Any) -> dict[str, str]:
    """What the docstring's paragraph ``Attributes:`` says of each field."""
    _, _, attributes = (inspect.getdoc(kind) or "").partition("Attributes:\n")
    return {
        name.strip(): " ".join(text.split())
        for names, text in re.findall(_ATTRIBUTE, attributes)
        for name in names.split(",")
    }
