"""Filters, expressions, pipelines and updates as text without their values.

Names of fields and operators stay, every value becomes ``?``. What looks like data inside a name
(numbers, identifiers, anything that is not a plain word) becomes ``*``. Nothing here raises,
whatever the command held: it was written by others, and the server keeps failed commands, too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache

MAX_DEPTH = 30
"""Deeper nesting is cut (BSON itself allows 100 to 200 levels)."""

VALUE = "?"
_ANYTHING = "*"
_WORD = re.compile(r"[^\W\d]\w{0,63}(?:-\w{1,63}){0,3}|\$(?:\[\w{0,64}\])?")
_HEX = re.compile(r"(?=.*\d)[0-9a-fA-F-]{8,}")
_OPERATOR = re.compile(r"\$[A-Za-z_]{1,40}")
_FIELD_PATH = re.compile(r"\$\$?[^\W\d]\w{0,63}(?:\.\w{1,64})*")
_LOGICAL = frozenset(("$and", "$or", "$nor"))
_LISTS = frozenset(("$in", "$nin", "$all"))
_EXPRESSION_STAGES = frozenset(
    "$addFields $bucket $bucketAuto $fill $group $project $redact $replaceRoot $replaceWith $set "
    "$setWindowFields $sortByCount $unset $unwind".split()
)
_NAMING_STAGES = frozenset("$graphLookup $lookup $merge $out $unionWith".split())


def field(path: object) -> str:
    """A field's path; segments that look like data (map keys, array positions) become ``*``."""
    return ".".join(_segment(one) for one in str(path)[:500].split("."))


@lru_cache(maxsize=4096)  # an application has few names, and they come in every command
def _segment(word: str) -> str:
    if not _WORD.fullmatch(word) or _HEX.fullmatch(word) or sum(map(str.isdigit, word)) > 4:
        return _ANYTHING
    return word


def _key(name: object) -> str:
    """A key of a document: an operator or a field."""
    text = str(name)
    return text if _OPERATOR.fullmatch(text) else field(text)


def is_mapping(value: object) -> bool:
    """Whether a value is a document."""
    return isinstance(value, Mapping)


def _is_list(value: object) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)


def _document(pairs: Iterable[tuple[str, str]]) -> str:
    return "{" + ", ".join(f"{name}: {text}" for name, text in pairs) + "}"


# ----------------------------------------------------------------------------------------- filters


def conditions(given: object, depth: int = 0) -> Iterator[tuple[str, str, object]]:
    """The conditions that a filter joins by AND: field, operator and operand, ``$and`` flattened.

    A comparison with a plain value has the operator ``$eq``. Logical and other operators at the
    top (``$or``, ``$expr``, ``$text``) stand in place of the field and have the operator "".
    """
    if not isinstance(given, Mapping) or depth > MAX_DEPTH:
        return
    for name, value in given.items():
        if name == "$and" and _is_list(value):
            for one in value:
                yield from conditions(one, depth + 1)
        elif _OPERATOR.fullmatch(str(name)):
            if name != "$comment":
                yield str(name), "", value
        elif _has_operators(value):
            yield from (
                (field(name), str(operator), _operand(operator, operand, value))
                for operator, operand in value.items()
                if operator != "$options"
            )
        else:
            yield field(name), "$eq", value


def _has_operators(value: object) -> bool:
    return isinstance(value, Mapping) and any(str(key).startswith("$") for key in value)


def _operand(operator: object, operand: object, siblings: Mapping[object, object]) -> object:
    """A regular expression with its options as one value, as if it was written ``/.../i``."""
    if operator == "$regex":
        return _Regex(operand, siblings.get("$options", ""))
    return operand


class _Regex:
    def __init__(self, pattern: object, options: object) -> None:
        self.pattern = getattr(pattern, "pattern", pattern)
        self.flags = options or getattr(pattern, "flags", 0)


def filter_text(given: object, depth: int = 0) -> str:
    """A filter; fields sorted, lists of values folded: ``{amount: {$gt: ?}, status: ?}``."""
    if not isinstance(given, Mapping) or depth > MAX_DEPTH:
        return VALUE
    atoms: dict[str, set[tuple[str, str]]] = {}
    for name, operator, operand in conditions(given, depth):
        text = _condition_text(operator or name, operand, depth + 1)
        atoms.setdefault(name, set()).add((operator, text))
    return _document((name, _atoms_text(atoms[name])) for name in sorted(atoms))


def _atoms_text(atoms: set[tuple[str, str]]) -> str:
    if len(atoms) == 1:
        operator, text = next(iter(atoms))
        if operator in ("", "$eq") or (operator == "$regex" and text.startswith("/")):
            return text
    if all(operator == "" for operator, _ in atoms):  # several $or, joined by $and
        return " & ".join(sorted(text for _, text in atoms))
    return _document((_key(operator), text) for operator, text in sorted(atoms))


