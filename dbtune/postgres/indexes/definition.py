"""An index that does not exist yet: what it is made of, its name, its DDL."""

from __future__ import annotations

from typing import NamedTuple

from dbtune.postgres.plans.ddl import object_name, quote


class Key(NamedTuple):
    """One key of a suggested index.

    Attributes:
        sql: a quoted column, or an expression in parentheses.
        column: the column's name, unquoted; "" for an expression.
        operator_class: "" for the default.
        descending: DESC.
        nulls_first: NULLS FIRST; ``None`` is the direction's default.
        collation: quoted SQL; "" for the column's own.
    """

    sql: str
    column: str = ""
    operator_class: str = ""
    descending: bool = False
    nulls_first: bool | None = None
    collation: str = ""

    @property
    def ddl(self) -> str:
        """The key as CREATE INDEX takes it."""
        words = [self.sql]
        if self.collation:
            words.append(f"COLLATE {self.collation}")
        if self.operator_class:
            words.append(self.operator_class)
        if self.descending:
            words.append("DESC")
        if self.nulls_first is not None and self.nulls_first != self.descending:
            words.append("NULLS FIRST" if self.nulls_first else "NULLS LAST")
        return " ".join(words)


def column_key(name: str, *, descending: bool = False, nulls_first: bool | None = None) -> Key:
    """A key that is a plain column."""
    return Key(quote(name), name, descending=descending, nulls_first=nulls_first)


class Definition(NamedTuple):
    """A suggested index. Equal definitions are the same index: it can be a key of a mapping.

    Attributes:
        schema, table: the table's name, unquoted.
        keys: in order.
        include: columns that are stored but no key, unquoted.
        predicate: SQL of a partial index, or "".
        method: ``btree``, ``gin``, ``gist``, ``brin``, ``hash``.
        unique: whether it enforces uniqueness (a suggestion never does, a replacement may).
        options: storage parameters as SQL, ``pages_per_range = 32``, or "".
    """

    schema: str
    table: str
    keys: tuple[Key, ...]
    include: tuple[str, ...] = ()
    predicate: str = ""
    method: str = "btree"
    unique: bool = False
    options: str = ""

    @property
    def name(self) -> str:
        """Always the same for the same definition, at most 63 bytes."""
        parts = (self.table, *(key.column or key.sql for key in self.keys))
        plain = self._replace(schema="", unique=False) == Definition(
            "", self.table, tuple(column_key(key.column) for key in self.keys)
        )
        unlike = "" if plain else self._body
        return object_name(parts, "idx", unlike=unlike)

    @property
    def _body(self) -> str:
        using = "" if self.method == "btree" else f" USING {self.method}"
        include = f" INCLUDE ({', '.join(map(quote, self.include))})" if self.include else ""
        options = f" WITH ({self.options})" if self.options else ""
        where = f" WHERE {self.predicate}" if self.predicate else ""
        return f"{using} ({', '.join(key.ddl for key in self.keys)}){include}{options}{where}"

    def ddl(self, *, concurrently: bool = True, name: str | None = None) -> str:
        """The CREATE INDEX statement, without a semicolon."""
        unique = "UNIQUE " if self.unique else ""
        how = "CONCURRENTLY " if concurrently else ""
        return (
            f"CREATE {unique}INDEX {how}{quote(name or self.name)} "
            f"ON {quote(self.schema)}.{quote(self.table)}{self._body}"
        )
