"""Statements as pg_stat_statements keeps them, made fit for a server again.

The extension puts ``$1``, ``$2`` ... in place of constants, also where the grammar wants one:
``interval $1 day``, ``date $1``, ``extract($1 from x)``. And constants that were one expression in
two places, ``date_trunc('day', at)`` in the list and after GROUP BY, get numbers that differ.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from dbtune.postgres.sqltext import places

_TYPES = frozenset(
    (
        "bigint bit bool boolean box box2d box3d bpchar bytea char character cidr circle citext date "
        "daterange decimal double float float4 float8 geography geometry hstore inet int int2 int4 "
        "int4range int8 int8range integer interval json jsonb jsonpath line lseg ltree macaddr "
        "macaddr8 money name numeric numrange oid path pg_lsn point polygon real regclass smallint "
        "text time timestamp timestamptz timetz tsquery tsrange tstzrange tsvector uuid varbit "
        "varchar vector xml"
    ).split()
)
_BEFORE_VALUES = frozenset(
    (
        "all analyze and any array as asc asymmetric at between both by case check collate content "
        "cross default desc distinct do document else end escape except exclude exists fetch filter "
        "first following for from full glob group groups having if ilike in inner intersect into is "
        "isnull join lateral leading left like limit natural next not notnull null nulls of offset on "
        "only operator or order outer over overlaps partition passing placing preceding range "
        "repeatable return returning right row rows select set similar some symmetric table "
        "tablesample then to trailing union unknown update using value values variadic when where "
        "window with within zone"
    ).split()
)
"""Words that may stand before an expression: any other there is the name of a type."""
_UNITS = re.compile(
    r"\s+(year\s+to\s+month|day\s+to\s+(?:hour|minute|second)|hour\s+to\s+(?:minute|second)"
    r"|minute\s+to\s+second|year|month|day|hour|minute|second)\b(\s*\(\s*\d+\s*\))?",
    re.IGNORECASE,
)
_MODIFIER = r"(?:\s*\(\s*\d+\s*(?:,\s*-?\d+\s*)?\))?"
_TYPE_BEFORE = re.compile(
    r"(?:\b(?P<long>double\s+precision"
    rf"|(?:national\s+)?(?:character|char)\s+varying{_MODIFIER}"
    rf"|national\s+char(?:acter)?{_MODIFIER}"
    rf"|bit\s+varying{_MODIFIER}|time(?:stamp)?{_MODIFIER}\s+with(?:out)?\s+time\s+zone)"
    rf"|(?P<short>(?:(?:\"(?:[^\"]|\"\")+\"|\b[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*)\s*\.\s*)?"
    rf"(?P<name>\"(?:[^\"]|\"\")+\"|\b[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*){_MODIFIER}))\s+\Z",
    re.IGNORECASE,
)
_LONGEST_TYPE = 200
_EXTRACT = re.compile(r"\bextract\s*\(\s*\Z", re.IGNORECASE)
_FROM = re.compile(r"\s*from\b", re.IGNORECASE)
_SUBSTRING = re.compile(
    r"\b(?:substring|overlay)\s*\((?:[^()]|\([^()]*\))*\bfrom\s+\Z", re.IGNORECASE
)
_FOR = re.compile(r"::integer\s+for\s+\Z", re.IGNORECASE)
FIELD = "year"
"""Stands for whatever field ``extract($1 from x)`` had: it does not change a plan."""
_LISTED = re.compile(r"\s*/\*, \.\.\. \*/")
"""What PostgreSQL 18 leaves of a list of constants."""


class Piece(NamedTuple):
    """A part of a statement: text, or a parameter's place.

    Attributes:
        text: as it stands, ``$1`` at a parameter's place.
        number: of the parameter; 0 of text.
    """

    text: str
    number: int = 0


@dataclass(frozen=True, slots=True)
class Normalised:
    """A statement with parameters.

    Attributes:
        pieces: of its text, in which the server understands every parameter.
        units: what stands behind the parameter of ``interval $1 month``, by number.
        lists: numbers of parameters that stand for a list of constants.
    """

    pieces: tuple[Piece, ...]
    units: Mapping[int, str]
    lists: frozenset[int]

    @property
    def text(self) -> str:
        """The repaired text, with the numbers that the parameters have."""
        return "".join(piece.text for piece in self.pieces)

    @property
    def numbers(self) -> list[int]:
        """The parameters that are left, in order."""
        return sorted({piece.number for piece in self.pieces if piece.number})

    def with_values(self, literals: Mapping[int, str]) -> str:
        """The text with SQL in place of parameters; the others are numbered from 1 in order."""
        left = [number for number in self.numbers if number not in literals]
        fresh = {number: f"${place}" for place, number in enumerate(left, start=1)}
        shown = {**fresh, **literals}
        return "".join(shown[p.number] if p.number else p.text for p in self.pieces)

    def parse(self) -> Any:
        """The statement's tree by sqlglot, or ``None`` where it can't be parsed."""
        import sqlglot

        logging.getLogger("sqlglot").setLevel(logging.CRITICAL)
        # "$1,$2" would be taken for a dollar quote.
        text = "".join(f"${p.number} " if p.number else p.text for p in self.pieces)
        try:
            return sqlglot.parse_one(text, dialect="postgres")
        except Exception:  # a parser that meets what it does not know fails in any way
            return None


def normalised(text: str) -> Normalised:
    """A statement with ``$1`` ..., repaired; never fails."""
    found = _repaired(text)
    same = _one_expression(found.parse()) if found.numbers else {}
    if not same:
        return found
    pieces = tuple(
        Piece(f"${same[p.number]}", same[p.number]) if p.number in same else p for p in found.pieces
    )
    return Normalised(pieces, found.units, found.lists)


def _repaired(text: str) -> Normalised:
    pieces: list[Piece] = []
    units: dict[int, str] = {}
    lists: set[int] = set()
    done = ""
    position = 0
    for kind, token, start, end in places(text):
        if kind != "parameter" or start < position:
            continue
        number = int(token[1:])
        done += text[position:start]
        position = end
        if _EXTRACT.search(done[-_LONGEST_TYPE:]) and _FROM.match(text, end):
            done += f"'{FIELD}'"
            continue
        cast = ""
        if kept := _type_before(done):
            done, cast = done[: kept[0]], kept[1]
            if cast.lower().startswith("interval") and (unit := _UNITS.match(text, end)):
                units[number] = " ".join(unit[1].lower().split())
                position = unit.end()
        elif _SUBSTRING.search(done[-_LONGEST_TYPE:]) or _FOR.match(done):
            cast = "integer"
        if _LISTED.match(text, end):
            lists.add(number)
        pieces += [Piece(done), Piece(token, number)]
        done = f"::{cast}" if cast else ""
    pieces.append(Piece(done + text[position:]))
    return Normalised(tuple(pieces), units, frozenset(lists))


def _type_before(text: str) -> tuple[int, str] | None:
    """Where the name of a type begins that ends a text, and the name."""
    base = max(0, len(text) - _LONGEST_TYPE)
    found = _TYPE_BEFORE.search(text[base:])
    if found is None:
        return None
    start = base + found.start()
    if found["long"]:
        return start, found["long"]
    name = found["name"].lower()
    if name in _TYPES or (name.startswith('"') or name not in _BEFORE_VALUES):
        return start, found["short"]
    return None


# ----------------------------------------------------------------------- one expression, two places


def _one_expression(tree: Any) -> dict[int, int]:
    """Parameters that have to have the value of another, for the server to take the statement.

    What is grouped by has to be what the list has; so has what DISTINCT orders by.
    """
    from sqlglot import exp

    same: dict[int, int] = {}
    for select in tree.find_all(exp.Select) if tree is not None else ():
        group, distinct = select.args.get("group"), select.args.get("distinct")
        keys = list(group.expressions) if group else []
        if group:
            for more in ("grouping_sets", "rollup", "cube"):
                keys += [k for one in group.args.get(more) or () for k in one.expressions]
        if distinct:
            keys += [one.unalias() for one in select.expressions]
            on = distinct.args.get("on")
            keys += on.expressions if on else []
        by_shape: dict[str, list[int]] = {}
        for key in keys:
            if numbers := _numbers(key):
                by_shape.setdefault(_shape(key), numbers)
        if not by_shape:
            continue
        order, having = select.args.get("order"), select.args.get("having")
        for part in (*select.expressions, *keys, order, having):
            for node in part.walk() if part is not None else ():
                if isinstance(node, exp.Parameter | exp.Literal | exp.Identifier):
                    continue
                meant = by_shape.get(_shape(node)) if _numbers(node) else None
                pairs = zip(_numbers(node), meant or (), strict=False)
                same |= {number: other for number, other in pairs if number != other}
    return {number: _last(same, number) for number in same}


def _last(same: Mapping[int, int], number: int) -> int:
    seen: set[int] = set()
    while number in same and number not in seen:
        seen.add(number)
        number = same[number]
    return number


def _numbers(node: Any) -> list[int]:
    return list(_each_number(node))


def _each_number(node: Any) -> Iterator[int]:
    from sqlglot import exp

    for one in node.find_all(exp.Parameter, bfs=False):
        number = str(one.this.this) if one.this is not None else ""
        if number.isdecimal():
            yield int(number)


def _shape(node: Any) -> str:
    """The expression with its parameters made alike."""
    return re.sub(r"\$\d+", "$", str(node.sql(dialect="postgres", comments=False)))
