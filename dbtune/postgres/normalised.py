"""Statements as pg_stat_statements keeps them, made fit for a server again.

The extension puts ``$1``, ``$2`` ... in place of constants, also where the grammar wants one:
``interval $1 day``, ``date $1``, ``extract($1 from x)``. And constants that were one expression in
two places, ``date_trunc('day', at)`` in the list and after GROUP BY, get numbers that differ.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from dbtune.postgres.sqltext import places, tree_of

_TYPES = frozenset(
    (
        "bigint bit bool boolean box box2d box3d bpchar bytea char character cidr circle citext "
        "date daterange decimal double float float4 float8 geography geometry hstore inet int "
        "int2 int4 int4range int8 int8range integer interval json jsonb jsonpath line lseg "
        "ltree macaddr macaddr8 money name numeric numrange oid path pg_lsn point polygon real "
        "regclass smallint text time timestamp timestamptz timetz tsquery tsrange tstzrange "
        "tsvector uuid varbit varchar vector xml"
    ).split()
)
_BEFORE_VALUES = frozenset(
    (
        "all analyze and any array as asc asymmetric at between both by case check collate "
        "content cross default desc distinct do document else end escape except exclude exists "
        "fetch filter first following for from full glob group groups having if ilike in inner "
        "intersect into is isnull join lateral leading left like limit natural next not notnull "
        "null nulls of offset on only operator or order outer over overlaps partition passing "
        "placing preceding range repeatable return returning right row rows select set similar "
        "some symmetric table tablesample then to trailing union unknown update using value "
        "values variadic when where window with within zone"
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
"""Stands for whatever field ``extract($1 from x)`` had: it does not change a plan, but an index."""
_NUMBER = re.compile(r"(?<![\w.$\"])\d+(?:\.\d+)?(?![\w\"])")
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
        fields: whether :data:`FIELD` stands in for one that is not known.
        written: the constants that it has.
    """

    pieces: tuple[Piece, ...]
    units: Mapping[int, str]
    lists: frozenset[int]
    fields: bool = False
    written: frozenset[str] = frozenset()

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
        # "$1,$2" would be taken for a dollar quote.
        return tree_of("".join(f"${p.number} " if p.number else p.text for p in self.pieces))


def normalised(text: str) -> Normalised:
    """A statement with ``$1`` ..., repaired; never fails."""
    found, fields = _repaired(text)
    same = {f"${number}": f"'{FIELD}'" for number in fields}
    same |= _one_expression(found.parse()) if found.numbers else {}
    if not same:
        return found
    # As the text has them: the parser changes the case of what it takes for a unit of time.
    written = {token.lower(): token for kind, token, _, _ in places(text) if kind == "string"}
    same = {one: written.get(other.lower(), other) for one, other in same.items()}

    def piece(one: Piece) -> Piece:
        meant = _last(same, one.text) if one.number else one.text
        return Piece(meant, int(meant[1:]) if meant.startswith("$") and one.number else 0)

    return replace(found, pieces=tuple(map(piece, found.pieces)))


def _repaired(text: str) -> tuple[Normalised, set[int]]:
    """The statement, and the parameters that stand for fields: ``extract($1 from x)``."""
    fields: set[int] = set()
    pieces: list[Piece] = []
    units: dict[int, str] = {}
    lists: set[int] = set()
    done = ""
    position = 0
    for kind, token, start, end in places(text):
        if start < position:
            continue
        position = end
        if kind != "parameter":
            done += text[start:end]
            if text.startswith(("--", "/*"), start):  # no type of what follows stands in there
                pieces.append(Piece(done))
                done = ""
            continue
        number = int(token[1:])
        if _EXTRACT.search(done[-_LONGEST_TYPE:]) and _FROM.match(text, end):
            fields.add(number)
        cast = ""
        if number not in fields and (kept := _type_before(done)):
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
    pieces.append(Piece(done))
    strings = (token for kind, token, _, _ in places(text) if kind == "string")
    written = {
        token[token.index("'") + 1 : -1].replace("''", "'") for token in strings if "'" in token
    }
    written.update(_NUMBER.findall(text))
    whole = Normalised(tuple(pieces), units, frozenset(lists), bool(fields), frozenset(written))
    return whole, fields


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


def _one_expression(tree: Any) -> dict[str, str]:
    """Parameters that have to be what another is, or a constant, for the server to take it.

    What is grouped by has to be what is selected, and the extension keeps constants there: ``SELECT
    date_trunc($1, at) ... GROUP BY date_trunc('day', at)``. So has what DISTINCT orders by.
    """
    from sqlglot import exp

    same: dict[str, str] = {}
    for select in tree.find_all(exp.Select) if tree is not None else ():
        group, distinct = select.args.get("group"), select.args.get("distinct")
        order, having = select.args.get("order"), select.args.get("having")
        keys = list(group.expressions) if group else []
        for more in ("grouping_sets", "rollup", "cube") if group else ():
            keys += [k for one in group.args.get(more) or () for k in one.expressions]
        if distinct:
            on = distinct.args.get("on")
            keys += [one.this for one in order.expressions] if order else []
            keys += on.expressions if on else []
            keys += [one.unalias() for one in select.expressions]
        by_shape: dict[str, list[str]] = {}
        for key in keys:
            shape, constants = _shape(key)
            if constants:
                by_shape.setdefault(shape, constants)
        for part in (*select.expressions, *keys, order, having) if by_shape else ():
            for node in part.walk() if part is not None else ():
                if not isinstance(node, exp.Condition) or isinstance(
                    node, exp.Parameter | exp.Literal | exp.Column
                ):
                    continue
                shape, constants = _shape(node)
                pairs = zip(constants, by_shape.get(shape, ()), strict=False)
                same |= {one: other for one, other in pairs if one[0] == "$" and one != other}
    return same


def _last(same: Mapping[str, str], one: str) -> str:
    seen: set[str] = set()
    while one in same and one not in seen:
        seen.add(one)
        one = same[one]
    return one


_CONSTANT = re.compile(r"\$\d+|'(?:[^']|'')*'|(?<![\w.$\"])\d+(?:\.\d+)?(?![\w\"])")
_EXTRACTED = re.compile(r"\bEXTRACT\(\s*'?(\$?\w+)'?\s+FROM\b", re.IGNORECASE)
_CAST = re.compile(r"CAST\(\? AS [^()]*(?:\([^()]*\))?\)|INTERVAL \?")


def _shape(node: Any) -> tuple[str, list[str]]:
    """An expression with its parameters and constants made alike, and these."""
    text = str(node.sql(dialect="postgres", comments=False))
    text = _EXTRACTED.sub(_extracted, text)
    constants = _CONSTANT.findall(text)
    return _CAST.sub("?", _CONSTANT.sub("?", text)), constants


def _extracted(found: re.Match[str]) -> str:
    field = found[1]
    return f"EXTRACT({field if field[0] == '$' else repr(field.lower())} FROM"
