"""Index definitions and other statements that a finding on a plan suggests."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Sequence

from dbtune.finding import Remedy
from dbtune.postgres.plans.conditions import Column, Term
from dbtune.postgres.plans.model import Node
from dbtune.text import CONTROL

UNVERIFIED = (
    "Unverified: the planner has not been asked whether it would use this index, nor whether one "
    "like it exists."
)
INDEX_EFFECT = "builds without blocking writes; takes disk space and slows down writes to the table"
_MAX_NAME_BYTES = 63
_MAX_KEYS = 4
_IMMUTABLE = frozenset(
    "lower upper btrim ltrim rtrim length char_length octet_length md5 abs left right substr "
    "substring replace reverse coalesce nullif initcap round floor ceil sign mod".split()
)
"""Functions that an index may be made of, whatever the type of their arguments."""
_SHARD = re.compile(r"_\d{5,}$")
"""What Citus adds to a table's name for one of its shards; numbers begin at 102008."""
_IN_QUOTES = re.compile(r'"((?:[^"]|"")*)"')
_CALLED = re.compile(r'([\w"]+)\(')
_SAFE_OPERATORS = re.compile(r"->>|->|#>>|#>|%|\*")


def quote(name: str) -> str:
    """An identifier in quotes; what can't be seen or reorders text is written as escapes."""
    doubled = name.replace('"', '""')
    if not CONTROL.search(doubled):
        return f'"{doubled}"'
    escaped = CONTROL.sub(lambda match: f"\\{ord(match[0]):04x}", doubled.replace("\\", r"\\"))
    return f'U&"{escaped}"'


def rewritten(sql: str) -> str:
    """SQL that a server wrote, with its names in quotes as :func:`quote` writes them."""
    return _IN_QUOTES.sub(lambda name: quote(name[1].replace('""', '"')), sql)


def table_of(node: Node) -> str:
    """The node's table for a statement; the schema is known with VERBOSE only."""
    name = _table(node)
    return f"{quote(node.schema)}.{quote(name)}" if node.schema else quote(name)


def _table(node: Node) -> str:
    """The table's name: a statement on a shard of Citus has to name the distributed table."""
    assert node.relation is not None
    return _SHARD.sub("", node.relation) if node.remote else node.relation


def object_name(parts: Iterable[str], ending: str, *, unlike: str = "") -> str:
    """A name that is always the same for the same object, within PostgreSQL's 63 bytes.

    Args:
        parts: the table and its columns.
        ending: ``idx`` or ``stat``.
        unlike: what tells the object from one on the same columns that has their usual name.
    """
    whole = "_".join((*parts, ending))
    name = re.sub(r"[^\w]+", "_", whole)
    if name == whole and not unlike and len(name.encode()) <= _MAX_NAME_BYTES:
        return name
    ending = f"_{zlib.crc32(f'{whole} {unlike}'.encode()):08x}_{ending}"
    stem = re.sub(r"[^\w]+", "_", "_".join(parts)).encode()[: _MAX_NAME_BYTES - len(ending)]
    return stem.decode(errors="ignore").rstrip("_") + ending


def create_index(
    node: Node, keys: Sequence[str | Column], *, method: str = "", where: str = ""
) -> str:
    """The statement that makes an index on the node's table.

    Args:
        node: a scan of the table.
        keys: columns, or SQL for expressions and for columns with a direction or operator class.
        method: ``gin`` or ``gist``; "" for a b-tree.
        where: the predicate of a partial index.
    """
    keys = [key if isinstance(key, Column) else without_alias(key, node) for key in keys]
    written = [quote(key.name) if isinstance(key, Column) else key for key in keys]
    named = [key.name if isinstance(key, Column) else _words(key) for key in keys]
    plain = not method and not where and all(isinstance(key, Column) for key in keys)
    unlike = "" if plain else " ".join((method, *written, where))
    name = object_name((_table(node), *named), "idx", unlike=unlike)
    using = f" USING {method}" if method else ""
    condition = f" WHERE {where}" if where else ""
    return (
        f"CREATE INDEX CONCURRENTLY {quote(name)} ON {table_of(node)}{using} "
        f"({', '.join(written)}){condition};"
    )


