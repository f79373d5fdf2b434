"""Collations, so written that two are equal if they compare texts alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dbtune.mongo.indexes.facts import Index

SIMPLE = "simple"
_DEFAULTS: dict[str, Any] = {
    "strength": 3, "caseLevel": False, "caseFirst": "off", "numericOrdering": False,
    "alternate": "non-ignorable", "maxVariable": "punct", "normalization": False,
    "backwards": False,
}  # fmt: skip
"""What the server fills in, besides the version, if nothing else is said."""


def normal(told: object) -> dict[str, Any]:
    """A collation by what makes it differ from its language's; empty if there is none."""
    if not isinstance(told, Mapping):
        return {}
    names = ("locale", *_DEFAULTS)
    return {
        name: told[name]
        for name in names
        if told.get(name) is not None and told[name] != _DEFAULTS.get(name)
    }


def alike(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two compare texts alike; the simple one is how it is done without any."""
    return _bare(one) == _bare(other)


def _bare(one: Mapping[str, Any]) -> dict[str, Any]:
    return {} if one.get("locale") == SIMPLE else dict(one)


def in_effect(asked: Mapping[str, Any], indexes: Sequence[Index]) -> dict[str, Any]:
    """The collation of a query: its own, or the collection's, which its index on _id has."""
    default = next((dict(one.collation) for one in indexes if one.name == "_id_"), {})
    if not asked:
        return default
    return dict(asked) if default else _bare(asked)