def _condition_text(operator: str, operand: object, depth: int) -> str:
    if operator in _LOGICAL and _is_list(operand):
        branches = {filter_text(one, depth) for one in _items(operand)}
        return "[" + ", ".join(sorted(branches)) + "]"
    if operator == "$expr":
        return expression(operand, depth)
    if operator in _LISTS:
        return f"[{VALUE}]"
    if operator in ("$not", "$elemMatch") and isinstance(operand, Mapping):
        if _has_operators(operand) and not _LOGICAL & operand.keys():
            # Operators without a field: borrow one and take it off again.
            return filter_text({"x": operand}, depth)[len("{x: ") : -1]
        return filter_text(operand, depth)
    if operator == "$exists":
        return "true" if operand else "false"
    return regex_text(operand) or VALUE


def regex_text(value: object) -> str:
    """``/^?/i``: whether it is anchored and its options decide what an index can do for it."""
    pattern = getattr(value, "pattern", None)
    if pattern is None:
        return ""
    anchored = "^" if str(pattern).startswith(("^", "\\A")) else ""
    flags = getattr(value, "flags", 0)
    insensitive = flags & re.IGNORECASE if isinstance(flags, int) else "i" in str(flags)
    return f"/{anchored}{VALUE}/{'i' if insensitive else ''}"


def _items(value: object) -> Sequence[object]:
    return value if isinstance(value, Sequence) and not isinstance(value, str | bytes) else ()


def sort_text(given: object) -> str:
    """A sort key with its directions: ``{status: 1, created: -1}``; "" if there is none."""
    if not isinstance(given, Mapping) or not given:
        return ""
    return _document((field(name), _direction(value)) for name, value in given.items())


def _direction(value: object) -> str:
    if isinstance(value, int | float):
        return "-1" if value < 0 else "1"
    return "$meta" if is_mapping(value) else VALUE


# ----------------------------------------------------------------- expressions, pipelines, updates


def expression(given: object, depth: int = 0, *, flags: bool = False) -> str:
    """An aggregation expression: field paths and operators stay, constants become ``?``.

    Args:
        given: the expression.
        depth: nesting so far.
        flags: 0, 1, true and false are no constants but switches, as in a projection.
    """
    if depth > MAX_DEPTH:
        return VALUE
    if isinstance(given, str) and _FIELD_PATH.fullmatch(given):
        dollars = "$$" if given.startswith("$$") else "$"
        return dollars + field(given[len(dollars) :])
    if isinstance(given, Mapping):
        return _document(
            (_key(name), VALUE if name == "$literal" else expression(one, depth + 1, flags=flags))
            for name, one in given.items()
        )
    if _is_list(given):
        texts = [expression(one, depth + 1) for one in _items(given)]
        folded = [one for n, one in enumerate(texts) if one != VALUE or texts[n - 1 : n] != [VALUE]]
        return "[" + ", ".join(folded) + "]"
    if flags and isinstance(given, int | float) and given in (0, 1):
        return "1" if given else "0"
    return VALUE


def _values_only(given: object, depth: int) -> str:
    """A document whose strings are all values, although some may begin with ``$``."""
    if depth > MAX_DEPTH or not isinstance(given, Mapping):
        return VALUE
    return _document((_key(name), _values_only(one, depth + 1)) for name, one in given.items())


def pipeline(stages: object, depth: int = 0) -> str:
    """An aggregation pipeline: ``[{$match: {status: ?}}, {$group: {_id: $amount}}]``."""
    if depth > MAX_DEPTH or not _is_list(stages):
        return VALUE
    return "[" + ", ".join(_stage(one, depth + 1) for one in _items(stages)) + "]"


def _stage(stage: object, depth: int) -> str:
    if not isinstance(stage, Mapping):
        return VALUE
    return _document(
        (_key(name), _stage_text(str(name), one, depth)) for name, one in stage.items()
    )


def _stage_text(name: str, spec: object, depth: int) -> str:
    if name == "$match":
        return filter_text(spec, depth)
    if name == "$sort":
        return sort_text(spec) or VALUE
    if name == "$project":
        return expression(spec, depth, flags=True)
    if name in _EXPRESSION_STAGES:
        return expression(spec, depth)
    if name == "$facet" and isinstance(spec, Mapping):
        return _document((field(one), pipeline(stages, depth)) for one, stages in spec.items())
    if name in _NAMING_STAGES and isinstance(spec, Mapping):
        return _document((_key(key), _named(str(key), one, depth)) for key, one in spec.items())
    if name in _NAMING_STAGES and isinstance(spec, str):
        return field(spec)
    if name == "$geoNear" and isinstance(spec, Mapping) and "query" in spec:
        return _document((("key", VALUE), ("query", filter_text(spec["query"], depth))))
    return _values_only(spec, depth)


def _named(key: str, value: object, depth: int) -> str:
    if key == "pipeline":
        return pipeline(value, depth)
    if key == "restrictSearchWithMatch":
        return filter_text(value, depth)
    if key in ("let", "startWith"):
        return expression(value, depth)
    if isinstance(value, str):  # from, into, localField, foreignField, as: all are names
        return field(value)
    return VALUE


def update_text(given: object) -> str:
    """An update: operators and fields stay; of a whole new document nothing does."""
    if _is_list(given):
        return pipeline(given)
    if not isinstance(given, Mapping) or not _has_operators(given):
        return VALUE
    return _document((_key(name), _changes(given[name])) for name in sorted(given, key=str))


def _changes(value: object) -> str:
    if not isinstance(value, Mapping):
        return VALUE
    return _document((name, VALUE) for name in sorted({field(one) for one in value}))
