"""Values for the parameters of a statement, as they are in the columns that they are compared with.

pg_stat_statements keeps no constants, and a plan for any value hides what is rare and what is
common. So each parameter gets a value that the column's statistics know.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from dbtune.postgres.indexes.distribution import Distribution
from dbtune.postgres.indexes.parameter_roles import Kind, Role

_NUMBERS = frozenset(
    ["smallint", "integer", "bigint", "numeric", "real", "double precision", "money", "oid"]
)
_TEXTS = frozenset(["text", "character varying", "character", "name", "citext", '"char"'])
_TIMES = frozenset(["date", "timestamp without time zone", "timestamp with time zone"])
_DEFAULTS = {
    "boolean": "true", "smallint": "1", "integer": "1", "bigint": "1", "numeric": "1", "real": "1",
    "double precision": "1", "money": "1", "oid": "1", "text": "a", "character varying": "a",
    "character": "a", "name": "a", "citext": "a", '"char"': "a", "date": "2025-01-01",
    "timestamp without time zone": "2025-01-01", "timestamp with time zone": "2025-01-01",
    "time without time zone": "12:00", "time with time zone": "12:00+00", "interval": "7 days",
    "json": "{}", "jsonb": "{}", "jsonpath": "$.a", "bytea": "\\x00", "inet": "127.0.0.1",
    "cidr": "127.0.0.1", "uuid": "00000000-0000-0000-0000-000000000000", "xml": "<a/>",
    "tsquery": "a", "tsvector": "a", "regclass": "pg_class", "regconfig": "english",
    "bit varying": "1",
}  # fmt: skip
_UNITS = {
    "year": (1, 1, 3), "month": (1, 3, 12), "week": (1, 4, 12), "day": (1, 7, 90),
    "hour": (1, 24, 72), "minute": (5, 60, 600), "second": (10, 60, 600),
}  # fmt: skip
_LISTED = 5
"""Values for a list whose length is not known."""
_ROWS, _OFFSET = 10, 0


class Lean(Enum):
    """Which values: those that few rows have, usual ones, those that many have."""

    few = 0
    usual = 1
    many = 2


_KEPT, _MOST_KEPT = 0.25, 0.95
"""Share of the rows within a bound on one side."""
_BETWEEN, _MOST_BETWEEN = 0.1, 0.9
"""Share of the rows between two bounds."""
_SHORT, _LONG = 0.3, 3.0
"""Widths for which an interval is not a usual one."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What values to take.

    Attributes:
        looked_up: for what is looked up.
        width: so many times as many rows as usual between bounds.
        rows: what to put behind LIMIT.
        infix: whether a text is looked for anywhere in another, or at its beginning.
    """

    looked_up: Lean = Lean.usual
    width: float = 1.0
    rows: int = _ROWS
    infix: bool = True

    @property
    def kept(self) -> float:
        """Share of the rows within a bound on one side."""
        return min(_MOST_KEPT, _KEPT * self.width)

    @property
    def between(self) -> float:
        """Share of the rows between two bounds."""
        return min(_MOST_BETWEEN, _BETWEEN * self.width)

    @property
    def span(self) -> Lean:
        """How long an interval is."""
        if self.width < _SHORT:
            return Lean.few
        return Lean.many if self.width > _LONG else Lean.usual


def is_skewed(role: Role) -> bool:
    """Whether values of very different frequency may be looked up."""
    known = role.column.statistics if role.column else None
    return (
        known is not None
        and role.kind in (Kind.EQUAL, Kind.MEMBER)
        and not role.computed
        and Distribution(known).is_skewed
    )


def value_of(role: Role, wish: Wish, kind: str = "", unit: str = "") -> str | None:
    """A value for a parameter, as text.

    Args:
        role: what it is for.
        wish: which value.
        kind: its type, as ``format_type`` writes it; "" if it is not known.
        unit: of an interval.

    Returns:
        The value, or ``None`` if none can be told.
    """
    if role.kind is Kind.LIMIT:
        return str(max(1, wish.rows))
    if role.kind is Kind.OFFSET:
        return str(_OFFSET)
    if role.kind is Kind.FIELD:
        return "day"
    if kind == "interval" or unit:
        return _interval(unit, Lean.usual if role.paired else wish.span)
    if role.kind is Kind.CONSTANTS:
        return _DEFAULTS.get(kind, "1")
    if kind.endswith("[]"):
        several = values_of(role, wish, kind[:-2], _LISTED)
        return "{" + ",".join(map(_element, several)) + "}"
    if role.addend:
        found = _width(role, wish, kind)
    elif role.column is not None and _agrees(role, kind):
        found = _of_column(role, wish, role.place)
    else:
        found = None
    if found is not None:
        return found
    if role.kind is Kind.NUMBER:
        return "1" if kind in ("", *_NUMBERS) else _DEFAULTS.get(kind)
    if kind:
        return _DEFAULTS.get(kind)
    return None


def values_of(role: Role, wish: Wish, kind: str, count: int) -> list[str]:
    """Several values for a list."""
    if role.column is None or not _agrees(role, kind):
        one = _DEFAULTS.get(kind)
        return [one] if one is not None else []
    found = (_of_column(role, wish, place) for place in range(count))
    return list(dict.fromkeys(one for one in found if one is not None))


def literal(value: str, kind: str) -> str:
    """A value as SQL of a type; "" for a type that the server is to find."""
    if kind in ("integer", "numeric") and re.fullmatch(r"\d+(\.\d+)?", value):
        return value
    text = "'" + value.replace("'", "''") + "'"
    if "\\" in text:
        text = "E" + text.replace("\\", "\\\\")
    if not kind:
        return value if re.fullmatch(r"\d+(\.\d+)?", value) else text
    # "character" alone means character(1), which would cut the value off.
    return f"{text}::{ {'character': 'bpchar', 'bit': 'varbit'}.get(kind, kind) }"


def _agrees(role: Role, kind: str) -> bool:
    """Whether a value of the column is one of the type that the server wants."""
    column = role.column
    if column is None:
        return False
    if not kind:
        return not role.computed
    if role.kind in (Kind.ELEMENTS, Kind.MEMBER):
        return True
    group = column.type_category
    if kind in _NUMBERS:
        return group == "N"
    if kind in _TIMES:
        return column.base_type in ("date", "timestamp", "timestamptz")
    if kind in _TEXTS:
        return True
    return kind.partition("(")[0] == column.type.partition("(")[0] or group not in "NSD"


def _of_column(role: Role, wish: Wish, place: int) -> str | None:
    column = role.column
    known = column.statistics if column else None
    if column is None or known is None:
        return None
    spread = Distribution(known)
    if role.kind in (Kind.ELEMENTS, Kind.MEMBER):
        if not known.element_values:
            return None
        return known.element_values[place % len(known.element_values)]
    if role.kind in (Kind.LOWER, Kind.UPPER):
        return spread.at(_share(role, wish))
    if role.kind in (Kind.LIKE, Kind.NOT_LIKE, Kind.REGEX):
        value = spread.looked_up(wish.looked_up.value, place)
        return _pattern(value, role, wish.infix) if value is not None else None
    value = spread.looked_up(wish.looked_up.value, place)
    if value is None or not role.folded:
        return value
    return value.upper() if role.folded == "upper" else value.lower()


def _share(role: Role, wish: Wish) -> float:
    """At which share of the values a bound is."""
    if not role.paired:
        kept = wish.kept
        return 1 - kept if role.kind is Kind.LOWER else kept
    half = wish.between / 2
    if role.based:
        if role.opposite and role.opposite != role.based:
            return 0.5  # BETWEEN x - 1 AND x + 1
        return 0.5 - half if role.based > 0 else 0.5 + half  # x >= 1 AND x < 1 + 10
    return 0.5 - half if role.kind is Kind.LOWER else 0.5 + half


def _width(role: Role, wish: Wish, kind: str) -> str | None:
    """What is added to a bound: so much that the usual share of values lies between."""
    column = role.column
    known = column.statistics if column else None
    if column is None or known is None:
        return None
    spread = Distribution(known)
    half = wish.between / 2
    whole = not (role.opposite and role.opposite != role.addend)
    low, high = spread.at(0.5 - half), spread.at(0.5 + half)
    middle = low if whole else spread.at(0.5)
    if column.type_category == "N" and high is not None and middle is not None:
        width = _number(high) - _number(middle)
        return f"{width:.10g}" if width > 0 and width < 1e15 else "1"
    if column.type_category == "D" and kind in ("", "integer"):
        return str((1, 7, 90)[wish.span.value])
    return None


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0


def _interval(unit: str, lean: Lean) -> str:
    counts = _UNITS.get(unit)
    if counts is not None:
        return f"{counts[lean.value]} {unit}"
    if "to" in unit:
        return "1-6" if unit.startswith("year") else "1 02:03:04"
    return f"{_UNITS['day'][lean.value]} days"


def _pattern(value: str, role: Role, infix: bool) -> str:
    words: list[str] = re.findall(r"[^\W_]{3,}", value) or re.findall(r"[^\W_]+", value) or ["a"]
    if role.kind is Kind.REGEX:
        return words[len(words) // 2]
    if infix or role.kind is Kind.NOT_LIKE:
        return f"%{words[len(words) // 2]}%"
    beginning = re.match(r"[^%_\\]{0,6}", value)
    return (beginning[0] if beginning and beginning[0] else words[0]) + "%"


def _element(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
