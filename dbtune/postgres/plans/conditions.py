"""What a plan's conditions say: the columns, operators and values of Filter, Index Cond, ...

EXPLAIN prints expressions with every operator in parentheses and every constant with its type, so
that taking a condition apart needs brackets and quotes only, and what an index is made of can be
copied letter by letter. Which words of a larger expression are columns is left to sqlglot; where
it cannot tell, nothing is suggested for that expression.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from dbtune.postgres.plans.names import unquote
from dbtune.postgres.sqltext import tree_of

Kind = Literal[
    "equality",
    "range",
    "prefix",
    "pattern",
    "contains",
    "null",
    "boolean",
    "unequal",
    "or",
    "other",
]

_TOKEN = re.compile(
    r"""
    (?P<string>[eEbBxX]?'(?:[^']|'')*(?:'|$))
  | (?P<name>"(?:[^"]|"")*(?:"|$))
  | (?P<cast>::)
  | (?P<open>[(\[])
  | (?P<close>[)\]])
  | (?P<word>[\w$\u0080-\uffff]+(?:\.[\w$\u0080-\uffff]+(?![\w(]))*)
  | (?P<operator>[-+*/<>=~!@\#%^&|`?]+)
  | (?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_NAME = r'(?:"(?:[^"]|"")+"|[a-z_\u0080-\uffff][a-z0-9_$\u0080-\uffff]*)'
_COLUMN = re.compile(rf"(?:({_NAME})\.)?({_NAME})")
_CAST_COLUMN = re.compile(rf'\(((?:{_NAME}\.)?{_NAME})\)::([a-z"][\w" ]*(?:\([\d,]+\))?(?:\[\])?)')
_CALL = re.compile(rf"(?:{_NAME}\.)?({_NAME}|EXTRACT|COALESCE|GREATEST|LEAST|NULLIF)\(")
_NOT_COLUMNS = frozenset(
    "current_date current_time current_timestamp localtime localtimestamp current_user "
    "current_role session_user current_catalog current_schema true false null".split()
)
_SYSTEM_COLUMNS = frozenset("ctid xmin xmax cmin cmax tableoid".split())
_RELABELLED = frozenset(
    ("text", "character varying", "bpchar", "character", "name", "oid", "inet", "varchar")
)
"""Casts that change no value, which the planner looks through: varchar compared as text."""
_OPERATORS: dict[str, Kind] = {
    "=": "equality",
    **dict.fromkeys(("<", "<=", ">", ">="), "range"),
    **dict.fromkeys(("<>", "!=", "!~~", "!~~*", "!~", "!~*"), "unequal"),
    **dict.fromkeys(("~~", "~~*", "~", "~*", "^@"), "pattern"),
    **dict.fromkeys(("@>", "<@", "&&", "?", "?|", "?&", "@@", "@@@", "@?"), "contains"),
}
_VOLATILE = re.compile(
    r"(?:^|\W)(random|random_normal|clock_timestamp|timeofday|nextval|setval|gen_random_uuid|"
    r"uuidv4|uuidv7|uuid_generate_v1|uuid_generate_v4|pg_sleep|pg_sleep_for|txid_current)\("
)
_PARAMETER = re.compile(r"\$\d+")
_SUBPLAN = re.compile(r"\bSubPlan\b")
_INITPLAN = re.compile(r"\(InitPlan [^()]*\)\.col\d+|\$\d+")
_MAX_LENGTH = 20_000
"""Longer expressions are lists of constants, which have no columns that count."""
_MAX_DEPTH = 50
"""PostgreSQL prints ANDs and ORs flat; deeper nesting is nothing that a person wrote."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column as a condition names it; ``table`` is an alias."""

    name: str
    table: str | None = None


@dataclass(frozen=True, slots=True)
class Term:
    """One of the conditions that AND joins.

    Attributes:
        text: the whole condition, without its outer brackets.
        kind: what an index can do with it, going by its operator.
        operator: the operator; "" where there is none.
        column: the column of the table that it is about, if it stands there bare.
        expression: the side that is about the table, as it is printed.
        value: the other side, as it is printed; "" where there is none.
        columns: every column in it, of any table.
        cast: the type to which the bare column is cast, where the cast hides it from an index.
        relabelled: the type to which it is cast without effect (or, for ``text``, maybe with).
        function: function that is called on the table's column.
        many: compared with a list: ``= ANY (...)``.
        branches: the conditions of each branch of an OR.
    """

    text: str
    kind: Kind = "other"
    operator: str = ""
    column: Column | None = None
    expression: str = ""
    value: str = ""
    columns: tuple[Column, ...] = ()
    cast: str = ""
    relabelled: str = ""
    function: str = ""
    many: bool = False
    branches: tuple[tuple[Term, ...], ...] = ()

    @property
    def volatile(self) -> str:
        """The volatile function that it calls, or ""."""
        found = _VOLATILE.search(_without_strings(self.text))
        return found[1] if found else ""

    @property
    def parameter(self) -> str:
        """The first parameter (or, before 17, InitPlan) that it mentions, or ""."""
        found = _PARAMETER.search(_without_strings(self.text))
        return found[0] if found else ""

    @property
    def literal(self) -> str:
        """The constant text that it is compared with, without quotes, or ""."""
        found = re.match(r"[eE]?'((?:[^']|'')*)'", self.value)
        return found[1].replace("''", "'") if found else ""

    @property
    def value_type(self) -> str:
        """The type that is printed behind the constant, or ""."""
        found = re.fullmatch(r"(?s)[eE]?'(?:[^']|'')*'::([\w\" \[\]]+)", self.value)
        return found[1] if found else ""


@lru_cache(maxsize=1000)
def terms(condition: str, alias: str | None = None) -> tuple[Term, ...]:
    """Take a condition apart at its ANDs.

    Args:
        condition: as EXPLAIN prints it; "" has no terms.
        alias: the table that the terms are to be about; columns without an alias are its own.
            ``None``: in a term of two tables, the left side counts as what it is about.
    """
    return _terms(condition, alias, 0)


def key_columns(keys: tuple[str, ...]) -> list[tuple[Column, str]] | None:
    """Columns of a Sort Key or Group Key with their direction; ``None`` if one is no column."""
    found = []
    for key in keys:
        match = re.fullmatch(r"(.*?)((?: DESC)?(?: NULLS (?:FIRST|LAST))?)", key, re.DOTALL)
        column = _bare(_unwrapped(match[1])) if match else None
        if match is None or column is None:
            return None
        found.append((column, match[2].strip()))
    return found


def _terms(condition: str, alias: str | None, depth: int) -> tuple[Term, ...]:
    body = _unwrapped(condition)
    if not body:
        return ()
    if depth > _MAX_DEPTH:
        return (Term(body),)
    parts = _split(body, "AND")
    if len(parts) > 1:
        return tuple(term for part in parts for term in _terms(part, alias, depth + 1))
    if len(parts := _split(body, "OR")) > 1:
        return (_disjunction(body, tuple(_terms(part, alias, depth + 1) for part in parts)),)
    return (_term(body, alias),)


def _disjunction(body: str, branches: tuple[tuple[Term, ...], ...]) -> Term:
    columns = tuple(dict.fromkeys(c for branch in branches for t in branch for c in t.columns))
    first = branches[0][0] if branches[0] else Term("")
    if first.column and all(
        len(branch) == 1 and branch[0].kind == "equality" and branch[0].column == first.column
        for branch in branches
    ):
        # The same column each time: as good as a list, an index serves it branch by branch.
        return Term(body, "equality", "=", first.column, first.expression, "", columns, many=True)
    return Term(body, "or", columns=columns, branches=branches)


def _term(body: str, alias: str | None) -> Term:
    if _SUBPLAN.search(_without_strings(body)):  # another query for each row: no index has that
        return Term(body, columns=columns_of(body))
    if body.startswith("NOT "):
        column = _own(_bare(_unwrapped(body[4:])), alias)
        kind: Kind = "boolean" if column else "other"
        return Term(body, kind, "NOT", column, columns=columns_of(body))
    if found := re.fullmatch(r"(?s)(.+) IS (NOT )?(NULL|TRUE|FALSE|UNKNOWN)", body):
        return _is(body, found[1], f"IS {found[2] or ''}{found[3]}", alias)
    split = _operator(body)
    if split is None:
        column = _own(_bare(body), alias)
        return Term(body, "boolean" if column else "other", "", column, body, "", columns_of(body))
    left, operator, right, many = split
    return _comparison(body, left, operator, right, alias, many=many)


def _is(body: str, operand: str, operator: str, alias: str | None) -> Term:
    column = _own(_bare(_unwrapped(operand)), alias)
    kind: Kind = "null" if operator.endswith("NULL") else "boolean"
    if column is None or (kind == "boolean" and "NOT" in operator):
        kind = "other"
    return Term(body, kind, operator, column, operand, "", columns_of(body))


def _comparison(
    body: str, left: str, operator: str, right: str, alias: str | None, *, many: bool
) -> Term:
    """A term with an operator, turned round if the table stands on the right."""
    on_left, on_right = columns_of(left), columns_of(right)
    if not many and not _about(on_left, alias) and _about(on_right, alias):
        left, right, on_left, on_right = right, left, on_right, on_left
        operator = {"<": ">", ">": "<", "<=": ">=", ">=": "<=", "@>": "<@", "<@": "@>"}.get(
            operator, operator
        )
    columns = tuple(dict.fromkeys((*on_left, *on_right)))
    mixed = alias is not None and (
        _about(on_right, alias) or any(one.table not in (None, alias) for one in on_left)
    )
    if not _about(on_left, alias) or mixed or _VOLATILE.search(_without_strings(body)):
        return Term(body, "other", operator, None, left, right, columns)
    kind = _OPERATORS.get(operator, "other")
    relabelled = cast = function = ""
    column = _own(_bare(left), alias)
    if found := _CAST_COLUMN.fullmatch(left):
        if found[2] in _RELABELLED:
            relabelled = found[2]
            column = _own(_bare(found[1]), alias)
        else:
            cast = found[2]
    elif column is None and (call := _CALL.match(left)) and _closes(left, call.end() - 1):
        function = unquote(call[1]).lower()
    if many and kind not in ("equality", "unequal"):
        kind = "other"
    term = Term(
        body, kind, operator, column, left, right, columns, cast, relabelled, function, many
    )
    if kind == "pattern" and _is_prefix(operator, term.literal):
        object.__setattr__(term, "kind", "prefix")
    return term


def _is_prefix(operator: str, pattern: str) -> bool:
    """Whether a pattern pins the beginning, so that a b-tree of characters can serve it."""
    if operator == "^@":
        return bool(pattern)
    if operator == "~":
        return bool(re.match(r"\^(?:\w(?![*?{|])){2}", pattern)) and "|" not in pattern
    return operator == "~~" and bool(pattern) and pattern[0] not in "%_\\"


def _operator(body: str) -> tuple[str, str, str, bool] | None:
    """Left side, operator, right side outside all brackets; whether it is compared with a list."""
    tokens = list(_outside(body))
    for place, (kind, start, end) in enumerate(tokens):
        operator = body[start:end]
        if operator == "OPERATOR" and place + 1 < len(tokens):
            close = body.find(")", end)
            operator, end = body[end + 1 : close].rpartition(".")[2], close + 1
        elif kind != "operator":
            continue
        left, right = body[:start].strip(), body[end:].strip()
        if not left or not right:
            return None
        many = re.match(r"(ANY|ALL) \(", right)
        if many:
            right = _unwrapped(right[3:].strip())
            wanted = {"ANY": "=", "ALL": "<>"}[many[1]]
            if operator != wanted:
                operator = f"{operator} {many[1]}"
        return left, operator, right, bool(many)
    return None


def columns_of(expression: str) -> tuple[Column, ...]:
    """Every column in an expression, each once."""
    expression = _unwrapped(expression)
    if found := _CAST_COLUMN.fullmatch(expression):
        expression = found[1]
    if column := _bare(expression):
        return (column,)
    if re.fullmatch(r"(?s)[eE]?'(?:[^']|'')*'(?:::[\w\" \[\]()]+)?|[-\d.]+|\$\d+", expression):
        return ()
    return _parsed_columns(expression)


@lru_cache(maxsize=1000)
def _parsed_columns(expression: str) -> tuple[Column, ...]:
    # A parser that tries every way of closing brackets would take for ever.
    if len(expression) > _MAX_LENGTH or not _is_balanced(expression):
        return _guessed_columns(expression)
    from sqlglot import exp  # slow to import, and most conditions do without

    # Sub-plans are no SQL.
    text = _INITPLAN.sub("NULL", re.sub(r"(?:hashed )?SubPlan [^()\s]+", "NULL", expression))
    tree = tree_of(f"SELECT {text}")
    if tree is None:
        return _guessed_columns(expression)
    found = [
        Column(_folded(one.this), _folded(one.args.get("table")) or None)
        for one in tree.find_all(exp.Column)
    ]
    return tuple(dict.fromkeys(c for c in found if c.name and c.name not in _NOT_COLUMNS))


def _is_balanced(text: str) -> bool:
    """Whether all brackets close, and none are nested too deep."""
    depth = 0
    for found in _TOKEN.finditer(text):
        depth += (found.lastgroup == "open") - (found.lastgroup == "close")
        if not 0 <= depth <= _MAX_DEPTH:
            return False
    return depth == 0


def _folded(identifier: object) -> str:
    name = str(getattr(identifier, "this", "") or "")
    return name if getattr(identifier, "quoted", False) else name.lower()


def _guessed_columns(expression: str) -> tuple[Column, ...]:
    """Words with an alias before them: the rest could be types and functions."""
    without = re.sub(r"::[\w\" ]+", " ", _without_strings(expression))
    found = re.finditer(rf'(?<![\w"$])({_NAME})\.({_NAME})(?!\()', without)
    return tuple(dict.fromkeys(Column(unquote(one[2]), unquote(one[1])) for one in found))


def _bare(text: str) -> Column | None:
    found = _COLUMN.fullmatch(text)
    if found is None or found[2] in _NOT_COLUMNS:
        return None
    return Column(unquote(found[2]), unquote(found[1]) if found[1] else None)


def _own(column: Column | None, alias: str | None) -> Column | None:
    if column is None or column.name in _SYSTEM_COLUMNS:
        return None
    return column if column.table is None or alias is None or column.table == alias else None


def _about(columns: tuple[Column, ...], alias: str | None) -> bool:
    return any(alias is None or one.table in (None, alias) for one in columns)


def _without_strings(text: str) -> str:
    return re.sub(r"'(?:[^']|'')*'", "''", text)


def _outside(text: str) -> Iterator[tuple[str, int, int]]:
    """The tokens of an expression that stand outside all brackets."""
    depth = 0
    for found in _TOKEN.finditer(text):
        kind = found.lastgroup or "other"
        if kind == "close":
            depth -= 1
        elif depth == 0 and kind != "open":
            yield kind, found.start(), found.end()
        if kind == "open":
            depth += 1


def _split(body: str, word: str) -> list[str]:
    edges = [
        (start, end)
        for kind, start, end in _outside(body)
        if kind == "word" and body[start:end] == word
    ]
    starts = [0, *(end for _, end in edges)]
    ends = [*(start for start, _ in edges), len(body)]
    return [body[start:end].strip() for start, end in zip(starts, ends, strict=True)]


def _closes(text: str, opening: int) -> bool:
    """Whether the bracket that opens here closes with the text's last letter."""
    depth = 0
    for found in _TOKEN.finditer(text, opening):
        if found.lastgroup == "open":
            depth += 1
        elif found.lastgroup == "close":
            depth -= 1
            if depth == 0:
                return found.end() == len(text)
    return False


def _unwrapped(text: str) -> str:
    """The text without the brackets around all of it."""
    text = text.strip()
    for _ in range(_MAX_DEPTH):
        if not (text.startswith("(") and _closes(text, 0)):
            break
        text = text[1:-1].strip()
    return text
