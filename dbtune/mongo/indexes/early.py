"""Conditions of a pipeline that the server itself moves to its start, where an index serves them.

Checked against explain of 6.0, which splits a filter and moves each condition in front of the
stages that don't make its fields; older servers leave those on the keys of ``$group`` behind it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

Stage = Mapping[str, Any]
_MOST_PARTS = 40


def matched_early(stages: Sequence[Stage]) -> list[Stage]:
    """The stages, with conditions as near to the start as the server can move them."""
    moved: list[Stage] = []
    behind: list[Stage] = []
    for stage in stages:
        given = stage.get("$match")
        stays = []
        for part in _parts(given) if isinstance(given, Mapping) else ():
            early = _before_all(part, behind)
            if early is None or len(moved) >= _MOST_PARTS:
                stays.append(part)
            else:
                moved.append({"$match": early})
        if stays:
            behind.append({"$match": {"$and": stays}})
        elif "$match" not in stage:
            behind.append(stage)
    return [*moved, *behind]


def _parts(given: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The conditions of a filter that must all be met."""
    for key, value in given.items():
        if key == "$and" and isinstance(value, list):
            for one in value:
                yield from _parts(one) if isinstance(one, Mapping) else ()
        else:
            yield {key: value}


def _before_all(part: Mapping[str, Any], stages: Sequence[Stage]) -> Mapping[str, Any] | None:
    """A condition as it is before some stages; ``None`` if one of them holds it."""
    for stage in reversed(stages):
        name, spec = next(iter(stage.items()))
        if name in ("$match", "$sort", "$redact"):
            continue
        earlier = _moved(part, partial(_before, name=name, spec=spec))
        if earlier is None:
            return None
        part = earlier
    return part


def _moved(part: Mapping[str, Any], before: Callable[[str], str | None]) -> dict[str, Any] | None:
    """A filter in the names that fields have before a stage; ``None`` if it can't go there."""
    found: dict[str, Any] = {}
    for key, value in part.items():
        if key in ("$and", "$or", "$nor") and isinstance(value, list):
            inner = [_moved(one, before) for one in value if isinstance(one, Mapping)]
            if None in inner:
                return None
            found[key] = inner
        elif key == "$expr":
            if any(before(path) != path for path in references(value)):
                return None
            found[key] = value
        else:
            path = None if key.startswith("$") else before(key)
            held = isinstance(value, Mapping) and ("$elemMatch" in value or "$size" in value)
            if path is None or held:
                return None
            found[path] = value
    return found


def _before(path: str, name: str, spec: Any) -> str | None:
    """The name that a field has before a stage; ``None`` if the stage makes it or leaves it out."""
    if name == "$unset":
        return _untouched(path, spec if isinstance(spec, list) else [spec])
    if name == "$unwind" and isinstance(spec, str):
        return _untouched(path, [spec.lstrip("$")])
    if not isinstance(spec, Mapping):
        return None
    if name == "$unwind":
        at = [str(spec.get("path", "")).lstrip("$"), spec.get("includeArrayIndex")]
        return _untouched(path, at)
    if name in ("$lookup", "$graphLookup"):
        return _untouched(path, [spec.get("as")])
    if name == "$group":
        return _renamed(path, _keys(spec.get("_id")))
    if name in ("$addFields", "$set"):
        return _renamed(path, spec, path)
    if name == "$project":
        left_out = all(one in (0, False) for one in spec.values())
        stays = left_out or path == "_id" or path.startswith("_id.")
        kept = {field: f"${field}" if one in (1, True) else one for field, one in spec.items()}
        return _renamed(path, kept, path if stays else None, nested=True)
    return None


def _keys(given: Any) -> dict[str, Any]:
    """What ``$group`` groups by, as fields that it makes."""
    if isinstance(given, Mapping) and not any(str(key).startswith("$") for key in given):
        return {f"_id.{field}": value for field, value in given.items()}
    return {"_id": given}


def _untouched(path: str, made: Sequence[Any]) -> str | None:
    return None if any(_overlap(path, str(one)) for one in made if one) else path


def _overlap(one: str, other: str) -> bool:
    return one == other or one.startswith(f"{other}.") or other.startswith(f"{one}.")


def _renamed(
    path: str, made: Mapping[str, Any], others: str | None = None, *, nested: bool = False
) -> str | None:
    """The name of a field before it was made of another one; ``others`` if it was not made.

    Only a field of the document itself can be followed, unless it keeps its name (``nested``).
    """
    for field, value in made.items():
        if not _overlap(path, str(field)):
            continue
        old = value[1:] if isinstance(value, str) and value.startswith("$") else ""
        alone = "." not in old or (nested and old == field)
        if not old or old.startswith("$") or not alone or len(path) < len(str(field)):
            return None
        return old + path[len(str(field)) :]
    return others


def references(value: object, depth: int = 0) -> Iterator[str]:
    """Fields that an expression reads; "" for the whole document."""
    if depth > 30:
        return
    if isinstance(value, str) and value.startswith("$$"):
        yield from [""] if value.startswith(("$$ROOT", "$$CURRENT")) else []
    elif isinstance(value, str) and value.startswith("$"):
        yield value[1:]
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from references(one, depth + 1)
    elif isinstance(value, list):
        for one in value:
            yield from references(one, depth + 1)