def without_alias(expression: str, node: Node) -> str:
    """An expression of a plan for a statement that knows the table by its own name only."""
    alias = node.alias or node.relation or ""
    name = rf'(?<![\w".])(?:{re.escape(quote(alias))}|{re.escape(alias)})\.'
    parts = re.split(r"('(?:[^']|'')*')", expression)
    return "".join(part if part.startswith("'") else re.sub(name, "", part) for part in parts)


def _words(expression: str) -> str:
    return "_".join(re.findall(r"\w+", re.sub(r"'(?:[^']|'')*'|::[\w ]+", "", expression))[:3])


def index_remedy(advice: str, sql: str) -> Remedy:
    """A remedy that is an index, with what is not known about it."""
    return Remedy(f"{advice} {UNVERIFIED}", sql=sql, effect=INDEX_EFFECT)


def is_strong(term: Term) -> bool:
    """Whether an index on the term's column would be searched by it."""
    return term.column is not None and term.kind in ("equality", "range")


def index_keys(terms: Sequence[Term], *, all_ranges: bool = False) -> list[str | Column]:
    """What an index for these conditions has to be made of: equality first, then a range.

    Lists come after single values, so that what the index finds stays in one piece for longer.

    Args:
        terms: conditions on one table.
        all_ranges: add every column with a range: the index can be searched by the first only,
            but rows that fail another need not be fetched from the table.
    """
    equal = [t for t in terms if t.kind == "equality" and _key(t) is not None]
    ranges = [t for t in terms if t.kind == "range" and t.column is not None]
    flags = [t for t in terms if t.kind == "boolean" and t.column is not None]
    singles = [t for t in equal if not t.many]
    lists = [t for t in equal if t.many]
    chosen = _distinct(_key(t) for t in (*singles, *flags, *lists))[:_MAX_KEYS]
    of_ranges = [key for key in _distinct(_key(t) for t in ranges) if key not in chosen]
    return [*chosen, *(of_ranges if all_ranges else of_ranges[:1])][: _MAX_KEYS + 1]


def _distinct(keys: Iterable[str | Column | None]) -> list[str | Column]:
    found: dict[str | Column, None] = {}
    for key in keys:
        if isinstance(key, Column):
            found.setdefault(Column(key.name))
        elif key is not None:
            found.setdefault(key)
    return list(found)


def _key(term: Term) -> str | Column | None:
    if term.column is not None:
        return term.column
    return f"({term.expression})" if is_indexable_expression(term) else None


def is_indexable_expression(term: Term) -> bool:
    """Whether an index may surely be made of the term's expression: all in it is immutable."""
    text = re.sub(r"'(?:[^']|'')*'::text", "", term.expression)
    text = re.sub(r"\((?:\w|\"[^\"]*\")+\)::text", "", text)
    if not term.expression or term.cast or re.search(r"::|'|\b(?:CURRENT|LOCAL)[A-Z_]+\b", text):
        return False
    if any(name.strip('"').lower() not in _IMMUTABLE for name in _CALLED.findall(text)):
        return False
    return bool(term.function or _SAFE_OPERATORS.search(text))


def partial_predicate(terms: Sequence[Term]) -> str:
    """What of the conditions is the same in each run of the statement: IS NULL and IS NOT NULL."""
    return " AND ".join(f"({unqualified(t)})" for t in terms if t.kind == "null" and t.column)


def unqualified(term: Term) -> str:
    """A term about one bare column, for use in a statement about its table."""
    assert term.column is not None
    return f"{quote(term.column.name)} {term.operator}"


def ambiguous_text(terms: Sequence[Term]) -> str:
    """A warning where ``(column)::text`` may be a varchar, or an enum that is turned into text."""
    names = {t.column.name for t in terms if t.column and t.relabelled == "text" and is_strong(t)}
    if not names:
        return ""
    return (
        f" This takes {' and '.join(sorted(names))} for varchar; a column of another type (an "
        "enum, a number) has to be compared without ::text, which else hides it from its index."
    )
