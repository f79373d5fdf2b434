"""Statement text: folding it to a fingerprint, masking constants, and the shape of what it asks.

The fingerprint is our own, made of tokens: the server's ``queryid`` tells apart statements that a
person takes for one (IN lists of differing length before PostgreSQL 18, VALUES lists, savepoint
names). The shape comes from sqlglot, which is no validator: what it can't parse has no shape.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sqlglot import exp

_TOKEN = re.compile(
    r"""
    (?P<space>\s+|--[^\n]*)
  | (?P<comment>/\*)
  | (?P<string>(?:[eE]'(?:[^'\\]|\\.|'')*|(?:[uU]&|[bBxXnN])?'(?:[^']|'')*)(?:'|$))
  | (?P<dollar>\$(?P<tag>[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$)
  | (?P<parameter>\$\d+)
  | (?P<name>"(?:[^"]|"")*(?:"|$))
  | (?P<number>(?:\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(?:[eE][+-]?\d+)?(?![\w$])|0[xXoObB][0-9a-fA-F_]+)
  | (?P<word>[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*)
  | (?P<cast>::)
  | (?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_COMMENT_EDGE = re.compile(r"/\*|\*/")
_PLACEHOLDER = "?"


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    """Kind and text of each token, a comment being white space; never fails."""
    return ((kind, token) for kind, token, _, _ in places(text))


@lru_cache(maxsize=2)
def _read(text: str) -> tuple[tuple[str, str], ...]:
    """As :func:`_tokens`; kept for a moment, as a new statement is asked for several things."""
    return tuple(_tokens(text))


def places(text: str, position: int = 0) -> Iterator[tuple[str, str, int, int]]:
    """Kind and text of each token from a position on, and where it begins and ends; never fails."""
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:  # cannot happen: "other" takes any character
            return
        kind, token, start = match.lastgroup or "other", match[0], position
        position = match.end()
        if kind == "tag":
            kind = "dollar"
        if kind == "comment":
            position = _end_of_comment(text, position)
            kind, token = "space", " "
        elif kind == "dollar":
            end = text.find(match["dollar"], position)
            position = len(text) if end < 0 else end + len(match["dollar"])
            kind, token = "string", _PLACEHOLDER
        yield kind, token, start, position


def _end_of_comment(text: str, position: int) -> int:
    depth = 1
    for edge in _COMMENT_EDGE.finditer(text, position):
        depth += 1 if edge[0] == "/*" else -1
        if depth == 0:
            return edge.end()
    return len(text)


_LISTS = (
    # IN lists and arrays of constants, whatever their length
    (re.compile(r"\b(in|any|all|some) \( \?(?: , \?)* \)"), r"\1 ( ? )"),
    (re.compile(r"\barray \[ \?(?: , \?)* \]"), "array [ ? ]"),
    # VALUES lists of equal rows
    (re.compile(r"\bvalues (\( (?:[^()]|\([^()]*\))* \))(?: , \1)+"), r"values \1"),
)
_UTILITY = (
    (
        re.compile(r"^(savepoint|release savepoint|release|rollback to savepoint|rollback to) .*"),
        r"\1 ?",
    ),
    (re.compile(r"^(deallocate|close|execute|prepare transaction|commit prepared) .*"), r"\1 ?"),
    (re.compile(r"^(fetch|move) .*"), r"\1 ?"),
    (re.compile(r"^(set (?:local |session )?)(\S+) (?:=|to) .*"), r"\1\2 = ?"),
    (re.compile(r"^(declare) \S+ (.*)"), r"\1 ? \2"),
)


@lru_cache(maxsize=20_000)
def fingerprint(text: str) -> str:
    """The statement with case, space, comments, constants and list lengths folded away.

    Equal fingerprints mean: the same statement to a person. It is not SQL that could run.
    """
    parts: list[str] = []
    for kind, token in _read(text):
        if kind in ("string", "parameter", "number"):
            if parts and parts[-1] in ("-", "+") and not _is_operand(parts[-2:-1]):
                parts.pop()  # a sign
            parts.append(_PLACEHOLDER)
        elif kind == "word":
            word = token.lower()
            constant = _is_constant(word, parts[-1] if parts else "")
            parts.append(_PLACEHOLDER if constant else word)
        elif kind != "space":
            parts.append(token)
    folded = " ".join(parts).rstrip(" ;")
    folded = re.sub(r"\? :: [a-z_]+(?: \[ \])?", _PLACEHOLDER, folded)
    for pattern, replacement in _LISTS:
        folded = pattern.sub(replacement, folded)
    for pattern, replacement in _UTILITY:
        folded = pattern.sub(replacement, folded)
    return folded


_CONSTANT_WORDS = frozenset(("true", "false", "null"))
"""Constants to pg_stat_statements, too; but IS NULL, IS NOT TRUE and NOT NULL are conditions."""
_NOT_BEFORE_CONSTANT = frozenset(("is", "not", "."))


def _is_constant(word: str, previous: str) -> bool:
    """Whether a word is a constant: what it follows is another token, in lower case."""
    return word in _CONSTANT_WORDS and previous not in _NOT_BEFORE_CONSTANT


_BEFORE_OPERAND = frozenset(
    "select where and or not in between like values then else when case limit offset by on "
    "return returning set any all some".split()
)


def _is_operand(previous: list[str]) -> bool:
    """Whether the token before a sign ends an operand, so that the sign is an operator."""
    if not previous or previous[0] in _BEFORE_OPERAND:
        return False
    last = previous[0][-1]
    return last.isalnum() or last in '_$")]?'


_MASKED = {"string": _PLACEHOLDER, "number": _PLACEHOLDER, "space": " "}
_AFTER_LIST = frozenset("limit offset fetch having window union intersect except for".split())


def _ordinals(tokens: Sequence[tuple[str, str]]) -> set[int]:
    """The places of tokens that are the number of a column: ``ORDER BY 2``, ``GROUP BY 1, 2``."""
    solid = [(at, *one) for at, one in enumerate(tokens) if one[0] != "space"]
    found, listing, previous = set(), [False], ""  # whether a list is being read, by parentheses
    for (at, _kind, token), (_, next_kind, following) in zip(
        solid, [*solid[1:], (0, "word", "")], strict=False
    ):
        word = token.lower()
        if word == "(":
            listing.append(False)
        elif word == ")":
            listing = listing[:-1] or [False]
        elif word == "by":
            listing[-1] = previous in ("order", "group")
        elif word in _AFTER_LIST:
            listing[-1] = False
        elif listing[-1] and previous in ("by", ",") and word.isdigit():
            found |= {at} if next_kind == "word" or following in (",", ")", ";") else set()
        previous = word
    return found


def masked(text: str) -> str:
    """The statement as written, but with every constant replaced by ``?``; comments are dropped.

    The number of a column in ORDER BY and GROUP BY is no constant.

    For texts with real values in them (pg_stat_activity, logs), which nobody should see by default.
    """
    tokens = _read(text)
    ordinals = _ordinals(tokens)
    shown = (
        token if at in ordinals else _MASKED.get(kind, token)
        for at, (kind, token) in enumerate(tokens)
    )
    return "".join(shown).strip()


def parameterised(text: str) -> str:
    """The statement as pg_stat_statements shows it: ``$1``, ``$2`` ... in place of constants.

    Comments are dropped. Parameters that it has keep their numbers.
    """
    tokens = _read(text)
    ordinals = _ordinals(tokens)
    count = max((int(token[1:]) for kind, token in tokens if kind == "parameter"), default=0)
    shown: list[str] = []
    places: list[int] = []  # of what is no space
    for at, (kind, token) in enumerate(tokens):
        if kind == "word" and token.lower() in _CONSTANT_WORDS:
            if _is_constant(token.lower(), shown[places[-1]].lower() if places else ""):
                count += 1
                token = f"${count}"
        elif kind in ("string", "number") and at not in ordinals:
            before = [shown[at] for at in places[-2:]]
            if before[-1:] in (["-"], ["+"]) and not _is_operand(before[:-1]):
                del shown[places.pop() :]  # a sign
            count += 1
            token = f"${count}"
        if kind == "space":
            shown.append(" ")
        else:
            places.append(len(shown))
            shown.append(token)
    return "".join(shown).strip()


_EXECUTES = re.compile(r"\\(?:g(?:x|set|exec|desc)?|crosstabview|watch)\b")
"""psql's commands that execute what was typed before them, as a semicolon does."""
_COPIED = re.compile(r"(?ims)^(COPY\s[^;]*\sFROM\s+STDIN\b[^;]*;)[^\n]*\n.*?^\\\.\r?$")
"""COPY with the rows that follow it in a script, as pg_dump writes them."""


def split_statements(text: str) -> list[str]:
    """The statements of a script, without the semicolons and comments between them.

    psql's own commands (a backslash and the rest of its line) are left out.
    """
    text = _COPIED.sub(r"\1", text)
    found, start = [""], 0
    while start < len(text):
        position, end, ends = _stop(text, start)
        found[-1] += text[start:position]
        if ends:
            found.append("")
        start = end
    bare = (
        re.sub(r"\A(?:\s+|--[^\n]*(?:\n|\Z)|/\*.*?\*/)+", "", one, flags=re.DOTALL) for one in found
    )
    return [one.rstrip() for one in bare if masked(one)]


def _stop(text: str, start: int) -> tuple[int, int, bool]:
    """Where the next semicolon or command of psql begins and ends, and if a statement does."""
    for kind, word, position, end in places(text, start):
        if kind != "other" or word not in ";\\":
            continue
        if word == ";" or text.startswith(";", end):
            return position, end + (word == "\\"), True
        line_end = text.find("\n", end)
        end = line_end if line_end >= 0 else len(text)
        return position, end, bool(_EXECUTES.search(text, position, end))
    return len(text), len(text), True


def with_parameters(text: str, values: Mapping[int, str]) -> str | None:
    """The statement with literals in place of ``$1``, ...; ``None`` if one has no value.

    Args:
        text: the statement.
        values: SQL literals by number, as they stand in the server's log.
    """
    shown = []
    for kind, token, start, end in places(text):
        if kind == "parameter":
            value = values.get(int(token[1:]))
            if value is None:
                return None
            shown.append(value)
        else:
            shown.append(text[start:end])
    return "".join(shown)


def has_parameters(text: str) -> bool:
    """Whether the statement has parameters: ``$1``, ..."""
    return any(kind == "parameter" for kind, _ in _tokens(text))


def names(text: str) -> frozenset[str]:
    """All identifiers and key words in the statement, folded as the server folds them."""
    found = set()
    for kind, token in _tokens(text):
        if kind == "word":
            # Only ASCII: what the server does beyond depends on its locale, and it leaves UTF-8 be.
            found.add(re.sub("[A-Z]+", lambda upper: upper[0].lower(), token))
        elif kind == "name":
            found.add(token[1:].removesuffix('"').replace('""', '"'))
    return frozenset(found)


def called_functions(text: str) -> frozenset[str]:
    """Names before a parenthesis: functions, and key words that nobody calls a function."""
    found = set()
    before = ""
    for kind, word, _, _ in places(text):
        if kind == "other" and word == "(" and before:
            found.add(before)
        if kind != "space":
            before = next(iter(names(word)), "") if kind in ("word", "name") else ""
    return frozenset(found)


# ------------------------------------------------------------------------------------------- shape


@dataclass(frozen=True, slots=True)
class Shape:
    """What a statement asks, as far as its text tells.

    Attributes:
        kind: ``select``, ``insert``, ``update``, ``delete``, ``merge`` or ``other``.
        tables: tables named anywhere, in order of appearance, lower case unless quoted.
        has_where: there is a WHERE at the top level.
        has_limit: LIMIT or FETCH FIRST at the top level.
        has_offset: OFFSET with a constant other than 0, or a parameter, at the top level.
        aggregates: the result is grouped, aggregated or DISTINCT at the top level.
        key_columns: columns that are compared with ``=`` to a constant or parameter, when the
            whole WHERE is made of such comparisons; else empty.
        single_row_values: an INSERT of exactly one VALUES row.
        orders: ORDER BY at the top level.
    """

    kind: str
    tables: tuple[str, ...] = ()
    has_where: bool = False
    has_limit: bool = False
    has_offset: bool = False
    aggregates: bool = False
    key_columns: tuple[str, ...] = ()
    single_row_values: bool = False
    orders: bool = False


_TYPED_PARAMETER = re.compile(
    r"\b(interval|date|time|timestamp|timestamptz|json|jsonb|bytea)\s+(\$\d+)", re.IGNORECASE
)
_PARAMETER = re.compile(r"\$(\d+)(?!\w)")


def parseable(text: str) -> str:
    """Text of pg_stat_statements made fit for sqlglot.

    ``interval $1`` would be misread without an error, and ``$1,$2`` is taken for a dollar quote.
    """
    typed = _TYPED_PARAMETER.sub(r"\2::\1", text)
    return _PARAMETER.sub(r"$\1 ", typed)


def tree_of(text: str) -> Any:
    """A statement's tree by sqlglot, or ``None`` where it can't be parsed; never fails."""
    import sqlglot  # slow to import

    logging.getLogger("sqlglot").setLevel(logging.CRITICAL)
    try:
        return sqlglot.parse_one(text, dialect="postgres")
    except Exception:  # a parser that meets what it does not know fails in any way
        return None


@lru_cache(maxsize=5_000)
def shape(text: str) -> Shape | None:
    """The shape of a statement, or ``None`` where it can't be parsed (truncated, exotic)."""
    from sqlglot import exp

    tree = tree_of(parseable(text))
    if tree is None:
        return None
    tables = tuple(dict.fromkeys(_table_name(table) for table in tree.find_all(exp.Table)))
    if isinstance(tree, exp.Insert):
        values = tree.expression
        single = isinstance(values, exp.Values) and len(values.expressions) == 1
        return Shape("insert", tables, single_row_values=single)
    if isinstance(tree, exp.Update | exp.Delete | exp.Merge):
        kind = type(tree).__name__.lower()
        keys = _key_columns(tree.args.get("where"))
        return Shape(kind, tables, has_where=bool(tree.args.get("where")), key_columns=keys)
    if isinstance(tree, exp.Select | exp.SetOperation):
        return _select_shape(tree, tables)
    return Shape("other", tables)


def _select_shape(tree: exp.Query, tables: tuple[str, ...]) -> Shape:
    from sqlglot import exp

    arguments: dict[str, Any] = tree.args
    offset = arguments.get("offset")
    zero = isinstance(offset, exp.Offset) and str(offset.expression) == "0"
    outputs = arguments.get("expressions") or []
    aggregates = bool(arguments.get("group") or arguments.get("distinct")) or any(
        output.find(exp.AggFunc) and not output.find(exp.Window, exp.Subquery) for output in outputs
    )
    return Shape(
        "select",
        tables,
        has_where=bool(arguments.get("where")),
        has_limit=bool(arguments.get("limit")),
        has_offset=bool(offset) and not zero,
        aggregates=aggregates,
        key_columns=_key_columns(arguments.get("where")),
        orders=bool(arguments.get("order")),
    )


def _key_columns(where: exp.Expression | None) -> tuple[str, ...]:
    from sqlglot import exp

    if where is None:
        return ()
    columns = []
    for term in where.this.flatten() if isinstance(where.this, exp.And) else [where.this]:
        condition = term.unnest()
        if not isinstance(condition, exp.EQ):
            return ()
        sides = (condition.left, condition.right)
        column = next((side for side in sides if isinstance(side, exp.Column)), None)
        other = sides[1] if column is sides[0] else sides[0]
        if column is None or other.find(exp.Column, exp.Query):
            return ()
        columns.append(column.name)
    return tuple(columns)


def _table_name(table: exp.Table) -> str:
    return ".".join(
        part.name if part.args.get("quoted") else part.name.lower() for part in table.parts
    )
